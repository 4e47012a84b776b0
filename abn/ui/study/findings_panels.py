"""Panels of the study: the matrix of questions whose rows open, methods, metrics, runs, and published figures."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from abn.errors import ABNError
from abn.study import figures, findings
from abn.study.findings import Dispute, Finding, Published, Study
from abn.ui.elements import choose, show_chart
from abn.ui.layout import escape_markdown, fragment
from abn.ui.state import state
from abn.ui.study import words
from abn.ui.study.questions import Question

Content = TypeVar("Content")

COLUMNS = (3, 8)  # widths of the questions and of the data sets


def read(reader: Callable[[], Content]) -> Content | None:
    """The content of a result file, or one sentence on the page and None."""
    try:
        return reader()
    except ABNError as error:
        st.info(escape_markdown(str(error)), icon=":material/hourglass_empty:")
        return None


def show_headline(questions: Sequence[Question]) -> None:
    """How many of all intervals exclude zero."""
    excluded, total = findings.count_intervals(_in_matrix(question) for question in questions)
    with st.container(key="headline"):
        if total:
            sentence = words.HEADLINE.format(excluded=excluded, total=total)
            st.markdown(sentence, help=words.HEADLINE_HELP.format(expected=max(1, round(total / 20))))
        else:
            st.markdown(words.HEADLINE_NONE)


def show_matrix(study: Study, questions: Sequence[Question]) -> None:
    """Questions × data sets, each effect with its interval and n; a question opens its figure."""
    seeds = {findings.title(dataset): len({run.seed for run in study.of(dataset)}) for dataset in study.datasets}
    rows = [row for question in questions for panel in _in_matrix(question).effects.values() for row in panel]
    corrected = words.LEGEND_CORRECTED if any(map(findings.decided, rows)) else ""
    st.caption(" ".join(filter(None, (words.LEGEND, corrected))))
    with st.container(key="matrix"):
        _, right = st.columns(COLUMNS)
        right.html(figures.forest_header(seeds))
        for question in questions:
            _show_row(question, seeds)
    st.caption(words.LIMITS)


def _in_matrix(question: Question) -> Finding:
    return next(iter(question.findings.values()))


@fragment  # so that opening a row draws this row alone
def _show_row(question: Question, seeds: Mapping[str, int]) -> None:
    is_open = question.anchor in state.study_open
    left, right = st.columns(COLUMNS, vertical_alignment="center")
    left.button(
        question.title,
        key=f"open-{question.anchor}",
        type="tertiary",
        icon=":material/expand_less:" if is_open else ":material/expand_more:",
        help=question.reading,
        on_click=_toggle,
        args=(question.anchor,),
    )
    right.html(figures.forest_row(_in_matrix(question), seeds))
    if is_open:
        with st.container(border=True):
            _show_details(question)


def _toggle(anchor: str) -> None:
    state.study_open = state.study_open ^ {anchor}


def _show_details(question: Question) -> None:
    """The figure with one sentence for each data set, how to read it, and all numbers."""
    chosen, *others = names = list(question.findings)
    if others:
        chosen = choose(words.METRIC_LABEL, names, question.anchor, bind="query-params")
    finding = question.findings[chosen]
    show_figure(finding, key=f"{question.anchor}-{chosen}")
    st.caption(question.reading)
    st.dataframe(findings.number_table(finding), hide_index=True, alt=words.TABLE_ALT)


def show_figure(finding: Finding, *, key: str, count_seeds: bool = True, narrow: bool = False) -> list[DeltaGenerator]:
    """The finding's panels side by side with their sentences; one below the other where it is narrow. `count_seeds`:
    say how many seeds each has. `narrow`: the columns are. Returns the panels' columns."""
    places = st.columns(max(1, len(finding.rows)), gap="medium")
    for place, panel in zip(places, finding.rows, strict=False):
        with place:
            seeds = findings.seeds(finding.rows[panel])
            title = words.FIGURE_TITLE.format(dataset=panel, seeds=seeds) if count_seeds else panel
            st.markdown(f"###### {escape_markdown(title)}")
            if panel in finding.sentences and count_seeds:
                st.markdown(escape_markdown(finding.sentences[panel]))
            show_chart(figures.dots(finding, panel, narrow=narrow), figures.alt(finding, panel), f"{key}-{panel}")
    return places


def show_methods(study: Study) -> None:
    """What was trained and compared, how, and with what accuracy."""
    with st.expander(words.METHODS, icon=":material/science:"):
        st.markdown(f"{words.DESIGN} {escape_markdown(findings.count_runs(study))}")
        arms = (words.ARM.format(title=findings.arm_title(arm), meaning=words.ARMS[arm]) for arm in words.ARMS)
        st.markdown("\n".join(arms))
        for dataset in study.datasets:
            meaning = words.DATASETS.get(dataset, "")
            sizes = escape_markdown(findings.sizes(study, dataset))
            parameters = escape_markdown(findings.parameters(study, dataset))
            title = escape_markdown(findings.title(dataset))
            st.markdown(words.DATASET.format(title=title, meaning=meaning, sizes=sizes, parameters=parameters))
        st.markdown(escape_markdown(" ".join(findings.exact_test(study))))
        st.markdown(f"###### {words.ACCURACY}")
        st.dataframe(findings.number_table(findings.accuracies(study)), hide_index=True, alt=words.ACCURACY)


def show_metrics() -> None:
    """What each metric means, with its limits."""
    with st.expander(words.METRICS_TITLE, icon=":material/menu_book:"):
        st.markdown("\n".join(f"- **{name}**: {meaning}" for name, meaning in words.METRICS.items()))


def show_runs(study: Study) -> None:
    """Every run as a table, to read and to download."""
    with st.expander(words.RUNS.format(count=len(study.runs)), icon=":material/table:"):
        st.dataframe(findings.table(study), hide_index=True, alt=words.RUNS_ALT)
        st.download_button(
            words.DOWNLOAD, findings.as_csv(study), "abn-study.csv", "text/csv", on_click="ignore", key="csv"
        )
        st.caption(words.RUNS_NOTE)


# ---- what was published ----


def show_published(published: Published) -> None:
    """The authors' figures, what others measured, and what is missing."""
    st.markdown(escape_markdown(findings.published_sentence(published)))
    for place, dataset in zip(
        st.columns(max(1, len(published.by_dataset)), gap="medium"), published.by_dataset, strict=False
    ):
        with place:
            st.markdown(f"###### {escape_markdown(dataset)}")
            alt = figures.published_alt(published, dataset)
            show_chart(figures.published_dots(published, dataset), alt, f"published-{dataset}")
    lines = [*(_dispute(dispute, published) for dispute in published.disputes), escape_markdown(published.quote)]
    st.markdown("\n".join(f"- {line}" for line in lines))
    st.caption(words.PUBLISHED_NOTE)


def _dispute(dispute: Dispute, published: Published) -> str:
    source = published.sources[dispute.source]
    template = words.DISPUTE_PLAIN if dispute.abn is None else words.DISPUTE
    return template.format(
        backbone=escape_markdown(dispute.backbone),
        dataset=escape_markdown(dispute.dataset),
        abn=dispute.abn,
        plain=dispute.plain,
        source=escape_markdown(source["name"]),
        url=source["url"],
        remark=escape_markdown(dispute.remark),
    )
