"""What a person sees of a network's stages: the drawing, the chosen stage in figures and channels, and one cell."""

import html

import numpy as np
import streamlit as st

from abn import render, stage_charts, stages, tiles
from abn.drawing import ROLES, TITLES
from abn.stages import STAGES, Inside, Product
from abn.ui import inside as session
from abn.ui import panels, path
from abn.ui.bar import Choice
from abn.ui.frame import plain
from abn.variants import Card, class_names

FIRST = 24  # channels that are shown at first
BARE = {"displayModeBar": False}
MEANINGS = {
    "x": "The picture as the network gets it: its red, green and blue, shifted and scaled as the backbone is used to.",
    "g": "What the feature extractor finds. Each channel is a small map of where one learnt pattern is; nobody has "
    "named these patterns.",
    "A": "What the trunk of the attention branch makes of g. Both the class head and the map head read it.",
    "class maps": "One map for each class, made of A by the class head. The mean of a map over its cells is exactly "
    "the auxiliary logit of that class.",
    "auxiliary logits": "The attention branch's own answer, which helps to train it. It is not the network's answer.",
    "M": "The attention map: one number between 0 and 1 for each cell, made of A by the map head. It belongs to no "
    "class, and it is made before the network answers.",
    "g′": "The features after the mechanism: the perception branch sees these in place of g.",
    "logits": "The network's answer: one number for each class, made of g′ by the perception branch. Softmax turns "
    "them into probabilities.",
}
GAINED = {
    "additive": "In a cell all channels of g are multiplied by one and the same number, 1 + M.",
    "multiplicative": "In a cell all channels of g are multiplied by one and the same number, M.",
    "none": "This network was trained without a mechanism, so g′ is g: the map is computed and not applied.",
}
NAMES = {  # how channels are told apart where they are no classes
    "x": ("red", "green", "blue"),
    "M": ("M",),
}
LETTERS = {
    "additive": "(1 + M) · g",
    "multiplicative": "M · g",
    "none": "g",
}

_STYLE = """
<style>
.abn-tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(92px, 1fr)); gap: .6rem .5rem; }
.abn-tiles.abn-large { grid-template-columns: repeat(auto-fill, minmax(180px, 1fr)); max-width: 720px; }
.abn-tiles figure { margin: 0; font-size: .8rem; line-height: 1.3; }
.abn-tiles img { width: 100%; aspect-ratio: 1; display: block; image-rendering: pixelated; border-radius: 4px; }
.abn-tiles figcaption { overflow-wrap: anywhere; font-variant-numeric: tabular-nums; }
.abn-figures.abn-figures { display: grid; grid-template-columns: auto 1fr; gap: .1rem 1rem; margin: 0; padding: 0;
                           font-size: .95rem; }
.abn-figures dd { margin: 0; font-variant-numeric: tabular-nums; font-weight: 600; }
.abn-figures dt { font-weight: 400; }
.abn-sums.abn-sums { list-style: none; margin: 0; padding: 0; display: grid; gap: .5rem; }
.abn-sums.abn-sums li { margin: 0; padding: .5rem .8rem; border: 1px solid rgb(128 128 128 / .4); border-radius: 8px;
                        font-size: 1.05rem; font-variant-numeric: tabular-nums; }
.abn-sums li.abn-own { border: 2px solid var(--st-primary-color, #1f6fb5); font-size: 1.3rem; font-weight: 600; }
.abn-sums small { display: block; font-size: .85rem; font-weight: 400; }
.abn-sums span { white-space: nowrap; }
</style>
"""


def the_path(choice: Choice, card: Card) -> str:
    """The drawing; returns the stage that is chosen in it."""
    st.html(_STYLE)
    chosen = st.session_state.setdefault("stage", "M")
    if chosen not in STAGES:
        chosen = st.session_state.stage = "M"
    wide, narrow = session.drawings(choice.chosen.picture, card, choice.fit, choice.view)
    label = f"The stages of {card.title} from the picture to the answer; press one to look into it."
    path.path(wide, narrow, chosen, label=label, key="path", on_pick=_pick_stage)
    st.caption(
        "Press a stage to look into it. The small maps of g, A and g′ are means over their channels; the class map is "
        "that of the auxiliary head's first class. g and g′ have one scale of colours."
    )
    return chosen


def _pick_stage(stage: str) -> None:
    st.session_state.stage = stage


