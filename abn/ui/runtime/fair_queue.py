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
OFTEN = 1.0  # seconds between two tellings: each is a message to a browser, and many may wait

log = logging.getLogger(__name__)


class FairQueue:
    """To be entered for as long as one computes. `tell` gets how many are before whoever waits, once in each second, in
    the thread that waits, and 0 when that is over; whatever it raises gives up the place."""

    def __init__(self, count: int, tell: Callable[[int], object] = lambda ahead: None):
        self.count, self._tell = count, tell
        self._taken = 0
        self._queue: deque[threading.Event] = deque()  # of those who wait; set where it is their turn
        self._lock = threading.Lock()

    @property
    def free(self) -> int:
        """How many more could compute now."""
        return self.count - self._taken

    def __enter__(self) -> None:
        ticket, told = threading.Event(), False
        with self._lock:
            self._queue.append(ticket)
            self._call()
        try:
            while not ticket.wait(OFTEN):
                told = True
                self._tell(self._ahead(ticket))
            if told:
                self._tell(0)
        except BaseException:
            self._leave(ticket)
            raise

    def __exit__(self, _kind: object = None, error: BaseException | None = None, _trace: object = None) -> None:
        with self._lock:
            self._taken -= 1
            self._call()
        if isinstance(error, Exception) and not isinstance(error, ABNError):
            log.error("computing failed", exc_info=error)
            raise ABNError(FAILED) from error

    def _call(self) -> None:
        """Those who came first, as many as may compute; nobody else wakes up."""
        while self.free and self._queue:
            self._taken += 1
            self._queue.popleft().set()

    def _ahead(self, ticket: threading.Event) -> int:
        """How many compute or wait before it."""
        with self._lock:
            return self._taken + self._queue.index(ticket) if ticket in self._queue else 0

    def _leave(self, ticket: threading.Event) -> None:
        with self._lock:
            if ticket in self._queue:
                self._queue.remove(ticket)
            else:  # it was called meanwhile
                self._taken -= 1
                self._call()
