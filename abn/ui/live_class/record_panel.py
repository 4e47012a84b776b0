"""The record of a room to download, and its end."""

import streamlit as st

from abn.teaching.live_class import record
from abn.teaching.live_class.room import Room
from abn.ui.live_class import rooms, words


def show_record(room: Room) -> None:
    """The downloads, made when they are pressed, and the button that deletes the room."""
    names = False
    if any(student.nickname for student in room.students.values()):
        names = st.toggle(words.NAMES, help=words.NAMES_HELP, key="room-names")
    code = room.code
    offers = (
        ("csv", words.CSV, f"abn-room-{code}.csv", "text/csv", lambda: record.answers_csv(_now(code), names=names)),
        ("zip", words.ZIP, f"abn-room-{code}.zip", "application/zip",
         lambda: record.record_zip(_now(code), _images(_now(code)), names=names)),
        ("sheet", words.SHEET, f"abn-room-{code}.html", "text/html",
         lambda: record.sheet(_now(code), _images(_now(code))).encode()),
    )  # fmt: skip
    with st.container(horizontal=True):
        for key, label, name, kind, make in offers:
            st.download_button(
                label,
                make,
                name,
                kind,
                icon=":material/download:",
                on_click="ignore",
                disabled=not room.answers,
                key=f"room-{key}",
            )
    st.caption(words.RECORD_TEXT)
    with st.popover(words.END, icon=":material/delete:", key="room-end-popover"):
        st.markdown(words.END_TEXT)
        st.button(words.END_SURE, type="primary", on_click=rooms.end_room, args=(code,), key="room-end")


def _now(code: str) -> Room:
    return rooms.get_store().read(code)


def _images(room: Room) -> dict[str, bytes]:
    """The room's images by name, as far as they are there."""
    names = {question.image for question in room.questions if question.image}
    images = {name: rooms.get_store().read_image(room.code, name) for name in names}
    return {name: data for name, data in images.items() if data is not None}
