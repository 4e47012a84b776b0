"""Cases solved by hand: a map that equals the mask, its inverse, a constant map, and the traps in between."""

import numpy as np
import pytest

from abn.metrics import energy_ratio, pointing_hit, roc_auc


@pytest.fixture
def mask() -> np.ndarray:
    """The upper left quarter of 8 × 8 pixels."""
    found = np.zeros((8, 8), bool)
    found[:4, :4] = True
    return found


def test_a_constant_map_finds_nothing(mask):
    constant = np.full((4, 4), 0.7)
    assert not pointing_hit(constant, mask)
    assert energy_ratio(constant, mask) == pytest.approx(1)
    assert roc_auc(constant, mask) == 0.5


def test_a_map_that_equals_the_mask(mask):
    exact = mask.astype(float)
    assert energy_ratio(exact, mask) == pytest.approx(4)  # all of the sum on a quarter of the area
    assert roc_auc(exact, mask) == 1
    assert roc_auc(1 - exact, mask) == 0


def test_pointing_looks_at_the_centre_of_the_brightest_cell(mask):
    attention = np.zeros((4, 4))
    attention[1, 1] = 1  # its centre is pixel (3, 3), the last of the mask
    assert pointing_hit(attention, mask)
    assert not pointing_hit(np.roll(attention, 1, axis=0), mask)


def test_a_tie_is_a_miss(mask):
    attention = np.zeros((4, 4))
    attention[0, 0] = attention[1, 1] = 1
    assert not pointing_hit(attention, mask)


def test_roc_auc_counts_ties_half():
    mask = np.array([[True, False], [True, False]])
    attention = np.array([[3.0, 1.0], [2.0, 2.0]])  # pairs: 3>1, 3>2, 2>1, 2=2 → 3.5 of 4
    assert roc_auc(attention, mask) == pytest.approx(3.5 / 4)


def test_an_empty_mask_has_no_figure():
    nothing = np.zeros((4, 4), bool)
    assert np.isnan(roc_auc(np.ones((2, 2)), nothing))
    assert np.isnan(energy_ratio(np.ones((2, 2)), nothing))
