"""What a room holds, and how it changes: each change is a function from a room to the next one.

A room is never changed in place, so every reader sees a whole one. What the teacher may do is asked for by the page,
which has the key (`codes.is_key`); what students may do is checked here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from abn.errors import RoomError
from abn.images.display_name import one_line
from abn.teaching.live_class.experiment import Experiment
from abn.teaching.live_class.question import NO_OPTION, Question

LOBBY, OPEN, LOCKED, REVEALED, OVER = PHASES = ("lobby", "question", "locked", "revealed", "over")
MAX_STUDENTS = 200
MAX_QUESTIONS = 30
MAX_NICKNAME = 24  # characters

FULL = f"This room is full: it holds {MAX_STUDENTS} students."
TOO_MANY = f"A room holds {MAX_QUESTIONS} questions. Delete some first."
NOT_IN_ROOM = "Join the room first, then predict."
TOO_LATE = "This question is locked. Wait for the next one."
NO_ANSWER = "That is no answer to this question. Choose one of those shown."
NOT_NOW = "The room has moved since this page was drawn. Look at the page, then try again."

Answer = tuple[int, ...]  # (index of an option,), or (row, column) of a cell, from 0


@dataclass(frozen=True)
class Student:
    """Somebody in a room; nothing else is known of them."""

    number: int  # in the order in which they came, from 1
    nickname: str = ""  # plain text
    simulated: bool = False  # by the rehearsal


@dataclass(frozen=True, eq=False)
class Room:
    """A room at one moment."""

    code: str
    key_hash: str  # of the teacher's key
    questions: tuple[Question, ...] = ()
    place: int = -1  # index of the question shown; −1: the lobby, behind the last: over
    stages: Mapping[str, str] = field(default_factory=dict)  # question → LOCKED or REVEALED; else it is open
    students: Mapping[str, Student] = field(default_factory=dict)  # by a secret that their browser holds
    answers: Mapping[str, Mapping[str, Answer]] = field(default_factory=dict)  # question → student → answer
    experiments: Mapping[str, Experiment] = field(default_factory=dict)  # by question
    version: int = 0  # counts all changes
    scene: int = 0  # counts those that students see; others' answers are none

    @property
    def question(self) -> Question | None:
        """The question shown; None in the lobby and when the questions are over."""
        return self.questions[self.place] if 0 <= self.place < len(self.questions) else None

    @property
    def phase(self) -> str:
        """One of PHASES."""
        if self.question is None:
            return LOBBY if self.place < 0 else OVER
        return self.stages.get(self.question.id, OPEN)

    def answers_to(self, question: Question) -> Mapping[str, Answer]:
        """All answers to a question, by student."""
        return self.answers.get(question.id, {})

    def is_revealed(self, question: Question) -> bool:
        return self.stages.get(question.id) == REVEALED


# ---- what students do ----


def join(room: Room, student: str, nickname: str = "", *, simulated: bool = False) -> Room:
    """Let somebody in, at any time; who comes back stays who they were. Raises `RoomError` where it is full."""
    if student in room.students:
        return room
    if len(room.students) >= MAX_STUDENTS:
        raise RoomError(FULL)
    number = 1 + max((known.number for known in room.students.values()), default=0)
    known = Student(number, one_line(nickname, MAX_NICKNAME), simulated)
    return replace(room, students={**room.students, student: known})


def give_answer(room: Room, student: str, question: str, answer: Sequence[int]) -> Room:
    """Count an answer to the question of that ID, in the place of the student's earlier one. Raises `RoomError` where
    it isn't open, and for what can't be its answer."""
    if student not in room.students:
        raise RoomError(NOT_IN_ROOM)
    shown = room.question
    if shown is None or shown.id != question or room.phase != OPEN:
        raise RoomError(TOO_LATE)
    limits = shown.cells if shown.picks_cell else (len(shown.options),)
    whole = all(isinstance(part, int) and not isinstance(part, bool) for part in answer)
    if not whole or len(answer) != len(limits) or not all(0 <= a < n for a, n in zip(answer, limits, strict=True)):
        raise RoomError(NO_ANSWER)
    return replace(room, answers={**room.answers, question: {**room.answers_to(shown), student: tuple(answer)}})


# ---- what the teacher does ----


def add_questions(room: Room, questions: Sequence[Question]) -> Room:
    """Put questions at the end; a room that was over waits before them."""
    if len(room.questions) + len(questions) > MAX_QUESTIONS:
        raise RoomError(TOO_MANY)
    first = 1 + max((int(question.id) for question in room.questions), default=0)
    numbered = tuple(replace(question, id=str(first + k)) for k, question in enumerate(questions))
    place = len(room.questions) - 1 if room.phase == OVER else room.place
    return _step(room, questions=(*room.questions, *numbered), place=place)


def delete_question(room: Room, question: str) -> Room:
    """Delete a question that was not shown yet."""
    index = next((k for k, known in enumerate(room.questions) if known.id == question), -1)
    if index <= room.place:
        raise RoomError(NOT_NOW)
    return _step(room, questions=room.questions[:index] + room.questions[index + 1 :])


def lock(room: Room) -> Room:
    """Count no more answers to the question shown."""
    return _set_stage(room, {OPEN}, LOCKED)


def reopen(room: Room) -> Room:
    """Count answers again, before the reveal."""
    return _set_stage(room, {LOCKED}, OPEN)


def reveal(room: Room) -> Room:
    """Show the correct option, the map and what the class predicted."""
    return _set_stage(room, {OPEN, LOCKED}, REVEALED)


def go_next(room: Room) -> Room:
    """Show the next question, or the end behind the last one."""
    if room.phase == OVER or not room.questions:
        raise RoomError(NOT_NOW)
    return _step(room, place=room.place + 1)


def go_back(room: Room) -> Room:
    """Show the question before, or the lobby before the first one; what was revealed stays so."""
    if room.phase == LOBBY:
        raise RoomError(NOT_NOW)
    return _step(room, place=room.place - 1)


def keep_experiment(room: Room, question: str, experiment: Experiment) -> Room:
    """Show the outcome of the experiment beside the revealed question."""
    if room.question is None or room.question.id != question or room.phase != REVEALED:
        raise RoomError(NOT_NOW)
    return _step(room, experiments={**room.experiments, question: experiment})


def _set_stage(room: Room, allowed: set[str], stage: str) -> Room:
    if room.question is None or room.phase not in allowed:
        raise RoomError(NOT_NOW)
    return _step(room, stages={**room.stages, room.question.id: stage})


def _step(room: Room, **changes: object) -> Room:
    """A change that students see."""
    return replace(room, scene=room.scene + 1, **changes)  # type: ignore[arg-type]


def score(question: Question, answer: Answer) -> float | None:
    """A student's score, 0 to 1: for a cell the share of others that are less bright. None where no option is the
    correct one."""
    from abn.teaching.exercises.scores import cell_score

    if question.picks_cell:
        row, column = answer
        return cell_score(question.maps[0].attention, (row, column))
    return None if question.right == NO_OPTION else float(answer[0] == question.right)
