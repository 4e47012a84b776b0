"""Work that a person stopped: its error is kept as its outcome, with a button to try again."""

from collections.abc import Callable
from typing import TypeVar

import streamlit as st

from abn.errors import ABNError
from abn.ui.layout import escape_markdown
from abn.ui.runtime import jobs
from abn.ui.state import state

STOPPED = "Stopped, and nothing was kept."
REMOVED = "Removed from this session."

T = TypeVar("T")


class StoppedError(ABNError):
    """A person stopped the work or removed its result: it can be tried again."""


def run_and_keep(
    work: Callable[[], T], label: str, outcomes: dict, key: str, keep: Callable[[T], object] = lambda result: result
) -> None:
    """Do `work` beside the page with a button that stops it. Its outcome at `key` becomes what `keep` makes of its
    result, or an error."""

    def record_stop() -> None:
        outcomes[key] = StoppedError(STOPPED)

    try:
        outcomes[key] = keep(jobs.run_with_stop(work, label, key=key, on_stop=record_stop))
    except ABNError as error:
        outcomes[key] = error


def show_error(outcomes: dict, key: str, error: ABNError, prefix: str = "") -> None:
    """Why something can't be had; after a stop, with a button to try again."""
    st.error(f"{prefix}{escape_markdown(str(error))}", icon=":material/block:")
    if isinstance(error, StoppedError):
        st.button("Try again", key=f"again-{key}", icon=":material/replay:", on_click=_retry, args=(outcomes, key))


def _retry(outcomes: dict, key: str) -> None:
    del outcomes[key]
    state.own_given = None  # files are read again
