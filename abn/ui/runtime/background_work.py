"""Work of minutes in a thread of its own, which outlasts the run of the page that began it: pressing something else, or
going to another page, doesn't end it. It ends when a person stops it, and when the session that holds it is dropped.
"""

import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from abn.errors import ABNError
from abn.ui.runtime.jobs import POLL_INTERVAL

Moment = TypeVar("Moment")
Result = TypeVar("Result")


class WorkStoppedError(ABNError):
    """The work was stopped, or nobody waits for it any more."""


class Reporter(Generic[Moment]):
    """What the work tells of itself, from its own thread."""

    def __init__(self) -> None:
        self.latest: Moment | None = None
        self.left, self.done = threading.Event(), threading.Event()

    def report(self, moment: Moment) -> None:
        """Where the work stands. Raises `WorkStoppedError` where it is to end."""
        self.latest = moment
        self.check()

    def check(self, *_: object) -> None:
        """Raise `WorkStoppedError` where the work is to end."""
        if self.left.is_set():
            raise WorkStoppedError("stopped")


class BackgroundWork(Generic[Moment, Result]):
    """Work that has begun. `work` gets the reporter, and must call it often."""

    def __init__(self, work: Callable[[Reporter[Moment]], Result]) -> None:
        reporter: Reporter[Moment] = Reporter()
        outcome: list[Result | BaseException] = []
        self._reporter, self._outcome = reporter, outcome

        def run() -> None:  # it holds nothing of `self`, so that a dropped session ends it
            try:
                outcome.append(work(reporter))
            except BaseException as error:  # raised again where somebody waits
                outcome.append(error)
            reporter.done.set()

        weakref.finalize(self, reporter.left.set)
        threading.Thread(target=run, name="abn-background", daemon=True).start()

    @property
    def latest(self) -> Moment | None:
        """What the work reported last; None before that."""
        return self._reporter.latest

    def stop(self) -> None:
        """End the work as soon as it reports again."""
        self._reporter.left.set()

    def watch(self) -> Iterator[Moment | None]:
        """What the work reported last, some times in each second, until it is done."""
        while not self._reporter.done.wait(POLL_INTERVAL):
            yield self.latest

    def result(self) -> Result:
        """What the finished work returned; raises what it raised."""
        self._reporter.done.wait()
        (outcome,) = self._outcome
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome
