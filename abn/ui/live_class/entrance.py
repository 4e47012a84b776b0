"""The ways into a room: a teacher starts it on the page For teachers, others type its code."""

import streamlit as st

from abn.ui import url
from abn.ui.for_teachers.links import base_address, warn_if_local
from abn.ui.layout import FOR_TEACHERS
from abn.ui.live_class import rooms, words
from abn.ui.state import state


def show_start() -> None:
    """What a live class is, and the button that starts one."""
    st.markdown(words.START_TEXT)
    if st.button(words.START, type="primary", icon=":material/groups:", key="room-start"):
        rooms.create_room()
        st.switch_page(rooms.PAGE, query_params={"room": state.room_code, "key": state.room_key})
    warn_if_local(base_address())


def show_entrance() -> None:
    """The field for the code; for teachers the way to a new room."""
    rooms.show_notice()
    with st.container(key="room-entrance"):
        with st.form("room-code-form", border=False):
            code = st.text_input(
                words.CODE, placeholder=words.CODE_PLACEHOLDER, max_chars=12, autocomplete="off", key="room-code"
            )
            if st.form_submit_button(words.ENTER, type="primary", width="stretch", key="room-enter") and code:
                rooms.attempt(lambda: rooms.enter(code))
                st.rerun()
        if not url.controls_hidden():
            st.caption(words.FOR_TEACHERS)
            st.page_link(FOR_TEACHERS, label=words.TO_TEACHERS, icon=":material/co_present:")
