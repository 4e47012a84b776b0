"""Progress in the lesson and the exercises as a text that a browser can keep, and back.

The text comes from a browser, so it may be anything: what is no progress counts as none. Answers hold for the questions
that they were given to; if the variants or the images change, a set of the same number has other questions, and its
answers are dropped (`Attempt.questions`).
"""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from abn.errors import ABNError
from abn.teaching import exercises
from abn.teaching.exercises import Attempt, Question, QuestionMaterial
from abn.teaching.exercises.scores import Cell
from abn.teaching.lessons import STEPS

VERSION = 1
MAX_CHARACTERS = 20_000
MAX_SETS = 12  # the latest ones


@dataclass(frozen=True)
class KeptSet:
    """The answers to one set as they were kept, not yet compared with the set's questions."""

    questions: str  # `exercises.fingerprint` of the questions that were answered
    index: int  # of the question shown
    answers: Mapping[int, str | Cell] = field(default_factory=dict)  # by the question's number


@dataclass(frozen=True)
class KeptProgress:
    """Tasks of the lesson that are done, and answers to sets of exercises."""

    lessons: frozenset[str] = frozenset()
    sets: Mapping[int, KeptSet] = field(default_factory=dict)  # by the set's number

    def __bool__(self) -> bool:
        return bool(self.lessons or self.sets)


def write_progress(lessons: Collection[str], attempts: Mapping[int, Attempt], unopened: Mapping[int, KeptSet]) -> str:
    """The text to keep; "" where there is no progress. `unopened`: sets that were read and not opened since."""
    sets = dict(unopened)
    for seed, attempt in attempts.items():
        if attempt.answers:
            answers = {number: scored.answer for number, scored in attempt.answers.items()}
            sets[seed] = KeptSet(attempt.questions, attempt.index, answers)
    if not lessons and not sets:
        return ""
    latest = list(sets.items())[-MAX_SETS:]
    content = {
        "version": VERSION,
        "lessons": [step.key for step in STEPS if step.key in lessons],
        "sets": {
            str(seed): {
                "questions": kept.questions,
                "index": kept.index,
                "answers": {str(number): answer for number, answer in kept.answers.items()},
            }
            for seed, kept in latest
        },
    }
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def read_progress(text: object) -> KeptProgress:
    """The progress of a text; what can't be progress is left out."""
    if not isinstance(text, str) or len(text) > MAX_CHARACTERS:
        return KeptProgress()
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return KeptProgress()
    match content:
        case {"version": 1, "lessons": list(lessons), "sets": dict(sets)}:
            done = frozenset(step.key for step in STEPS if step.key in lessons)
            read = {int(seed): _read_set(stored) for seed, stored in sets.items() if _is_number(seed, exercises.SETS)}
            return KeptProgress(done, {seed: kept for seed, kept in list(read.items())[-MAX_SETS:] if kept})
    return KeptProgress()


def restore_attempt(kept: KeptSet, questions: Sequence[Question], *, material: QuestionMaterial) -> Attempt:
    """The attempt of kept answers, scored again; without any where they belong to other questions."""
    attempt = Attempt(questions=exercises.fingerprint(questions, material=material))
    if kept.questions != attempt.questions:
        return attempt
    for question in questions:  # answered one after another: what comes after a gap can't be
        if question.number not in kept.answers:
            break
        try:
            scored = exercises.score_answer(question, kept.answers[question.number], material=material)
        except ABNError:
            break
        attempt.answers[question.number] = scored
    attempt.index = min(max(kept.index, 0), len(attempt.answers))
    return attempt


def _read_set(stored: Any) -> KeptSet | None:
    match stored:
        case {"questions": str(questions), "index": int(index), "answers": dict(answers)} if index is not True:
            numbers = range(1, exercises.COUNT + 1)
            read = {
                int(number): _read_answer(answer) for number, answer in answers.items() if _is_number(number, numbers)
            }
            kept = {number: answer for number, answer in read.items() if answer is not None}
            return KeptSet(questions, index, kept) if kept else None
    return None


def _read_answer(stored: Any) -> str | Cell | None:
    match stored:
        case str():
            return stored
        case [int(row), int(column)] if not isinstance(row, bool) and not isinstance(column, bool):
            return row, column
    return None


def _is_number(text: str, legal: range) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 6 and int(text) in legal
