"""Panels of the study: a question's answer with its figures, the whole comparison, its runs, and published figures."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

import streamlit as st

from abn.errors import ABNError
from abn.study import figures, findings
from abn.study.findings import Dispute, Finding, Published, Study
from abn.ui.elements import choose, show_chart
from abn.ui.layout import escape_markdown
from abn.ui.study.glossary import ARMS, DATASETS, METRICS
from abn.ui.study.questions import Question

Content = TypeVar("Content")

TONES = {  # tone of a verdict → color and icon of its badge, which always has words as well
    "seen": ("green", "check"),
    "open": ("orange", "horizontal_rule"),
    "missing": ("gray", "hourglass_empty"),
}


def read(reader: Callable[[], Content]) -> Content | None:
    """The content of a result file, or one sentence on the page and None."""
    try:
        return reader()
    except ABNError as error:
        st.info(escape_markdown(str(error)), icon=":material/hourglass_empty:")
        return None


def show_introduction(study: Study, questions: Sequence[Question]) -> None:
    """The questions with their answers in a word, the arms and data sets, and help with reading the figures."""
    st.markdown(
        "The paper reports one number for each network. Trained again from another **seed**, a network gives another "
        "number, so that one alone can't tell an effect from chance. Here every arm was trained from several seeds, "
        "and arms are compared **seed by seed**: a seed gives each the same pictures in the same order."
    )
    lines = [f"[{q.title}](#{q.anchor}) {_badges(next(iter(q.findings.values())))}" for q in questions]
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
    show_figure(overview, key="compared")
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


@st.fragment  # so that a choice draws this section anew and not the whole page
def show_question(question: Question) -> None:
    """A question's answer, its figure, how to read it, and the same in numbers."""
    st.subheader(question.title, anchor=question.anchor)
    chosen, *others = names = list(question.findings)
    if others:
        label = f"{question.title} By"
        chosen = choose(label, names, question.anchor, bind="query-params", label_visibility="collapsed")
    finding = question.findings[chosen]
    if finding.verdicts:
        st.markdown(_badges(finding))
    _sentences(finding.sentences)
    show_figure(finding, key=f"{question.anchor}-{chosen}")
    st.caption(question.reading)
    _in_numbers(finding)


def show_figure(finding: Finding, *, key: str, count_seeds: bool = True) -> None:
    """The finding's panels side by side, all on one scale; one below the other where it is narrow. `count_seeds`: say
    how many seeds each has."""
    for place, panel in zip(st.columns(max(1, len(finding.rows)), gap="medium"), finding.rows, strict=False):
        with place:
            seeds = f" · {findings.seeds(finding.rows[panel])}" if count_seeds else ""
            st.markdown(f"###### {escape_markdown(panel)}{seeds}")
            show_chart(figures.dots(finding, panel), figures.alt(finding, panel), f"{key}-{panel}")


def _in_numbers(finding: Finding) -> None:
    """Means, intervals and p in sentences, behind an expander."""
    if finding.numbers:
        with st.expander("In numbers", icon=":material/123:"):
            st.markdown("\n".join(f"- {escape_markdown(sentence)}" for sentence in finding.numbers))


def _sentences(sentences: Iterable[str]) -> None:
    """Sentences in bold, one on each line."""
    st.markdown("  \n".join(f"**{escape_markdown(sentence)}**" for sentence in sentences))


def _badges(finding: Finding) -> str:
    badges = []
    for verdict in finding.verdicts:
        color, icon = TONES[verdict.tone]
        badges.append(f":{color}-badge[:material/{icon}: {escape_markdown(f'{verdict.where}: {verdict.words}')}]")
    return " ".join(badges)


def show_runs(study: Study) -> None:
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


# ---- what was published ----


def show_published(published: Published) -> None:
    """The authors' figures, what others measured, and what is missing."""
    _sentences([findings.published_sentence(published)])
    for place, dataset in zip(
        st.columns(max(1, len(published.by_dataset)), gap="medium"), published.by_dataset, strict=False
    ):
        with place:
            st.markdown(f"###### {escape_markdown(dataset)}")
            words = figures.published_alt(published, dataset)
            show_chart(figures.published_dots(published, dataset), words, f"published-{dataset}")
    lines = [*(_dispute(dispute, published) for dispute in published.disputes), escape_markdown(published.quote)]
    st.markdown("\n".join(f"- {line}" for line in lines))
    st.caption("Open marks are what others measured. No seeds were given, so there are no intervals.")


def _dispute(dispute: Dispute, published: Published) -> str:
    values = f"{dispute.plain:.2f} without"
    if dispute.abn is not None:
        values = f"{dispute.abn:.2f} with and {values}"
    compared = escape_markdown(f"{dispute.backbone}, {dispute.dataset}: {values} attention branch")
    source = published.sources[dispute.source]
    return f"{compared}, in [{escape_markdown(source['name'])}]({source['url']}): {escape_markdown(dispute.said)}."
