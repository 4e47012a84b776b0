"""Panels of Compare alone: what the model saw, the whole photograph, and the difference of two maps."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import streamlit as st
from PIL import Image, ImageDraw, ImageOps

from abn.explanations.explanation import Explanation
from abn.export.figures import MapStyle
from abn.images.fit import denormalize
from abn.plots import color_limits, color_maps
from abn.ui.controls.image_picker import ChosenImage
from abn.ui.layout import escape_markdown
from abn.ui.maps import enlarge, show_map
from abn.variants.card import Card

FITTED = {"crop": "its middle", "squash": "all, squashed", "pad": "all, padded"}
NOT_A_MAP = (
    "A map shows what the network weighs, not why it answers as it does. **Bright does not mean important**: "
    "no part of the training asks for that."
)

TO_SEE_THAT = "To see that, press “as trained”."  # after what a variant made for a lesson teaches


def create_columns(count: int) -> list:
    """Columns for the input and `count` variants; a single variant gets two, the second for its bars."""
    return st.columns(max(count, 2) + 1, gap="medium")


def show_notes(broken: dict[str, str], note: str, shown: Sequence[tuple[Explanation, Card]]) -> None:
    """Variants whose weights are broken, what a choice leaves out, and what a variant made for a lesson teaches."""
    for sentence in broken.values():
        st.warning(escape_markdown(sentence), icon=":material/warning:")
    notes = [note] if note else []
    for explanation, card in shown:
        swapped = "" if explanation.applied == explanation.trained_with else f" {TO_SEE_THAT}"
        notes += [f"{card.title}: {card.lesson}{swapped}"] if card.lesson else []
    for sentence in notes:
        st.info(escape_markdown(sentence), icon=":material/school:")


def show_input(shown: Sequence[tuple[Explanation, Card]], chosen: ChosenImage) -> None:
    """The input tensor of the first variant, turned back to colors; and which variants have another input size."""
    explanation, size = shown[0][0], shown[0][0].spec.size
    st.markdown("##### What the model saw")
    st.caption(f"{escape_markdown(chosen.title)}  \n{size} × {size} pixels: {FITTED[explanation.fitted.fit]}")
    for other, card in shown[1:]:
        if other.spec != explanation.spec:
            h, w = other.attention.shape
            st.caption(
                f"{escape_markdown(card.title)} saw it at {other.spec.size} × {other.spec.size} pixels, and its map "
                f"has {h} × {w} cells."
            )
    pixels = Image.fromarray(denormalize(explanation.fitted.normalized(explanation.spec), explanation.spec))
    st.image(enlarge(pixels), width="stretch", alt=f"What the model saw of: {chosen.alt}")
    if chosen.credit:
        st.caption(f"Picture: {chosen.credit}", help=chosen.source)
    for note in chosen.picture.notes:
        st.caption(escape_markdown(note))


def show_help(explanation: Explanation, view: MapStyle) -> None:
    """Help with reading the page, one sentence for each question of a newcomer."""
    h, w = explanation.attention.shape
    cell = explanation.spec.size // w
    st.caption("**What the model saw** is its very input, turned back from numbers to colors.")
    st.caption(
        f"**The map M** has {h} × {w} cells of {cell} × {cell} pixels, each between 0 and 1"
        f"{', drawn smoothly between their centers' if view.smooth else ', drawn as they are'}."
    )
    st.caption(
        "**Two heads answer.** The auxiliary head belongs to the branch that makes the map; "
        "the perception head sees the features after the map was applied (with “none” it never is), and is the "
        "network's answer."
    )
    st.caption(NOT_A_MAP)


def show_photograph(explanation: Explanation, chosen: ChosenImage) -> None:
    """The whole photograph with a frame around what the model saw."""
    framed = chosen.display.copy()
    width, height = explanation.fitted.original_size
    left, top, right, bottom = (side * framed.width / width for side in explanation.fitted.visible)
    stroke = max(2, max(framed.size) // 160)
    draw = ImageDraw.Draw(framed)
    for color, line in (("black", 2 * stroke), ("white", stroke)):
        draw.rectangle((left, top, right - 1, bottom - 1), outline=color, width=line)
    st.image(framed, width="stretch", alt=f"The whole photograph: {chosen.alt}")
    st.caption(f"{width} × {height} pixels; the frame is what the model saw.")


def show_difference(additive: Explanation, multiplicative: Explanation, view: MapStyle, columns: Sequence) -> None:
    """The additive minus the multiplicative variant's map, with its mean and maximum."""
    signed = additive.attention - multiplicative.attention
    limit, size = color_limits.symmetric_limit(signed), np.abs(signed)
    with columns[0]:
        st.markdown("##### Additive minus multiplicative")
        show_map(
            ImageOps.grayscale(additive.fitted.image),
            signed,
            replace(view, top=0),
            (-limit, limit),
            alt=f"Additive minus multiplicative map: from {signed.min():.2f} to {signed.max():.2f}.",
            key="difference",
            symbol="difference",
            extent=additive.fitted.extent,
            colors=color_maps.DIFFERENCE,
        )
    with columns[1]:
        st.markdown("##### &nbsp;")
        st.markdown(
            "Red: the additive network's map is higher. Blue: the multiplicative one's is. White: no difference."
        )
        st.caption(
            f"The two maps differ by {size.mean():.2f} on average and by {size.max():.2f} at most, where M can be "
            "between 0 and 1. Both are networks as trained, whatever mechanism is applied above: the map is made "
            "before the mechanism."
        )
