"""What a room shows to whom. Phones and projectors get these and never the room itself, so that nothing of the answers
of others and of the solution leaves before the reveal."""

from dataclasses import dataclass

from abn.teaching.live_class.class_map import ClassMap, make_class_map
from abn.teaching.live_class.experiment import Experiment
from abn.teaching.live_class.question import Question, hide_solution
from abn.teaching.live_class.room import Answer, Room, score


@dataclass(frozen=True, eq=False)
class Result:
    """What the class predicted, once it is revealed."""

    count: int  # answers
    votes: tuple[int, ...] = ()  # for each option
    class_map: ClassMap | None = None  # where cells were picked
    experiment: Experiment | None = None


@dataclass(frozen=True, eq=False)
class View:
    """The room as one person may see it."""

    code: str
    phase: str
    number: int  # of the question, from 1
    count: int  # questions
    students: int
    answered: int  # students who have answered the question
    question: Question | None = None  # without its solution until the reveal
    answer: Answer | None = None  # the person's own
    result: Result | None = None  # None until the reveal
    score: float | None = None  # the person's own, after the reveal
    total: float = 0.0  # points of the person in all questions that are revealed
    scored: int = 0  # revealed questions with a score for the person


def view_room(room: Room, student: str = "") -> View:
    """The room as a student may see it; without one, as everybody may, on the projector."""
    question, own = room.question, None
    answers = room.answers_to(question) if question else {}
    shown, result, points = question, None, None
    if question:
        own = answers.get(student)
        if room.is_revealed(question):
            result, points = summarize(room, question), score(question, own) if own else None
        else:
            shown = hide_solution(question)
    scores = [
        points_of
        for known in room.questions
        if room.is_revealed(known) and (given := room.answers_to(known).get(student))
        if (points_of := score(known, given)) is not None
    ]
    return View(
        room.code, room.phase, room.place + 1, len(room.questions), len(room.students), len(answers),
        shown, own, result, points, sum(scores), len(scores),
    )  # fmt: skip


def summarize(room: Room, question: Question) -> Result:
    """What the class predicted: votes, or the class map."""
    answers = room.answers_to(question).values()
    experiment = room.experiments.get(question.id)
    if question.picks_cell:
        class_map = make_class_map(tuple(answers), question.maps[0].attention, question.objects)
        return Result(len(answers), (), class_map, experiment)
    votes = tuple(sum(answer == (k,) for answer in answers) for k in range(len(question.options)))
    return Result(len(answers), votes, None, experiment)
