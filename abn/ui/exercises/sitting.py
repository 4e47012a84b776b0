"""Which set a person works on, and how far: answers live in the session, set by set, and go along from page to page."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import streamlit as st

from abn.errors import ABNError
from abn.teaching import exercises
from abn.teaching.exercises import Answered, Bank, Question
from abn.teaching.exercises.scores import Cell
from abn.ui import url
from abn.ui.layout import escape_markdown
from abn.ui.state import state

SITTINGS = 12  # sets that a session keeps, the latest


@dataclass
class Sitting:
    """One person's way through one set."""

    answers: dict[int, Answered] = field(default_factory=dict)  # by the question's number
    at: int = 0  # the question shown, from 0; after the last come the scores
    cell: Cell | None = None  # picked and not yet answered with

    @property
    def score(self) -> float:
        return sum(one.score for one in self.answers.values())


def chosen_set() -> int:
    """The number of the set, as the session or else the address has it; the address bar holds it."""
    if state.exercise_set not in exercises.SETS:
        given = url.whole_numbers("set")
        legal = len(given) == 1 and given[0] in exercises.SETS
        state.exercise_set = given[0] if legal else exercises.SETS[0]
    url.sync_query_param("set", state.exercise_set, None)
    return state.exercise_set


def material(seed: int) -> tuple[Bank, Sequence[Question]]:
    """The bank and the questions of a set; the page ends with a sentence where there are none."""
    bank = exercises.read_bank()
    if bank.stale:
        st.warning(
            "Some pictures or networks have changed since the exercises were stored, so this set may differ from other "
            "people's. `python -m abn gallery` stores them again.",
            icon=":material/warning:",
        )
    try:
        return bank, exercises.questions(seed, bank=bank)
    except ABNError as error:
        st.error(escape_markdown(str(error)), icon=":material/error:")
        st.stop()


def sitting(seed: int) -> Sitting:
    """This session's way through a set; a few others are kept."""
    kept = state.sittings
    kept[seed] = kept.pop(seed, None) or Sitting()
    for old in list(kept)[:-SITTINGS]:
        del kept[old]
    return kept[seed]


def progress(seed: int, asked: Sequence[Question], sat: Sitting) -> None:
    """Which set, how far, and the score so far."""
    done, at = len(sat.answers), min(sat.at + 1, len(asked))
    place = f"**{at} of {len(asked)}**" if sat.at < len(asked) else "**Scores**"
    score = f" · {sat.score:.1f} of {done} points" if done else ""
    st.progress(done / len(asked), f"Set {seed} · {place}{score}")


def open_set(seed: int) -> None:
    """Go to a set, where this session left it."""
    state.exercise_set = seed


def begin_again(seed: int) -> None:
    """Forget the answers to a set."""
    state.sittings[seed] = Sitting()
