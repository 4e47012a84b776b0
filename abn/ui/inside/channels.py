"""The channels of a stage as a grid of small maps, each with its name as real text."""

import html

import numpy as np
import streamlit as st

from abn.explanations import stages
from abn.explanations.stages import Trace
from abn.export.figures import MapStyle
from abn.plots import channel_grid, color_limits, numbers, overlay
from abn.plots.network_diagram import ROLES, TITLES
from abn.ui import maps
from abn.ui.controls.choice_bar import Choice
from abn.ui.inside import traces
from abn.ui.state import state
from abn.variants.card import Card, class_names

SHOWN_FIRST = 24  # channels that are shown at first


def show_channels(trace: Trace, card: Card, choice: Choice, stage: str) -> None:
    """The channels of a stage that has cells; of the picture, the picture itself as well."""
    if stage == "x":
        _show_input(trace, card, choice)
    elif stage == "M":
        colors = choice.view.colors, *color_limits.limits([trace.attention], choice.view.scale)[0]
        _show_grid([_tile(trace.stage("M"), 0, colors, "M")], "abn-one", "M")
        maps.show_color_bar(*colors)
    else:
        _show_strongest(trace, card, choice.view, stage)


def _show_input(trace: Trace, card: Card, choice: Choice) -> None:
    values = trace.images
    colors = "gray", float(values.min()), float(values.max())
    whole = overlay.data_url(traces.input_image(trace, card))
    figures = [_figure(whole, f"What the model saw of: {choice.chosen.alt}", "what the model saw")]
    figures += [_tile(values, k, colors, name) for k, name in enumerate(("red", "green", "blue"))]
    _show_grid(figures, "abn-few", "The picture and its three channels")
    maps.show_color_bar(*colors)


def _show_strongest(trace: Trace, card: Card, view: MapStyle, stage: str) -> None:
    """The strongest channels; more of them on request."""
    values, own_scales = trace.stage(stage), view.scale == "each"
    of, count = state.channels_shown or ("", SHOWN_FIRST)
    count = min(len(values), count if of == stage else SHOWN_FIRST)
    colors = channel_grid.color_range(values, view.colors)
    st.caption(
        f"{count} of {len(values)} channels, those of the largest mean size first; below each the mean of its values' "
        f"sizes. {'Each has its own scale.' if own_scales else 'All have one scale.'}"
    )
    if stage == "class maps" or (stage == "A" and trace.channels_are_classes):
        names = [numbers.short_label(label) for label in class_names(card)]
    else:
        names = [f"{TITLES[stage].removesuffix('(x)')} {k + 1}" for k in range(len(values))]
    figures = []
    for k in stages.order_by_magnitude(values)[:count].tolist():
        own = channel_grid.color_range(values[k], view.colors) if own_scales else colors
        figures.append(_tile(values, k, own, names[k], size=True))
    _show_grid(figures, "", f"{ROLES[stage]}: {count} of {len(values)} channels as small maps")
    if not own_scales:
        maps.show_color_bar(*colors)
    if count < len(values):
        more = min(2 * count, len(values))
        label = f"Show {more} of {len(values)}"
        st.button(label, on_click=_show_more, args=(stage, more), icon=":material/expand_more:")


def _show_more(stage: str, count: int) -> None:
    state.channels_shown = (stage, count)


def _show_grid(figures: list[str], kind: str, label: str) -> None:
    label = html.escape(label)
    st.html(f'<div class="abn-tiles {kind}" role="group" aria-label="{label}">{"".join(figures)}</div>')


def _tile(values: np.ndarray, index: int, colors: tuple[str, float, float], name: str, *, size: bool = False) -> str:
    """A channel of (N, h, w) as a figure: its `name`, and on request the mean `size` of its values."""
    (tile,) = channel_grid.channel_tiles(values, [index], *colors)
    alt = f"{name}: from {numbers.significant(tile.low)} to {numbers.significant(tile.high)}"
    mean = f"{tile.size:.2f}" if tile.size >= 0.1 else f"{tile.size:.2g}"
    return _figure(tile.source, alt, f"{name} · {mean}" if size else name)


def _figure(source: str, alt: str, caption: str) -> str:
    alt, caption = html.escape(alt), html.escape(caption)
    return f'<figure><img src="{source}" alt="{alt}"><figcaption>{caption}</figcaption></figure>'
