"""The chosen set of exercises and the progress in it: answers live in the session, set by set, on all pages."""

from collections.abc import Sequence

import streamlit as st

from abn.errors import ABNError
from abn.teaching import exercises
from abn.teaching.exercises import Attempt, Question, QuestionMaterial
from abn.ui import url
from abn.ui.layout import escape_markdown
from abn.ui.state import state

MAX_ATTEMPTS = 12  # sets that a session keeps, the latest


def choose_set() -> int:
    """The number of the set that the session or else the address has; the address bar holds it."""
    if state.exercise_set is None or state.exercise_set not in exercises.SETS:
        numbers = url.whole_numbers("set")
        valid = len(numbers) == 1 and numbers[0] in exercises.SETS
        state.exercise_set = numbers[0] if valid else exercises.SETS[0]
    url.sync_query_param("set", state.exercise_set, None)
    return state.exercise_set


def load_questions(seed: int) -> tuple[QuestionMaterial, Sequence[Question]]:
    """The material and the questions of a set; the page ends with a sentence where there are none."""
    material = exercises.read_material()
    if material.stale:
        st.warning(
            "Some pictures or networks have changed since the exercises were stored, so this set may differ from other "
            "people's. `python -m abn gallery` stores them again.",
            icon=":material/warning:",
        )
    try:
        return material, exercises.draw_questions(seed, material=material)
    except ABNError as error:
        st.error(escape_markdown(str(error)), icon=":material/error:")
        st.stop()


def get_attempt(seed: int) -> Attempt:
    """This session's way through a set; the latest `MAX_ATTEMPTS` are kept."""
    attempts = state.attempts
    attempts[seed] = attempts.pop(seed) if seed in attempts else Attempt()
    for old in list(attempts)[:-MAX_ATTEMPTS]:
        del attempts[old]
    return attempts[seed]


def show_progress(seed: int, questions: Sequence[Question], attempt: Attempt) -> None:
    """The set, the place in it, and the score so far."""
    count, answered = len(questions), len(attempt.answers)
    place = f"**{attempt.index + 1} of {count}**" if attempt.index < count else "**Scores**"
    score = f" · {attempt.score:.1f} of {answered} points" if answered else ""
    st.progress(answered / count, f"Set {seed} · {place}{score}")


def open_set(seed: int) -> None:
    """Go to a set, where this session left it."""
    state.exercise_set = seed


def restart(seed: int) -> None:
    """Delete the answers to a set."""
    state.attempts[seed] = Attempt()
