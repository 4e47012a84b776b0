"""Work that takes seconds: begun by a button, done piece by piece, stopped by another button, and kept.

Each piece's result is kept for the session under a key that holds all that it depends on (hashes of image and weights,
and settings). So what was computed before a stop stays, nothing is done twice, and nothing old is shown beside new
choices. A page draws its sections first and then calls `run_jobs`, so that all of it stands while a job runs.

    pieces = [Piece((card.id, card.sha256), card.title, lambda progress: measure(card, progress)) for card in cards]
    job = control("measure", pieces, "Measure", icon=":material/timer:")   # the button, or the progress
    show(results("measure", pieces))                                       # None for what is still to be done
    run_jobs(job)                                                          # last on the page

`run_in_background` is for a single thing that can't tell its progress, such as reading a large file.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from abn.errors import ABNError
from abn.plots import numbers
from abn.ui import words
from abn.ui.layout import escape_markdown, fragment
from abn.ui.runtime.turns import background_turn
from abn.ui.state import state

DOUBLE_CLICK = 0.5  # seconds after the beginning in which a press is the second of a double click, and stops nothing
POLL_INTERVAL = 0.3  # seconds

Result = TypeVar("Result")
Progress = Callable[[float], object]  # gets the share that is done, 0 … 1; whatever it raises ends the work


@dataclass(frozen=True)
class Piece:
    """A part of a job. `compute` runs in the page's thread, in turns of its own."""

    key: tuple
    label: str  # what is being done, for people
    compute: Callable[[Progress], Any]
    done: float = 0.0  # share of it that was done before this run of the page, of work that outlasts a run


@dataclass(frozen=True)
class Job:
    """What a section wants done, and where its progress is drawn; `place` is None while it doesn't run."""

    name: str
    pieces: Sequence[Piece]
    place: DeltaGenerator | None


@dataclass(frozen=True)
class RunningJob:
    """What a session has begun: the keys of its pieces, when, and the visit in which a page drew it last.

    A press leaves the keys to the page that is drawn next: its choices may be newer than the button that was pressed.
    """

    keys: tuple | None
    since: float
    visit: int


def results(name: str, pieces: Sequence[Piece]) -> list[Any]:
    """The result of each piece; None for one that is still to be done."""
    return [state.cache.get((name, piece.key)) for piece in pieces]


def control(
    name: str, pieces: Sequence[Piece], label: str, *, icon: str, automatic: bool = False, missing: str = ""
) -> Job:
    """The button that begins a job, or its progress with the button that stops it; nothing once all is done.

    An `automatic` job begins without its button, unless these pieces were stopped or failed before. `missing` says in
    one sentence what the job still needs: then its button can't be pressed."""
    keys = tuple(piece.key for piece in pieces)
    done = sum(result is not None for result in results(name, pieces))
    job = state.running_jobs.get(name)
    if job and job.keys is None and job.visit == state.visit:
        job = state.running_jobs[name] = replace(job, keys=keys)
    if job and (job.keys != keys or done == len(pieces)):
        del state.running_jobs[name]  # of other choices, or over
    if name in state.failed_jobs and state.failed_jobs[name][0] == keys:
        st.error(escape_markdown(state.failed_jobs[name][1]), icon=":material/error:")
    halted = (state.stopped_jobs.get(name), state.failed_jobs.get(name, ((), ""))[0])
    if automatic and name not in state.running_jobs and done < len(pieces) and keys not in halted:
        _begin(name, keys)
    place = st.empty()
    if done == len(pieces):
        return Job(name, pieces, None)
    key = f"{name}-job"  # one for both buttons: Streamlit would leave the other beside it until the job is done
    if name in state.running_jobs:
        state.running_jobs[name] = replace(state.running_jobs[name], visit=state.visit)
        place.progress(done / len(pieces), "Waiting for a free processor …")
        st.button(words.STOP, icon=":material/stop:", on_click=_stop, args=(name,), key=key)
        return Job(name, pieces, place)
    if done:
        place.caption(words.KEPT.format(done=done, count=len(pieces)))
        label, icon = words.RESUME, ":material/play_arrow:"
    st.button(
        label,
        type="primary",
        icon=icon,
        disabled=bool(missing),
        help=missing or None,
        on_click=_begin,
        args=(name,),
        key=key,
    )
    return Job(name, pieces, None)


