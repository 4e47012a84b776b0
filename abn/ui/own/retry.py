"""Work that a person stopped: its error is kept as its outcome, with a button to try again."""

from typing import TypeVar

import streamlit as st

from abn.errors import ABNError
from abn.ui.layout import escape_markdown
from abn.ui.state import state

STOPPED = "Stopped, and nothing was kept."
REMOVED = "Removed from this session."

T = TypeVar("T")


class StoppedError(ABNError):
    """A person stopped the work or removed its result: it can be tried again."""


def record_stop(outcomes: dict[str, T | ABNError], key: str) -> None:
    outcomes[key] = StoppedError(STOPPED)


def show_error(outcomes: dict[str, T], key: str, error: ABNError, prefix: str = "") -> None:
    """Why something can't be had; after a stop, with a button to try again."""
    st.error(f"{prefix}{escape_markdown(str(error))}", icon=":material/block:")
    if isinstance(error, StoppedError):
        st.button("Try again", key=f"again-{key}", icon=":material/replay:", on_click=_retry, args=(outcomes, key))


def _retry(outcomes: dict[str, T], key: str) -> None:
    del outcomes[key]
    state.own_given = None  # files are read again
