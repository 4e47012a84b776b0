"""Work on many items in processes of their own, results in order; a process that is killed loses nothing."""

import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from types import ModuleType
from typing import TypeVar

from abn.errors import ABNError

AHEAD = 2  # items begun or waiting, for each worker
TRIES = 3  # of an item whose worker is killed
KILLED = "A worker process was killed: its images are run again."
GIVEN_UP = "Worker processes are killed repeatedly, probably because memory is short: use fewer --workers."

Item = TypeVar("Item")
Result = TypeVar("Result")

log = logging.getLogger(__name__)


def map_in_order(work: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Iterator[Result]:
    """`work(item)` for each item in turn, `workers` at a time; 0 works in this process. Only a few items are begun
    ahead of the one whose result is next. Raises `ABNError` where workers are killed again and again."""
    if workers == 0:
        yield from map(work, items)
        return
    waiting: deque[tuple[Item, Future]] = deque()
    remaining, deaths, pool = iter(items), 0, _create_pool(workers)
    try:
        while True:
            while len(waiting) < AHEAD * workers and (item := next(remaining, None)) is not None:
                waiting.append((item, _submit(pool, work, item)))
            if not waiting:
                return
            try:
                result = waiting[0][1].result()
            except BrokenProcessPool as error:
                deaths += 1
                if deaths == TRIES:
                    raise ABNError(GIVEN_UP) from error
                log.warning(KILLED)
                pool.shutdown()
                pool = _create_pool(workers)
                waiting = deque((item, _submit(pool, work, item)) for item, _ in waiting)
                continue
            waiting.popleft()
            deaths = 0
            yield result
    finally:
        pool.shutdown(cancel_futures=True)


def _create_pool(workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"), initializer=_init_worker)


def _submit(pool: ProcessPoolExecutor, work: Callable[[Item], Result], item: Item) -> Future:
    """Submit to a pool, which may start a worker for it. A worker would run the script of this process again, which may
    have no guard against that; so it is shown none."""
    main, sys.modules["__main__"] = sys.modules["__main__"], ModuleType("__main__")
    try:
        return pool.submit(work, item)
    except BrokenProcessPool as error:  # a worker was killed by an item that was begun ahead
        future: Future = Future()
        future.set_exception(error)
        return future
    finally:
        sys.modules["__main__"] = main


def _init_worker() -> None:
    """Leave Ctrl-C to the main process, and end where that has ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
