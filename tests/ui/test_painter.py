"""What the painter takes from the browser: maps of this shape and version, and nothing else."""

import numpy as np
import pytest

from abn.ui.components.painter import check_map


def test_a_whole_map_comes_back_within_its_range():
    reported = {"map": [0, 0.25, 1.5, -3], "version": "a"}
    assert check_map(reported, (2, 2), "a").tolist() == [[0, 0.25], [1, 0]]


@pytest.mark.parametrize(
    "reported",
    [
        None,
        "map",
        {"map": [0, 0, 0, 0], "version": "b"},  # painted on a map that was replaced since
        {"map": [0, 0, 0], "version": "a"},
        {"map": [[0, 0], [0, 0]], "version": "a"},
        {"map": [0, 0, 0, "x"], "version": "a"},
        {"map": [0, 0, 0, float("nan")], "version": "a"},
        {"map": [0, 0, 0, float("inf")], "version": "a"},
        {"map": [0, 0, 0, None], "version": "a"},
        {"map": {"0": 1}, "version": "a"},
        {"version": "a"},
    ],
)
def test_anything_else_is_dropped(reported):
    assert check_map(reported, (2, 2), "a") is None


def test_the_map_is_float32():
    assert check_map({"map": [0.1] * 6, "version": ""}, (2, 3), "").dtype == np.float32
