"""The frame of every page: its title, the list of pages, and what is wrong with the variants."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, wraps
from pathlib import Path

import numpy as np
import streamlit as st
from PIL import Image
from streamlit.delta_generator import DeltaGenerator

from abn.errors import ABNError
from abn.plots import class_bars
from abn.plots.color_maps import COLOR_MAPS, DEFAULT_COLORS
from abn.ui import url, words
from abn.ui.components.history import replace_entries
from abn.ui.components.leave_guard import show_guard
from abn.ui.components.menu import close_menu_on_choice
from abn.ui.state import state
from abn.variants.store import find_problems

COMPARE, FOR_TEACHERS = "app.py", "pages/For_teachers.py"
GROUPS: dict[str, dict[str, tuple[str, str]]] = {  # heading → path → title and icon, in the order of the navigation
    "Explore": {
        COMPARE: ("Compare", ":material/compare:"),
        "pages/Camera.py": ("Camera", ":material/videocam:"),
        "pages/Inside.py": ("Inside", ":material/account_tree:"),
        "pages/Ablation.py": ("Ablation", ":material/tune:"),
        "pages/Intervene.py": ("Intervene", ":material/brush:"),
        "pages/Teach_the_map.py": ("Teach the map", ":material/model_training:"),
        "pages/Bring_your_own.py": ("Bring your own", ":material/upload_file:"),
    },
    "Evidence": {
        "pages/Measure.py": ("Measure", ":material/monitoring:"),
        "pages/Study.py": ("Study", ":material/science:"),
    },
    "Class": {
        "pages/Learn.py": ("Learn", ":material/school:"),
        "pages/Exercises.py": ("Exercises", ":material/quiz:"),
        "pages/Room.py": ("Live class", ":material/groups:"),
        FOR_TEACHERS: ("For teachers", ":material/co_present:"),
    },
}
PAGES = {path: page for group in GROUPS.values() for path, page in group.items()}


_GLOW = np.clip(1 - np.hypot(*np.mgrid[-1:1:64j, -1:1:64j]), 0, 1)
ICON = Image.fromarray(COLOR_MAPS[DEFAULT_COLORS][np.rint(255 * _GLOW).astype(int)])  # drawn: nothing is fetched

_ROOMS = Path(__file__).parent
_STYLE = (_ROOMS / "layout.css").read_text(encoding="utf-8")


def navigate() -> st.Page | None:
    """Draw the navigation; returns the page to run, and nothing for Compare, which is the file that calls this."""
    _configure(words.APP)  # else Streamlit fetches the page's icon
    url.follow_address()
    hidden = {FOR_TEACHERS} if url.controls_hidden() else set()  # its sheets solve the exercises
    pages = {
        heading: [
            st.Page(
                path,
                title=title,
                icon=icon,
                default=path == COMPARE,
                visibility="hidden" if path in hidden else "visible",
            )
            for path, (title, icon) in group.items()
        ]
        for heading, group in GROUPS.items()
    }
    page = st.navigation(pages, position="top")
    return None if page is pages["Explore"][0] else page


def begin(title: str, line: str, *, room: str = "", guest: str = "") -> None:
    """Draw the frame: to be called first by every page. `line` says in one sentence what the page is for; `room` is the
    folder of its panels where that has a style sheet, `ROOM/ROOM.css`, and `guest` that of other panels on the page."""
    _configure(f"{title} · {words.APP}")
    if state.page != title:  # widgets of another page begin again, and some must know
        state.page, state.visit, state.refused = title, state.visit + 1, []
    state.media_addresses, state.hint_map = {}, ""
    rooms = [name for name in (guest, room) if name]
    if url.presenting():
        rooms.append("present")
    style = "".join(map(_read_style, rooms))
    st.html(f"<style>{_STYLE}{class_bars.STYLE}{style}</style>")
    replace_entries(url.QUIET)
    close_menu_on_choice()
    guard_session("unseen-guard")
    state.bar = st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="bar")
    frame = st.container(horizontal=True, vertical_alignment="center", gap="medium", key="frame")
    state.title_row = state.heading if url.presenting() and state.heading else frame
    state.title_row.markdown(f"# {title}", help=line, width="content")
    state.queue_place = st.empty()
    for sentence in find_problems().values():
        st.warning(escape_markdown(sentence), icon=":material/warning:")


def guard_session(key: str) -> None:
    """The browser asks before it leaves or reloads the app, as long as the session holds what a reload loses. To be
    called again, with another key, in a fragment that adds to it."""
    edited = any(len(history.edits) > 1 for history in state.edits.values())
    held = edited or state.uploads or state.own_variants or state.taught_examples
    show_guard(key, bool(held or (state.batch and state.batch.images)))


@cache
def _read_style(room: str) -> str:
    return (_ROOMS / room / f"{room}.css").read_text(encoding="utf-8")


def _configure(title: str) -> None:
    """The browser's tab and the width; on a phone the list of pages begins closed."""
    st.set_page_config(page_title=title, page_icon=ICON, layout="wide", initial_sidebar_state="collapsed")


def bar() -> DeltaGenerator:
    """The bar that stays in sight, for the choices of a page: to be used with `with`."""
    return state.bar or st.container()


def title_row() -> DeltaGenerator:
    """The line of the page's title, for the one choice that the page is about: to be used with `with`."""
    return state.title_row or st.container()


def name_on_projector(markdown: str) -> None:
    """Add to the line that says on a projector what is shown."""
    if url.presenting() and state.heading:
        state.heading.markdown(markdown, width="content")


def show_queue_place(ahead: int) -> None:
    """Say at the top of the page that others compute first; 0 takes it away."""
    if ahead and state.queue_place:
        sentence = words.QUEUE_ONE if ahead == 1 else words.QUEUE_MANY.format(ahead=ahead)
        state.queue_place.info(sentence, icon=":material/hourglass_top:")
    elif state.queue_place:
        state.queue_place.empty()


@contextmanager
def stop_page_on_error() -> Iterator[None]:
    """End the page with one sentence where something can't be computed."""
    try:
        yield
    except ABNError as error:
        _show(error)
        st.stop()


def _show(error: ABNError) -> None:
    st.error(escape_markdown(str(error)), icon=":material/error:")


def fragment(draw: Callable[..., object]) -> Callable[..., object]:
    """Streamlit's fragment: what a person does in it draws nothing else again. Nor does its error end another part."""

    @wraps(draw)
    def draw_or_say(*args: object, **options: object) -> None:
        try:
            draw(*args, **options)
        except ABNError as error:
            _show(error)

    return st.fragment(draw_or_say)


def escape_markdown(text: str) -> str:
    """Text that Markdown must not read, such as a file's name: every mark that could mean something is escaped."""
    return "".join("\\" + char if char in "\\`*_{}[]()<>#+-.!|~$:&" else char for char in " ".join(text.split()))
