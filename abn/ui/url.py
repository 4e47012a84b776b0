"""The address bar holds what a page shows, as far as it differs from what the page shows by itself."""

import re
from collections.abc import Callable, Collection
from typing import Any

import streamlit as st

from abn.ui.state import state


def sync_query_param(name: str, value: object, otherwise: object) -> None:
    """Hold a value in the address; the one that the page shows by itself needs no place in it."""
    if value != otherwise:
        if st.query_params.get(name) != str(value):
            st.query_params[name] = str(value)
    elif name in st.query_params:
        del st.query_params[name]


def whole_numbers(name: str) -> list[int]:
    """The whole numbers that the address gives under a name: "8,6"; none where it gives anything else."""
    given = st.query_params.get(name, "")
    return [int(part) for part in given.split(",")] if re.fullmatch(r"\d{1,9}(,\d{1,9})*", given, re.ASCII) else []


def initial_choice(key: str, name: str, legal: range | list[int], otherwise: int) -> None:
    """Before a widget of a `key` is drawn: what it holds if that is still legal, or else what the address gives, or
    `otherwise`. Of a range the address counts from 1, as people do; −1 stands for what the page chooses itself."""
    if st.session_state.get(key) in legal:
        return
    given = whole_numbers(name) if key not in st.session_state else []
    shift = 1 if isinstance(legal, range) else 0
    chosen = given[0] - shift if len(given) == 1 else otherwise
    st.session_state[key] = chosen if chosen in legal and chosen != -1 else otherwise


def shared_widget(widget: Callable, *arguments: Any, key: str, legal: Collection, default: Any, **options: Any) -> Any:
    """Draw a widget that all pages share, and return what it holds.

    The address gives what it holds first, if that is legal, or else it is the default; the address then holds it where
    it isn't the default. It goes along from page to page also where nobody touched it, which Streamlit's own binding
    lets go of. The widget gets its value as its own default too: a browser that draws it late, in a popover that is
    opened later, knows no other. An unset or unknown value never counts.
    """
    visit, stays = state.visit, state.last_values
    given = st.query_params.get(key)
    first = next((value for value in legal if _text(value) == given), default)
    last_visit, last = stays.get(key, (visit, first))
    if last_visit != visit or st.session_state.get(key) not in legal:
        st.session_state[key] = last
    chosen = st.session_state[key]
    if not controls_hidden():
        initial = "default" if widget is st.segmented_control else "value"
        drawn = widget(*arguments, key=key, **{initial: chosen}, **options)
        chosen = drawn if drawn in legal else last
    stays[key] = visit, chosen
    sync_query_param(key, _text(chosen), _text(default))
    return chosen


def controls_hidden() -> bool:
    """Whether a teacher's link (`?hide=controls`) hides the controls that all pages share; it goes along too."""
    if state.controls_hidden is None:
        state.controls_hidden = st.query_params.get("hide") == "controls"
    sync_query_param("hide", "controls" if state.controls_hidden else "", "")
    return state.controls_hidden


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
