"""The frame of the lesson: the row of steps, a step's text, its task at the bottom of the screen, and the close."""

import streamlit as st

from abn.teaching.lessons import CLOSE, STEPS, Step
from abn.ui import layout, url
from abn.ui.components.scroll_into_view import scroll_into_view_on_change
from abn.ui.layout import PAGES
from abn.ui.learn import words
from abn.ui.learn.lesson_basis import UPRIGHT, find_inverted
from abn.ui.progress import kept_progress
from abn.ui.state import state

TEACH_THE_MAP = "pages/Teach_the_map.py"
WIDTHS = {"parts": [1, 3]}  # of a step's text and of what it shows, where the diagram needs more than the usual


def choose_step() -> int:
    """The row of steps; the number of the one that is shown, or `CLOSE`. The address holds it."""
    given = url.whole_numbers("step")
    legal = range(1, CLOSE + 1)
    chosen = state.lesson_step
    if chosen is None or chosen not in legal or url.went_back():
        chosen = state.lesson_step = given[0] if len(given) == 1 and given[0] in legal else 1
    url.sync_query_param("step", chosen, 1)
    if chosen != CLOSE:
        layout.name_on_projector(words.PLACE.format(number=chosen, count=len(STEPS)))
    done = state.lessons_done
    with layout.title_row(), st.container(horizontal=True, vertical_alignment="center", key="steps"):
        for number, step in enumerate(STEPS, 1):
            st.button(
                str(number),
                key=f"step-{number}",
                type="primary" if number == chosen else "secondary",
                icon=":material/check:" if step.key in done else None,
                help=words.DONE_HELP.format(title=step.title) if step.key in done else step.title,
                on_click=_go_to,
                args=(number,),
            )
        st.button(
            words.CLOSE,
            key=f"step-{CLOSE}",
            type="primary" if chosen == CLOSE else "secondary",
            on_click=_go_to,
            args=(CLOSE,),
        )
        st.markdown(words.COUNT.format(done=len(done), count=len(STEPS)), width="content")
        kept_progress.show_menu()
    scroll_into_view_on_change(f".st-key-step-{chosen}", str(chosen), key="step", at_first=True)
    return chosen


def places(step: Step) -> list:
    """Where a step's text and what it shows stand, side by side."""
    return st.columns(WIDTHS.get(step.key, [2, 5]), gap="medium")


def show_text(step: Step) -> None:
    with st.container(key="lesson-text", gap="small"):
        st.subheader(step.title, anchor=False)
        st.markdown(step.text)
        label, icon = PAGES[step.page]
        st.page_link(step.page, label=words.MORE.format(page=label), icon=icon)
        if step.experiment and st.button(
            step.experiment,
            type="tertiary",
            icon=PAGES[TEACH_THE_MAP][1],
            help=step.experiment_help,
            key="lesson-experiment",
        ):
            inverted = find_inverted().id
            url.set_value("variant_ids", [inverted, UPRIGHT])
            state.one_variant = inverted
            st.switch_page(TEACH_THE_MAP)


def show_task(step: Step, done: bool) -> None:
    """The task, or what to notice once it is done, always at the bottom of the screen. What was done stays done."""
    number = STEPS.index(step) + 1
    if done and step.key not in state.lessons_done:
        state.lessons_done.add(step.key)
        st.rerun()  # the row above is to show it
    done = step.key in state.lessons_done
    line = words.DONE.format(notice=step.notice) if done else words.TASK.format(task=step.task)
    with st.bottom, st.container(key="lesson-bar", horizontal=True, vertical_alignment="center", gap="small"):
        with st.container(key="lesson-done" if done else "lesson-open", width="stretch"):
            st.markdown(line)
        with st.container(key="lesson-ways", horizontal=True, gap="xsmall", width="content"):
            _show_ways(number, done)


def _show_ways(number: int, done: bool) -> None:
    st.button(words.BACK, disabled=number == 1, on_click=_go_to, args=(number - 1,), key="back")
    st.button(words.NEXT, type="primary" if done else "secondary", on_click=_go_to, args=(number + 1,), key="next")


def show_close() -> None:
    """What each step showed, in a line each; the tasks that are open, and the way to the exercises."""
    open_steps = [(number, step) for number, step in enumerate(STEPS, 1) if step.key not in state.lessons_done]
    st.subheader(words.CLOSE_TITLE, anchor=False)
    if open_steps:
        number, step = open_steps[0]
        with st.container(horizontal=True, vertical_alignment="center"):
            st.markdown(words.OPEN_TASKS.format(count=len(open_steps), all=len(STEPS)), width="content")
            label = words.GO_TO.format(number=number, title=step.title)
            st.button(label, icon=":material/arrow_back:", on_click=_go_to, args=(number,), key="to-open")
    else:
        st.markdown(words.ALL_DONE.format(count=len(STEPS)))
    st.markdown("\n".join(f"1. **{step.lead}** {step.summary}" for step in STEPS))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(words.NOW, width="content")
        for page in ("pages/Exercises.py", "app.py"):
            label, icon = PAGES[page]
            st.page_link(page, label=label, icon=icon)


def _go_to(number: int) -> None:
    state.lesson_step = number
