"""Rooms: how they change, and what they refuse."""

import pytest
from live_class import choice, make_room, open_room, where

from abn.errors import RoomError
from abn.teaching.live_class import room as rules
from abn.teaching.live_class.room import Room


def test_a_room_goes_through_its_phases_and_back():
    room = make_room(where(), choice())
    assert room.phase == rules.LOBBY
    room = rules.go_next(room)
    assert room.phase == rules.OPEN and room.question.id == "1"
    room = rules.reopen(rules.lock(room))
    assert room.phase == rules.OPEN
    room = rules.reveal(rules.lock(room))
    assert room.phase == rules.REVEALED
    room = rules.go_next(room)
    assert (room.phase, room.question.id) == (rules.OPEN, "2")
    assert rules.go_back(room).phase == rules.REVEALED
    room = rules.go_next(rules.reveal(room))
    assert room.phase == rules.OVER
    assert rules.go_back(room).question.id == "2" and rules.go_back(rules.go_back(rules.go_back(room))).phase == "lobby"


def test_every_step_of_the_teacher_is_another_scene_and_no_answer_is():
    room = open_room(where())
    assert rules.join(room, "new").scene == room.scene
    assert rules.give_answer(room, "s0", "1", (0, 0)).scene == room.scene
    for step in (rules.lock, rules.reveal, rules.go_next, rules.go_back):
        assert step(room).scene == room.scene + 1


@pytest.mark.parametrize("step", [rules.lock, rules.reopen, rules.reveal, rules.go_back, rules.go_next])
def test_what_is_not_possible_in_the_lobby_is_one_sentence(step):
    with pytest.raises(RoomError, match="moved"):
        step(make_room())


def test_an_answer_can_be_changed_until_the_question_is_locked():
    room = open_room(where())
    room = rules.give_answer(rules.give_answer(room, "s0", "1", (0, 1)), "s0", "1", (2, 3))
    assert dict(room.answers_to(room.question)) == {"s0": (2, 3)}
    for closed in (rules.lock(room), rules.reveal(room), rules.go_next(room), rules.go_back(room)):
        with pytest.raises(RoomError, match="locked"):
            rules.give_answer(closed, "s0", "1", (0, 0))


@pytest.mark.parametrize("answer", [(), (0,), (3, 0), (0, 4), (-1, 0), (0, 0, 0), (0.0, 1), ("0", 0), (True, False)])
def test_what_is_no_cell_is_refused(answer):
    with pytest.raises(RoomError, match="no answer"):
        rules.give_answer(open_room(where()), "s0", "1", answer)


@pytest.mark.parametrize("answer", [(), (3,), (-1,), (0, 0), (None,)])
def test_what_is_no_option_is_refused(answer):
    with pytest.raises(RoomError, match="no answer"):
        rules.give_answer(open_room(choice()), "s0", "1", answer)


def test_only_who_has_joined_can_answer_and_only_the_question_shown():
    room = open_room(where(), choice())
    with pytest.raises(RoomError, match="Join"):
        rules.give_answer(room, "nobody", "1", (0, 0))
    with pytest.raises(RoomError, match="locked"):
        rules.give_answer(room, "s0", "2", (0,))


def test_students_are_numbered_and_nicknames_are_one_short_line():
    room = rules.join(open_room(where(), students=1), "s1", "  Ann\n\u202e<b>B</b> " + "x" * 99)
    ann = room.students["s1"]
    assert ann.number == 2 and ann.nickname.startswith("Ann <b>B</b>") and len(ann.nickname) <= rules.MAX_NICKNAME
    assert rules.join(room, "s1", "Eve") is room  # who comes back stays who they were


def test_a_room_has_limits(monkeypatch):
    monkeypatch.setattr(rules, "MAX_STUDENTS", 2)
    monkeypatch.setattr(rules, "MAX_QUESTIONS", 2)
    with pytest.raises(RoomError, match="full"):
        open_room(where(), students=3)
    with pytest.raises(RoomError, match="questions"):
        make_room(where(), where(), where())


def test_questions_added_to_a_room_that_was_over_wait_until_the_next_step():
    room = rules.go_next(rules.reveal(open_room(where())))
    room = rules.add_questions(room, [choice()])
    assert room.question.id == "1" and rules.go_next(room).question.id == "2"


def test_only_a_question_that_was_not_shown_can_be_deleted():
    room = open_room(where(), choice(), choice())
    assert [question.id for question in rules.delete_question(room, "2").questions] == ["1", "3"]
    assert rules.add_questions(rules.delete_question(room, "2"), [where()]).questions[-1].id == "4"
    for name in ("1", "9"):
        with pytest.raises(RoomError, match="moved"):
            rules.delete_question(room, name)


def test_scores():
    assert rules.score(where(), (2, 3)) == 1 and rules.score(where(), (0, 0)) == 0
    assert rules.score(choice(), (1,)) == 1 and rules.score(choice(), (0,)) == 0
    assert rules.score(choice(right=-1), (0,)) is None


def test_a_room_is_never_changed_in_place():
    room = open_room(where())
    before = (room.stages, dict(room.students), dict(room.answers))
    rules.give_answer(rules.join(room, "x"), "x", "1", (0, 0))
    rules.reveal(room)
    assert (room.stages, dict(room.students), dict(room.answers)) == before and isinstance(room, Room)
