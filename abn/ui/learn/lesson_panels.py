"""The frame of the lesson: the row of steps, a step's text and task, and what to notice once it is done."""

import streamlit as st

from abn.teaching.lessons import STEPS, Step
from abn.ui import url
from abn.ui.layout import PAGES
from abn.ui.state import state


def choose_step() -> Step:
    """The row of steps; the address holds the one that is shown."""
    given = url.whole_numbers("step")
    legal = range(1, len(STEPS) + 1)
    chosen = state.lesson_step
    if chosen is None or chosen not in legal:
        chosen = state.lesson_step = given[0] if len(given) == 1 and given[0] in legal else 1
    url.sync_query_param("step", chosen, 1)
    done = state.lessons_done
    with st.container(horizontal=True, gap="small", key="steps"):
        for number, step in enumerate(STEPS, 1):
            st.button(
                str(number),
                key=f"step-{number}",
                type="primary" if number == chosen else "secondary",
                icon=":material/check:" if step.key in done else None,
                help=step.title + (", done" if step.key in done else ""),
                on_click=_go_to,
                args=(number,),
            )
    st.caption(f"{len(done)} of {len(STEPS)} tasks done in this session.")
    return STEPS[chosen - 1]


def show_text(step: Step) -> None:
    """The step's text and its task."""
    st.subheader(step.title)
    st.markdown(step.text)
    st.info(f"**Your task:** {step.task}", icon=":material/target:")


def show_outcome(step: Step, done: bool) -> None:
    """The notice once the task is done, and the way on. A task that was done stays done."""
    number = STEPS.index(step) + 1
    if done and step.key not in state.lessons_done:
        state.lessons_done.add(step.key)
        st.rerun()  # the row above is to show it
    if step.key in state.lessons_done:
        st.success(f"**Done.** {step.notice}", icon=":material/check_circle:")
    with st.container(horizontal=True):
        st.button(
            "Back", icon=":material/arrow_back:", disabled=number == 1, on_click=_go_to, args=(number - 1,), key="back"
        )
        last = number == len(STEPS)
        st.button(
            "Next",
            icon=":material/arrow_forward:",
            disabled=last,
            type="primary" if step.key in state.lessons_done else "secondary",
            on_click=_go_to,
            args=(number + 1,),
            key="next",
        )
        label, icon = PAGES[step.page]
        st.page_link(step.page, label=f"More of this: {label}", icon=icon)
        if last:
            label, icon = PAGES["pages/Exercises.py"]
            st.page_link("pages/Exercises.py", label=f"Now predict: {label}", icon=icon)


def _go_to(number: int) -> None:
    state.lesson_step = number
