"""A room for tests: tiny questions of every kind, without images and networks."""

import numpy as np

from abn.teaching.live_class import codes, room
from abn.teaching.live_class.question import MapPanel, PredictionLine, Question
from abn.teaching.live_class.room import Room

KEY = "the teacher's key"
ATTENTION = (np.arange(12, dtype=np.float32).reshape(3, 4) + 1) / 16  # brightest in the last cell


def where(**changes) -> Question:
    objects = np.zeros((3, 4), bool)
    objects[2] = True
    fields = {
        "id": "", "kind": "where", "heading": "Where?", "text": "Pick a cell.", "cells": (3, 4), "image": "cat",
        "title": "A cat", "alt": "A cat", "explanation": "SECRET", "objects": objects,
        "maps": (MapPanel("M", ATTENTION, hidden=True),),
    }  # fmt: skip
    return Question(**fields | changes)


def choice(**changes) -> Question:
    fields = {
        "id": "", "kind": "head", "heading": "Which head?", "text": "Which?", "options": ("first", "second", "third"),
        "right": 1, "image": "cat", "title": "SECRET", "explanation": "SECRET",
        "maps": (MapPanel("Map A", ATTENTION), MapPanel("SECRET", ATTENTION, hidden=True)),
        "lines": (
            PredictionLine("Perception head", "perception", "tabby", 0.5),
            PredictionLine("After", "", "SECRET", 0.25, hidden=True),
        ),
    }  # fmt: skip
    return Question(**fields | changes)


def make_room(*questions: Question, code: str = "K7PM2") -> Room:
    made = Room(code, codes.hash_key(KEY))
    return room.add_questions(made, questions) if questions else made


def open_room(*questions: Question, students: int = 3) -> Room:
    """A room with its first question open, and students "s0", "s1" and so forth."""
    opened = room.go_next(make_room(*questions))
    for number in range(students):
        opened = room.join(opened, f"s{number}")
    return opened
