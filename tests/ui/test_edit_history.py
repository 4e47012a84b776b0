"""Undo and redo: nothing is lost until something new is done, and the network's own map never."""

import numpy as np

from abn.ui.intervene import edit_history


def a_map(value: float) -> np.ndarray:
    return np.full((2, 2), value, np.float32)


def test_undo_redo_and_a_new_edit():
    past = edit_history.begun(a_map(0.5))
    past = edit_history.changed(past, "ones", a_map(1))
    past = edit_history.changed(past, "zeros", a_map(0))
    assert [edit.name for edit in past.edits] == ["own map", "ones", "zeros"] and past.now.name == "zeros"
    back = past.undo().undo()
    assert back.now.name == "own map" and back.undo().at == 0 and len(back.edits) == 3
    assert back.redo().now.name == "ones" and past.redo().at == 2
    other = edit_history.changed(back.redo(), "brush", a_map(0.7))
    assert [edit.name for edit in other.edits] == ["own map", "ones", "brush"]
    assert past.step(99).at == 2 and past.step(-3).at == 0


def test_what_changes_nothing_is_no_edit():
    past = edit_history.begun(a_map(0.5))
    assert edit_history.changed(past, "brush", a_map(0.5)) is past
    assert edit_history.changed(past, "reset", past.edits[0].attention) is past


def test_the_oldest_edits_go_and_the_own_map_stays():
    past = edit_history.begun(a_map(0.5))
    for step in range(edit_history.MOST + 5):
        past = edit_history.changed(past, f"edit {step}", a_map(step))
    assert len(past.edits) == edit_history.MOST and past.at == edit_history.MOST - 1
    assert past.edits[0].name == "own map" and past.edits[1].name == "edit 6" and past.now.name == "edit 44"


def test_labels_number_the_steps():
    past = edit_history.changed(edit_history.begun(a_map(0.5)), "ones", a_map(1))
    assert edit_history.labels(past, ["±0.0", "−3.1"]) == ["0. own map, Δp ±0.0", "1. ones, Δp −3.1"]


def test_what_is_applied_is_told_in_words():
    past = edit_history.begun(a_map(0.5))
    assert past.told == "own map"
    past = edit_history.changed(past, "Brush +", a_map(0.6), on_the_board=True)
    assert past.told == "own map, then 1 stroke"
    past = edit_history.changed(past, "zeros", a_map(0))
    assert past.told == "zeros" and past.undo().told == "own map, then 1 stroke"
    for step in range(1, edit_history.MOST - 2):
        past = edit_history.changed(past, "Brush +", a_map(step), on_the_board=True)
    assert len(past.edits) == edit_history.MOST and past.told == f"zeros, then {edit_history.MOST - 3} strokes"
    for step in range(2):
        past = edit_history.changed(past, "Brush −", a_map(-step), on_the_board=True)
    assert past.told == f"{edit_history.MOST - 1} or more strokes"  # the zeros are gone from the history


def test_the_board_is_told_of_all_that_it_did_not_paint_itself():
    past = edit_history.begun(a_map(0.5))
    painted = edit_history.changed(past, "brush", a_map(0.6), on_the_board=True)
    assert painted.turn == past.turn and painted.now.name == "brush"
    turns = [painted.turn]
    for step in range(2 * edit_history.MOST):  # also when the oldest edits go
        painted = edit_history.changed(painted, "preset", a_map(step))
        turns.append(painted.turn)
    turns += [painted.undo().turn, painted.undo().redo().turn]
    assert turns == sorted(set(turns))
