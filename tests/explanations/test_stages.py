"""Stages as plain arrays: their figures and their order."""

import numpy as np
import pytest

from abn.explanations.stages import by_strength, shape_in_words, softmax, summary, top


def test_a_stage_in_five_figures():
    values = np.array([[[0, -3], [1, 6]], [[0, 0], [2, 2]]], np.float32)
    found = summary(values)
    assert (found.shape, found.low, found.mean, found.high, found.zeros) == ((2, 2, 2), -3, 1, 6, 3 / 8)
    assert shape_in_words(values) == "2 × 2 × 2" and shape_in_words(np.zeros(10)) == "10"


def test_the_strongest_channels_come_first_whatever_their_sign():
    values = np.array([[[1, 1]], [[-4, 0]], [[3, -3]], [[2, 0]]], np.float32)  # mean sizes 1, 2, 3, 1
    assert by_strength(values).tolist() == [2, 1, 0, 3]
    assert by_strength(np.array([1.0, -5.0, 2.0])).tolist() == [1, 2, 0]


def test_logits_become_probabilities():
    assert softmax(np.array([0, np.log(3)], np.float32)) == pytest.approx([0.25, 0.75])
    assert softmax(np.array([5000, 4000], np.float32)).tolist() == [1, 0]
    assert top(np.array([0, np.log(2), np.log(1)]), ["a", "b", "c"], 2) == [
        ("b", pytest.approx(np.log(2)), pytest.approx(0.5)),
        ("a", 0, pytest.approx(0.25)),
    ]
