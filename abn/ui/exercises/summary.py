"""The end of a set: the score of each kind, what to look at again, all answers as a file, and the set's link."""

from collections.abc import Sequence

import streamlit as st

from abn.teaching import exercises
from abn.teaching.exercises import Bank, Question
from abn.ui.exercises import exercise_panels as panels
from abn.ui.exercises.sitting import Sitting, begin_again, open_set
from abn.ui.layout import PAGES

AGAIN = {  # by kind: the page to look at again, and what for
    "where": ("app.py", "See where several networks look on one photograph."),
    "head": ("pages/Inside.py", "Follow both heads from the picture to their answers."),
    "mechanism": ("app.py", "Compare the maps of networks trained with each mechanism."),
    "flip": ("pages/Intervene.py", "Edit a map yourself, and see what the answer does."),
}


def finish(seed: int, bank: Bank, asked: Sequence[Question], sat: Sitting) -> None:
    """The score of each kind and what to look at again, all answers, the file, and the way to another set."""
    answers = [sat.answers[question.number] for question in asked if question.number in sat.answers]
    st.subheader(f"{sat.score:.1f} of {len(answers)} points", anchor=False)
    totals = exercises.totals(answers)
    for place, (kind, total) in zip(st.columns(len(totals), gap="medium"), totals.items(), strict=True):
        page, why = AGAIN[kind]
        with place, st.container(border=True, height="stretch"):
            st.metric(exercises.KINDS[kind], f"{total.score:.2f} of {total.count}")
            st.caption(why)
            st.page_link(page, label=f"Look again: {PAGES[page][0]}", icon=PAGES[page][1])
    st.caption(
        "Cells picked at random get half of the points of “Where will it look?” on average; guesses get half where "
        "there are two options and a third where there are three, until a first reveal has told what tells the three "
        f"mechanisms apart. {panels.LIMITS}"
    )
    st.dataframe(
        [
            {
                "": one.question.number,
                "question": exercises.KINDS[one.question.kind],
                "picture": bank.items[one.question.picture].title,
                "answer": one.in_words,
                "right answer": one.question.right,
                "points": round(one.score, 2),
            }
            for one in answers
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
        after = exercises.SETS[seed % len(exercises.SETS)]
        st.button(
            "Another set",
            on_click=open_set,
            args=(after,),
            icon=":material/shuffle:",
            key="exercise-other",
            type="primary",
        )
        st.button(
            "Answer this set again", on_click=begin_again, args=(seed,), icon=":material/replay:", key="exercise-again"
        )
    st.markdown("The same questions for a whole class, by this link:")
    st.code(f"{(st.context.url or '').split('?')[0]}?set={seed}", language=None)
