"""Live class: a room, for the student's phone, the projector or the teacher, by the address."""

import streamlit as st

from abn.ui import layout
from abn.ui.live_class import following, rooms, words
from abn.ui.live_class.control_panel import show_controls
from abn.ui.live_class.entrance import show_entrance
from abn.ui.live_class.phone_panel import show_phone
from abn.ui.live_class.projector_panel import show_projector
from abn.ui.state import state

layout.begin(words.TITLE, words.LINE, room="live_class")
code = rooms.find_room()
if not code:
    show_entrance()
    st.stop()
following.follow(code)
room = rooms.read_room(code)
rooms.show_notice()
if state.room_key and not rooms.is_teacher(room):
    st.warning(words.WRONG_KEY, icon=":material/key_off:")
if rooms.on_projector():
    rooms.keep_key(room)
    show_projector(room)
elif rooms.is_teacher(room):
    rooms.keep_key(room)
    show_controls(room)
else:
    show_phone(room)
