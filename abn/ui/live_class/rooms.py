"""The room of a session: which one it is, its store, and how it is changed.

The address holds the room's code and, for a teacher, the key. How a page hears of changes is in `changes.py`.
"""

import os
import re
import secrets
from collections.abc import Callable

import streamlit as st

from abn.errors import ABNError, RoomError
from abn.teaching.live_class import codes, room_image
from abn.teaching.live_class.new_questions import NewQuestions
from abn.teaching.live_class.redis_store import RedisStore
from abn.teaching.live_class.room import NOT_NOW, Room, add_questions, give_answer, join
from abn.teaching.live_class.store import MemoryStore, NoRoomError, RoomStore, StoreAwayError
from abn.ui import url
from abn.ui.components import browser_store
from abn.ui.components.media import Encoded
from abn.ui.layout import escape_markdown
from abn.ui.live_class import words
from abn.ui.state import state

ADDRESS = "ABN_ROOMS"  # environment variable: where the rooms are; unset: in this process
AWAIT = 2.0  # seconds between two attempts of a page that opened while the store was away
KEPT_STUDENT = "abn-explorer-room"  # under which the browser keeps the room and the student's secret
KEPT_KEY = "abn-explorer-room-key"  # and the room and its teacher's key
PAGE = "pages/Room.py"
AWAY = -1  # in place of a scene: the store doesn't reply
MAX_ENCODED = 128  # images of rooms in memory as handed to browsers


@st.cache_resource(max_entries=1, show_spinner=False)
def get_store() -> RoomStore:
    """The one store of this server. Raises `RoomError` where `ABN_ROOMS` is wrong."""
    address = os.environ.get(ADDRESS, "")
    return RedisStore(address) if address else MemoryStore()


@st.cache_resource(max_entries=1, show_spinner=False)
def wrong_codes() -> codes.WrongCodes:
    """The wrong codes that came to this server."""
    return codes.WrongCodes()


# ---- which room ----


def create_room() -> None:
    """Create a room, and note it with its key as this session's. Raises `RoomError`."""
    key = codes.make_key()
    while not get_store().create(Room(code := codes.make_code(), codes.hash_key(key))):
        pass  # another room has this code
    state.room_code, state.room_key, state.room_student = code, key, ""


def find_room() -> str:
    """The code of the room that the address or else the session has, and "" where there is none; a wrong code becomes
    the page's notice. The address bar holds the code, and the teacher's key unless a class sees it on the projector."""
    given, key = st.query_params.get("room", ""), st.query_params.get("key", "")
    if given and given != state.room_code:
        state.room_key = ""
        try:
            enter(given)
        except StoreAwayError:
            _await_store()
            raise
        except RoomError as error:
            state.room_notice = str(error)
    if state.room_code:
        state.room_key = key or state.room_key
        url.sync_query_param("room", state.room_code, "")
        url.sync_query_param("key", "" if on_projector() else state.room_key, "")
    else:
        leave()  # the address may hold the rest of a link
    return state.room_code


def on_projector() -> bool:
    """Whether the address opens the room for everybody to see."""
    return st.query_params.get("view") == "projector"


@st.fragment(run_every=AWAIT)
def _await_store() -> None:
    """Draw the page again once the store replies."""
    if read_scene("") != AWAY:
        st.rerun()


def enter(text: str) -> None:
    """Go into the room of a code, unless too many wrong ones came from this network. Raises `RoomError`."""
    origin = network_address()
    wrong_codes().check(origin)
    try:
        code = codes.read_code(text)
        if get_store().read_stamp(code) is None:
            raise NoRoomError(code)
    except StoreAwayError:
        raise
    except RoomError:
        wrong_codes().count(origin)
        leave()
        raise
    state.room_code, state.room_student, state.room_ask = code, "", ""


def network_address() -> str:
    """The address that the browser comes from, or that of the proxy before the app."""
    return st.context.ip_address or ""


def leave() -> None:
    """Let go of the room."""
    state.room_code = state.room_key = state.room_student = ""
    for name in ("room", "key", "view"):
        st.query_params.pop(name, None)


