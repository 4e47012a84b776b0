"""The address bar holds what a page shows, as far as it differs from what the page shows by itself.

Widgets of one page alone use Streamlit's `bind="query-params"`. What several pages share does not: Streamlit lets go of
a bound value that nobody touched, or whose control a teacher's link hides, as soon as the page changes.
"""

import re
from collections.abc import Callable, Container, Iterable
from typing import Any

import streamlit as st

from abn.ui.state import state


def sync_query_param(name: str, value: object, default: object) -> None:
    """Hold a value in the address; the default needs no place in it."""
    if value != default:
        if st.query_params.get(name) != str(value):
            st.query_params[name] = str(value)
    elif name in st.query_params:
        del st.query_params[name]


def whole_numbers(name: str) -> list[int]:
    """The whole numbers that the address gives under a name: "8,6"; none where it gives anything else."""
    given = st.query_params.get(name, "")
    return [int(part) for part in given.split(",")] if re.fullmatch(r"\d{1,9}(,\d{1,9})*", given, re.ASCII) else []


def restore(key: str, legal: Container, default: Any, given: Any = None) -> Any:
    """What the session holds under a key, to be called before the key's widget is drawn: its value if that is legal, or
    what it held when `remember` was called last, or at first what the address has `given`, or the default. So it goes
    along from page to page, and an unset or unknown value never counts."""
    visit, last = state.last_values.get(key, (None, given))
    held = st.session_state.get(key)
    value = next((value for value in (held, last) if value is not None and value in legal), default)
    if visit != state.visit or value != held:  # on another page Streamlit's widget is another one, and begins unset
        st.session_state[key] = value
    return value


def remember(key: str, value: Any) -> None:
    """Note what a key holds, for the page that comes next."""
    state.last_values[key] = state.visit, value


def initial_choice(key: str, name: str, legal: range | list[int], default: int) -> None:
    """`restore` for whole numbers. Of a range the address counts from 1, as people do; −1 stands for what the page
    chooses itself."""
    numbers = whole_numbers(name)
    given = numbers[0] - isinstance(legal, range) if len(numbers) == 1 else default
    restore(key, legal, default, default if given == -1 else given)


def shared_value(key: str, legal: Iterable, default: Any) -> Any:
    """What all pages share under a key that no widget of Streamlit's sets; the address holds it under its key."""
    values = list(legal)
    given = st.query_params.get(key)
    value = restore(key, values, default, next((value for value in values if _text(value) == given), None))
    remember(key, value)
    sync_query_param(key, _text(value), _text(default))
    return value


def set_shared(key: str, value: Any) -> None:
    """Set what `shared_value` returns from now on."""
    st.session_state[key] = value


def shared_widget(widget: Callable, *arguments: Any, key: str, legal: Iterable, default: Any, **options: Any) -> Any:
    """Draw a widget that all pages share, and return what it holds; the address holds it under its key.

    The widget gets its value as its own default too: a browser that draws it late, in a popover that is opened later,
    knows no other.
    """
    values = list(legal)
    given = st.query_params.get(key)
    value = restore(key, values, default, next((value for value in values if _text(value) == given), None))
    if not controls_hidden():
        initial = "default" if widget is st.segmented_control else "value"
        drawn = widget(*arguments, key=key, **{initial: value}, **options)
        value = drawn if drawn in values else value
    remember(key, value)
    sync_query_param(key, _text(value), _text(default))
    return value


def controls_hidden() -> bool:
    """Whether a teacher's link (`?hide=controls`) hides the controls that all pages share; it goes along too."""
    if state.controls_hidden is None:
        state.controls_hidden = st.query_params.get("hide") == "controls"
    sync_query_param("hide", "controls" if state.controls_hidden else "", "")
    return state.controls_hidden


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
