"""The end of a set: the score of each kind, the page to look at again, all answers as a file, and the set's link."""

from collections.abc import Sequence

import streamlit as st

from abn.teaching import exercises
from abn.teaching.exercises import Attempt, Question, QuestionMaterial
from abn.ui.exercises.exercise_panels import LIMITS
from abn.ui.exercises.session_attempts import open_set, restart
from abn.ui.layout import PAGES

PAGE_OF_KIND = {  # the page to look at again, and why
    "where": ("app.py", "See where several networks look on one photograph."),
    "head": ("pages/Inside.py", "Follow both heads from the picture to their answers."),
    "mechanism": ("app.py", "Compare the maps of networks trained with each mechanism."),
    "flip": ("pages/Intervene.py", "Edit a map yourself, and see what the answer does."),
}


def show_summary(seed: int, material: QuestionMaterial, questions: Sequence[Question], attempt: Attempt) -> None:
    """The score of each kind with the page to look at again, all answers, their file, and buttons to other sets."""
    answers = [attempt.answers[question.number] for question in questions if question.number in attempt.answers]
    st.subheader(f"{attempt.score:.1f} of {len(answers)} points", anchor=False)
    totals = exercises.totals(answers)
    for column, (kind, total) in zip(st.columns(len(totals), gap="medium"), totals.items(), strict=True):
        page, why = PAGE_OF_KIND[kind]
        with column, st.container(border=True, height="stretch"):
            st.metric(exercises.KINDS[kind], f"{total.score:.2f} of {total.count}")
            st.caption(why)
            st.page_link(page, label=f"Look again: {PAGES[page][0]}", icon=PAGES[page][1])
    st.caption(
        "Cells picked at random get half of the points of “Where will it look?” on average; guesses get half where "
        "there are two options and a third where there are three, until a first reveal has told what tells the three "
        f"mechanisms apart. {LIMITS}"
    )
    st.dataframe(
        [
            {
                "": answer.question.number,
                "question": exercises.KINDS[answer.question.kind],
                "picture": material.items[answer.question.picture].title,
                "answer": answer.in_words,
                "right answer": answer.question.right,
                "points": round(answer.score, 2),
            }
            for answer in answers
        ],
        hide_index=True,
        width="stretch",
        key="exercise-answers",
    )
    with st.container(horizontal=True):
        st.download_button(
            "Results as CSV, without names",
            exercises.as_csv(seed, answers),
            f"abn-exercises-set-{seed}.csv",
            "text/csv",
            on_click="ignore",
            icon=":material/download:",
            key="exercise-csv",
            width="content",
        )
        st.button(
            "Another set",
            on_click=open_set,
            args=(exercises.SETS[seed % len(exercises.SETS)],),
            icon=":material/shuffle:",
            key="exercise-other",
            type="primary",
        )
        st.button(
            "Answer this set again", on_click=restart, args=(seed,), icon=":material/replay:", key="exercise-again"
        )
    st.markdown("The same questions for a whole class, by this link:")
    st.code(f"{(st.context.url or '').split('?')[0]}?set={seed}", language=None)
