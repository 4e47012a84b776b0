"""The rehearsal: simulated students who can be told apart, and removed."""

from live_class import choice, open_room, where

from abn.teaching.live_class import room as rules
from abn.teaching.live_class.rehearsal import AT_ONCE, COUNT, add_simulated, answer_some, remove_simulated
from abn.teaching.live_class.views import view_room


def answer_all(room, seed=1):
    while (more := answer_some(room, seed)) is not room:
        room = more
    return room


def test_they_answer_a_few_at_a_time_until_all_have():
    room = add_simulated(open_room(where()))
    assert len(room.students) == COUNT + 3
    some = answer_some(room, 1)
    assert len(some.answers_to(room.question)) == AT_ONCE and some.scene == room.scene
    room = answer_all(room)
    assert len(room.answers_to(room.question)) == COUNT
    assert answer_some(rules.lock(room), 1).answers == room.answers


def test_they_prefer_bright_cells_and_correct_options():
    room = rules.reveal(answer_all(add_simulated(open_room(where(), students=0), 100)))
    scores = [rules.score(room.question, answer) for answer in room.answers_to(room.question).values()]
    assert 0.6 < sum(scores) / len(scores) < 0.95
    votes = view_room(rules.reveal(answer_all(add_simulated(open_room(choice()), 100)))).result.votes
    assert votes.index(max(votes)) == 1 and min(votes) > 0


def test_a_seed_gives_the_same_answers():
    room = add_simulated(open_room(where()))
    assert answer_all(room, 5).answers == answer_all(room, 5).answers != answer_all(room, 6).answers


def test_removing_them_leaves_the_others():
    room = rules.give_answer(answer_all(add_simulated(open_room(where()))), "s0", "1", (0, 0))
    room = remove_simulated(room)
    assert set(room.students) == {"s0", "s1", "s2"} and dict(room.answers_to(room.question)) == {"s0": (0, 0)}
