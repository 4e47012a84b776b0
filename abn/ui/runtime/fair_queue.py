"""Turns at computing: at most so many at once, first come, first served; whoever waits may hear how many are before it.

A page that is left, or on which something else is pressed, leaves the queue: telling a page of its place is where
Streamlit stops it. Whatever goes wrong in a turn becomes one sentence, and the turn goes to the next.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from abn.errors import ABNError
from abn.ui import words

NOTIFY_INTERVAL = 1.0  # seconds between two notices: each is a message to a browser, and many may wait

log = logging.getLogger(__name__)

Notify = Callable[[int], object]  # gets how many are before, and 0 when the wait is over


class FairQueue:
    """Lets `count` threads compute at once."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.running = 0
        self._waiting: deque[threading.Event] = deque()  # set when it is their turn
        self._lock = threading.Lock()

    @property
    def free(self) -> int:
        """How many more could compute now."""
        return self.count - self.running

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._waiting)

    def turn(self, notify: Notify | None = None) -> "Turn":
        """To be entered for as long as one computes, as often as need be. `notify` is called once a second in the
        thread that waits; whatever it raises gives up the place."""
        return Turn(self, notify)

    def acquire(self, notify: Notify | None = None) -> None:
        """Wait for a turn."""
        ticket, notified = threading.Event(), False
        with self._lock:
            self._waiting.append(ticket)
            self._call()
        try:
            while not ticket.wait(NOTIFY_INTERVAL if notify else None):
                if notify:
                    notified = True
                    notify(self._ahead(ticket))
            if notify and notified:
                notify(0)
        except BaseException:
            self._leave(ticket)
            raise

    def release(self) -> None:
        """Give the turn to the next."""
        with self._lock:
            self.running -= 1
            self._call()

    def _call(self) -> None:
        """Those who came first, as many as may compute; nobody else wakes up."""
        while self.free and self._waiting:
            self.running += 1
            self._waiting.popleft().set()

    def _ahead(self, ticket: threading.Event) -> int:
        """How many compute or wait before it."""
        with self._lock:
            return self.running + self._waiting.index(ticket) if ticket in self._waiting else 0

    def _leave(self, ticket: threading.Event) -> None:
        with self._lock:
            if ticket in self._waiting:
                self._waiting.remove(ticket)
                return
        self.release()  # it was called meanwhile


@dataclass(frozen=True)
class Turn:
    """A turn in a queue, for `with`."""

    queue: FairQueue
    notify: Notify | None = None

    def __enter__(self) -> None:
        self.queue.acquire(self.notify)

    def __exit__(self, _kind: object = None, error: BaseException | None = None, _trace: object = None) -> None:
        self.queue.release()
        if isinstance(error, Exception) and not isinstance(error, ABNError):
            log.error("computing failed", exc_info=error)
            raise ABNError(words.FAILED) from error

    def pass_on(self) -> None:
        """Between two parts of long work, in its turn: let those who wait compute first."""
        if self.queue.waiting:
            self.queue.release()
            self.queue.acquire()  # without notice, so that nothing is raised here and the turn is held in the end
