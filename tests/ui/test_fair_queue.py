"""Turns: first come, first served; places are told, given up and given back; nothing leaks."""

import threading
import time

import pytest
from streamlit.testing.v1 import AppTest

from abn.ui import layout, words
from abn.ui.runtime import fair_queue, turns
from abn.ui.runtime.fair_queue import FairQueue

SOON = 30.0  # seconds in which a thread must have come to where it waits, on a busy machine


def until(true) -> None:
    end = time.monotonic() + SOON
    while not true():
        assert time.monotonic() < end
        threading.Event().wait(0.005)


@pytest.fixture(autouse=True)
def notified_at_once(monkeypatch):
    monkeypatch.setattr(fair_queue, "NOTIFY_INTERVAL", 0.01)


def start(queue: FairQueue, *work) -> list[threading.Thread]:
    """Threads that come to the queue one after the other."""
    threads = [threading.Thread(target=run) for run in work]
    for number, thread in enumerate(threads, 1):
        thread.start()
        until(lambda number=number: queue.waiting == number)
    return threads


def join(threads: list[threading.Thread]) -> None:
    for thread in threads:
        thread.join(SOON)
        assert not thread.is_alive()


def test_first_come_first_served():
    queue, order = FairQueue(1), []

    def compute(name: int) -> None:
        with queue.turn():
            order.append(name)

    with queue.turn():
        threads = start(queue, *(lambda name=name: compute(name) for name in range(20)))
        assert order == [] and queue.free == 0
    join(threads)
    assert order == list(range(20)) and queue.free == 1 and queue.waiting == 0


def test_no_more_than_so_many_at_once():
    queue, now, counts = FairQueue(3), [], []

    def compute() -> None:
        for _ in range(50):
            with queue.turn():
                now.append(True)
                counts.append(len(now))
                now.pop()

    threads = [threading.Thread(target=compute) for _ in range(12)]
    for thread in threads:
        thread.start()
    join(threads)
    assert max(counts) <= 3 and len(counts) == 600 and queue.free == 3


def test_those_who_wait_hear_their_place_and_at_last_that_it_is_over():
    queue, first, second = FairQueue(1), [], []

    def compute(places: list[int]) -> None:
        with queue.turn(places.append):
            pass

    with queue.turn():
        threads = start(queue, lambda: compute(first), lambda: compute(second))
        until(lambda: len(first) > 3 and len(second) > 3)
    join(threads)
    assert set(first[:-1]) == {1} and 2 in second and first[-1] == second[-1] == 0


@pytest.mark.parametrize("at_last", [False, True])
def test_what_a_notice_raises_gives_the_place_up(at_last):
    queue, over = FairQueue(1), threading.Event()

    def notify(ahead: int) -> None:
        if ahead and at_last:
            over.set()
        elif (ahead == 0) == at_last:
            raise KeyboardInterrupt

    def hold() -> None:
        with queue.turn():
            over.wait(SOON)

    other = threading.Thread(target=hold)
    other.start()
    until(lambda: queue.free == 0)
    with pytest.raises(KeyboardInterrupt), queue.turn(notify):
        pytest.fail("it had no turn")
    assert queue.waiting == 0
    over.set()
    join([other])
    assert queue.free == 1


def test_a_page_says_how_many_are_before_it(ready, monkeypatch):
    places, busy, queue = [], threading.Event(), FairQueue(1)
    monkeypatch.setattr(layout.st.delta_generator.DeltaGenerator, "info", lambda self, text, **_: places.append(text))
    monkeypatch.setattr(turns, "get_queue", lambda: queue)

    def hold() -> None:
        with queue.turn():
            busy.set()
            until(lambda: places)

    thread = threading.Thread(target=hold)
    thread.start()
    busy.wait(SOON)
    at: AppTest = ready.run()
    join([thread])
    assert not at.exception and queue.free == 1
    assert set(places) == {words.QUEUE_ONE}
    assert len([html for html in at.html if 'class="abn-prediction"' in html.value]) == 3
