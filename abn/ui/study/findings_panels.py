"""What a person sees of the study: a question's answer with its figures, what was compared, and what networks cost."""

import html
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import NamedTuple, TypeVar

import streamlit as st

from abn.errors import ABNError
from abn.study import figures, findings
from abn.study.findings import Cost, Costs, Dispute, Finding, Published, Study
from abn.ui.layout import SCROLLED, escape_markdown
from abn.ui.runtime import loading, models
from abn.ui.runtime.engine import get_engine
from abn.ui.state import state

Found = TypeVar("Found")


class Question(NamedTuple):
    """A section of the page."""

    anchor: str  # what the address names it by
    title: str
    found: dict[str, Finding]  # name → finding: the first is the answer, the others can be chosen
    reading: str  # how to read the figure


BARE = {"displayModeBar": False}
TONES = {  # tone of a verdict → color and icon of its badge, which always has words as well
    "seen": ("green", "check"),
    "open": ("orange", "horizontal_rule"),
    "missing": ("gray", "hourglass_empty"),
}
DATASETS = {
    "scenes": "EfficientNet-Lite0 with ImageNet weights, its branches trained further on objects pasted on "
    "photographs. “Right” is the answer that the untouched backbone gives to the clean object, so it is agreement and "
    "not truth. The feature extractor stays fixed: a seed changes the samples, their order and noise on the map head.",
    "cluttered-fashion": "ResNet-20 from scratch, for a short time, on Fashion-MNIST items lying among pieces of other "
    "items. “Right” is the item's label. A seed changes the first weights, the pictures and their order.",
}
ARMS = {
    "baseline": "the plain CNN: feature extractor and perception branch, and no attention branch",
    "matched": "the plain CNN made larger until it has about as many parameters as the Attention Branch Network: "
    "wider layers (cluttered Fashion-MNIST), or two perception branches averaged (scenes)",
    "none": "attention branch and both losses as in the paper, but the map is never applied, so that nothing trains "
    "the map head",
    "additive": "the paper's Eq. 2: the perception branch sees (1 + M) · g",
    "multiplicative": "the paper's Eq. 1: the perception branch sees M · g",
}
METRICS = {
    "right answers": "The share of pictures whose likeliest class is the right one. It says nothing of why.",
    "calibration error": "How far stated probabilities lie from the share of right answers among them, on average over "
    "15 bins; 0 is best. It hides errors that cancel within a bin, and says nothing of which answers are right.",
    "brightest cell on the object (pointing game)": "The share of pictures whose brightest cell lies on the object. It "
    "sees one cell only; two equally bright count as a miss, or a constant map would always hit.",
    "ROC-AUC": "How often a pixel of the object is brighter than one beside it: 0.5 is chance, 1 is perfect. Finding "
    "the object isn't the same as using it.",
    "energy ÷ area": "The object's share of the map's sum over its share of the picture; a constant map gets 1. A "
    "sigmoid map never reaches zero, so that it can't get far above 1; CAM, whose evidence against the class counts as "
    "zero here, can.",
    "polarity": "2 · ROC-AUC − 1: 1 is bright on the object, −1 is dark on the object, 0 is neither.",
    "deletion and insertion": "The area under the probability of the network's answer while cells are painted in the "
    "mean color, or uncovered on a blurred copy. Both show the network pictures it never met, and another paint gives "
    "other areas: only the order of brightest, random and darkest says something.",
    "CAM": "Class activation mapping: the plain CNN's evidence for its first class, cell by cell. It belongs to a "
    "class; M belongs to none.",
}


def read(reader: Callable[[], Found]) -> Found | None:
    """What a result file holds, or one sentence on the page and None."""
    try:
        return reader()
    except ABNError as error:
        st.info(escape_markdown(str(error)), icon=":material/hourglass_empty:")
        return None


