"""Work beside the page: its result, its errors, and that work left before its turn never begins."""

import threading

import pytest

from abn.errors import ABNError
from abn.ui.runtime import jobs, turns
from abn.ui.runtime.fair_queue import FairQueue


def test_run_in_background_returns_the_result_and_reports_the_seconds(clean_caches):
    waited_twice, seconds = threading.Event(), []

    def on_wait(elapsed: float) -> None:
        seconds.append(elapsed)
        if len(seconds) == 2:
            waited_twice.set()

    assert jobs.run_in_background(lambda: waited_twice.wait(60), on_wait) is True
    assert len(seconds) >= 2 and seconds == sorted(seconds)


def test_run_in_background_raises_the_error_of_the_work(clean_caches):
    def fail() -> None:
        raise ABNError("broken")

    with pytest.raises(ABNError, match="broken"):
        jobs.run_in_background(fail, lambda seconds: None)


def test_work_that_is_left_before_its_turn_never_begins(clean_caches, monkeypatch):
    started, queue = [], FairQueue(1)
    monkeypatch.setattr(turns, "get_queue", lambda: queue)

    def leave(seconds: float) -> None:
        raise KeyboardInterrupt

    with queue.turn(), pytest.raises(KeyboardInterrupt):
        jobs.run_in_background(lambda: started.append(1), leave)
    assert jobs.run_in_background(lambda: 5, lambda seconds: None) == 5 and started == []
