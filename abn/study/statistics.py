"""Paired comparisons over seeds: mean difference, t-interval, exact permutation test, Holm's correction."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Paired(NamedTuple):
    """A difference over seeds."""

    mean_difference: float
    ci_low: float  # 95 % t-interval of the mean difference, not adjusted for multiple comparisons
    ci_high: float
    p: float  # exact two-sided paired permutation test


def mean_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """The mean of two values or more and the ends of its 95 % t-interval."""
    from scipy.special import stdtrit  # not at the head: pages without a figure of the study need no scipy

    mean = float(np.mean(values))
    half = float(stdtrit(len(values) - 1, 0.975)) * float(np.std(values, ddof=1) / np.sqrt(len(values)))
    return mean, mean - half, mean + half


def paired(first: Sequence[float], second: Sequence[float]) -> Paired:
    """`first` − `second`, seed by seed; at least two seeds.

    The exact test flips the sign of every subset of the differences: with n seeds p is never below 2 / 2ⁿ. Beyond 16
    seeds it takes a sample of 100,000 subsets.
    """
    from scipy import stats

    differences = np.asarray(first, float) - np.asarray(second, float)
    test = stats.permutation_test(
        (differences,),
        np.mean,
        permutation_type="samples",
        vectorized=True,
        n_resamples=np.inf if len(differences) <= 16 else 100_000,
    )
    return Paired(*mean_interval(differences.tolist()), float(test.pvalue))


def holm(p: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment of a family of p-values (Holm 1979), in the order given."""
    order = np.argsort(p)
    stepped = np.asarray(p)[order] * (len(p) - np.arange(len(p)))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(stepped), 1)
    return adjusted.tolist()
