"""The channels of a stage as a grid of small maps, each with its name as real text."""

import html

import streamlit as st

from abn.explanations import stages
from abn.explanations.stages import Trace
from abn.export.figures import MapStyle
from abn.plots import channel_grid, color_limits, numbers, overlay
from abn.plots.channel_grid import Tile
from abn.plots.network_diagram import ROLES, TITLES
from abn.ui import maps
from abn.ui.controls.choice_bar import Choice
from abn.ui.inside import traces
from abn.ui.state import state
from abn.variants.card import Card, class_names

SHOWN_FIRST = 24  # channels that are shown at first

_STYLE = """
<style>
.abn-tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(92px, 1fr)); gap: .6rem .5rem; }
.abn-tiles.abn-few { grid-template-columns: repeat(auto-fit, minmax(140px, 1fr)); }
.abn-tiles.abn-one { grid-template-columns: minmax(0, 360px); }
.abn-tiles figure { margin: 0; font-size: .8rem; line-height: 1.3; }
.abn-tiles img { width: 100%; aspect-ratio: 1; display: block; image-rendering: pixelated; border-radius: 4px; }
.abn-tiles figcaption { overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
</style>
"""


def show_channels(trace: Trace, card: Card, choice: Choice, stage: str) -> None:
    """The channels of a stage that has cells; of the picture, the picture itself as well."""
    st.html(_STYLE)
    if stage == "x":
        _show_input(trace, card, choice)
    elif stage == "M":
        _show_map(trace, choice.view)
    else:
        _show_strongest(trace, card, choice.view, stage)


def _show_input(trace: Trace, card: Card, choice: Choice) -> None:
    values = trace.images
    colors = "gray", float(values.min()), float(values.max())
    whole = overlay.data_url(traces.input_image(trace, card))
    drawn = [_figure(whole, f"What the model saw of: {choice.chosen.alt}", "what the model saw")]
    for tile, name in zip(channel_grid.channel_tiles(values, range(3), *colors), ("red", "green", "blue"), strict=True):
        drawn.append(_figure(tile.source, _describe(tile, name), name))
    _show_grid(drawn, "abn-few", "The picture and its three channels")
    maps.show_color_bar(*colors)


def _show_map(trace: Trace, view: MapStyle) -> None:
    colors = view.colors, *color_limits.limits([trace.attention], view.scale)[0]
    tile = channel_grid.channel_tiles(trace.stage("M"), [0], *colors)[0]
    _show_grid([_figure(tile.source, _describe(tile, "M"), "M")], "abn-one", "M")
    maps.show_color_bar(*colors)


def _show_strongest(trace: Trace, card: Card, view: MapStyle, stage: str) -> None:
    """The strongest channels; more of them on request."""
    values, own_scales = trace.stage(stage), view.scale == "each"
    count = _count(stage, len(values))
    order = stages.order_by_magnitude(values)[:count].tolist()
    colors = channel_grid.color_range(values, view.colors)
    if own_scales:
        shown = [
            tile
            for k in order
            for tile in channel_grid.channel_tiles(values, [k], *channel_grid.color_range(values[k], view.colors))
        ]
    else:
        shown = channel_grid.channel_tiles(values, order, *colors)
    st.caption(
        f"{count} of {len(values)} channels, those of the largest mean size first; below each the mean of its values' "
        f"sizes. {'Each has its own scale.' if own_scales else 'All have one scale.'}"
    )
    names = _names(trace, card, stage)
    drawn = [
        _figure(tile.source, _describe(tile, names[tile.index]), f"{names[tile.index]} · {_short(tile.size)}")
        for tile in shown
    ]
    _show_grid(drawn, "", f"{ROLES[stage]}: {count} of {len(values)} channels as small maps")
    if not own_scales:
        maps.show_color_bar(*colors)
    if count < len(values):
        more = min(2 * count, len(values))
        st.button(
            f"Show {more} of {len(values)}", on_click=_show_more, args=(stage, more), icon=":material/expand_more:"
        )


def _names(trace: Trace, card: Card, stage: str) -> list[str]:
    """What the channels are called: classes where they are classes, or else they are counted."""
    if stage == "class maps" or (stage == "A" and trace.channels_are_classes):
        return [numbers.short_label(label) for label in class_names(card)]
    return [f"{TITLES[stage].removesuffix('(x)')} {k + 1}" for k in range(len(trace.stage(stage)))]


def _count(stage: str, total: int) -> int:
    """How many channels a person wants to see of a stage; another stage begins anew."""
    of, count = state.channels_shown or ("", SHOWN_FIRST)
    return min(total, count if of == stage else SHOWN_FIRST)


def _show_more(stage: str, count: int) -> None:
    state.channels_shown = (stage, count)


def _show_grid(drawn: list[str], kind: str, label: str) -> None:
    label = html.escape(label)
    st.html(f'<div class="abn-tiles {kind}" role="group" aria-label="{label}">{"".join(drawn)}</div>')


def _figure(source: str, alt: str, caption: str) -> str:
    alt, caption = html.escape(alt), html.escape(caption)
    return f'<figure><img src="{source}" alt="{alt}"><figcaption>{caption}</figcaption></figure>'


def _describe(tile: Tile, name: str) -> str:
    return f"{name}: from {numbers.significant(tile.low)} to {numbers.significant(tile.high)}"


def _short(size: float) -> str:
    return f"{size:.2f}" if size >= 0.1 else f"{size:.2g}"
