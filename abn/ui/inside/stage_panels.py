"""The stages of a network on the page Inside: the drawing, the chosen stage in figures and channels, and one cell."""

import html
from functools import partial

import numpy as np
import streamlit as st

from abn.explanations import stages
from abn.explanations.stages import STAGES, Trace
from abn.export.figures import MapStyle
from abn.plots import channel_grid, color_limits, histogram, logit_bars, numbers, overlay
from abn.plots.cell_product import Product, product
from abn.plots.network_diagram import ROLES, TITLES
from abn.ui import maps, url
from abn.ui.components import network_path
from abn.ui.controls.choice_bar import Choice
from abn.ui.elements import choose_by_number, show_chart
from abn.ui.inside import traces
from abn.ui.layout import escape_markdown
from abn.ui.state import state
from abn.variants.card import Card, class_names
from abn.vocabulary import EQUATIONS

FIRST_STAGE = "M"
SHOWN_FIRST = 24  # channels that are shown at first
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
GAINS = {
    "additive": "In a cell all channels of g are multiplied by one and the same number, 1 + M.",
    "multiplicative": "In a cell all channels of g are multiplied by one and the same number, M.",
    "none": "This network was trained without a mechanism, so g′ is g: the map is computed and not applied.",
}
CHANNELS_OF_A = {  # whether they are classes → in words
    True: "It has one channel for each class, and here channel k speaks for class k.",
    False: "It has as many channels as there are classes, but here the class head mixes them, so that no channel "
    "belongs to one class.",
}


def show_diagram(choice: Choice, card: Card) -> str:
    """The drawing; returns the stage that is chosen in it."""
    chosen = state.stage or st.query_params.get("stage", FIRST_STAGE)
    state.stage = chosen = chosen if chosen in STAGES else FIRST_STAGE
    url.sync_query_param("stage", chosen, FIRST_STAGE)
    contents = traces.get_contents(choice.chosen.picture, card, choice.fit, choice.view)
    label = f"The stages of {card.title} from the picture to the answer; press one to look into it."
    pick = partial(setattr, state, "stage")
    network_path.show(contents, card.mechanism, chosen, label=label, key="path", on_pick=pick)
    st.caption(
        "Press a stage to look into it. The small maps of g, A and g′ are the mean sizes of their channels, g and g′ "
        "on one scale of colors; the class map is that of the auxiliary head's first class."
    )
    return chosen


# ---- the chosen stage ----


def show_stage(trace: Trace, card: Card, choice: Choice, stage: str) -> None:
    """The meaning of the chosen stage, its figures, the histogram of its values, and its channels or predictions."""
    values, summary = trace.stage(stage), stages.summarize(trace.stage(stage))
    st.markdown(f"##### {escape_markdown(ROLES[stage])}")
    left, right = st.columns([1, 2], gap="medium")
    with left:
        more = {"g′": GAINS[trace.mechanism], "A": CHANNELS_OF_A[trace.channels_are_classes]}.get(stage, "")
        st.markdown(f"{MEANINGS[stage]} {more}".strip())
        _show_summary(summary)
        words = f"{ROLES[stage]}. {histogram.histogram_in_words(values)}"
        show_chart(histogram.value_histogram(values), words, "spread")
        if summary.zeros:
            st.caption("The histogram leaves the exact zeros out.")
    with right:
        if values.ndim == 1:
            head, top = (
                "perception" if stage == "logits" else "auxiliary",
                stages.top_classes(values, class_names(card)),
            )
            st.caption(f"The {len(top)} largest of {len(values)} logits, and the probabilities that they stand for.")
            show_chart(logit_bars.logit_bars(top, head), logit_bars.logits_in_words(top, head), "answers")
        else:
            _show_channels(trace, card, choice, stage)


def _show_summary(summary: stages.StageSummary) -> None:
    rows = {
        "Shape": " × ".join(map(str, summary.shape)),
        "Least": numbers.significant(summary.low),
        "Mean": numbers.significant(summary.mean),
        "Greatest": numbers.significant(summary.high),
        "Exactly zero": numbers.percent(summary.zeros) if summary.zeros else "none",
    }
    body = "".join(f"<dt>{name}</dt><dd>{html.escape(value)}</dd>" for name, value in rows.items())
    st.html(f'<dl class="abn-figures">{body}</dl>')


# ---- its channels ----


def _show_channels(trace: Trace, card: Card, choice: Choice, stage: str) -> None:
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
        show_more = partial(setattr, state, "channels_shown", (stage, more))
        st.button(
            f"Show {more} of {len(values)}", on_click=show_more, icon=":material/expand_more:", key="more-channels"
        )


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


# ---- one cell ----


def show_cell(trace: Trace, card: Card, choice: Choice) -> None:
    """One cell of M picked on the picture, and what the mechanism makes of it, with all numbers."""
    from abn.explanations.trace import cell_products

    key = choice.chosen.picture.sha256, card.sha256, choice.fit
    h, w = trace.attention.shape
    row, column = trace.brightest_cell
    given = url.whole_numbers("cell")
    if state.cell and state.cell[0] == key:
        row, column = state.cell[1]
    elif not state.cell and len(given) == 2 and 1 <= given[0] <= h and 1 <= given[1] <= w:
        row, column = given[0] - 1, given[1] - 1
    state.cell = key, (row, column)
    brightest = (row, column) == trace.brightest_cell
    url.sync_query_param("cell", "" if brightest else f"{row + 1},{column + 1}", "")

    def pick(row: int, column: int) -> None:
        state.cell = key, (row, column)

    st.markdown("##### One cell")
    left, right = st.columns([1, 2], gap="medium")
    with left:
        maps.show_attention(
            traces.input_image(trace, card),
            trace.attention,
            choice.view,
            title=f"Attention map of {card.title} on what the model saw",
            key="cell-map",
            picked=(row, column),
            on_pick=pick,
        )
        st.caption(maps.describe_range(trace.attention))
    with right:
        st.markdown(
            f"**Row {row + 1} of {h}, column {column + 1} of {w}**"
            f"{', the brightest cell of M' if brightest else ''}. "
            "Press another cell in the map, or move to it with the arrow keys and press Enter."
        )
        channel = choose_by_number(
            "Channel of g",
            [f"channel {k + 1}" for k in range(len(trace.features))],
            "the strongest in the cell",
            trace.strongest_channel(row, column),
            key="channel",
            name="channel",
        )
        st.markdown(f"What becomes of **channel {channel + 1}** of g in this cell:")
        results = [product(*values) for values in cell_products(trace, row, column, channel)]
        st.html(f'<ul class="abn-sums">{"".join(_product_html(result, trace.mechanism) for result in results)}</ul>')
        own, count = next(result for result in results if result.mechanism == trace.mechanism), len(trace.features)
        if trace.mechanism == "none":
            st.caption(f"All {count} channels of this cell stay as they are, whatever M is.")
        else:
            st.caption(f"M is {own.attention} here, so all {count} channels of this cell are multiplied by {own.gain}.")


def _product_html(product: Product, trained: str) -> str:
    m, g = product.attention, f"({product.before})" if product.before.startswith("−") else product.before
    numbers = {"additive": f"= (1 + {m}) × {g}", "multiplicative": f"= {m} × {g}", "none": ""}[product.mechanism]
    own = product.mechanism == trained
    label = "this network's mechanism" if own else "not this network's: what it would be"
    return (
        f'<li class="{"abn-own" if own else ""}"><small>{product.mechanism} · {label}</small>'
        f"<span>g′ = {EQUATIONS[product.mechanism]}</span> <span>{numbers}</span> <span>= {product.after}</span></li>"
    )
