"""A map drawn over an image with its color bar, as every page shows it, and what a map shows in words."""

from typing import Any

import numpy as np
import streamlit as st
from PIL import Image

from abn.evaluation.metrics import rank_correlation
from abn.explanations.explanation import Explanation
from abn.export.figures import MapStyle
from abn.plots import color_limits, color_maps, map_words, numbers
from abn.ui import words
from abn.ui.components import map_view
from abn.ui.components.media import Encoded, encode
from abn.ui.layout import escape_markdown
from abn.ui.state import state
from abn.variants.card import Card

MAX_ENCODED = 6  # images that stay encoded in a session


def show_attention(
    image: Image.Image,
    attention: np.ndarray,
    view: MapStyle,
    *,
    title: str,
    key: str,
    limits: tuple[float, float] | None = None,
    **options: Any,
) -> None:
    """`show_map` for M, with `title`, its range and its brightest place as the alternative text; the limits are those
    of the view's scale for this map alone unless they are given."""
    limits = limits or color_limits.limits([attention], view.scale)[0]
    show_map(image, attention, view, limits, alt=describe_map(attention, title), key=key, **options)


def show_explanation(
    explanation: Explanation,
    card: Card,
    view: MapStyle,
    limits: tuple[float, float],
    *,
    bar: bool = True,
    key: str = "",
) -> None:
    """M over the network's input with its color bar or, where all maps share one, its range."""
    attention, fitted = explanation.attention, explanation.fitted
    title, key = words.MAP_ALT.format(title=card.title), f"map-{key or card.id}"
    rest = "" if bar else words.RANGE.format(low=attention.min(), high=attention.max())
    show_attention(
        fitted.image, attention, view, title=title, key=key, limits=limits, extent=fitted.extent, bar=bar, rest=rest
    )
    if sentence := map_words.flat_sentence(attention):
        st.caption(f":orange[**{sentence}**]")


def show_map(
    image: Image.Image,
    values: np.ndarray,
    view: MapStyle,
    limits: tuple[float, float],
    *,
    alt: str,
    key: str,
    symbol: str = "M",
    colors: str = "",
    **options: Any,
) -> None:
    """A map (h, w) over an image; `colors` replaces the view's color map, for signed maps; `options` go to
    `map_view.show`.
    """
    map_view.show(encode_once(image), values, view, limits, alt=alt, key=key, symbol=symbol, colors=colors, **options)


def show_map_on_photograph(
    explanation: Explanation, card: Card, photograph: Image.Image, view: MapStyle, limits: tuple[float, float]
) -> None:
    """M at its place in the whole photograph; what the model did not see is gray."""
    attention, extent = explanation.attention, explanation.fitted.extent
    alt = describe_map(attention, words.WHOLE_MAP_ALT.format(title=card.title))
    image, key = encode_once(photograph), f"whole-{card.id}"
    map_view.show(image, attention, view, limits, alt=alt, key=key, bar=False, box=extent, extent=extent)
    st.caption(escape_markdown(card.title))


def encode_once(image: Image.Image) -> Encoded:
    """An image for the browser; of the latest ones each is encoded once."""
    known = next((entry for entry in state.encoded if entry[0] is image), None) or (image, encode(image))
    state.encoded = [known, *(entry for entry in state.encoded if entry is not known)][:MAX_ENCODED]
    return known[1]


def show_color_bar(color_map: str, low: float, high: float) -> None:
    """The colors with their numbers as text."""
    ticks = "".join(f"<span>{number}</span>" for number in color_maps.bar_numbers(low, high))
    st.html(
        f'<div class="abn-scale"><div class="abn-bar" style="background: {color_maps.css_gradient(color_map)}"></div>'
        f'<div class="abn-ticks">{ticks}</div></div>'
    )


def show_hint() -> None:
    """How to read a cell, for all maps of the page, which then don't tell it themselves."""
    state.hint_map = "page"
    st.html(f'<div class="abn-hint"><span>{map_view.POINT}</span><span>{map_view.TAP}</span></div>')


def describe_map(attention: np.ndarray, title: str) -> str:
    """Range and place of the maximum, for an image's alternative text."""
    place = map_words.brightest_place(attention)
    return words.DESCRIPTION.format(title=title, low=attention.min(), high=attention.max(), place=place)


def describe_range(attention: np.ndarray) -> str:
    """Minimum and maximum as Markdown, or that the map is flat."""
    sentence = map_words.flat_sentence(attention)
    return f":orange[**{sentence}**]" if sentence else words.RANGE.format(low=attention.min(), high=attention.max())


def describe_correlation(first: np.ndarray, second: np.ndarray) -> str:
    """The rank correlation of two maps; a constant map has no order."""
    value = rank_correlation(first, second)
    return words.NO_CORRELATION if np.isnan(value) else numbers.fixed(value)
