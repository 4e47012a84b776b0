"""A person's progress in one set of exercises."""

from dataclasses import dataclass, field

from abn.teaching.exercises.scores import Cell, ScoredAnswer


@dataclass
class Attempt:
    """The answers of one person to one set, and the question that is shown."""

    answers: dict[int, ScoredAnswer] = field(default_factory=dict)  # by the question's number
    questions: str = ""  # `draw.fingerprint` of the set's questions
    index: int = 0  # of the question shown, from 0; after the last come the scores
    cell: Cell | None = None  # picked, and not yet given as the answer

    @property
    def score(self) -> float:
        return sum(answer.score for answer in self.answers.values())

    def go_to(self, index: int) -> None:
        self.index, self.cell = index, None
