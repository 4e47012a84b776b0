"""The cost of networks: as the study measured it, and measured on this machine on request."""

import time
from collections.abc import Sequence

import streamlit as st

from abn.errors import ABNError
from abn.study import figures, findings
from abn.study.findings import Cost, Costs
from abn.ui.elements import choose, show_chart
from abn.ui.layout import escape_markdown
from abn.ui.runtime import models
from abn.ui.state import state


@st.fragment
def show_costs(costs: Costs) -> None:
    """The study's measurements, one network at a time."""
    by_family = {cost.family: cost for cost in costs.families}
    st.markdown(f"**{escape_markdown(findings.cost_sentence(costs.families))}**")
    _show_cost(by_family[choose("Network", list(by_family), "cost_family")], key="cost")
    threads = f"{costs.threads} thread{'s' if costs.threads > 1 else ''}"
    st.caption(
        f"The dotted line is the plain CNN: what stands beyond it is what the attention branch adds. Parameters, FLOPs "
        f"and memory are counted; time was measured on {threads} by `{costs.command}`, and only ratios within one run "
        "carry over."
    )


@st.fragment
def measure_here(costs: Costs | None) -> None:
    """Measure a network on this machine, on request."""
    cards = {card.id: card for card in models.list_cards()}
    if not cards:
        return
    st.markdown("###### On this machine")
    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = st.selectbox(
            "Network to measure", list(cards), format_func=lambda name: cards[name].title, key="cost_variant", width=340
        )
        at_once = choose("Images at once", ["1", "1 and 32"], "cost_batches")
        pressed = st.button("Measure on this machine", icon=":material/timer:", key="measure-cost")
    card, batches = cards[chosen], (1, 32) if at_once == "1 and 32" else (1,)
    st.caption(_how_long(costs, card.family, batches))
    question = (card.id, card.sha256, batches)
    if pressed:
        bar = st.progress(0.0, "Waiting for a free processor …")
        begun = time.monotonic()

        def progress(share: float) -> None:
            nonlocal begun
            if not share:
                begun = time.monotonic()
            left = f"about {(time.monotonic() - begun) * (1 / share - 1):.0f} s left" if share else "beginning"
            bar.progress(min(share, 1.0), f"Measuring {escape_markdown(card.title)}: {left}")

        try:
            parts = models.measure_cost(card, batches, progress)
            measured = tuple(findings.Part(**vars(part)) for part in parts)
            state.cost_here = question, findings.Cost(card.title, card.input.size, measured)
        except ABNError as error:
            st.error(escape_markdown(str(error)), icon=":material/error:")
        bar.empty()
    if state.cost_here and state.cost_here[0] == question:
        _show_cost(state.cost_here[1], key="cost-here")


def _how_long(costs: Costs | None, family: str, batches: Sequence[int]) -> str:
    seconds = costs.seconds_to_measure(family, batches) if costs else None
    if seconds is None:
        return "Takes some seconds; the bar will say how many are left."
    return (
        f"Takes about {max(1, round(seconds))} s, going by the study's machine, and longer while others use this one."
    )


def _show_cost(cost: Cost, *, key: str) -> None:
    drawn, beside = st.columns([1, 1], gap="medium")
    with drawn:
        show_chart(figures.cost_bars(cost), figures.cost_alt(cost), key)
    with beside:
        images = {batch: f"{batch} image{'s' if batch > 1 else ''}" for batch in cost.batches}
        rows = [
            {"part": findings.PARTS[part.part], "parameters": f"{part.parameters:,}", "FLOPs": _flops(part.flops)}
            | {f"time, {text}": _time(part.seconds[batch]) for batch, text in images.items()}
            | {f"peak memory, {text}": f"{part.peak_bytes[batch] / 1e6:.3g} MB" for batch, text in images.items()}
            for part in cost.parts
        ]
        st.dataframe(rows, hide_index=True, alt="Parameters, FLOPs, time and peak memory of each part.")
        st.caption(f"One image has {cost.input_size} × {cost.input_size} pixels; FLOPs are for one image.")


def _time(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"


def _flops(count: int) -> str:
    return f"{count / 1e9:.3g} G" if count >= 1e9 else f"{count / 1e6:.3g} M"
