"""Traces of images through a variant, and the class maps, diagrams and histories shown beside; each computed once."""

import textwrap
from typing import TYPE_CHECKING

import numpy as np
import streamlit as st
from PIL import Image

from abn.errors import ABNError
from abn.explanations import first_view, stages
from abn.explanations.stages import Trace
from abn.export.figures import MapStyle
from abn.images import samples
from abn.images.decode import Picture, open_picture
from abn.images.fit import denormalize, fit_picture
from abn.plots import channel_grid, color_limits, network_diagram, numbers, overlay
from abn.plots.network_diagram import Content
from abn.ui.layout import stop_page_on_error
from abn.ui.runtime import cache, models
from abn.ui.runtime.engine import page_turn
from abn.variants.card import Card, class_names
from abn.variants.history import MapHistory, load_history

if TYPE_CHECKING:
    from abn.explanations.cam import ClassMap

METHODS = ("CAM", "Grad-CAM")  # as in abn.explanations.cam, which imports torch
THUMBNAIL = 2 * network_diagram.THUMB  # pixels of the picture in the drawing: sharp on a dense screen


def get_trace(picture: Picture, card: Card, fit: str) -> Trace:
    """Every stage of a picture in a variant as it was trained."""
    from abn.explanations.trace import trace_picture

    def compute(_missing: list[int]) -> list[Trace]:
        with page_turn():
            return [trace_picture(picture, card, fit=fit, load=models.load_network)]

    with stop_page_on_error():
        return cache.get_or_compute([("trace", *_key(picture, card, fit))], compute)[0]


def get_class_map(picture: Picture, card: Card, fit: str, method: str, index: int) -> "ClassMap | str":
    """CAM or Grad-CAM of the same picture for one class, or the sentence that says why there is none."""
    from abn.explanations.trace import trace_class_map

    trace = get_trace(picture, card, fit)

    def compute(_missing: list[int]) -> "list[ClassMap | str]":
        with page_turn():
            try:
                return [trace_class_map(models.load_network(card), trace, method, index)]
            except ABNError as error:
                return [str(error)]

    return cache.get_or_compute([("class map", *_key(picture, card, fit), method, index)], compute)[0]


def draw_diagrams(picture: Picture, card: Card, fit: str, view: MapStyle) -> tuple[str, str]:
    """The network diagram with its stages' contents, as SVG: from left to right, and from top to bottom."""
    trace = get_trace(picture, card, fit)

    def compute(_missing: list[int]) -> list[tuple[str, str]]:
        contents = _contents(trace, card, view)
        wide, narrow = (network_diagram.draw(contents, trace.mechanism, narrow=narrow) for narrow in (False, True))
        return [(wide, narrow)]

    return cache.get_or_compute([("drawings", *_key(picture, card, fit), view.colors, view.scale)], compute)[0]


def input_image(trace: Trace, card: Card) -> Image.Image:
    """The input turned back to colors."""
    return Image.fromarray(denormalize(trace.images, card.input))


def get_history(card: Card) -> MapHistory | None:
    """How the variant's map formed, where it was recorded; read once for all sessions."""
    return _load_history(card.id, card.sha256, card)


@st.cache_resource(max_entries=models.MAX_MODELS, show_spinner=False)
def _load_history(variant: str, sha256: str, _card: Card) -> MapHistory | None:
    return load_history(_card)


def recorded_image(history: MapHistory, index: int, card: Card) -> Image.Image:
    """What the network saw of a picture whose map was recorded: a gray one that is kept with it, or a photograph."""
    if history.pictures is not None:
        return Image.fromarray(history.pictures[index]).convert("RGB")
    photo = next((photo for photo in samples.photographs() if photo.id == history.ids[index]), None)

    def compute(_missing: list[int]) -> list[Image.Image]:
        if photo is None or not photo.path.is_file():  # the map can be shown all the same
            return [Image.new("RGB", (card.input.size, card.input.size), "gray")]
        return [fit_picture(open_picture(photo.path.read_bytes()), card.input, first_view.FIT).image]

    return cache.get_or_compute([("recorded", history.ids[index], card.sha256)], compute)[0]


def _key(picture: Picture, card: Card, fit: str) -> tuple:
    return picture.sha256, card.id, card.sha256, fit


def _contents(trace: Trace, card: Card, view: MapStyle) -> dict[str, Content]:
    """Image and words of each stage: features before and after the mechanism on one scale."""
    labels, auxiliary = class_names(card), int(trace.aux_logits.argmax())
    means = {name: np.abs(trace.stage(name)).mean(0) for name in ("g", "g′", "A")}
    shared = channel_grid.color_range(np.stack([means["g"], means["g′"]]), view.colors)
    class_map = trace.class_maps[auxiliary]
    image = input_image(trace, card).resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BICUBIC)
    pictures = {
        "x": overlay.data_url(image),
        **{name: channel_grid.cell_image(means[name], *shared) for name in ("g", "g′")},
        "A": channel_grid.cell_image(means["A"], *channel_grid.color_range(means["A"], view.colors)),
        "class maps": channel_grid.cell_image(class_map, *channel_grid.color_range(class_map, view.colors)),
        "M": channel_grid.cell_image(
            trace.attention, view.colors, *color_limits.limits([trace.attention], view.scale)[0]
        ),
    }
    words = {name: _describe_top(trace.stage(name), labels) for name in ("auxiliary logits", "logits")}
    words["class maps"] = (f"shown is that of {numbers.short_label(labels[auxiliary])}",)
    return {
        name: Content(stages.format_shape(trace.stage(name)), pictures.get(name, ""), words.get(name, ()))
        for name in stages.STAGES
    }


def _describe_top(logits: np.ndarray, labels: tuple[str, ...]) -> tuple[str, ...]:
    """A head's first class and its probability, on short lines."""
    label, _, probability = stages.top_classes(logits, labels, 1)[0]
    lines = textwrap.wrap(numbers.short_label(label), 13, max_lines=3, placeholder="…") or [""]
    return (*lines, numbers.percent(probability))
