"""A deck of saved views: links to pages with what they show, walked through on a projector by the arrow keys."""

from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import parse_qsl, urlencode, urlsplit

import streamlit as st

from abn.ui import url
from abn.ui.components import remote_keys
from abn.ui.layout import COMPARE, FOR_TEACHERS, PAGES, escape_markdown
from abn.ui.present import words
from abn.ui.state import state

MAX_VIEWS = 100
PLACE = "view"  # in the address


@dataclass(frozen=True)
class View:
    """A page, by its path in PAGES, and the query parameters that say what it shows."""

    page: str
    parameters: tuple[tuple[str, str], ...]


def read_links(text: str) -> tuple[list[View], list[str]]:
    """The views that the lines of a text link to, and the lines that link to no page of this app."""
    views, wrong = [], []
    for line in filter(None, map(str.strip, text.splitlines())):
        if view := read_link(line):
            views.append(view)
        else:
            wrong.append(line[:80])
    return views[:MAX_VIEWS], wrong


def read_link(link: str) -> View | None:
    """The view of an address such as `http://host/Inside?photo=camel`, or of its end; None where there is no such
    page."""
    try:
        parts = urlsplit(link)
        parameters = tuple(parse_qsl(parts.query, max_num_fields=30))
    except ValueError:
        return None
    name = PurePosixPath(parts.path).name if not parts.path.endswith("/") else ""
    page = f"pages/{name}.py" if name else COMPARE
    return View(page, parameters) if page in PAGES else None


def open_view(index: int) -> None:
    """Go to a view of the deck: its page shows what its link says, and the defaults for all else. The address holds the
    view's number, so that the browser's Back leads to the view before."""
    state.presenting = True
    page = state.deck[index].page
    if PAGES[page][0] == state.page:  # Streamlit takes no address for widgets that are bound on this very page
        state.view_to_open = index
        st.switch_page(COMPARE if page == FOR_TEACHERS else FOR_TEACHERS, query_params={})
    _show_view(index)


def _show_view(index: int) -> None:
    view = state.deck[index]
    parameters = {**dict(view.parameters), "present": "1", PLACE: str(index + 1)}
    url.drop_choices()
    state.view_to_open, state.view_opened = None, True
    st.switch_page(view.page, query_params=parameters)


def show_buttons() -> None:
    """The buttons that put the page on the projector, and what it shows at the end of the deck; none where a teacher's
    link hides the controls."""
    if url.controls_hidden():
        return
    st.button(
        words.PRESENT,
        icon=":material/slideshow:",
        shortcut="P",
        help=words.PRESENT_HELP,
        on_click=_toggle,
        key="present",
    )
    st.button(words.ADD, icon=":material/add_to_queue:", help=words.ADD_HELP, on_click=_add_view, key="add_view")


def _toggle() -> None:
    """Enter or leave, by the key P too: on a projector the button is hidden, and its shortcut still works."""
    if state.presenting:
        _leave()
    else:
        state.presenting = True


def _add_view() -> None:
    page = next(path for path, (title, _) in PAGES.items() if title == state.page)
    name = "" if page == COMPARE else PurePosixPath(page).stem
    state.added_views = [*state.added_views, f"/{name}{_query()}"]
    st.toast(words.ADDED, icon=":material/add_to_queue:")


def view_address() -> str:
    """The address that shows this view, but for images and variants of this session alone."""
    return f"{st.context.url or 'http://localhost:8501/'}{_query()}"


def _query() -> str:
    parameters = {name: value for name, value in url.read_address() if name not in ("present", PLACE)}
    return f"?{urlencode(parameters, safe=',')}".rstrip("?")


def show_deck_editor() -> None:
    """Links as text, those that other pages have added at the end, and the button that begins to present them."""
    st.subheader(words.DECK, anchor="deck")
    st.caption(words.DECK_HELP)
    if state.added_views:
        lines = [state.deck_text.rstrip(), *state.added_views]
        state.deck_text, state.added_views = "\n".join(filter(None, lines)), []
    text = st.text_area(words.LINKS, key="deck_text", persist_state="session", placeholder="/?photo=…\n/Inside?photo=…")
    views, wrong = read_links(text or "")
    if wrong:
        st.warning(escape_markdown(words.NOT_A_VIEW.format(lines=", ".join(wrong))), icon=":material/link_off:")
    if st.button(words.PRESENT_DECK, disabled=not views, icon=":material/slideshow:", key="present_deck"):
        state.deck = views
        open_view(0)


def show_remote() -> None:
    """The line of the projector mode: what is shown, the buttons for the views before and after it, and the way out."""
    if state.view_to_open is not None:
        _show_view(state.view_to_open)
    with st.container(horizontal=True, vertical_alignment="center", gap="xsmall", key="remote"):
        state.heading = st.container(horizontal=True, gap="small", key="heading")
        remote_keys.show_remote_keys()
        place, count = next(iter(url.whole_numbers(PLACE)), 0) - 1, len(state.deck)
        if not 0 <= place < count:
            st.button(words.LEAVE, icon=":material/close:", shortcut="Esc", on_click=_leave, key="leave_present")
            return
        back = st.button(words.BACK, shortcut="Left", disabled=place == 0, key="view_before")
        st.markdown(words.PLACE.format(number=place + 1, count=count), width="content")
        forward = st.button(words.FORWARD, shortcut="Right", disabled=place + 1 >= count, key="view_after")
        if back or forward:
            open_view(place + (1 if forward else -1))
        if st.button(words.LEAVE_DECK, icon=":material/close:", shortcut="Esc", key="leave_present"):
            _leave()
            url.drop_choices()
            st.switch_page(FOR_TEACHERS, query_params={})  # None is refused where a widget is bound


def _leave() -> None:
    state.presenting = False
    st.query_params.pop(PLACE, None)
