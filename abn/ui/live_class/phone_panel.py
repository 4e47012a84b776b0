"""The view of a student: one question for one hand, and the own score after the reveal."""

import numpy as np
import streamlit as st

from abn.teaching.live_class import room as rules
from abn.teaching.live_class.question import NO_OPTION, Question
from abn.teaching.live_class.room import MAX_NICKNAME, Room
from abn.teaching.live_class.views import View, view_room
from abn.ui.components import map_view
from abn.ui.layout import escape_markdown
from abn.ui.live_class import question_panel, rooms, words
from abn.ui.state import state


def show_phone(room: Room) -> None:
    """The room for a student, who may still have to join."""
    with st.container(key="room-phone"):
        rooms.keep_student(room.code)
        if state.room_student not in room.students:
            _show_join(room.code)
            return
        view = view_room(room, state.room_student)
        if view.phase == rules.LOBBY:
            st.subheader(words.ROOM.format(code=view.code), anchor=False)
            st.info(words.LOBBY, icon=":material/hourglass_top:")
        elif view.phase == rules.OVER:
            st.subheader(words.OVER, anchor=False)
        elif view.question:
            _show_question(view, view.question)
        if view.scored:
            st.markdown(words.TOTAL.format(total=view.total, scored=view.scored))


def _show_join(code: str) -> None:
    st.subheader(words.ROOM.format(code=code), anchor=False)
    st.markdown(words.JOIN_TEXT)
    with st.form("room-join", border=False):
        nickname = st.text_input(
            words.NICKNAME, max_chars=MAX_NICKNAME, help=words.NICKNAME_HELP, autocomplete="off", key="room-nickname"
        )
        if st.form_submit_button(words.JOIN, type="primary", width="stretch", key="room-join-button"):
            rooms.join_room(code, nickname)
            st.rerun()


def _show_question(view: View, question: Question) -> None:
    st.caption(words.QUESTION_OF.format(number=view.number, count=view.count))
    if question.heading:
        st.subheader(question.heading, anchor=False)
    st.markdown(escape_markdown(question.text))
    if view.result:
        _show_outcome(view, question)
        if not question.picks_cell:
            question_panel.show_material(view, question)
        question_panel.show_result(view, question)
        st.markdown(escape_markdown(question.explanation))
    elif question.picks_cell:
        _show_cells(view, question)
    else:
        question_panel.show_material(view, question)
        _show_options(view, question)
    question_panel.show_credit(question)


def _show_cells(view: View, question: Question) -> None:
    """The plain image; a tap on it is the answer."""
    image, is_open = rooms.read_image(view.code, question.image), view.phase == rules.OPEN
    if image:
        map_view.show(
            image,
            np.zeros(question.cells),
            question_panel.STYLE,
            (0.0, 1.0),
            alt=question.alt,
            key=f"room-pick-{question.id}",
            picked=(view.answer[0], view.answer[1]) if view.answer else None,
            on_pick=(lambda row, column: rooms.answer(view.code, question.id, (row, column))) if is_open else None,
            hidden=True,
            rest=" ",
        )
    if view.answer:
        question_panel.show_cell_key()
    _show_state(view, words.TAP)


def _show_options(view: View, question: Question) -> None:
    """The options as large buttons; the chosen one is filled."""
    for k, (letter, option) in enumerate(zip(question_panel.LETTERS, question.options, strict=False)):
        chosen = view.answer == (k,)
        st.button(
            f"**{letter}** {escape_markdown(option)}",
            type="primary" if chosen else "secondary",
            icon=":material/check:" if chosen else None,
            width="stretch",
            disabled=view.phase != rules.OPEN,
            on_click=rooms.answer,
            args=(view.code, question.id, (k,)),
            key=f"room-option-{question.id}-{k}",
        )
    _show_state(view, words.CHOOSE)


def _show_state(view: View, what_to_do: str) -> None:
    """Whether the answer is counted, or the question is locked."""
    if view.phase == rules.LOCKED:
        st.info(words.LOCKED, icon=":material/lock:")
    elif view.answer:
        st.success(words.COUNTED, icon=":material/check:")
    else:
        st.info(what_to_do, icon=":material/touch_app:")


def _show_outcome(view: View, question: Question) -> None:
    """The own score, and the correct option."""
    if view.answer is None:
        st.info(words.NO_PREDICTION, icon=":material/remove:")
    elif view.score is None:
        st.info(words.NOT_SCORED, icon=":material/how_to_vote:")
    elif question.picks_cell:
        st.info(f"**{words.POINTS.format(points=view.score)}**", icon=":material/my_location:")
    elif view.score:
        right = escape_markdown(question.options[question.right])
        st.success(words.RIGHT.format(right=right), icon=":material/check:")
    elif question.right != NO_OPTION:
        right, given = (escape_markdown(question.options[k]) for k in (question.right, view.answer[0]))
        st.warning(words.WRONG.format(given=given, right=right), icon=":material/close:")
