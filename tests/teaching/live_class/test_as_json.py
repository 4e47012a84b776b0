"""A room as JSON and back; anything else is one sentence."""

import json

import numpy as np
import pytest
from live_class import ATTENTION, choice, open_room, where

from abn.errors import RoomError
from abn.teaching.live_class import room as rules
from abn.teaching.live_class.as_json import UNREADABLE, read_room, write_room
from abn.teaching.live_class.experiment import Experiment, Trial


@pytest.fixture
def stored() -> str:
    room = rules.give_answer(open_room(where(), choice()), "s0", "1", (2, 3))
    room = rules.reveal(rules.join(room, "ann", "Ann “é” <b>"))
    trial = Trial("inverted", ATTENTION, "tabby", 0.5, -0.25, True)
    return write_room(rules.keep_experiment(room, "1", Experiment("lite0", (trial,))))


def test_a_room_comes_back_as_it_was(stored):
    room = read_room(stored)
    assert write_room(room) == stored and read_room(stored.encode()).code == room.code
    assert room.phase == rules.REVEALED and room.answers_to(room.question) == {"s0": (2, 3)}
    assert room.students["ann"].nickname == "Ann “é” <b>"
    np.testing.assert_array_equal(room.question.maps[0].attention, ATTENTION)
    assert room.question.objects.dtype == bool and room.questions[1].objects.shape == (0, 0)
    assert room.experiments["1"].trials[0].change == -0.25


SPOILT = {
    "no JSON": lambda data: "{",
    "no room": lambda data: [],
    "a field is missing": lambda data: {k: v for k, v in data.items() if k != "code"},
    "a field more": lambda data: data | {"more": 1},
    "a number for a text": lambda data: data | {"code": 5},
    "a text for a number": lambda data: data | {"place": "1"},
    "a boolean for a number": lambda data: data | {"version": True},
    "answers of texts": lambda data: data | {"answers": {"1": {"s0": ["2", "3"]}}},
    "students as a list": lambda data: data | {"students": []},
    "two questions of one ID": lambda data: data | {"questions": [data["questions"][0]] * 2},
    "an ID that is no number": lambda data: data | {"questions": [data["questions"][0] | {"id": "a"}]},
    "cells without their map": lambda data: data | {"questions": [data["questions"][0] | {"maps": []}]},
    "other cells": lambda data: data | {"questions": [data["questions"][0] | {"cells": [5, 5]}]},
}
MAP = {"shape": [3, 4], "kind": "float32", "data": ""}
MAPS = {
    "too short": MAP,
    "no base64": MAP | {"data": "é"},
    "of another kind": MAP | {"kind": "object"},
    "huge": MAP | {"shape": [10**6, 10**6]},
    "of negative size": MAP | {"shape": [-3, -4]},
    "of three sides": MAP | {"shape": [3, 4, 1]},
}


@pytest.mark.parametrize("fault", SPOILT)
def test_what_is_no_room_is_one_sentence(stored, fault):
    data = SPOILT[fault](json.loads(stored))
    with pytest.raises(RoomError) as error:
        read_room(data if isinstance(data, str) else json.dumps(data))
    assert str(error.value) == UNREADABLE


@pytest.mark.parametrize("fault", MAPS)
def test_what_is_no_map_is_one_sentence(stored, fault):
    data = json.loads(stored)
    data["questions"][0]["maps"][0]["attention"] = MAPS[fault]
    with pytest.raises(RoomError):
        read_room(json.dumps(data))


def test_nan_is_refused(stored):
    nan = write_room(open_room(where())).replace('"place":0', '"place":NaN')
    for text in (nan, stored.replace("0.5", "NaN")):
        with pytest.raises(RoomError):
            read_room(text)
