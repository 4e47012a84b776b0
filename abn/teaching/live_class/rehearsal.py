"""Simulated students, so that a teacher can try a room alone: they join, and answer as a class might.

They prefer bright cells and correct options without being sure of them. Their answers are random, from a seed.
"""

from dataclasses import replace

import numpy as np

from abn.teaching.live_class.question import NO_OPTION, Question
from abn.teaching.live_class.room import OPEN, Answer, Room, give_answer, join

COUNT = 20  # students of a rehearsal
AT_ONCE = 4  # who answer between two looks at the room
SHARPNESS = 3.0  # of the preference for bright cells
CORRECT = 0.5  # the part that takes the correct option, beside those who guess it
PREFIX = "simulated-"


def add_simulated(room: Room, count: int = COUNT) -> Room:
    """Let so many simulated students in."""
    for number in range(count):
        room = join(room, f"{PREFIX}{number}", simulated=True)
    return room


def remove_simulated(room: Room) -> Room:
    """The room without its simulated students and their answers."""
    students = {name: student for name, student in room.students.items() if not student.simulated}
    answers = {
        question: {name: answer for name, answer in given.items() if name in students}
        for question, given in room.answers.items()
    }
    return replace(room, students=students, answers=answers, scene=room.scene + 1)


def answer_some(room: Room, seed: int, count: int = AT_ONCE) -> Room:
    """Let a few more of them answer the open question; the same room where none is left, or no question is open."""
    question = room.question
    if question is None or room.phase != OPEN:
        return room
    given = room.answers_to(question)
    waiting = [name for name, student in room.students.items() if student.simulated and name not in given]
    for name in waiting[:count]:
        number = room.students[name].number
        rng = np.random.default_rng((seed, int(question.id), number))
        room = give_answer(room, name, question.id, _choose(question, rng))
    return room


def _choose(question: Question, rng: np.random.Generator) -> Answer:
    if question.picks_cell:
        attention = question.maps[0].attention.astype(float)
        ranks = attention.ravel().argsort().argsort() / max(1, attention.size - 1)
        weights = ranks**SHARPNESS
        row, column = np.unravel_index(int(rng.choice(weights.size, p=weights / weights.sum())), attention.shape)
        return int(row), int(column)
    if question.right != NO_OPTION and rng.random() < CORRECT:
        return (question.right,)
    return (int(rng.integers(len(question.options))),)
