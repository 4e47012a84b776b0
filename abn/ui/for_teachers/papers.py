"""Papers for a lesson: the teacher's plan, the students' handout, and the answers, which need the key of a set."""

from collections.abc import Mapping, Sequence
from contextlib import suppress

import streamlit as st

from abn.errors import ABNError
from abn.study import findings
from abn.teaching import exercises, worksheet
from abn.teaching.class_questions import ClassQuestion, class_questions
from abn.teaching.set_keys import make_key, read_key, set_of_key
from abn.ui.elements import choose
from abn.ui.for_teachers import words
from abn.ui.layout import escape_markdown
from abn.ui.runtime import cached_inference
from abn.ui.state import state


def chosen_set() -> int:
    """The number of the teacher's set: that of the key, or else the first."""
    return set_of_key(state.set_key) if state.set_key else exercises.SETS[0]


def show_papers(link: worksheet.MakeLink) -> None:
    """Choose the length of the lesson and a set by its key; the papers to download."""
    left, right = st.columns(2, gap="large")
    with left:
        name = words.MINUTES.format
        minutes = choose(
            words.DURATION, worksheet.DURATIONS, "paper-minutes", format_func=lambda value: name(minutes=value)
        )
        _choose_key()
    seed = chosen_set()
    with right:
        with st.spinner(words.PREPARING):
            questions = read_questions()
        papers = {
            "plan": worksheet.plan(minutes, seed, questions, link),
            "handout": worksheet.handout(minutes, seed, questions, link),
        }
        try:
            papers["answers"] = worksheet.answers(state.set_key, questions) if state.set_key else ""
        except ABNError as error:
            st.warning(escape_markdown(str(error)), icon=":material/warning:")
        _show_downloads(papers, minutes, seed)


def _choose_key() -> None:
    """The field for the key of a set, and the button that makes a new one."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        typed = st.text_input(
            words.KEY,
            state.set_key,
            key=f"set-key-{state.set_key}",
            help=words.KEY_HELP,
            placeholder=words.KEY_PLACEHOLDER,
            autocomplete="off",
            max_chars=20,
        )
        st.button(words.NEW_SET, icon=":material/add:", on_click=_make_set, key="set-new")
    if typed != state.set_key:
        try:
            state.set_key = read_key(typed) if typed.strip() else ""
        except ABNError as error:
            st.warning(escape_markdown(str(error)), icon=":material/key_off:")
            return
        st.rerun()
    if state.set_key:
        st.markdown(words.YOUR_SET.format(seed=chosen_set(), key=state.set_key))
    else:
        st.markdown(words.ANY_SET.format(seed=chosen_set()))


def _make_set() -> None:
    state.set_key = make_key()


def read_questions() -> list[ClassQuestion]:
    """The questions for the class, with their answers by the shipped variants and the study."""
    accuracy: Sequence[str] = ()
    taught: Mapping[str, Sequence[str]] = {}
    with suppress(ABNError):  # the papers do without these questions
        accuracy = tuple(findings.compared(findings.read_study(), "none").sentences.values())
    with suppress(ABNError):
        taught = findings.taught_sentences()
    return class_questions(cached_inference.explain_image, accuracy, taught)


def _show_downloads(papers: Mapping[str, str], minutes: int, seed: int) -> None:
    for paper, (title, content, label) in words.PAPERS_OFFERED.items():
        text = papers.get(paper, "")
        with st.container(horizontal=True, vertical_alignment="center", border=True):
            st.markdown(f"**{title}**  \n{content}", width="stretch")
            st.download_button(
                label,
                text,
                words.FILES[paper].format(minutes=minutes, seed=seed),
                "text/html",
                icon=":material/download:" if text else ":material/lock:",
                disabled=not text,
                on_click="ignore",
                key=f"paper-{paper}",
            )
    st.caption(words.PRINT)
