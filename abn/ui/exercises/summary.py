"""The end of a set: the score of each kind, the page to review, all answers as a file, and the set's link."""

from collections.abc import Sequence

import streamlit as st

from abn.teaching import exercises
from abn.teaching.exercises import Attempt, Question, QuestionMaterial
from abn.ui.elements import show_shaded_table
from abn.ui.exercises import words
from abn.ui.exercises.session_attempts import open_set, restart
from abn.ui.layout import PAGES

PAGE_OF_KIND = {
    "where": "app.py",
    "head": "pages/Inside.py",
    "mechanism": "pages/Inside.py",
    "flip": "pages/Intervene.py",
}


def show_summary(seed: int, material: QuestionMaterial, questions: Sequence[Question], attempt: Attempt) -> None:
    """The score of each kind with the page to review, all answers, their file, and buttons to other sets."""
    answers = [attempt.answers[question.number] for question in questions if question.number in attempt.answers]
    st.subheader(words.TOTAL.format(score=attempt.score, count=len(answers)), anchor=False)
    st.markdown(words.CHANCE.format(points=sum(exercises.chance(answer.question) for answer in answers)))
    totals = exercises.totals(answers)
    for column, (kind, total) in zip(st.columns(len(totals), gap="medium"), totals.items(), strict=True):
        page = PAGE_OF_KIND[kind]
        with column, st.container(border=True, height="stretch"):
            st.markdown(exercises.KINDS[kind])
            st.subheader(words.KIND_TOTAL.format(score=total.score, count=total.count), anchor=False)
            st.caption(words.REVIEW[kind])
            st.page_link(page, label=words.REVIEW_LINK.format(page=PAGES[page][0]), icon=PAGES[page][1])
    with st.container(horizontal=True):
        st.button(
            words.ANOTHER_SET,
            on_click=open_set,
            args=(exercises.SETS[seed % len(exercises.SETS)],),
            icon=":material/shuffle:",
            key="exercise-other",
            type="primary",
        )
        st.button(words.AGAIN, on_click=restart, args=(seed,), icon=":material/replay:", key="exercise-again")
        st.download_button(
            words.CSV,
            exercises.as_csv(seed, answers),
            f"abn-exercises-set-{seed}.csv",
            "text/csv",
            on_click="ignore",
            icon=":material/download:",
            key="exercise-csv",
            width="content",
        )
    rows = [
        (
            str(answer.question.number),
            [
                exercises.KINDS[answer.question.kind],
                material.items[answer.question.image].title,
                answer.in_words,
                answer.question.right,
                f"{answer.score:.2f}",
            ],
        )
        for answer in answers
    ]
    with st.container(key="exercise-rows"):
        show_shaded_table(words.COLUMNS, rows)
    st.caption(words.LIMITS)
    st.markdown(words.LINK)
    st.code(f"{(st.context.url or '').split('?')[0]}?set={seed}", language=None)
