"""What answers are worth, kind by kind, and as CSV. No answer knows who gave it, or when."""

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
COLUMNS = ("set", "question", "kind", "picture", "variant", "edit", "answer", "right answer", "score")


@dataclass(frozen=True)
class ScoredAnswer:
    """A question with the answer that somebody gave."""

    question: Question
    answer: str | Cell  # one of the options, or a cell of the map
    score: float  # 0 to 1
    remark: str = ""  # what is to be said of this answer besides the question's explanation

    @property
    def in_words(self) -> str:
        return self.answer if isinstance(self.answer, str) else wording.cell(self.answer)


@dataclass(frozen=True)
class Total:
    """What the answers to one kind of question came to."""

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
    told = material.predictions[question.picture, question.variant]
    h, w = told.attention.shape
    if isinstance(answer, str) or not (0 <= answer[0] < h and 0 <= answer[1] < w):
        raise ABNError(f"The answer must be a cell of {h} × {w}.")
    score = cell_score(told.attention, answer)
    return ScoredAnswer(question, answer, score, wording.remark_where(told, answer, score))


def cell_score(attention: np.ndarray, at: Cell) -> float:
    """The share of the other cells that are less bright than this one, ties half: 1 for the brightest, 0 for the
    darkest, and 0.5 on average over all cells of any map."""
    value = attention[at]
    less, same = (attention < value).sum(), (attention == value).sum() - 1
    return float((less + same / 2) / (attention.size - 1))


def totals(answers: Sequence[ScoredAnswer]) -> dict[str, Total]:
    """For each kind that was answered, in the order of KINDS, what the answers came to."""
    scores = {kind: [one.score for one in answers if one.question.kind == kind] for kind in KINDS}
    return {kind: Total(len(some), sum(some)) for kind, some in scores.items() if some}


def as_csv(seed: int, answers: Sequence[ScoredAnswer]) -> str:
    """One line for each answer: the set and what is in it, no names and no times."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in answers:
        asked = one.question
        about = (seed, asked.number, asked.kind, asked.picture, asked.variant, asked.edit)
        writer.writerow((*about, one.in_words, asked.right, f"{one.score:.3f}"))
    return stream.getvalue()
