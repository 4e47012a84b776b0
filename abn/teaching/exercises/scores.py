"""Scores of answers, by kind of question and as CSV, without names or times."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from abn.errors import ABNError
from abn.teaching.exercises import wording
from abn.teaching.exercises.draw import KINDS, Question
from abn.teaching.exercises.question_material import QuestionMaterial

Cell = tuple[int, int]  # row and column, from 0
COLUMNS = ("set", "question", "kind", "image", "variant", "edit", "answer", "right answer", "score")


@dataclass(frozen=True)
class ScoredAnswer:
    """A question with a person's answer and its score."""

    question: Question
    answer: str | Cell  # one of the options, or a cell of the map
    score: float  # 0 to 1
    remark: str = ""  # about this answer, besides the question's explanation

    @property
    def in_words(self) -> str:
        return self.answer if isinstance(self.answer, str) else wording.cell(self.answer)


@dataclass(frozen=True)
class Total:
    """Score of all answers to one kind of question."""

    count: int  # questions answered
    score: float  # points, 0 to `count`


def score_answer(question: Question, answer: str | Cell, *, material: QuestionMaterial) -> ScoredAnswer:
    """Score an answer: an option is worth 1 if it is the right one, a cell the share of others that are less bright.

    `ABNError` for what can't be an answer to this question.
    """
    if question.options:
        if answer not in question.options:
            raise ABNError(f"The answer must be one of {', '.join(question.options)}.")
        return ScoredAnswer(question, answer, float(answer == question.right))
    record = material.predictions[question.image, question.variant]
    h, w = record.attention.shape
    if isinstance(answer, str) or not (0 <= answer[0] < h and 0 <= answer[1] < w):
        raise ABNError(f"The answer must be a cell of {h} × {w}.")
    score = cell_score(record.attention, answer)
    return ScoredAnswer(question, answer, score, wording.remark_where(record, answer, score))


def cell_score(attention: np.ndarray, at: Cell) -> float:
    """The share of the other cells that are less bright than this one, ties half: 1 for the brightest, 0 for the
    darkest, and 0.5 on average over all cells of any map."""
    value = attention[at]
    less, same = (attention < value).sum(), (attention == value).sum() - 1
    return float((less + same / 2) / (attention.size - 1))


def chance(question: Question) -> float:
    """The points that a random answer gets on average, 0 to 1."""
    return 1 / len(question.options) if question.options else 0.5


def totals(answers: Sequence[ScoredAnswer]) -> dict[str, Total]:
    """The total of each kind that was answered, in the order of KINDS."""
    by_kind = {kind: [answer.score for answer in answers if answer.question.kind == kind] for kind in KINDS}
    return {kind: Total(len(scores), sum(scores)) for kind, scores in by_kind.items() if scores}


def as_csv(seed: int, answers: Sequence[ScoredAnswer]) -> str:
    """One line for each answer, without names or times."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for answer in answers:
        question = answer.question
        subject = (seed, question.number, question.kind, question.image, question.variant, question.edit)
        writer.writerow((*subject, answer.in_words, question.right, f"{answer.score:.3f}"))
    return stream.getvalue()
