"""Turns: first come, first served; places are told, given up and given back; nothing leaks."""

import threading
import time

import pytest
from streamlit.testing.v1 import AppTest

from abn.ui.runtime import fair_queue
from abn.ui.runtime.fair_queue import FairQueue

SOON = 30.0  # seconds in which a thread must have come to where it waits, on a busy machine


def until(true) -> None:
    end = time.monotonic() + SOON
    while not true():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_first_come_first_served():
    one, order = FairQueue(1), []

    def compute(name: int) -> None:
        with one:
            order.append(name)

    threads = [threading.Thread(target=compute, args=(name,)) for name in range(20)]
    with one:
        for number, thread in enumerate(threads, 1):
            thread.start()
            until(lambda number=number: len(one._queue) == number)
        assert order == [] and one.free == 0
    for thread in threads:
        thread.join(SOON)
    assert order == list(range(20)) and one.free == 1 and not one._queue


def test_no_more_than_so_many_at_once():
    three, now, most = FairQueue(3), [], []

    def compute() -> None:
        for _ in range(50):
            with three:
                now.append(True)
                most.append(len(now))
                time.sleep(0)
                now.pop()

    threads = [threading.Thread(target=compute) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SOON)
    assert max(most) <= 3 and len(most) == 600 and three.free == 3


def test_who_waits_is_told_the_place_and_at_last_that_it_is_over(monkeypatch):
    monkeypatch.setattr(fair_queue, "OFTEN", 0.01)
    told: dict[str, list[int]] = {}
    one = FairQueue(1, lambda ahead: told.setdefault(threading.current_thread().name, []).append(ahead))

    def compute() -> None:
        with one:
            pass

    threads = [threading.Thread(target=compute, name=name) for name in "ab"]
    with one:
        for number, thread in enumerate(threads, 1):
            thread.start()
            until(lambda number=number: len(one._queue) == number)
        until(lambda: len(told.get("a", ())) > 3 and len(told.get("b", ())) > 3)
    for thread in threads:
        thread.join(SOON)
    assert set(told["a"][:-1]) == {1} and 2 in told["b"] and told["a"][-1] == told["b"][-1] == 0


@pytest.mark.parametrize("last", [False, True])
def test_what_telling_raises_gives_the_place_up(monkeypatch, last):
    monkeypatch.setattr(fair_queue, "OFTEN", 0.01)

    def tell(ahead: int) -> None:
        if (ahead == 0) == last:
            raise KeyboardInterrupt

    one, free = FairQueue(1, tell), threading.Event()

    def hold() -> None:
        with one:
            free.wait(0.1 if last else SOON)

    other = threading.Thread(target=hold)
    other.start()
    until(lambda: one.free == 0)
    with pytest.raises(KeyboardInterrupt), one:
        pytest.fail("it had no turn")
    assert not one._queue
    free.set()
    other.join(SOON)
    assert one.free == 1
    with one:
        assert one.free == 0


def test_a_page_says_how_many_are_before_it(ready, monkeypatch):
    from abn.ui import layout
    from abn.ui.runtime import live

    places = []
    monkeypatch.setattr(layout.st.delta_generator.DeltaGenerator, "info", lambda self, text, **_: places.append(text))
    monkeypatch.setattr(live.engine(), "turns", FairQueue(1, layout.tell_place))
    monkeypatch.setattr(fair_queue, "OFTEN", 0.01)
    busy = threading.Event()

    def hold() -> None:
        with live.engine().turns:
            busy.set()
            until(lambda: places)

    thread = threading.Thread(target=hold)
    thread.start()
    busy.wait(SOON)
    at: AppTest = ready.run()
    thread.join(SOON)
    assert not at.exception and live.engine().turns.free == 1
    assert set(places) == {"The processor is busy: one other computation is before yours."}
    assert len([html for html in at.html if 'class="abn-answer"' in html.value]) == 3


def test_threads_without_a_page_wait_in_silence():
    from abn.ui import layout

    layout.tell_place(3)  # nothing to tell, and nothing that warns