def introduction(study: Study, questions: Sequence[Question]) -> None:
    """What was asked and the answers in a word, what was compared, and how to read the figures."""
    st.markdown(
        "The paper reports one number for each network. Trained again from another **seed**, a network gives another "
        "number, so that one alone can't tell an effect from chance. Here every arm was trained from several seeds, "
        "and arms are compared **seed by seed**: a seed gives each the same pictures in the same order."
    )
    lines = [f"[{q.title}](#{q.anchor}) {_badges(next(iter(q.found.values())))}" for q in questions]
    lines += ["[What does it cost?](#cost)", "[What did the authors report?](#published)"]
    st.markdown("\n".join(f"1. {line}" for line in lines))
    st.subheader("What was compared?", anchor="compared")
    overview = findings.accuracies(study)
    _sentences(overview.sentences)
    st.markdown("\n".join(f"- **{arm}**: {meaning}." for arm, meaning in ARMS.items()))
    for place, dataset in zip(st.columns(len(study.datasets), gap="medium"), study.datasets, strict=True):
        with place:
            st.caption(f"**{escape_markdown(findings.title(dataset))}.** {DATASETS.get(dataset, '')}")
            st.caption(escape_markdown(f"{findings.sizes(study, dataset)} {findings.parameters(study, dataset)}"))
    _figure(overview, key="compared")
    st.caption(
        "Every figure here is drawn alike: a small circle is a seed, the large mark their mean, and the bar the 95 % "
        "interval of the mean (Student's t). Where the bar of a difference holds zero, its mark is hollow and we say "
        "“no difference seen”, which isn't the same as “no difference”. Seeds vary the training and not the pictures "
        "that are measured on: other pictures may give other values. An interval knows no limits and may reach beyond "
        "100 %."
    )
    st.caption(escape_markdown(" ".join(findings.exact_test(study))))
    _in_numbers(overview)
    with st.expander("What each metric can and can't say", icon=":material/menu_book:"):
        st.markdown("\n".join(f"- **{name}**: {meaning}" for name, meaning in METRICS.items()))


def by_head(study: Study) -> dict[str, Finding]:
    """Additive less multiplicative, for each head."""
    keys = {"perception head": "accuracy", "auxiliary head": "accuracy_auxiliary"}
    return {
        name: findings.compared(study, "multiplicative", key, ("additive",), ahead=True) for name, key in keys.items()
    }


def by_order(study: Study) -> dict[str, Finding]:
    """Bright cells first, by deletion and by insertion."""
    return {name: findings.bright_first(study, name) for name in ("deletion", "insertion")}


def by_metric(study: Study) -> dict[str, Finding]:
    """Where the map lies, by each metric."""
    names = {"pointing": "pointing", "ROC-AUC": "roc_auc", "energy ÷ area": "energy_over_area"}
    return {name: findings.finds_object(study, key) for name, key in names.items()}


@st.fragment  # so that a choice draws this section anew and not the whole page
def show(question: Question) -> None:
    """A question's answer, its figure, how to read it, and the same in numbers."""
    st.subheader(question.title, anchor=question.anchor)
    names = list(question.found)
    chosen = names[0]
    if len(names) > 1:
        chosen = st.segmented_control(
            f"{question.title} By", names, default=names[0], required=True, key=question.anchor, bind="query-params",
            label_visibility="collapsed",
        )  # fmt: skip
    finding = question.found[chosen]
    if finding.verdicts:
        st.markdown(_badges(finding))
    _sentences(finding.sentences)
    _figure(finding, key=f"{question.anchor}-{chosen}")
    st.caption(question.reading)
    _in_numbers(finding)


def _figure(finding: Finding, *, key: str) -> None:
    """The finding's panels side by side, all on one scale; one below the other where it is narrow."""
    for place, panel in zip(st.columns(max(1, len(finding.rows)), gap="medium"), finding.rows, strict=False):
        with place:
            st.markdown(f"###### {escape_markdown(panel)} · {findings.seeds(finding.rows[panel])}")
            drawn, words = figures.dots(finding, panel), figures.alt(finding, panel)
            st.plotly_chart(drawn, key=f"{key}-{panel}", config=BARE, alt=words)


def _in_numbers(finding: Finding) -> None:
    """Means, intervals and p in sentences, behind an expander."""
    if finding.numbers:
        with st.expander("In numbers", icon=":material/123:"):
            st.markdown("\n".join(f"- {escape_markdown(sentence)}" for sentence in finding.numbers))


def _sentences(sentences: Iterable[str]) -> None:
    """What was found, in bold."""
    st.markdown("  \n".join(f"**{escape_markdown(sentence)}**" for sentence in sentences))


def _badges(finding: Finding) -> str:
    badges = []
    for verdict in finding.verdicts:
        color, icon = TONES[verdict.tone]
        badges.append(f":{color}-badge[:material/{icon}: {escape_markdown(f'{verdict.where}: {verdict.words}')}]")
    return " ".join(badges)


def runs(study: Study) -> None:
    """Every run as a table, to read and to keep."""
    with st.expander(f"All {len(study.runs)} runs", icon=":material/table:"):
        st.dataframe(findings.table(study), hide_index=True, alt="Every run with its settings and all metrics.")
        st.download_button(
            "Download as CSV", findings.as_csv(study), "abn-study.csv", "text/csv", on_click="ignore", key="csv"
        )
        st.caption(
            "Shares and areas are from 0 to 1 here. `python -m abn study run` trains and measures everything again, "
            "`python -m abn study report` sums it up, and each row's command makes that run alone."
        )


