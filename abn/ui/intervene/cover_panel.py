"""An image to cover, and each variant's map and heads on the covered image."""

import numpy as np
import streamlit as st

from abn import vocabulary
from abn.explanations.explanation import Explanation
from abn.explanations.interventions import AttendedImage, Effect, changed_pixel_share, cover_cells
from abn.images.decode import Picture
from abn.plots import color_limits, numbers
from abn.ui import maps, predictions, url
from abn.ui.components.painter import show_painter
from abn.ui.controls.choice_bar import Choice
from abn.ui.elements import choose
from abn.ui.intervene import words
from abn.ui.state import state
from abn.variants.card import Card

COVER_COLORS = ["rgb(128 128 128 / 0)", "rgb(128 128 128 / 1)"]  # of an open cell, of a covered one


def cover_image(choice: Choice, subject: AttendedImage) -> Picture:
    """Draw the image with cells to cover; returns the image with the covered cells filled."""
    picture, shape, resets = choice.chosen.picture, subject.attention.shape, state.covered[2]
    owner, cells = _owner(choice, shape), _covered_cells(choice, shape)
    tool = choose(words.COVER_TOOL, words.COVER_TOOLS, "cover-tool", label_visibility="collapsed")

    def store_cells(values: np.ndarray) -> None:
        state.covered = (owner, (values > 0.5).astype(np.float32), resets)

    def uncover() -> None:
        state.covered = ("", None, resets + 1)

    show_painter(
        cells,
        maps.encode_once(subject.fitted.image),
        tool="Rectangle −" if tool == words.UNCOVER_CELLS else "Rectangle +",
        strength=1.0,
        size=1,
        version=f"{owner} {resets}",
        label=words.COVER_BOARD,
        key="cover",
        on_paint=store_cells,
        colors=COVER_COLORS,
        opacity=1.0,
        symbol=words.COVER_SYMBOL,
        action=tool.lower(),
    )
    covered = cover_cells(picture, subject.fitted, cells > 0.5) if cells.any() else picture
    status = words.COVER_NOTHING
    if cells.any():
        status = words.COVER_SHARE.format(share=numbers.percent(changed_pixel_share(picture, covered)))
    st.markdown(status, help=words.COVER_LIMITS)
    icon = ":material/restart_alt:"
    st.button(words.UNCOVER_ALL, icon=icon, disabled=not cells.any(), key="uncover", on_click=uncover)
    return covered


def _owner(choice: Choice, shape: tuple[int, ...]) -> str:
    """What the covered cells belong to."""
    return f"{choice.chosen.picture.sha256} {choice.fit} {shape}"


def _covered_cells(choice: Choice, shape: tuple[int, ...]) -> np.ndarray:
    """Which cells of the map's `shape` (h, w) are covered, 0 or 1."""
    owner, cells, _ = state.covered
    return np.zeros(shape, np.float32) if cells is None or owner != _owner(choice, shape) else cells


def describe_cover(choice: Choice, card: Card) -> tuple[str, dict[str, object]]:
    """The covered cells, drawn in text, for the page as Python; `card` is the variant whose cells these are."""
    cells = _covered_cells(choice, card.map_size)
    return "covered image", {"cells": tuple("".join(".#"[int(covered)] for covered in row) for row in cells)}


def show_covered(before: Explanation, after: Explanation, card: Card, choice: Choice) -> None:
    """One variant's map and both heads on the covered image, against the image as it was."""
    predictions.show_heading(after, card)
    scale = "raw" if choice.view.scale == "raw" else "shared"
    limits = color_limits.limits([before.attention, after.attention], scale)[0]
    maps.show_explanation(after, card, choice.view, limits, bar=not url.presenting())
    for head in vocabulary.HEADS:
        effect = Effect(head, after.attention, getattr(before, head), getattr(after, head))
        predictions.show_effect(effect, before.labels, head=head)
    correlation = maps.describe_correlation(before.attention, after.attention)
    st.markdown(words.COVER_CORRELATION.format(correlation=correlation))
