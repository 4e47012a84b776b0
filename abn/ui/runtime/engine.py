"""What all sessions share: whether the networks can run, and the queue for the processors.

Torch takes seconds to import, so nothing on a page's path imports it before `Engine.ready`.
"""

import os
import threading

import streamlit as st

from abn.ui import layout
from abn.ui.runtime.fair_queue import FairQueue, Turn


class Engine:
    """One for each server."""

    def __init__(self) -> None:
        self.ready = False  # torch and the first networks are loaded
        self.load_ended = threading.Event()  # well or not
        self.queue = FairQueue(os.cpu_count() or 1)
        self.start_lock = threading.Lock()  # taken once, by whoever starts the loading, and never given back


@st.cache_resource(max_entries=1, show_spinner=False)
def get_engine() -> Engine:
    """The one engine of this server."""
    return Engine()


def page_turn() -> Turn:
    """A turn at computing for the thread of a page, which says how many are before it."""
    return get_engine().queue.turn(layout.show_queue_place)


def background_turn() -> Turn:
    """A turn at computing for a thread that has no page."""
    return get_engine().queue.turn()
