"""What a student may see: nothing of the solution and of others' answers before the reveal."""

import numpy as np
import pytest
from live_class import choice, open_room, where

from abn.teaching.live_class import room as rules
from abn.teaching.live_class.as_json import _write
from abn.teaching.live_class.views import view_room


def everything_in(view) -> str:
    return repr(_write(view))


@pytest.mark.parametrize("question", [where(), choice()], ids=["cell", "options"])
@pytest.mark.parametrize("step", [lambda room: room, rules.lock], ids=["open", "locked"])
def test_before_the_reveal_a_view_holds_neither_solution_nor_answers_of_others(question, step):
    room = open_room(question)
    mine, others = ((0, 0), (2, 1)) if question.picks_cell else ((0,), (2,))
    room = rules.give_answer(rules.give_answer(room, "s0", "1", mine), "s1", "1", others)
    view = view_room(step(room), "s0")
    assert view.answer == mine and view.result is None and view.score is None
    assert (view.answered, view.students, view.number, view.count) == (2, 3, 1, 1)
    assert "SECRET" not in everything_in(view) and "s1" not in everything_in(view)
    assert view.question.right == -1 and not any(panel.hidden for panel in view.question.maps)
    assert view.question.cells == question.cells and not view.question.objects.size
    if question.picks_cell:  # its one map is hidden
        assert view.question.maps == ()
    assert view_room(step(room)).answer is None


def test_after_the_reveal_everybody_sees_the_result_and_their_own_score():
    room = open_room(where())
    for student, cell in (("s0", (2, 3)), ("s1", (2, 3)), ("s2", (0, 0))):
        room = rules.give_answer(room, student, "1", cell)
    room = rules.reveal(room)
    view = view_room(room, "s0")
    assert view.score == 1 and (view.total, view.scored) == (1, 1) and view_room(room, "s2").score == 0
    shown = view.result.class_map
    assert shown.count == 3 and shown.brightest == (2, 3) == shown.network_brightest
    assert shown.hit is True and shown.network_hit is True
    assert view.question.explanation == "SECRET" and "s1" not in everything_in(view)


def test_votes_are_counted_for_each_option():
    room = open_room(choice())
    for student, option in (("s0", 1), ("s1", 1), ("s2", 0)):
        room = rules.give_answer(room, student, "1", (option,))
    view = view_room(rules.reveal(room), "s2")
    assert view.result.votes == (1, 2, 0) and view.score == 0
    assert view.question.maps[1].title == "SECRET"


def test_the_total_counts_revealed_questions_with_a_correct_option_alone():
    room = open_room(choice(), choice(right=-1), choice())
    for number in "123":
        room = rules.give_answer(room, "s0", number, (1,))
        room = rules.reveal(room) if number != "3" else room
        room = rules.go_next(room) if number != "3" else room
    assert (view_room(room, "s0").total, view_room(room, "s0").scored) == (1, 1)
    assert view_room(room, "s1").scored == 0


def test_in_the_lobby_and_at_the_end_there_is_no_question():
    room = open_room(where())
    for elsewhere in (rules.go_back(room), rules.go_next(room)):
        view = view_room(elsewhere, "s0")
        assert view.question is None and view.answered == 0 and not np.any(view.total)
