"""Cases solved by hand: a map that equals the mask, its inverse, a constant map, and the traps in between."""

import numpy as np
import pytest

from abn.evaluation.metrics import (
    calibration_error,
    cell_order,
    cells_mask,
    curve_area,
    energy_ratio,
    overlap,
    pointing_hit,
    rank_correlation,
    roc_auc,
    top_cells,
)


@pytest.fixture
def mask() -> np.ndarray:
    """The upper left quarter of 8 × 8 pixels."""
    result = np.zeros((8, 8), bool)
    result[:4, :4] = True
    return result


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


def test_what_is_below_zero_is_no_energy(mask):
    signed = np.where(mask, 1.0, -3.0)
    assert energy_ratio(signed, mask) == pytest.approx(4)
    assert np.isnan(energy_ratio(np.full((4, 4), -1.0), mask))


def test_pointing_looks_at_the_center_of_the_brightest_cell(mask):
    attention = np.zeros((4, 4))
    attention[1, 1] = 1  # its center is pixel (3, 3), the last of the mask
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


def test_calibration_error_by_hand():
    """Two bins: 0.9 sure and half right (gap 0.4, half of all), 0.6 sure and always right (gap 0.4)."""
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.4, 0.6]])
    assert calibration_error(probabilities, np.array([0, 1, 1, 1])) == pytest.approx(0.4)
    sure = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert calibration_error(sure, np.array([0, 1])) == 0
    assert calibration_error(sure, np.array([1, 0])) == 1


def test_cells_are_ordered_by_brightness_and_ties_as_they_lie():
    attention = np.array([[0.2, 0.9], [0.2, 0.5]])
    assert cell_order(attention).tolist() == [1, 3, 0, 2]
    assert cell_order(attention, brightest_first=False).tolist() == [0, 2, 3, 1]


def test_the_mask_of_cells_takes_whole_cells_of_the_picture():
    order = cell_order(np.array([[0.2, 0.9], [0.2, 0.5]]))
    half = cells_mask(order, 0.5, (2, 2), (4, 6))
    assert half.sum() == 12 and half[:, 3:].all()
    assert not cells_mask(order, 0, (2, 2), (4, 6)).any() and cells_mask(order, 1, (2, 2), (4, 6)).all()


def test_curve_area_by_trapezoids():
    assert curve_area(np.array([1, 0.5, 0])) == 0.5
    assert curve_area(np.array([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0]])) == pytest.approx(0.5)


def test_rank_correlation_asks_for_the_order_alone():
    values = np.array([[0.1, 0.5], [0.3, 0.9]])
    assert rank_correlation(values, values**3) == pytest.approx(1)
    assert rank_correlation(values, 1 - values) == pytest.approx(-1)
    swapped = np.array([[0.1, 0.3], [0.5, 0.9]])  # ranks 1 3 2 4 and 1 2 3 4: 1 − 6 · 2 / (4 · 15)
    assert rank_correlation(values, swapped) == pytest.approx(0.8)
    assert np.isnan(rank_correlation(values, np.full((2, 2), 0.4)))


def test_rank_correlation_is_spearmans_with_ties():
    from scipy.stats import spearmanr

    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 9, (14, 14)), rng.integers(0, 9, (14, 14))
    assert rank_correlation(first, second) == pytest.approx(spearmanr(first.ravel(), second.ravel())[0])


def test_maps_of_two_sizes_are_compared_on_the_finer_grid():
    coarse = np.array([[0.1, 0.2], [0.3, 0.4]])
    fine = np.array(
        [[0.1, 0.125, 0.175, 0.2], [0.15, 0.2, 0.22, 0.25], [0.25, 0.3, 0.32, 0.35], [0.3, 0.33, 0.37, 0.4]]
    )
    assert rank_correlation(coarse, fine) > 0.95
    assert overlap(coarse, fine, 0.25) > 0.5


def test_overlap_of_the_brightest_cells():
    values = np.arange(10.0).reshape(2, 5)
    assert top_cells(values, 0.2).nonzero()[1].tolist() == [3, 4]
    assert overlap(values, values) == 1
    assert overlap(values, -values) == 0
    assert overlap(values, np.roll(values, 1, axis=1)) == pytest.approx(1 / 3)  # one of the two cells is the same
    assert top_cells(np.zeros((3, 3)), 0.01).sum() == 1
    for flat in (np.ones((10, 10)), np.eye(10)):  # which are the brightest twenty?
        assert np.isnan(overlap(flat, np.arange(100.0).reshape(10, 10)))
