"""Traces of images through a variant, and the class maps, diagrams and histories shown beside; each computed once."""

import textwrap
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import numpy as np
import streamlit as st
from PIL import Image

from abn.engine.runner import reweight
from abn.errors import ABNError
from abn.explanations import stages
from abn.explanations.class_map import ClassMap, pooled_class_map
from abn.explanations.stages import Trace
from abn.export.figures import MapStyle
from abn.images import samples
from abn.images.decode import Picture, open_picture
from abn.images.fit import DEFAULT_FIT, denormalize, fit_picture
from abn.plots import channel_grid, color_limits, network_diagram, numbers, overlay
from abn.plots.network_diagram import Content
from abn.ui.inside import words as words_of_page
from abn.ui.runtime import models
from abn.ui.runtime.turns import page_turn
from abn.ui.state import state
from abn.variants.card import Card, class_names
from abn.variants.history import MapHistory, load_history

Result = TypeVar("Result")

THUMBNAIL = 2 * network_diagram.THUMB  # pixels of the input in the diagram: sharp on a dense screen


def cached(key: tuple, compute: Callable[[], Result]) -> Result:
    """What is kept under a key in this session, or else computed now."""
    return state.cache.get_or_compute([key], lambda _missing: [compute()])[0]


def get_trace(picture: Picture, card: Card, fit: str, applied: str | None = None) -> Trace:
    """Every stage of an image in a variant; `applied` is a mechanism, None: the one that it was trained with."""
    from abn.explanations.trace import trace_picture

    def compute() -> Trace:
        with page_turn():
            return trace_picture(picture, card, fit=fit, load=models.load_runner)

    def apply() -> Trace:
        with page_turn():
            features, attention = trained.features[None], trained.attention[None, None]
            reweighted = reweight(features, attention, applied or card.mechanism)
            logits = models.load_runner(card).classify(reweighted)
        return replace(trained, reweighted=reweighted[0], logits=logits[0], mechanism=applied or card.mechanism)

    trained = cached(("trace", *_key(picture, card, fit)), compute)
    if applied in (None, trained.mechanism):
        return trained
    return cached(("trace", *_key(picture, card, fit), applied), apply)


def get_class_map(picture: Picture, card: Card, fit: str, method: str, index: int) -> ClassMap | str:
    """CAM or Grad-CAM of the same image for one class, or the sentence that says why there is none."""
    trace = get_trace(picture, card, fit)

    def compute() -> ClassMap | str:
        with page_turn():
            pooled = pooled_class_map(models.load_runner(card), trace, method, index)
        if pooled:
            return pooled
        network = models.load_network(card)
        from abn.explanations.cam import trace_class_map  # imports torch

        with page_turn():
            try:
                return trace_class_map(network, trace, method, index)
            except ABNError as error:
                return str(error)

    return cached(("class map", *_key(picture, card, fit), method, index), compute)


def get_contents(
    picture: Picture, card: Card, fit: str, view: MapStyle, applied: str | None = None
) -> dict[str, Content]:
    """Image and words of each stage, for the network diagram; `applied` as in `get_trace`."""
    trace = get_trace(picture, card, fit, applied)
    key = ("contents", *_key(picture, card, fit), trace.mechanism, view.colors, view.scale)
    return cached(key, lambda: _make_contents(trace, card, view))


def input_image(trace: Trace, card: Card) -> Image.Image:
    """The input turned back to colors."""
    return Image.fromarray(denormalize(trace.images, card.input))


def get_history(card: Card) -> MapHistory | None:
    """The maps of a variant while it was trained, where they were recorded; read once for all sessions."""
    return _load_history(card.id, card.sha256, card)


@st.cache_resource(max_entries=models.MAX_MODELS, show_spinner=False)
def _load_history(variant: str, sha256: str, _card: Card) -> MapHistory | None:
    return load_history(_card)


def recorded_image(history: MapHistory, index: int, card: Card) -> Image.Image:
    """The network's input of a recorded map: a gray image that is kept with it, or a photograph."""
    if history.pictures is not None:
        return Image.fromarray(history.pictures[index]).convert("RGB")
    photo = recorded_photo(history, index)

    def compute() -> Image.Image:
        if photo is None or not photo.path.is_file():  # the map can be shown all the same
            return Image.new("RGB", (card.input.size, card.input.size), "gray")
        return fit_picture(open_picture(photo.path.read_bytes()), card.input, DEFAULT_FIT).image

    return cached(("recorded", history.ids[index], card.sha256), compute)


def recorded_photo(history: MapHistory, index: int) -> samples.Photo | None:
    """The photograph of a recorded map; None for an image that is no photograph of ours."""
    return next((photo for photo in samples.photographs() if photo.id == history.ids[index]), None)


def _key(picture: Picture, card: Card, fit: str) -> tuple:
    return picture.sha256, card.id, card.sha256, fit


def _make_contents(trace: Trace, card: Card, view: MapStyle) -> dict[str, Content]:
    """Image and words of each stage: features before and after the mechanism on one scale."""
    labels, auxiliary = class_names(card), int(trace.aux_logits.argmax())
    values = {name: np.abs(trace.stage(name)).mean(0) for name in ("g", "g′", "A")}
    values["class maps"] = trace.class_maps[auxiliary]
    ranges = {name: channel_grid.color_range(shown, view.colors) for name, shown in values.items()}
    ranges["g"] = ranges["g′"] = channel_grid.color_range(np.stack([values["g"], values["g′"]]), view.colors)
    values["M"] = trace.attention
    ranges["M"] = view.colors, *color_limits.limits([trace.attention], view.scale)[0]
    pictures = {name: channel_grid.cell_image(shown, *ranges[name]) for name, shown in values.items()}
    image = input_image(trace, card).resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BICUBIC)
    pictures["x"] = overlay.data_url(image)
    words = {name: _describe_top(trace.stage(name), labels) for name in ("auxiliary logits", "logits")}
    words["class maps"] = (words_of_page.SHOWN_CLASS.format(label=numbers.short_label(labels[auxiliary])),)
    return {
        name: Content(stages.format_shape(trace.stage(name)), pictures.get(name, ""), words.get(name, ()))
        for name in stages.STAGES
    }


def _describe_top(logits: np.ndarray, labels: tuple[str, ...]) -> tuple[str, ...]:
    """A head's first class and its probability, on short lines."""
    label, _, probability = stages.top_classes(logits, labels, 1)[0]
    lines = textwrap.wrap(numbers.short_label(label), 11, max_lines=3, placeholder="…") or [""]
    return (*lines, numbers.percent(probability))
