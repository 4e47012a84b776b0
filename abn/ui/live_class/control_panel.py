"""The teacher's controls: what is shown, the steps, who is invited, the questions, and the record."""

import streamlit as st

from abn.teaching.live_class import room as rules
from abn.teaching.live_class.experiment import run_experiment
from abn.teaching.live_class.question import Question
from abn.teaching.live_class.rehearsal import COUNT, add_simulated, remove_simulated
from abn.teaching.live_class.room import Room
from abn.teaching.live_class.room_image import FIT, open_room_image
from abn.teaching.live_class.views import View, view_room
from abn.ui.elements import IN_SESSION, choose
from abn.ui.for_teachers.links import make_link, warn_if_local
from abn.ui.layout import escape_markdown
from abn.ui.live_class import following, invitation, question_panel, rooms, words
from abn.ui.live_class.new_question_panel import show_questions
from abn.ui.live_class.record_panel import show_record
from abn.ui.runtime import cached_inference, models
from abn.variants.card import class_names


def show_controls(room: Room) -> None:
    """The room for its teacher."""
    view = view_room(room)
    left, right = st.columns([3, 2], gap="large")
    with left, st.container(key="room-main"):
        _show_steps(room)
        _show_stage(room, view)
    with right:
        default = words.INVITE if room.questions else words.QUESTIONS
        tab = choose(
            words.SECTION_LABEL,
            words.TABS,
            "room-tab",
            default=default,
            label_visibility="collapsed",
            **IN_SESSION,
        )
        if tab == words.INVITE:
            _show_invitation(room)
        elif tab == words.QUESTIONS:
            show_questions(room)
        else:
            show_record(room)


def _show_steps(room: Room) -> None:
    """The buttons for the next steps, and the live counter."""
    phase, last = room.phase, room.place + 1 == len(room.questions)
    steps = [("back", words.BACK, ":material/arrow_back:", rules.go_back, phase != rules.LOBBY, False)]
    if phase in (rules.OPEN, rules.LOCKED):
        locked = phase == rules.LOCKED
        label, action = (words.REOPEN, rules.reopen) if locked else (words.LOCK, rules.lock)
        steps.append(("lock", label, ":material/lock_open:" if locked else ":material/lock:", action, True, False))
        steps.append(("reveal", words.REVEAL, ":material/visibility:", rules.reveal, True, True))
    if phase != rules.OVER:
        label = words.BEGIN if phase == rules.LOBBY else words.FINISH if last else words.NEXT
        ready = phase in (rules.LOBBY, rules.REVEALED)
        steps.append(("next", label, ":material/arrow_forward:", rules.go_next, bool(room.questions), ready))
    with st.container(horizontal=True, vertical_alignment="center", key="room-steps"):
        for name, label, icon, action, allowed, primary in steps:
            st.button(
                label,
                icon=icon,
                type="primary" if primary else "secondary",
                disabled=not allowed,
                on_click=rooms.change,
                args=(room.code, action, room.scene),
                key=f"room-{name}",
            )
        following.show_counter(room)


def _show_stage(room: Room, view: View) -> None:
    """What the class sees now."""
    question = view.question
    if question is None:
        if room.phase == rules.OVER:
            st.info(words.FINISHED, icon=":material/flag:")
        else:
            st.info(words.READY if room.questions else words.NO_QUESTIONS, icon=":material/school:")
        return
    st.caption(words.QUESTION_OF.format(number=view.number, count=view.count))
    if question.heading:
        st.subheader(question.heading, anchor=False)
    st.markdown(escape_markdown(question.text))
    several = view.result and (question.picks_cell or view.result.experiment)  # images in the result
    left = right = st.container()
    if question.image and question.options and len(question.maps) < 2 and not several:
        with left, st.container(key="room-beside"):
            left, right = st.columns(2, gap="medium")
    if view.result is None or not question.picks_cell:
        with left:
            question_panel.show_image(view, question)
        with right:
            question_panel.show_lines(question)
    with right:
        _show_votes(room, view, question)
    question_panel.show_credit(question)


def _show_votes(room: Room, view: View, question: Question) -> None:
    """The options; after the reveal how the class voted, the button of the experiment, and the explanation."""
    if view.result is None:
        question_panel.show_options(question)
        return
    question_panel.show_result(view, question)
    if question.variant and view.result.experiment is None:
        st.button(
            words.RUN_EXPERIMENT,
            icon=":material/science:",
            help=words.EXPERIMENT_HELP,
            on_click=_run_experiment,
            args=(room.code, question, room.scene),
            key="room-experiment",
        )
    st.markdown(escape_markdown(question.explanation))


def _run_experiment(code: str, question: Question, scene: int) -> None:
    """Invert and shuffle the map of the room's image, now, and show the outcome to everybody."""

    def run() -> None:
        card = next((card for card in models.list_shipped() if card.id == question.variant), None)
        if card:
            picture = open_room_image(rooms.get_store().read_image(code, question.image))
            subject = cached_inference.get_subject(picture, card, FIT)
            outcome = run_experiment(subject, class_names(card), card.id)
            rooms.change(code, lambda room: rules.keep_experiment(room, question.id, outcome), scene)

    rooms.attempt(run)


def _show_invitation(room: Room) -> None:
    invitation.show_small(room.code)
    here = invitation.student_link(room.code)
    address = make_link(here, rooms.PAGE, room=room.code, view="projector")
    st.link_button(words.PROJECTOR, address, icon=":material/open_in_new:", help=words.PROJECTOR_HELP)
    st.caption(words.KEEP_ADDRESS)
    warn_if_local(here)
    if any(student.simulated for student in room.students.values()):
        st.button(
            words.STOP_SIMULATION,
            icon=":material/person_remove:",
            on_click=rooms.change,
            args=(room.code, remove_simulated),
            key="room-simulate-stop",
        )
    else:
        st.button(
            words.SIMULATE.format(count=COUNT),
            icon=":material/smart_toy:",
            on_click=rooms.change,
            args=(room.code, add_simulated),
            key="room-simulate",
        )
    names = [student.nickname for student in room.students.values() if student.nickname]
    if names:
        st.markdown(escape_markdown(", ".join(names)))
