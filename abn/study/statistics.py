"""Paired comparisons over seeds: mean difference, t-interval, exact permutation test, Holm's correction."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class Paired:
    """What seeds say of a difference."""

    mean_difference: float
    ci_low: float  # 95 % t-interval of the mean difference, not adjusted for how many are looked at
    ci_high: float
    p: float  # exact two-sided paired permutation test


def paired(first: Sequence[float], second: Sequence[float]) -> Paired:
    """`first` − `second`, seed by seed; at least two seeds.

    The exact test flips the sign of every subset of the differences: with n seeds p is never below 2 / 2ⁿ. Beyond 16
    seeds it takes a sample of 100,000 subsets.
    """
    differences = np.asarray(first, float) - np.asarray(second, float)
    mean = float(differences.mean())
    error = float(differences.std(ddof=1) / np.sqrt(len(differences)))
    if error == 0:
        low = high = mean
    else:
        low, high = stats.t.interval(0.95, len(differences) - 1, loc=mean, scale=error)
    test = stats.permutation_test(
        (differences,),
        np.mean,
        permutation_type="samples",
        vectorized=True,
        n_resamples=np.inf if len(differences) <= 16 else 100_000,
    )
    return Paired(mean, float(low), float(high), float(test.pvalue))


def holm(p: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment of a family of p-values (Holm 1979), in the order given."""
    order = np.argsort(p)
    stepped = np.asarray(p)[order] * (len(p) - np.arange(len(p)))
    adjusted = np.empty(len(p))
    adjusted[order] = np.minimum(np.maximum.accumulate(stepped), 1)
    return adjusted.tolist()
