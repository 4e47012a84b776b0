"""A map drawn over an image with its color bar, as every page shows it, and what a map shows in words."""

from typing import Any

import numpy as np
import streamlit as st
from PIL import Image

from abn.evaluation.metrics import rank_correlation
from abn.explanations.explanation import Explanation
from abn.export.figures import MapStyle
from abn.images.fit import upsample
from abn.plots import color_limits, color_maps, map_words, numbers, overlay
from abn.ui.components import map_view
from abn.ui.layout import escape_markdown
from abn.ui.state import state
from abn.variants.card import Card

PANEL = 448  # pixels of a panel's image


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


def show_explanation(explanation: Explanation, card: Card, view: MapStyle, limits: tuple[float, float]) -> None:
    """M over the model's input, with its color bar, its range and the milliseconds of the forward pass."""
    attention, fitted = explanation.attention, explanation.fitted
    title, key = f"Attention map of {card.title} on what the model saw", f"map-{card.id}"
    show_attention(fitted.image, attention, view, title=title, key=key, limits=limits, extent=fitted.extent)
    st.caption(f"{describe_range(attention)} · {1000 * explanation.seconds:.0f} ms")


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
    """A map (h, w) over a square image, the color bar from the lower to the upper limit, and the brightest region.

    `colors` replaces the view's color map, for signed maps; `options` go to `map_view.show`.
    """
    image, colors = enlarge(image), colors or view.colors
    smooth = upsample(values, (PANEL, PANEL), view.smooth)
    drawn = overlay.overlay(image, smooth, opacity=view.opacity, color_map=colors, low=limits[0], high=limits[1])
    if view.top:
        level, area = overlay.brightest_level(smooth, view.top / 100)
        drawn = overlay.mark_brightest(drawn, image, smooth >= level, view.mark)
    map_view.show(drawn, values, alt=alt, key=key, symbol=symbol, **options)
    show_color_bar(colors, *limits)
    if view.top:
        st.caption(f"Marked: {symbol} ≥ {level:.2f}, {100 * area:.0f} % of what the model saw")


def show_map_on_photograph(
    explanation: Explanation, card: Card, photograph: Image.Image, view: MapStyle, limits: tuple[float, float]
) -> None:
    """M at its place in the whole photograph; what the model did not see is gray."""
    attention, fitted = explanation.attention, explanation.fitted
    values = fitted.to_original(attention, size=photograph.size, smooth=view.smooth)
    drawn = overlay.overlay(
        photograph, values, opacity=view.opacity, color_map=view.colors, low=limits[0], high=limits[1]
    )
    if view.top:  # the level of all that the model saw, as in `show_map`
        level, _ = overlay.brightest_level(upsample(attention, (PANEL, PANEL), view.smooth), view.top / 100)
        drawn = overlay.mark_brightest(drawn, photograph, np.nan_to_num(values, nan=-np.inf) >= level, view.mark)
    alt = describe_map(attention, f"Attention map of {card.title} on the whole photograph")
    map_view.show(drawn, attention, alt=alt, key=f"whole-{card.id}", box=fitted.extent, extent=fitted.extent)
    st.caption(escape_markdown(card.title))


def enlarge(image: Image.Image) -> Image.Image:
    """At the size of a panel; once for all maps over one image."""
    if state.enlarged is None or state.enlarged[0] is not image:
        state.enlarged = image, image.resize((PANEL, PANEL), Image.Resampling.BICUBIC)
    return state.enlarged[1]


def show_color_bar(color_map: str, low: float, high: float) -> None:
    """The colors with their numbers as text."""
    ticks = "".join(f"<span>{number}</span>" for number in color_maps.bar_numbers(low, high))
    st.html(
        f'<div class="abn-bar" style="background: {color_maps.css_gradient(color_map)}"></div>'
        f'<div class="abn-ticks">{ticks}</div>'
    )


def describe_map(attention: np.ndarray, title: str) -> str:
    """Range and place of the maximum, for an image's alternative text."""
    place = map_words.brightest_place(attention)
    return f"{title}: M from {attention.min():.2f} to {attention.max():.2f}, highest {place}."


def describe_range(attention: np.ndarray) -> str:
    """Minimum and maximum as Markdown, or that the map is flat."""
    sentence = map_words.flat_sentence(attention)
    return f":orange[**{sentence}**]" if sentence else f"M from {attention.min():.2f} to {attention.max():.2f}"


def describe_correlation(first: np.ndarray, second: np.ndarray) -> str:
    """The rank correlation of two maps; a constant map has no order."""
    value = rank_correlation(first, second)
    return "none, as one of them has no order" if np.isnan(value) else numbers.fixed(value)
