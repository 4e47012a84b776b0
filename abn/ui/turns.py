"""Turns at computing: at most so many at once, first come, first served; who waits is told how many are before them.

A page that is left, or on which something else is pressed, leaves the queue: telling a page of its place is where
Streamlit stops it. What goes wrong in a turn, whatever it is, becomes one sentence, and the turn goes to the next.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable

from abn.errors import ABNError

FAILED = (
    "Something failed while this was computed; the server's log says what. It concerns nobody else: try it again, or "
    "choose another picture or variant."
)
OFTEN = 0.3  # seconds between two tellings

log = logging.getLogger(__name__)


class Turns:
    """To be entered for as long as one computes. `tell` gets how many are before whoever waits, some times in each
    second, in the thread that waits; whatever it raises gives up the place."""

    def __init__(self, count: int, tell: Callable[[int], object] = lambda ahead: None):
        self.count, self._tell = count, tell
        self._taken = 0
        self._queue: deque[object] = deque()
        self._change = threading.Condition()

    @property
    def free(self) -> int:
        """How many more could compute now."""
        return self.count - self._taken

    def __enter__(self) -> None:
        ticket = object()
        with self._change:
            self._queue.append(ticket)
        told = False
        try:
            while (ahead := self._wait(ticket)) is not None:
                told = True
                self._tell(ahead)
        except BaseException:
            with self._change:
                self._queue.remove(ticket)
                self._change.notify_all()
            raise
        if told:
            try:
                self._tell(0)
            except BaseException:
                self.__exit__()
                raise

    def __exit__(self, _kind: object = None, error: BaseException | None = None, _trace: object = None) -> None:
        with self._change:
            self._taken -= 1
            self._change.notify_all()
        if isinstance(error, Exception) and not isinstance(error, ABNError):
            log.error("computing failed", exc_info=error)
            raise ABNError(FAILED) from error

    def _wait(self, ticket: object) -> int | None:
        """None once it is this ticket's turn; else, after a while, how many are computing or wait before it."""
        with self._change:
            if self._change.wait_for(lambda: self.free and self._queue[0] is ticket, OFTEN):
                self._queue.popleft()
                self._taken += 1
                self._change.notify_all()  # the next may find a free turn too
                return None
            return self._taken + self._queue.index(ticket)