# ---- the chosen stage ----


def the_stage(inside: Inside, card: Card, choice: Choice, stage: str) -> None:
    """What the chosen stage is, its figures, how its values are spread, and its channels or its answers."""
    values, found = inside.stage(stage), stages.summary(inside.stage(stage))
    st.markdown(f"##### {plain(ROLES[stage])}")
    left, right = st.columns([1, 2], gap="medium")
    with left:
        st.markdown(_meaning(inside, stage))
        _figures(found)
        st.plotly_chart(
            stage_charts.spread(values),
            key="spread",
            config=BARE,
            alt=f"{ROLES[stage]}. {stage_charts.spread_in_words(values)}",
        )
        if found.zeros:
            st.caption("The histogram leaves the exact zeros out.")
    with right:
        if values.ndim == 1:
            _answers(values, card, stage)
        else:
            _channels(inside, values, card, choice, stage)


def _meaning(inside: Inside, stage: str) -> str:
    if stage == "g′":
        return f"{MEANINGS[stage]} {GAINED[inside.mechanism]}"
    if stage == "A" and inside.named:
        return f"{MEANINGS[stage]} It has one channel for each class, and here channel k speaks for class k."
    if stage == "A":
        return (
            f"{MEANINGS[stage]} It has as many channels as there are classes, but here the class head mixes them, so "
            "that no channel belongs to one class."
        )
    return MEANINGS[stage]


def _figures(found: stages.Summary) -> None:
    rows = {
        "Shape": " × ".join(map(str, found.shape)),
        "Least": _number(found.low),
        "Mean": _number(found.mean),
        "Greatest": _number(found.high),
        "Exactly zero": render.percent(found.zeros) if found.zeros else "none",
    }
    body = "".join(f"<dt>{name}</dt><dd>{html.escape(value)}</dd>" for name, value in rows.items())
    st.html(f'<dl class="abn-figures">{body}</dl>')


def _answers(logits: np.ndarray, card: Card, stage: str) -> None:
    head = "perception" if stage == "logits" else "auxiliary"
    found = stages.top(logits, class_names(card))
    st.caption(f"The {len(found)} largest of {len(logits)} logits, and the probabilities that they stand for.")
    st.plotly_chart(
        stage_charts.answers(found, head), key="answers", config=BARE, alt=stage_charts.answers_in_words(found, head)
    )


def _channels(inside: Inside, values: np.ndarray, card: Card, choice: Choice, stage: str) -> None:
    """Channels as small maps, the strongest first; of the picture, the picture itself as well."""
    view, count = choice.view, _count(stage, len(values))
    each = view.scale == "each"
    colours, low, high = tiles.span(values, view.colours)
    if stage == "M":
        colours, low, high = view.colours, *render.limits([inside.attention], view.scale)[0]
    order = range(len(values)) if stage == "x" else stages.by_strength(values)[:count]
    if each and stage != "M":
        drawn = [t for k in order for t in tiles.tiles(values, [k], *tiles.span(values[k], view.colours))]
    else:
        drawn = tiles.tiles(values, order, colours, low, high)
    names = NAMES.get(stage) or _names(inside, card, stage, len(values))
    figures = [_figure(tile, names[tile.index]) for tile in drawn]
    if stage == "x":
        source = render.data_url(session.pixels(inside, card))
        figures.insert(0, _captioned(source, f"What the model saw of: {choice.chosen.alt}", "what the model saw"))
    elif len(values) > 1:
        st.caption(
            f"{len(drawn)} of {len(values)} channels, those of the largest mean size first; below each the mean of "
            f"its values' sizes. {'Each has its own scale.' if each else 'All have one scale.'}"
        )
    large = " abn-large" if len(figures) < 5 else ""
    label = html.escape(f"{ROLES[stage]}: {len(drawn)} of {len(values)} channels as small maps")
    st.html(f'<div class="abn-tiles{large}" role="group" aria-label="{label}">{"".join(figures)}</div>')
    if not (each and len(values) > 1 and stage != "M"):
        panels.colour_bar(colours, low, high)
    if count < len(values):
        more = min(2 * count, len(values))
        st.button(f"Show {more} of {len(values)}", on_click=_show, args=(stage, more), icon=":material/expand_more:")


def _names(inside: Inside, card: Card, stage: str, count: int) -> list[str]:
    if stage == "class maps" or (stage == "A" and inside.named):
        return [render.short_label(label) for label in class_names(card)]
    return [f"{TITLES[stage].removesuffix('(x)')} {k + 1}" for k in range(count)]