def read_room(code: str) -> Room:
    """The room as it is now. A page whose room is over goes back to the entrance."""
    try:
        return get_store().read(code)
    except NoRoomError:  # it was there when this session entered it
        state.room_notice = state.room_notice or words.CLOSED
        leave()
        st.rerun()


def end_room(code: str) -> None:
    """Delete the room, in a callback."""

    def end() -> None:
        if is_teacher(get_store().read(code)):
            get_store().delete(code)
            state.room_notice = words.ENDED

    attempt(end)


def is_teacher(room: Room) -> bool:
    """Whether this session has the key of the room."""
    return bool(state.room_key) and codes.is_key(state.room_key, room.key_hash)


def read_scene(code: str) -> int | None:
    """What tells that the page is to be drawn again; AWAY while the store doesn't reply, None when the room is over."""
    try:
        stamp = get_store().read_stamp(code)
    except RoomError:
        return AWAY
    return stamp.scene if stamp else None


def show_notice() -> None:
    """What the last press was refused for, once."""
    if state.room_notice:
        st.warning(escape_markdown(state.room_notice), icon=":material/info:")
        state.room_notice = ""


# ---- changing it ----


def change(code: str, action: Callable[[Room], Room], scene: int | None = None) -> None:
    """Apply a teacher's change, in a callback; what it refuses becomes the page's notice. With the `scene` that was
    drawn, a press on a page that is out of date, such as the second of a double click, changes nothing."""

    def checked(room: Room) -> Room:
        if not is_teacher(room):
            raise RoomError(NOT_NOW)
        return action(room) if scene in (None, room.scene) else room

    attempt(lambda: get_store().update(code, checked))


def add(code: str, new: NewQuestions) -> None:
    """Put questions and their images into the room. Raises `RoomError`."""
    for image in new.images:
        get_store().put_image(code, image.name, image.data)
    get_store().update(code, lambda room: add_questions(room, new.questions) if is_teacher(room) else room)


def answer(code: str, question: str, given: tuple[int, ...]) -> None:
    """Count this student's answer, in a callback."""
    student = state.room_student
    attempt(lambda: get_store().update(code, lambda room: give_answer(room, student, question, given)))


def join_room(code: str, nickname: str) -> None:
    """Join as a student; again, where a press comes twice, as the same one."""
    student = state.room_student = state.room_student or codes.make_student()
    attempt(lambda: get_store().update(code, lambda room: join(room, student, nickname)))


def attempt(action: Callable[[], object]) -> bool:
    """Do something, and note what it refuses as the page's notice; returns whether it was done."""
    try:
        action()
    except ABNError as error:
        state.room_notice = str(error)
        return False
    return True


# ---- what a browser keeps, and the images ----


def keep_student(code: str) -> None:
    """Let the browser keep who the student is, so that a reload loses nothing."""
    _keep(code, KEPT_STUDENT, "room_student", state.room_student)


def keep_key(room: Room) -> None:
    """Let the browser keep the teacher's key: from there the projector's window gets it, and no address shows it."""
    _keep(room.code, KEPT_KEY, "room_key", state.room_key if is_teacher(room) else "")


def _keep(code: str, name: str, attribute: str, secret: str) -> None:
    """Let the browser keep a room's secret; where the session has none, it gets that which the browser has kept."""
    if not state.room_ask:
        state.room_ask = secrets.token_hex(4)

    def receive(text: str, _same_tab: bool) -> None:
        stored = re.fullmatch(rf"{code} ([\w-]{{16,22}})", text, re.ASCII)
        if stored and not getattr(state, attribute):
            setattr(state, attribute, stored[1])

    write = f"{code} {secret}" if secret else None
    browser_store.show_store(name, ask=state.room_ask, write=write, key="unseen-room-store", on_read=receive)


def read_image(code: str, name: str) -> Encoded | None:
    """An image of the room for the browser; None where it has none."""
    known = _images()
    if name not in known and name:
        data = get_store().read_image(code, name)
        if data is None:
            return None
        while len(known) >= MAX_ENCODED:
            known.pop(next(iter(known)))
        known[name] = Encoded(data, "image/jpeg", (room_image.SIDE, room_image.SIDE))
    return known.get(name)


@st.cache_resource(max_entries=1, show_spinner=False)
def _images() -> dict[str, Encoded]:
    """By a hash of their bytes."""
    return {}
