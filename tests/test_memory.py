"""Memory given back: where there is a glibc it is asked, elsewhere nothing happens; circles are cut before."""

import ctypes
import gc
import sys
import threading
import weakref

from abn.ui import memory


class Session:
    def __init__(self):
        self.page = self  # as Streamlit's sessions and their runners hold each other


def test_where_there_is_no_glibc_nothing_happens(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    assert memory.give_back() is False
    monkeypatch.setattr(sys, "platform", "linux")

    def missing(name):
        raise OSError(name)

    monkeypatch.setattr(ctypes, "CDLL", missing)
    assert memory.give_back() is False


def test_sessions_that_have_ended_go_before_memory_is_given_back(monkeypatch):
    asked = threading.Event()
    gone = []

    def give_back() -> bool:
        gone.append(ended() is None)
        asked.set()
        threading.Event().wait()  # this thread is done

    gc.disable()
    try:
        ended = weakref.ref(Session())
        assert ended() is not None
        monkeypatch.setattr(memory, "OFTEN", 0.01)
        monkeypatch.setattr(memory, "give_back", give_back)
        memory.keep_giving_back()
        assert asked.wait(30) and gone == [True]
    finally:
        gc.enable()
