"""The chosen set of exercises and the progress in it: answers live in the session, set by set, on all pages."""

from collections.abc import Sequence

import streamlit as st

from abn.errors import ABNError
from abn.teaching import exercises, progress
from abn.teaching.exercises import Attempt, Question, QuestionMaterial
from abn.ui import layout, url
from abn.ui.exercises import words
from abn.ui.layout import escape_markdown
from abn.ui.progress import kept_progress
from abn.ui.state import state

MAX_ATTEMPTS = 12  # sets that a session keeps, the latest


def choose_set() -> int:
    """The number of the set that the session or else the address has; the address bar holds it."""
    if state.exercise_set is None or state.exercise_set not in exercises.SETS or url.went_back():
        numbers = url.whole_numbers("set")
        valid = len(numbers) == 1 and numbers[0] in exercises.SETS
        state.exercise_set = numbers[0] if valid else exercises.SETS[0]
    url.sync_query_param("set", state.exercise_set, None)
    return state.exercise_set


def load_questions(seed: int) -> tuple[QuestionMaterial, Sequence[Question]]:
    """The material and the questions of a set; the page ends with a sentence where there are none."""
    material = exercises.read_material()
    if material.stale:
        st.warning(words.STALE, icon=":material/warning:")
    try:
        return material, exercises.draw_questions(seed, material=material)
    except ABNError as error:
        st.error(escape_markdown(str(error)), icon=":material/error:")
        st.stop()


def get_attempt(seed: int, material: QuestionMaterial, questions: Sequence[Question]) -> Attempt:
    """This session's attempt at a set, or the one that the browser kept; the latest `MAX_ATTEMPTS` stay."""
    attempts, kept = state.attempts, state.kept_sets.pop(seed, None)
    current = attempts.pop(seed, None)
    if kept and not (current and current.answers):
        current = progress.restore_attempt(kept, questions, material=material)
    attempts[seed] = current or Attempt(questions=exercises.fingerprint(questions, material=material))
    for old in list(attempts)[:-MAX_ATTEMPTS]:
        del attempts[old]
    return attempts[seed]


def show_progress(seed: int, questions: Sequence[Question], attempt: Attempt) -> None:
    """The set, the place in it, and the score so far."""
    count, answered = len(questions), len(attempt.answers)
    place = words.QUESTION.format(number=attempt.index + 1, count=count) if attempt.index < count else words.SCORES
    score = words.SCORE.format(score=attempt.score, answered=answered) if answered else ""
    with layout.title_row(), st.container(horizontal=True, vertical_alignment="center"):
        line = words.PLACE.format(seed=seed, place=place, score=score)
        if attempt.index < count:
            st.progress(answered / count, line)
        else:
            st.markdown(line)  # beside the score, a full bar would look like full marks
        kept_progress.show_menu()


def show_set(seed: int, questions: Sequence[Question], attempt: Attempt) -> None:
    """The number of the set, to choose another one, and its questions with the points so far."""
    with st.container(key="exercise-set"):
        number = st.number_input(
            words.SET, exercises.SETS[0], exercises.SETS[-1], seed, help=words.SET_HELP, key=f"exercise-number-{seed}"
        )
        if number != seed:
            open_set(number)
            st.rerun()
        st.caption("\n".join(_describe_question(place, question, attempt) for place, question in enumerate(questions)))


def _describe_question(place: int, question: Question, attempt: Attempt) -> str:
    """A line of the list: the question's kind, in bold if it is the one that is shown, and its points."""
    scored, kind = attempt.answers.get(question.number), exercises.KINDS[question.kind]
    badge = words.ITEM_POINTS if scored and scored.score else words.ITEM_WRONG
    points = badge.format(points=scored.score) if scored else ""
    return words.ITEM.format(number=place + 1, kind=f"**{kind}**" if place == attempt.index else kind, points=points)


def open_set(seed: int) -> None:
    """Go to a set, where this session left it."""
    state.exercise_set = seed


def restart(seed: int) -> None:
    """Delete the answers to a set."""
    state.attempts.pop(seed, None)
