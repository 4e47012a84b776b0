"""A product as text multiplies out to what is shown."""

import numpy as np
import pytest

from abn.plots.cell_product import product


def number(text: str) -> float:
    return float(text.replace("−", "-"))


def test_a_case_solved_by_hand():
    result = product(0.62, 1.37, 2.2194, "additive")
    assert (result.attention, result.before, result.after, result.gain) == ("0.62", "1.37", "2.22", "1.62")
    result = product(0.62, -1.37, -0.8494, "multiplicative")
    assert (result.attention, result.before, result.after, result.gain) == ("0.62", "−1.37", "−0.85", "0.62")
    result = product(0.62, 0.0, 0.0, "none")
    assert (result.before, result.after, result.gain) == ("0.00", "0.00", "1")


@pytest.mark.parametrize("mechanism", ["additive", "multiplicative", "none"])
def test_whatever_is_shown_multiplies_out_to_what_is_shown(mechanism):
    draw = np.random.default_rng(0)
    for m, g in zip(draw.uniform(0, 1, 500), draw.normal(0, 1, 500) * 10 ** draw.uniform(-3, 3, 500), strict=True):
        exact = {"additive": (1 + m) * g, "multiplicative": m * g, "none": g}[mechanism]
        result = product(m, g, exact, mechanism)
        unit = 10.0 ** -len(result.after.partition(".")[2])
        assert abs(number(result.after) - exact) <= unit / 2 + 1e-9
        gain = {"additive": 1 + number(result.attention), "multiplicative": number(result.attention), "none": 1.0}
        assert abs(gain[mechanism] * number(result.before) - number(result.after)) <= unit / 2 + 1e-9
        assert number(result.gain) == pytest.approx(gain[mechanism])
