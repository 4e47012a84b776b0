"""Stages as plain arrays: their figures, their order, and numbers that multiply out."""

import numpy as np
import pytest

from abn.explanations.stages import by_strength, product, shape_in_words, softmax, summary, top


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


def number(text: str) -> float:
    return float(text.replace("−", "-"))


def test_a_case_solved_by_hand():
    found = product(0.62, 1.37, 2.2194, "additive")
    assert (found.attention, found.before, found.after, found.gain) == ("0.62", "1.37", "2.22", "1.62")
    found = product(0.62, -1.37, -0.8494, "multiplicative")
    assert (found.attention, found.before, found.after, found.gain) == ("0.62", "−1.37", "−0.85", "0.62")
    found = product(0.62, 0.0, 0.0, "none")
    assert (found.before, found.after, found.gain) == ("0.00", "0.00", "1")


@pytest.mark.parametrize("mechanism", ["additive", "multiplicative", "none"])
def test_whatever_is_shown_multiplies_out_to_what_is_shown(mechanism):
    draw = np.random.default_rng(0)
    for m, g in zip(draw.uniform(0, 1, 500), draw.normal(0, 1, 500) * 10 ** draw.uniform(-3, 3, 500), strict=True):
        exact = {"additive": (1 + m) * g, "multiplicative": m * g, "none": g}[mechanism]
        found = product(m, g, exact, mechanism)
        unit = 10.0 ** -len(found.after.partition(".")[2])
        assert abs(number(found.after) - exact) <= unit / 2 + 1e-9
        gain = {"additive": 1 + number(found.attention), "multiplicative": number(found.attention), "none": 1.0}
        assert abs(gain[mechanism] * number(found.before) - number(found.after)) <= unit / 2 + 1e-9
        assert number(found.gain) == pytest.approx(gain[mechanism])
