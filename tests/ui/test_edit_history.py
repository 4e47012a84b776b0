"""Undo and redo: nothing is lost until something new is done, and the network's own map never."""

import numpy as np
import pytest

from abn.ui.intervene.edit_history import MAX_EDITS, History, start_history
from abn.ui.intervene.words import OWN_MAP


def constant_map(value: float) -> np.ndarray:
    return np.full((2, 2), value, np.float32)


@pytest.fixture
def history() -> History:
    return start_history(constant_map(0.5))


def names(history: History) -> list[str]:
    return [edit.name for edit in history.edits]


def test_undo_redo_and_a_new_edit(history):
    edited = history.add("ones", constant_map(1)).add("zeros", constant_map(0))
    assert names(edited) == [OWN_MAP, "ones", "zeros"] and edited.current.name == "zeros"
    undone = edited.undo().undo()
    assert undone.current.name == OWN_MAP and undone.undo().index == 0 and len(undone.edits) == 3
    assert undone.redo().current.name == "ones" and edited.redo().index == 2
    assert names(undone.redo().add("brush", constant_map(0.7))) == [OWN_MAP, "ones", "brush"]
    assert edited.go_to(99).index == 2 and edited.go_to(-3).index == 0


def test_what_changes_nothing_is_no_edit(history):
    assert history.add("brush", constant_map(0.5)) is history


def test_the_oldest_edits_are_dropped_and_the_own_map_stays(history):
    for i in range(MAX_EDITS + 5):
        history = history.add(f"edit {i}", constant_map(i))
    assert len(history.edits) == MAX_EDITS and history.index == MAX_EDITS - 1
    assert names(history)[:2] == [OWN_MAP, "edit 6"] and history.current.name == f"edit {MAX_EDITS + 4}"


def test_the_description_counts_strokes_after_the_last_map_put_in_place(history):
    assert history.description == OWN_MAP
    history = history.add("Brush +", constant_map(0.6), painted=True)
    assert history.description == f"{OWN_MAP}, then 1 stroke"
    history = history.add("zeros", constant_map(0))
    assert history.description == "zeros" and history.undo().description == f"{OWN_MAP}, then 1 stroke"
    for i in range(1, MAX_EDITS - 2):
        history = history.add("Brush +", constant_map(i), painted=True)
    assert len(history.edits) == MAX_EDITS and history.description == f"zeros, then {MAX_EDITS - 3} strokes"
    for i in range(2):
        history = history.add("Brush −", constant_map(-i), painted=True)
    assert history.description == f"{MAX_EDITS - 1} or more strokes"  # the zeros were dropped


def test_the_board_redraws_all_that_it_did_not_paint_itself(history):
    painted = history.add("brush", constant_map(0.6), painted=True)
    assert painted.redraws == history.redraws and painted.current.name == "brush"
    counts = [painted.redraws]
    for i in range(2 * MAX_EDITS):  # also when the oldest edits are dropped
        painted = painted.add("preset", constant_map(i))
        counts.append(painted.redraws)
    counts += [painted.undo().redraws, painted.undo().redo().redraws]
    assert counts == sorted(set(counts))