# ---- cost ----


@st.fragment
def cost(costs: Costs) -> None:
    """What was measured of one network at a time."""
    names = {one.family: one for one in costs.networks}
    _sentences([findings.cost_sentence(costs.networks)])
    chosen = st.segmented_control("Network", list(names), default=next(iter(names)), required=True, key="cost_family")
    _one_cost(names[chosen], key="cost")
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
        at_once = st.segmented_control(
            "Images at once", ["1", "1 and 32"], default="1", required=True, key="cost_batches"
        )
        pressed = st.button("Measure on this machine", icon=":material/timer:", disabled=not get_engine().ready)
    card, batches = cards[chosen], (1, 32) if at_once == "1 and 32" else (1,)
    if not get_engine().ready:
        loading.show_status()
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
            found = findings.cost_of(card.title, card.input.size, [asdict(part) for part in parts])
            state.cost_here = question, found
        except ABNError as error:
            st.error(escape_markdown(str(error)), icon=":material/error:")
        bar.empty()
    asked, found = state.cost_here or (None, None)
    if asked == question:
        _one_cost(found, key="cost-here")


def _how_long(costs: Costs | None, family: str, batches: Sequence[int]) -> str:
    seconds = costs.seconds_to_measure(family, batches) if costs else None
    if seconds is None:
        return "Takes some seconds; the bar will say how many are left."
    return (
        f"Takes about {max(1, round(seconds))} s, going by the study's machine, and longer while others use this one."
    )


def _one_cost(cost: Cost, *, key: str) -> None:
    drawn, beside = st.columns([1, 1], gap="medium")
    with drawn:
        st.plotly_chart(figures.cost_bars(cost), key=key, config=BARE, alt=figures.cost_alt(cost))
    with beside:
        images = [f"{batch} image{'s' if batch > 1 else ''}" for batch in cost.batches]
        head = ["part", "parameters", "FLOPs", *(f"time, {i}" for i in images), *(f"peak memory, {i}" for i in images)]
        rows = [
            [findings.PARTS[name], f"{part.parameters:,}", _flops(part.flops)]
            + [_time(part.seconds[batch]) for batch in cost.batches]
            + [f"{part.peak_bytes[batch] / 1e6:.3g} MB" for batch in cost.batches]
            for name, part in cost.parts.items()
        ]
        _table(head, rows)
        st.caption(f"One image has {cost.input_size} × {cost.input_size} pixels; FLOPs are for one image.")


def _time(seconds: float) -> str:
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"


def _flops(count: int) -> str:
    return f"{count / 1e9:.3g} G" if count >= 1e9 else f"{count / 1e6:.3g} M"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    top = "".join(f"<th scope='col' style='overflow-wrap: normal'>{html.escape(name)}</th>" for name in columns)
    body = "".join(
        f"<tr><th scope='row'>{html.escape(first)}</th>{''.join(f'<td>{html.escape(cell)}</td>' for cell in rest)}</tr>"
        for first, *rest in rows
    )
    style = "table-layout: auto; white-space: nowrap"
    head = f'<tr style="white-space: normal">{top}</tr>'
    st.html(f'{SCROLLED}<table class="abn-card" style="{style}">{head}{body}</table></div>')


# ---- what was published ----


def published(found: Published) -> None:
    """The authors' figures, what others measured, and what is missing."""
    _sentences([findings.published_sentence(found)])
    for place, dataset in zip(st.columns(max(1, len(found.rows)), gap="medium"), found.rows, strict=False):
        with place:
            st.markdown(f"###### {escape_markdown(dataset)}")
            st.plotly_chart(
                figures.published_dots(found, dataset),
                key=f"published-{dataset}",
                config=BARE,
                alt=figures.published_alt(found, dataset),
            )
    st.markdown("\n".join(f"- {line}" for line in [*map(_dispute, found.disputes), escape_markdown(found.quote)]))
    st.caption("Open marks are what others measured. No seeds were given, so there are no intervals.")


def _dispute(one: Dispute) -> str:
    values = f"{one.plain:.2f} without" if one.abn is None else f"{one.abn:.2f} with and {one.plain:.2f} without"
    return (
        f"{escape_markdown(f'{one.backbone}, {one.dataset}: {values} attention branch')}, in [{escape_markdown(one.source)}]({one.url}): "
        f"{escape_markdown(one.said)}."
    )
