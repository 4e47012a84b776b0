"""Jobs of a page that take seconds: begun by a button, done piece by piece, stopped by another button.

Each piece is kept for the session under a key that holds all that it depends on (hashes of picture and weights, and
settings). So what was found before a stop stays, nothing is done twice, and nothing old is shown beside new choices.
A page draws its sections first and then calls `work`, so that all of it stands while a job runs.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from abn.errors import ABNError
from abn.ui.layout import escape_markdown
from abn.ui.runtime import cache
from abn.ui.state import state

DOUBLE = 0.5  # seconds: so soon after its beginning a press is the second of a double click, and doesn't stop the job
MOST = 512  # pieces that a session keeps for each job, the latest


@dataclass(frozen=True)
class Piece:
    """A part of a job; `make` gets what it tells its own progress to, 0 … 1, and whatever that raises ends it."""

    key: tuple
    says: str  # what is being done, for people
    make: Callable[[Callable[[float], object]], Any]


@dataclass(frozen=True)
class Job:
    """What a section wants done, and where its progress is drawn; `place` is None while nobody has begun it."""

    name: str
    pieces: Sequence[Piece]
    place: DeltaGenerator | None


def results(name: str, pieces: Sequence[Piece]) -> list[Any]:
    """What is known of each piece; None for one that is still to be done."""
    return cache.cached(name, [piece.key for piece in pieces])


def control(name: str, pieces: Sequence[Piece], label: str, *, icon: str) -> Job:
    """The button that begins a job, or its progress with the button that stops it; nothing once all is done."""
    whose = tuple(piece.key for piece in pieces)
    begun, failed = state.running_jobs, state.failed_jobs
    done = sum(one is not None for one in results(name, pieces))
    if name in begun and (begun[name][0] != whose or done == len(pieces)):
        del begun[name]  # of other choices, or over
    if failed.get(name, ("", ""))[0] == whose:
        st.error(escape_markdown(failed[name][1]), icon=":material/error:")
    place = st.empty()
    if done == len(pieces):
        return Job(name, pieces, None)
    button = {"key": f"{name}-job"}  # one for both: Streamlit would leave the other beside it until the job is done
    if name in begun:
        place.progress(done / len(pieces), "Waiting for a free processor …")
        st.button("Stop", icon=":material/stop:", on_click=_stop, args=(name,), **button)
        return Job(name, pieces, place)
    if done:
        place.caption(f"{done} of {len(pieces)} parts are done and kept.")
        label, icon = "Go on", ":material/play_arrow:"
    st.button(label, type="primary", icon=icon, on_click=_begin, args=(name, whose), **button)
    return Job(name, pieces, None)


def _begin(name: str, whose: tuple) -> None:
    state.running_jobs[name] = whose, time.monotonic()
    state.failed_jobs.pop(name, None)


def _stop(name: str) -> None:
    _, since = state.running_jobs.get(name, ((), 0.0))
    if time.monotonic() - since > DOUBLE:
        state.running_jobs.pop(name, None)


def fragment_unless_busy(draw: Callable) -> Callable:
    """What draws a part of the page, as a fragment: what a person does in it draws nothing else anew. Not while a job
    runs, as Streamlit lets fragments wait until the page is done."""
    return draw if state.running_jobs else st.fragment(draw)


def run_jobs(*jobs: Job) -> None:
    """Do what was begun, and draw the page anew with what was found; to be called when all of the page is drawn."""
    going = [job for job in jobs if job.place is not None]
    for job in going:
        try:
            _do(job)
            state.running_jobs.pop(job.name, None)
        except ABNError as error:
            state.failed_jobs[job.name] = tuple(piece.key for piece in job.pieces), str(error)
            state.running_jobs.pop(job.name, None)
        except Exception:  # not what Streamlit raises when a person presses something: then the job goes on
            state.running_jobs.pop(job.name, None)
            raise
    if going:
        st.rerun()


def _do(job: Job) -> None:
    missing = [piece for piece, known in zip(job.pieces, results(job.name, job.pieces), strict=True) if known is None]
    before, begun = len(job.pieces) - len(missing), time.monotonic()

    for number, piece in enumerate(missing):

        def tell(share: float, number: int = number, piece: Piece = piece) -> None:
            done = number + share
            left = (time.monotonic() - begun) * (len(missing) / done - 1) if done else None
            says = piece.says if left is None else f"{piece.says}: about {max(1, round(left))} s left"
            job.place.progress(min(1.0, (before + done) / len(job.pieces)), escape_markdown(says))

        tell(0.0)
        cache.get_or_compute(job.name, [piece.key], lambda _, piece=piece, tell=tell: [piece.make(tell)], most=MOST)
