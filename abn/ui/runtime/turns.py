"""Turns at computing, which all sessions share: no more at a time than there are processors."""

import os

import streamlit as st

from abn.ui import layout
from abn.ui.runtime.fair_queue import FairQueue, Turn


@st.cache_resource(max_entries=1, show_spinner=False)
def get_queue() -> FairQueue:
    """The one queue of this server."""
    return FairQueue(os.cpu_count() or 1)


@st.cache_resource(max_entries=1, show_spinner=False)
def get_long_queue() -> FairQueue:
    """The queue of work that takes a minute and much memory, in which it takes turns of the other queue: half of the
    processors stay free for pages."""
    return FairQueue(max(1, (os.cpu_count() or 1) // 2))


def page_turn() -> Turn:
    """A turn at computing for the thread of a page, which says how many are before it."""
    return get_queue().turn(layout.show_queue_place)


def background_turn() -> Turn:
    """A turn at computing for a thread that has no page."""
    return get_queue().turn()
