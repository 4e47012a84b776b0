"""What a person sees of a network's stages: the drawing, the chosen stage in figures and channels, and one cell."""

import html

import numpy as np
import streamlit as st

from abn.explanations import stages
from abn.explanations.stages import STAGES, Trace
from abn.plots import color_limits, histogram, logit_bars, numbers
from abn.plots.cell_product import Product, product
from abn.plots.network_diagram import ROLES
from abn.ui import maps, url
from abn.ui.components import network_path
from abn.ui.controls.choice_bar import Choice
from abn.ui.inside import channels
from abn.ui.inside import traces as session
from abn.ui.layout import escape_markdown
from abn.ui.state import state
from abn.variants.card import Card, class_names
from abn.vocabulary import EQUATIONS

FIRST_STAGE = "M"
BARE = {"displayModeBar": False}
MEANINGS = {
    "x": "The picture as the network gets it: its red, green and blue, shifted and scaled as the backbone is used to.",
    "g": "What the feature extractor finds. Each channel is a small map of where one learned pattern is; nobody has "
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

_STYLE = """
<style>
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
    chosen = state.stage or st.query_params.get("stage", FIRST_STAGE)
    state.stage = chosen = chosen if chosen in STAGES else FIRST_STAGE
    url.sync_query_param("stage", chosen, FIRST_STAGE)
    wide, narrow = session.drawings(choice.chosen.picture, card, choice.fit, choice.view)
    label = f"The stages of {card.title} from the picture to the answer; press one to look into it."
    network_path.path(wide, narrow, chosen, label=label, key="path", on_pick=_pick_stage)
    st.caption(
        "Press a stage to look into it. The small maps of g, A and g′ are the mean sizes of their channels, g and g′ "
        "on one scale of colors; the class map is that of the auxiliary head's first class."
    )
    return chosen


def _pick_stage(stage: str) -> None:
    state.stage = stage


# ---- the chosen stage ----


def the_stage(inside: Trace, card: Card, choice: Choice, stage: str) -> None:
    """What the chosen stage is, its figures, how its values are spread, and its channels or its answers."""
    values, found = inside.stage(stage), stages.summarize(inside.stage(stage))
    st.markdown(f"##### {escape_markdown(ROLES[stage])}")
    left, right = st.columns([1, 2], gap="medium")
    with left:
        st.markdown(_meaning(inside, stage))
        _figures(found)
        st.plotly_chart(
            histogram.value_histogram(values),
            key="spread",
            config=BARE,
            alt=f"{ROLES[stage]}. {histogram.histogram_in_words(values)}",
        )
        if found.zeros:
            st.caption("The histogram leaves the exact zeros out.")
    with right:
        if values.ndim == 1:
            _answers(values, card, stage)
        else:
            channels.show(inside, card, choice, stage)


def _meaning(inside: Trace, stage: str) -> str:
    if stage == "g′":
        return f"{MEANINGS[stage]} {GAINED[inside.mechanism]}"
    if stage == "A" and inside.channels_are_classes:
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
        "Least": numbers.significant(found.low),
        "Mean": numbers.significant(found.mean),
        "Greatest": numbers.significant(found.high),
        "Exactly zero": numbers.percent(found.zeros) if found.zeros else "none",
    }
    body = "".join(f"<dt>{name}</dt><dd>{html.escape(value)}</dd>" for name, value in rows.items())
    st.html(f'<dl class="abn-figures">{body}</dl>')


def _answers(logits: np.ndarray, card: Card, stage: str) -> None:
    head = "perception" if stage == "logits" else "auxiliary"
    found = stages.top_classes(logits, class_names(card))
    st.caption(f"The {len(found)} largest of {len(logits)} logits, and the probabilities that they stand for.")
    st.plotly_chart(
        logit_bars.logit_bars(found, head), key="answers", config=BARE, alt=logit_bars.logits_in_words(found, head)
    )


# ---- one cell ----


def one_cell(inside: Trace, card: Card, choice: Choice) -> None:
    """One cell of M picked on the picture, and what the mechanism makes of it, with all numbers."""
    from abn.explanations.trace import cell_products

    of = choice.chosen.picture.sha256, card.sha256, choice.fit
    kept = state.cell
    h, w = inside.attention.shape
    if kept is None:
        row, column = _cell_of_the_address(inside)
    else:
        row, column = kept[1] if kept[0] == of else inside.brightest_cell
    state.cell = of, (row, column)
    brightest = (row, column) == inside.brightest_cell
    url.sync_query_param("cell", "" if brightest else f"{row + 1},{column + 1}", "")

    def pick(row: int, column: int) -> None:
        state.cell = of, (row, column)

    st.markdown("##### One cell")
    left, right = st.columns([1, 2], gap="medium")
    with left:
        maps.show_map(
            session.pixels(inside, card),
            inside.attention,
            choice.view,
            color_limits.limits([inside.attention], choice.view.scale)[0],
            alt=maps.describe_map(inside.attention, f"Attention map of {card.title} on what the model saw"),
            key="cell-map",
            picked=(row, column),
            on_pick=pick,
        )
        st.caption(maps.describe_range(inside.attention))
    with right:
        st.markdown(
            f"**Row {row + 1} of {h}, column {column + 1} of {w}**"
            f"{', the brightest cell of M' if brightest else ''}. "
            "Press another cell in the map, or move to it with the arrow keys and press Enter."
        )
        channel = _channel(inside, row, column)
        st.markdown(f"What becomes of **channel {channel + 1}** of g in this cell:")
        found = [product(*values) for values in cell_products(inside, row, column, channel)]
        st.html(f'<ul class="abn-sums">{"".join(_sum(one, inside.mechanism) for one in found)}</ul>')
        st.caption(_gain_in_words(next(one for one in found if one.mechanism == inside.mechanism), inside))


def _cell_of_the_address(inside: Trace) -> tuple[int, int]:
    given, (h, w) = url.whole_numbers("cell"), inside.attention.shape
    legal = len(given) == 2 and 1 <= given[0] <= h and 1 <= given[1] <= w
    return (given[0] - 1, given[1] - 1) if legal else inside.brightest_cell


def _channel(inside: Trace, row: int, column: int) -> int:
    """The channel whose numbers are shown: the strongest in this cell until a person names another."""
    count, strongest = len(inside.features), inside.strongest_channel(row, column)
    legal = range(-1, count)
    url.initial_choice("channel", "channel", legal, -1)
    chosen = st.selectbox(
        "Channel of g",
        legal,
        format_func=lambda k: f"channel {k + 1}" if k >= 0 else "the strongest in the cell",
        key="channel",
        persist_state="session",
    )
    url.sync_query_param("channel", chosen + 1, 0)
    return strongest if chosen < 0 else chosen


def _sum(found: Product, trained: str) -> str:
    m, g = found.attention, f"({found.before})" if found.before.startswith("−") else found.before
    numbers = {"additive": f"= (1 + {m}) × {g}", "multiplicative": f"= {m} × {g}", "none": ""}[found.mechanism]
    own = found.mechanism == trained
    said = "this network's mechanism" if own else "not this network's: what it would be"
    return (
        f'<li class="{"abn-own" if own else ""}"><small>{found.mechanism} · {said}</small>'
        f"<span>g′ = {EQUATIONS[found.mechanism]}</span> <span>{numbers}</span> <span>= {found.after}</span></li>"
    )


def _gain_in_words(found: Product, inside: Trace) -> str:
    count = len(inside.features)
    if inside.mechanism == "none":
        return f"All {count} channels of this cell stay as they are, whatever M is."
    return f"M is {found.attention} here, so all {count} channels of this cell are multiplied by {found.gain}."
