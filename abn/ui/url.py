"""The address bar holds what a page shows, as far as it differs from what the page shows by itself.

Widgets of one page alone use Streamlit's `bind="query-params"`. What several pages share does not: Streamlit lets go of
a bound value that nobody touched, or whose control a teacher's link hides, as soon as the page changes.

The browser's Back undoes the image, the variants, the page and the step. How maps are drawn is no entry of its history
and stays; a widget that Streamlit binds makes none either, and gets the value that the older entry has.
"""

import re
from collections.abc import Callable, Container, Iterable
from typing import Any
from urllib.parse import parse_qsl

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from abn.ui.state import state
from abn.variants.own import is_own

VIEW = ("opacity", "colors", "cells", "top", "mark", "scale")  # how maps are drawn
QUIET = (*VIEW, "cell", "moment", "hide")  # changes of these alone are no entry of the history


def went_back() -> bool:
    """Whether this run comes of the browser's Back or Forward: then the address decides what a page shows, but not how.
    Streamlit does the same for the widgets that it binds to the address."""
    return getattr(get_script_run_ctx(), "is_history_navigation", False)  # Streamlit's own: no public name tells it


def follow_address() -> None:
    """Let the address decide in the run that shows a view of the deck, as it does after Back: no public name resets the
    widgets that Streamlit binds to the address."""
    context = get_script_run_ctx()
    if state.view_opened and context:
        context.is_history_navigation = True
    state.view_opened = False


def sync_query_param(name: str, value: object, default: object) -> None:
    """Hold a value in the address; the default needs no place in it."""
    if value != default:
        if st.query_params.get(name) != str(value):
            st.query_params[name] = str(value)
    elif name in st.query_params:
        del st.query_params[name]


def read_address() -> list[tuple[str, str]]:
    """The query parameters that the browser shows, with those that Streamlit has bound to widgets and sets there."""
    return parse_qsl(getattr(get_script_run_ctx(), "query_string", ""))


def whole_numbers(name: str) -> list[int]:
    """The whole numbers that the address gives under a name: "8,6"; none where it gives anything else."""
    given = st.query_params.get(name, "")
    return [int(part) for part in given.split(",")] if re.fullmatch(r"\d{1,9}(,\d{1,9})*", given, re.ASCII) else []


def restore(key: str, legal: Container, default: Any, given: Any = None, *, in_address: bool = True) -> Any:
    """What the session holds under a key, to be called before the key's widget is drawn: its value if that is legal, or
    what it held when `remember` was called last, or at first what the address has `given`, or the default. So it goes
    along from page to page, and an unset or unknown value never counts. `in_address`: the address holds it too."""
    if in_address:
        state.restored.add(key)
    visit, last = state.last_values.get(key, (None, given))
    now = held(key)
    follows_address = in_address and key not in VIEW and went_back() and not _names_own_variant(now)
    known = (None, given) if follows_address else (now, last)
    value = next((value for value in known if value is not None and value in legal), default)
    if follows_address and value != now:
        set_value(key, value)
    elif visit != state.visit or value != now:  # on another page Streamlit's widget is another one, and begins unset
        st.session_state[key] = value
    return value


def held(key: str) -> Any:
    """What the session holds under a key, such as that of a widget; None where there is none."""
    return st.session_state.get(key)


def remember(key: str, value: Any) -> None:
    """Note what a key holds, for the page that comes next."""
    state.last_values[key] = state.visit, value


def set_value(key: str, value: Any) -> None:
    """Set what a key holds, and what its widget shows."""
    st.session_state[key] = value
    state.widget_numbers[key] = state.widget_numbers.get(key, 0) + 1


def widget_key(key: str) -> str:
    """The key of the widget that shows what `key` holds; what it returns goes to `take`. Each `set_value` makes it
    another widget: a browser that has drawn the one before, in a menu that is closed now, would report its value."""
    number = state.widget_numbers.get(key, 0)
    return f"{key}-{number}" if number else key


def take(key: str, drawn: Any) -> None:
    """Let a key hold what its widget has returned."""
    if widget_key(key) != key:  # else Streamlit does
        st.session_state[key] = drawn


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
        drawn = widget(*arguments, key=widget_key(key), **{initial: value}, **options)
        value = drawn if drawn in values else value
        take(key, value)
    remember(key, value)
    sync_query_param(key, _text(value), _text(default))
    return value


def drop_choices() -> None:
    """Let go of all that `restore` holds: the next page shows what its address says, and defaults for the rest."""
    for key in state.restored:
        _forget(key)
    _forget_choices_of_one_page()


def _forget_choices_of_one_page() -> None:
    state.controls_hidden = state.lesson_step = state.exercise_set = None
    state.stage = state.applied = state.cell = state.moment = None


def _names_own_variant(held: object) -> bool:
    """Whether it names a variant of the person's own, which no address does."""
    return any(isinstance(name, str) and is_own(name) for name in (held if isinstance(held, list) else [held]))


def _forget(key: str) -> None:
    st.session_state.pop(key, None)
    state.last_values.pop(key, None)


def presenting() -> bool:
    """Whether the page is on a projector (`?present=1`)."""
    if state.presenting is None or went_back():
        state.presenting = st.query_params.get("present") == "1"
    sync_query_param("present", "1" if state.presenting else "", "")
    return state.presenting


def controls_hidden() -> bool:
    """Whether a teacher's link (`?hide=controls`) hides the controls that all pages share; it goes along too."""
    if state.controls_hidden is None or went_back():
        state.controls_hidden = st.query_params.get("hide") == "controls"
    sync_query_param("hide", "controls" if state.controls_hidden else "", "")
    return state.controls_hidden


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
