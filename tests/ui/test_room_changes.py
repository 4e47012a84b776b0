"""What a page hears of its room between two runs: only with its ticket, and nothing but the scene and the counter."""

import json

import pytest
from live_class import make_room, open_room, where
from starlette.requests import Request

from abn.teaching.live_class import room as rules
from abn.teaching.live_class.rehearsal import COUNT, add_simulated
from abn.teaching.live_class.store import MemoryStore, StoreAwayError
from abn.ui.live_class import changes, rooms

CODE = "K7PM2"


@pytest.fixture
def store(monkeypatch) -> MemoryStore:
    kept = MemoryStore()
    monkeypatch.setattr(rooms, "get_store", lambda: kept)
    return kept


def ask(address: str) -> tuple[int, dict]:
    query = address.partition("?")[2].encode()
    reply = changes.tell_changes(Request({"type": "http", "query_string": query, "headers": []}))
    return reply.status_code, json.loads(reply.body or b"{}")


def test_a_page_hears_the_scene_and_only_a_counter_page_how_many_have_answered(store):
    store.create(rules.give_answer(open_room(where()), "s0", "1", (0, 0)))
    scene = store.read(CODE).scene
    assert ask(changes.address(CODE, changes.STUDENT)) == (200, {"scene": scene, "counter": ""})
    assert ask(changes.address(CODE, changes.PUBLIC))[1]["counter"] == "1 of 3 have predicted"
    store.update(CODE, rules.reveal)
    assert ask(changes.address(CODE, changes.STUDENT))[1]["scene"] == scene + 1
    store.update(CODE, rules.go_back)
    assert ask(changes.address(CODE, changes.PUBLIC))[1]["counter"] == "3 students are here"


@pytest.mark.parametrize("spoil", ["code", "role", "ticket", "nothing"])
def test_without_its_ticket_a_request_is_refused(store, spoil):
    store.create(make_room())
    address = changes.address(CODE, changes.STUDENT)
    spoilt = {
        "code": address.replace(CODE, "OTHER"),
        "role": address.replace("student", "teacher"),
        "ticket": address[:-1] + "é",
        "nothing": "",
    }
    assert ask(spoilt[spoil])[0] == 404


def test_simulated_students_answer_only_while_a_teacher_looks(store):
    store.create(add_simulated(open_room(where(), students=0)))
    for role in (changes.STUDENT, changes.PUBLIC):
        ask(changes.address(CODE, role))
    assert not store.read(CODE).answers
    for _ in range(COUNT):
        ask(changes.address(CODE, changes.TEACHER))
    assert len(store.read(CODE).answers["1"]) == COUNT


def test_a_room_that_is_over_and_a_store_that_is_away_are_told(store, monkeypatch):
    assert ask(changes.address(CODE, changes.PUBLIC)) == (200, {"scene": None, "counter": ""})

    def away(*_):
        raise StoreAwayError("away")

    monkeypatch.setattr(store, "read_stamp", away)
    assert ask(changes.address(CODE, changes.TEACHER))[1]["scene"] == rooms.AWAY
