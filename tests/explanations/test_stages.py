"""Stages as plain arrays: their figures and their order."""

import numpy as np
import pytest

from abn.explanations.stages import format_shape, order_by_magnitude, summarize, top_classes


def test_a_stage_in_five_figures():
    values = np.array([[[0, -3], [1, 6]], [[0, 0], [2, 2]]], np.float32)
    result = summarize(values)
    assert (result.shape, result.low, result.mean, result.high, result.zeros) == ((2, 2, 2), -3, 1, 6, 3 / 8)
    assert format_shape(values) == "2 × 2 × 2" and format_shape(np.zeros(10)) == "10"


def test_the_strongest_channels_come_first_whatever_their_sign():
    values = np.array([[[1, 1]], [[-4, 0]], [[3, -3]], [[2, 0]]], np.float32)  # mean sizes 1, 2, 3, 1
    assert order_by_magnitude(values).tolist() == [2, 1, 0, 3]
    assert order_by_magnitude(np.array([1.0, -5.0, 2.0])).tolist() == [1, 2, 0]


def test_logits_become_probabilities():
    large = top_classes(np.array([4000, 5000], np.float32), ["a", "b"])
    assert [probability for _, _, probability in large] == [1, 0]
    assert top_classes(np.array([0, np.log(2), np.log(1)]), ["a", "b", "c"], 2) == [
        ("b", pytest.approx(np.log(2)), pytest.approx(0.5)),
        ("a", 0, pytest.approx(0.25)),
    ]
