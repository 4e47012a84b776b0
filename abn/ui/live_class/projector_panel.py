"""The view for the projector: large type, and one button for the next step where the address has the teacher's key."""

import html

import streamlit as st

from abn.teaching.live_class import room as rules
from abn.teaching.live_class.question import Question
from abn.teaching.live_class.room import Room
from abn.teaching.live_class.views import View, view_room
from abn.ui.components import remote_keys
from abn.ui.layout import escape_markdown
from abn.ui.live_class import following, invitation, question_panel, rooms, words

STEPS = {  # phase → the button and what it does
    rules.LOBBY: (words.BEGIN, rules.go_next),
    rules.OPEN: (words.REVEAL, rules.reveal),
    rules.LOCKED: (words.REVEAL, rules.reveal),
    rules.REVEALED: (words.NEXT, rules.go_next),
}


def show_projector(room: Room) -> None:
    """The room for everybody to see."""
    view = view_room(room)
    with st.container(key="room-projector"):
        with st.container(key="room-stage"):
            if view.phase == rules.LOBBY:
                invitation.show_large(room.code)
            elif view.phase == rules.OVER:
                st.html(f'<p class="room-heading">{words.OVER}</p>')
            elif view.question:
                _show_question(view, view.question)
        with st.container(horizontal=True, vertical_alignment="center", key="room-foot"):
            place = "" if view.phase == rules.LOBBY else html.escape(invitation.short_address())
            st.html(f'<p class="room-place">{place} <b>{room.code if place else ""}</b></p>')
            if view.phase == rules.LOCKED:
                st.markdown(words.LOCKED_BADGE, width="content")
            following.show_counter(room)
            if rooms.is_teacher(room) and view.phase in STEPS:
                _show_step(room)


def _show_step(room: Room) -> None:
    label, action = STEPS[room.phase]
    if room.phase == rules.REVEALED and room.place + 1 == len(room.questions):
        label = words.FINISH
    remote_keys.show_remote_keys()
    st.button(
        label,
        type="primary",
        shortcut="Right",  # which the button shows as an arrow
        disabled=not room.questions,
        on_click=rooms.change,
        args=(room.code, action, room.scene),
        key="view_after",  # that Page Down presses too
    )


def _show_question(view: View, question: Question) -> None:
    heading = question.heading or question.text
    st.html(f'<p class="room-heading"><span>{view.number}</span> {html.escape(heading)}</p>')
    if view.result and view.result.experiment:
        question_panel.show_experiment(view, question)
        return
    if view.result and question.picks_cell:
        question_panel.show_result(view, question)
        return
    count = 0 if question.picks_cell else len(question.maps)
    left = right = st.container()
    if question.image and count > 2:
        question_panel.show_material(view, question, brief=True)
        left, right = st.columns(2, gap="medium")
    elif question.image:
        side, right = st.columns([3, 2] if count == 2 else [1, 1], gap="medium")
        with side:
            question_panel.show_material(view, question, brief=True)
        left = right
    if question.heading:
        left.markdown(escape_markdown(question.text))
    with right:
        if view.result:
            question_panel.show_result(view, question)
        else:
            question_panel.show_options(question)
