"""Progress in the lesson and the exercises, kept by the browser (`components.browser_store`).

A reload in the same tab brings it back at once. Progress of an earlier visit may be another person's on a shared
computer: it is offered, and nothing is written over it until the person has chosen.
"""

import secrets

import streamlit as st

from abn.teaching import progress
from abn.ui.components import browser_store
from abn.ui.progress import words
from abn.ui.state import state

NAME = "abn-explorer-progress"


def keep_progress() -> None:
    """Read what the browser keeps, once in a session, and let it keep this session's progress; draws the offer."""
    if not state.progress_ask:
        state.progress_ask = secrets.token_hex(4)
    may_write = state.progress_read and not state.progress_offered
    text = progress.write_progress(state.lessons_done, state.attempts, state.kept_sets) if may_write else None
    ask = "" if state.progress_read else state.progress_ask
    browser_store.show_store(NAME, ask=ask, write=text, key="unseen-progress-store", on_read=_receive)
    if state.progress_offered:
        _show_offer(state.progress_offered)


def show_menu() -> None:
    """A button with what is kept where, and the way to delete it."""
    with st.popover(words.MENU, icon=":material/bookmark:", key="progress-popover"):
        st.markdown(words.PRIVACY)
        st.button(words.DELETE, icon=":material/delete:", on_click=delete_progress, key="progress-delete")


def delete_progress() -> None:
    """Delete all progress, of the session and of the browser."""
    state.lessons_done, state.attempts, state.kept_sets = set(), {}, {}
    state.progress_offered = None


def _receive(text: str, same_tab: bool) -> None:
    if state.progress_read:
        return
    state.progress_read = True
    kept = progress.read_progress(text)
    if kept and same_tab:
        _adopt(kept)
    elif kept:
        state.progress_offered = kept


def _adopt(kept: progress.KeptProgress | None) -> None:
    """Add what was kept to the session's own progress, which comes first where both have a set."""
    if kept:
        state.lessons_done |= kept.lessons
        state.kept_sets = {seed: stored for seed, stored in kept.sets.items() if not _has_answers(seed)}
    state.progress_offered = None


def _has_answers(seed: int) -> bool:
    return seed in state.attempts and bool(state.attempts[seed].answers)


def _show_offer(kept: progress.KeptProgress) -> None:
    parts = [words.tasks(len(kept.lessons))] * bool(kept.lessons) + [words.sets(len(kept.sets))] * bool(kept.sets)
    with st.container(horizontal=True, vertical_alignment="center", key="progress-offer", border=True):
        st.markdown(words.OFFER.format(what=", ".join(parts)), width="stretch")
        st.button(words.CONTINUE, on_click=_adopt, args=(kept,), type="primary", key="progress-continue")
        st.button(words.START_OVER, on_click=delete_progress, key="progress-start-over")