def _figure(tile: tiles.Tile, name: str) -> str:
    size = f"{tile.size:.2f}" if tile.size >= 0.1 else f"{tile.size:.2g}"
    return _captioned(tile.source, f"{name}: from {_number(tile.low)} to {_number(tile.high)}", f"{name} · {size}")


def _captioned(source: str, alt: str, caption: str) -> str:
    alt, caption = html.escape(alt), html.escape(caption)
    return f'<figure><img src="{source}" alt="{alt}"><figcaption>{caption}</figcaption></figure>'


def _count(stage: str, most: int) -> int:
    """How many channels a person wants to see of a stage; another stage begins anew."""
    kept = st.session_state.get("channels_shown")
    return min(most, kept[1] if kept and kept[0] == stage else FIRST)


def _show(stage: str, count: int) -> None:
    st.session_state.channels_shown = (stage, count)


def _number(value: float) -> str:
    return f"{value:.3g}".replace("-", "−") if value else "0"


# ---- one cell ----


def one_cell(inside: Inside, card: Card, choice: Choice) -> None:
    """One cell of M picked on the picture, and what the mechanism makes of it, with all numbers."""
    from abn.inside import products

    of = choice.chosen.picture.sha256, card.sha256, choice.fit
    kept = st.session_state.get("cell")
    row, column = kept[1] if kept and kept[0] == of else inside.brightest
    h, w = inside.attention.shape
    st.markdown("##### One cell")
    left, right = st.columns([1, 2], gap="medium")
    with left:
        panels.over(
            session.pixels(inside, card),
            inside.attention,
            choice.view,
            render.limits([inside.attention], choice.view.scale)[0],
            alt=panels.map_in_words(inside.attention, f"Attention map of {card.title} on what the model saw"),
            key="cell-map",
            picked=(row, column),
            on_pick=lambda row, column: st.session_state.update(cell=(of, (row, column))),
        )
        st.caption(panels.range_in_words(inside.attention))
    with right:
        st.markdown(
            f"**Row {row + 1} of {h}, column {column + 1} of {w}**"
            f"{', the brightest cell of M' if (row, column) == inside.brightest else ''}. "
            "Press another cell in the map, or move to it with the arrow keys and press Enter."
        )
        channel = _channel(inside, row, column)
        found = products(inside, row, column, channel)
        st.html(f'<ul class="abn-sums">{"".join(_sum(one, inside.mechanism) for one in found)}</ul>')
        st.caption(_gain_in_words(next(one for one in found if one.mechanism == inside.mechanism), inside))


def _channel(inside: Inside, row: int, column: int) -> int:
    """The channel whose numbers are shown: the strongest in this cell until a person names another."""
    count, strongest = len(inside.features), inside.strongest(row, column)
    if not -1 <= (st.session_state.get("channel") or 0) < count:
        del st.session_state["channel"]
    chosen = st.selectbox(
        "Channel of g",
        range(-1, count),
        format_func=lambda k: f"the strongest in this cell: channel {strongest + 1}" if k < 0 else f"channel {k + 1}",
        key="channel",
        persist_state="session",
        required=True,
    )
    return strongest if chosen is None or chosen < 0 else chosen


def _sum(found: Product, trained: str) -> str:
    m, g, after = (html.escape(_bracketed(text)) for text in (found.attention, found.before, found.after))
    numbers = {"additive": f"(1 + {m}) × {g}", "multiplicative": f"{m} × {g}", "none": g}[found.mechanism]
    own = found.mechanism == trained
    said = "this network's mechanism" if own else "not this network's: what it would be"
    after = after.strip("()")
    return (
        f'<li class="{"abn-own" if own else ""}"><small>{found.mechanism} · {said}</small>'
        f"<span>g′ = {LETTERS[found.mechanism]}</span> <span>= {numbers}</span> <span>= {after}</span></li>"
    )


def _bracketed(number: str) -> str:
    return f"({number})" if number.startswith("−") else number


def _gain_in_words(found: Product, inside: Inside) -> str:
    count = len(inside.features)
    if inside.mechanism == "none":
        return f"All {count} channels of this cell stay as they are, whatever M is."
    return f"M is {found.attention} here, so all {count} channels of this cell are multiplied by {found.gain}."
