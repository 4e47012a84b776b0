"""The cost of networks: as the study measured it, and measured on this machine on request."""

import time
from collections.abc import Sequence

import streamlit as st

from abn.errors import ABNError
from abn.study import figures, findings
from abn.study.findings import Cost, Costs
from abn.ui.elements import choose, show_chart
from abn.ui.layout import escape_markdown, fragment
from abn.ui.runtime import models
from abn.ui.state import state
from abn.ui.study import words


@fragment
def show_costs(costs: Costs) -> None:
    """The study's measurements, one network at a time."""
    by_family = {cost.family: cost for cost in costs.families}
    st.markdown(escape_markdown(findings.cost_sentence(costs.families)))
    _show_cost(by_family[choose(words.NETWORK, list(by_family), "cost_family")], key="cost")
    st.caption(words.COST_NOTE.format(threads=words.threads(costs.threads), command=costs.command))


@fragment
def measure_here(costs: Costs | None) -> None:
    """Measure a network on this machine, on request."""
    cards = {card.id: card for card in models.list_cards()}
    if not cards:
        return
    st.markdown(f"###### {words.HERE}")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            words.VARIANT_TO_MEASURE,
            list(cards),
            format_func=lambda name: cards[name].title,
            key="cost_variant",
            width=340,
        )
        at_once = choose(words.BATCHES, [words.ONE, words.ONE_AND_MANY], "cost_batches")
        pressed = st.button(words.MEASURE, icon=":material/timer:", key="measure-cost")
    card, batches = cards[chosen], (1, 32) if at_once == words.ONE_AND_MANY else (1,)
    st.caption(_estimate(costs, card.family, batches))
    question = (card.id, card.sha256, batches)
    if pressed:
        bar = st.progress(0.0, words.WAITING)
        begun = time.monotonic()

        def progress(share: float) -> None:
            nonlocal begun
            if not share:
                begun = time.monotonic()
            seconds = (time.monotonic() - begun) * (1 / share - 1) if share else 0
            left = words.LEFT.format(seconds=seconds) if share else words.BEGINNING
            bar.progress(min(share, 1.0), words.MEASURING.format(title=escape_markdown(card.title), left=left))

        try:
            parts = models.measure_cost(card, batches, progress)
            measured = tuple(findings.Part(**vars(part)) for part in parts)
            state.cost_here = question, findings.Cost(card.title, card.input.size, measured)
        except ABNError as error:
            st.error(escape_markdown(str(error)), icon=":material/error:")
        bar.empty()
    if state.cost_here and state.cost_here[0] == question:
        _show_cost(state.cost_here[1], key="cost-here")


def _estimate(costs: Costs | None, family: str, batches: Sequence[int]) -> str:
    seconds = costs.seconds_to_measure(family, batches) if costs else None
    if seconds is None:
        return words.NO_ESTIMATE
    return words.ESTIMATE.format(seconds=max(1, round(seconds)))


def _show_cost(cost: Cost, *, key: str) -> None:
    drawn, beside = st.columns([1, 1], gap="medium")
    with drawn:
        show_chart(figures.cost_bars(cost), figures.cost_alt(cost), key)
    with beside:
        rows = []
        for part in cost.parts:
            row = {
                words.PART: findings.PARTS[part.part],
                words.PARAMETERS_COLUMN: f"{part.parameters:,}",
                words.FLOPS_COLUMN: _flops(part.flops),
            }
            for batch in cost.batches:
                images = words.images(batch)
                row[words.TIME_COLUMN.format(images=images)] = _time(part.seconds[batch])
                row[words.MEMORY_COLUMN.format(images=images)] = f"{part.peak_bytes[batch] / 1e6:.3g} MB"
            rows.append(row)
        st.dataframe(rows, hide_index=True, alt=words.COST_ALT)
        st.caption(words.COST_TABLE_NOTE.format(size=cost.input_size))


def _time(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"


def _flops(count: int) -> str:
    return f"{count / 1e9:.3g} G" if count >= 1e9 else f"{count / 1e6:.3g} M"
