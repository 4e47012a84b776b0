"""Memory given back: where there is a glibc it is asked, elsewhere nothing happens; circles are cut before."""

import ctypes
import gc
import subprocess
import sys
import threading
import weakref
from pathlib import Path

import pytest

from abn.ui.runtime import memory

ROOT = Path(__file__).parents[2]


class Session:
    def __init__(self):
        self.page = self  # as Streamlit's sessions and their runners hold each other


def test_where_there_is_no_glibc_nothing_happens(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    assert memory.give_back() is False and memory.share_one_heap() is False
    monkeypatch.setattr(sys, "platform", "linux")

    def missing(name):
        raise OSError(name)

    monkeypatch.setattr(ctypes, "CDLL", missing)
    assert memory.give_back() is False and memory.share_one_heap() is False


HEAPS = """
import ctypes, threading
from abn.ui import memory

assert memory.share_one_heap() is True
libc = ctypes.CDLL("libc.so.6")
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
barrier, places = threading.Barrier(4), []

def take():
    places.append(libc.malloc(1000))
    barrier.wait(20)  # all hold one at the same time

threads = [threading.Thread(target=take) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(len({place >> 26 for place in places}))  # an arena lies on 64 MiB of its own
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc alone has heaps for each thread")
def test_threads_share_one_heap():
    said = subprocess.run([sys.executable, "-c", HEAPS], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert said.stdout.strip() in ("1", "2"), said.stderr  # 2 where the one heap goes over such a border


def test_sessions_that_have_ended_go_before_memory_is_given_back(monkeypatch):
    """Also those that were there at the beginning, though not in the first round."""
    frozen, looked, done = threading.Event(), threading.Event(), threading.Event()
    gone = []

    def give_back() -> bool:
        gone.append((early() is None, late() is None))
        if len(gone) == 2:
            done.set()
            threading.Event().wait()  # this thread is done
        return True

    def sleep(seconds: float) -> None:
        frozen.set()
        looked.wait()

    gc.disable()
    try:
        early = weakref.ref(Session())
        collect = gc.collect
        monkeypatch.setattr(gc, "collect", lambda: collect() if frozen.is_set() else 0)  # early is in use yet
        monkeypatch.setattr(memory, "SELDOM", 2)
        monkeypatch.setattr(memory, "give_back", give_back)
        monkeypatch.setattr(memory.time, "sleep", sleep)
        memory.keep_giving_back()
        assert frozen.wait(30)
        late = weakref.ref(Session())
        looked.set()
        assert done.wait(30) and gone == [(False, True), (True, True)]
    finally:
        gc.unfreeze()
        gc.enable()