def _begin(name: str, keys: tuple | None = None) -> None:
    state.running_jobs[name] = RunningJob(keys, time.monotonic(), state.visit)
    state.failed_jobs.pop(name, None)
    state.stopped_jobs.pop(name, None)


def _stop(name: str) -> None:
    job = state.running_jobs.get(name)
    if job and time.monotonic() - job.since > DOUBLE_CLICK:
        del state.running_jobs[name]
        state.stopped_jobs[name] = job.keys or ()


def fragment_unless_busy(draw: Callable) -> Callable:
    """What draws a part of the page, as a fragment: what a person does in it draws nothing else again. Not while a job
    of this page runs, as Streamlit lets fragments wait until the page is done."""
    busy = any(job.visit == state.visit for job in state.running_jobs.values())
    return draw if busy else fragment(draw)


def run_jobs(*jobs: Job) -> None:
    """Do what was begun, and draw the page again with the results; to be called when all of the page is drawn."""
    running = [job for job in jobs if job.place is not None]
    for job in running:
        try:
            _run(job)
            state.running_jobs.pop(job.name, None)
        except ABNError as error:
            state.failed_jobs[job.name] = tuple(piece.key for piece in job.pieces), str(error)
            state.running_jobs.pop(job.name, None)
        except Exception:  # not what Streamlit raises when a person presses something: then the job continues
            state.running_jobs.pop(job.name, None)
            raise
    if running:
        st.rerun()


def _run(job: Job) -> None:
    missing = [piece for piece, known in zip(job.pieces, results(job.name, job.pieces), strict=True) if known is None]
    before, begun, done_before = len(job.pieces) - len(missing), time.monotonic(), missing[0].done if missing else 0.0
    place = job.place or st.empty()
    for number, piece in enumerate(missing):

        def progress(share: float, number: int = number, label: str = piece.label) -> None:
            done = number + share
            if done > done_before:
                left = (time.monotonic() - begun) * (len(missing) - done) / (done - done_before)
                label = words.TIME_LEFT.format(label=label, time=numbers.duration(left))
            place.progress(min(1.0, (before + done) / len(job.pieces)), escape_markdown(label))

        progress(0.0)
        state.cache.get_or_compute([(job.name, piece.key)], partial(_compute, piece, progress))


def _compute(piece: Piece, progress: Progress, _missing: object) -> list[Any]:
    return [piece.compute(progress)]


def run_in_background(work: Callable[[], Result], on_wait: Callable[[float], object]) -> Result:
    """Do work beside the page once a turn is free; meanwhile `on_wait` gets the seconds, some times in each. Whatever
    `on_wait` raises, as Streamlit does when a person presses something, leaves the work: it is not begun any more, or
    its result is dropped. What the work raises is raised here."""
    left = threading.Event()

    def in_turn() -> Any:
        with background_turn():
            return None if left.is_set() else work()

    begun, pool = time.monotonic(), ThreadPoolExecutor(1, thread_name_prefix="abn-work")
    try:
        future = pool.submit(in_turn)
        while wait([future], timeout=POLL_INTERVAL).not_done:
            on_wait(time.monotonic() - begun)
        return future.result()
    finally:
        left.set()
        pool.shutdown(wait=False)


def run_with_stop(work: Callable[[], Result], label: str, *, key: str, on_stop: Callable[[], None]) -> Result:
    """The same with a line that tells the seconds, and a button that stops it: `on_stop` is to note that."""
    place, line = st.empty(), None

    def show(seconds: float) -> None:
        nonlocal line
        if line is None:
            with place.container(horizontal=True, vertical_alignment="center"):
                line = st.empty()
                st.button(words.STOP, key=f"stop-{key}", icon=":material/stop_circle:", on_click=on_stop)
        line.markdown(f":material/hourglass_top: {escape_markdown(label)} … {seconds:.0f} s")

    try:
        return run_in_background(work, show)
    finally:
        place.empty()
