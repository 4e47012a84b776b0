"""Statistics by hand."""

import itertools

import numpy as np
import pytest

from abn.study import statistics


def test_paired_against_the_exact_test_by_enumeration_and_the_t_table():
    first, second = [0.71, 0.69, 0.74, 0.70, 0.73], [0.68, 0.70, 0.70, 0.66, 0.69]
    differences = np.subtract(first, second)
    flips = [abs(np.mean(differences * signs)) for signs in itertools.product((1, -1), repeat=5)]
    expected = np.mean(np.array(flips) >= abs(differences.mean()) - 1e-12)
    difference = statistics.paired(first, second)
    assert difference.mean_difference == pytest.approx(differences.mean())
    assert difference.p == pytest.approx(expected)
    half = 2.776445 * differences.std(ddof=1) / np.sqrt(5)  # t(0.975, 4)
    assert (difference.ci_low, difference.ci_high) == pytest.approx(
        (differences.mean() - half, differences.mean() + half), rel=1e-5
    )


def test_five_seeds_can_give_no_smaller_p_than_a_sixteenth():
    assert statistics.paired([2, 3, 4, 5, 6], [1, 1, 1, 1, 1]).p == 0.0625
    equal = statistics.paired([1, 1], [1, 1])
    assert (equal.mean_difference, equal.ci_low, equal.ci_high, equal.p) == (0, 0, 0, 1)


def test_holm_by_hand():
    assert statistics.holm([0.01, 0.04, 0.03, 0.5]) == pytest.approx([0.04, 0.09, 0.09, 0.5])
    assert statistics.holm([0.6, 0.7]) == [1, 1]
    assert statistics.holm([]) == []
