"""The class attention map: where the class expected M to be brightest, and how well that agrees with M."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from abn.evaluation.metrics import pointing_hit, rank_correlation
from abn.teaching.exercises.wording import brightest

SIGMA = 1.0  # standard deviation of the Gaussian, in cells: a finger hits a cell or its neighbor
MIN_COMPARED = 5  # clicks; the rank correlation of fewer is that of their smoothing


@dataclass(frozen=True, eq=False)
class ClassMap:
    """The clicks of a class beside the map M. Hits are None where the object isn't known."""

    attention: np.ndarray  # (h, w) float32, the density of the clicks; its maximum is 1
    count: int  # clicks
    correlation: float  # Spearman's ρ with M; NaN for a flat map; not to be shown unless `is_compared`
    brightest: tuple[int, int]  # cell of the class map
    network_brightest: tuple[int, int]  # cell of M
    hit: bool | None = None  # pointing game: the class map's brightest cell is on the object
    network_hit: bool | None = None  # the same of M

    @property
    def is_compared(self) -> bool:
        """Whether there are enough clicks for a rank correlation."""
        return self.count >= MIN_COMPARED


def class_density(cells: Collection[tuple[int, ...]], shape: tuple[int, int]) -> np.ndarray:
    """Clicked cells (row, column) as a Gaussian-smoothed density (h, w) float32, with a maximum of 1; zeros without
    clicks."""
    from scipy.ndimage import gaussian_filter  # no first view waits for the import

    clicks = np.zeros(shape)
    for row, column in cells:
        clicks[row, column] += 1
    density = gaussian_filter(clicks, SIGMA, mode="constant")
    return (density / density.max() if cells else density).astype(np.float32)


def make_class_map(cells: Collection[tuple[int, ...]], attention: np.ndarray, objects: np.ndarray) -> ClassMap:
    """The class map of the clicked cells, compared with M `attention` (h, w). `objects` (h, w) bool are the cells whose
    centers lie on the object; an array of no cells where that isn't known."""
    density = class_density(cells, attention.shape)
    known = objects.shape == attention.shape
    return ClassMap(
        density,
        len(cells),
        rank_correlation(density, attention),
        brightest(density),
        brightest(attention),
        pointing_hit(density, objects) if known else None,
        pointing_hit(attention, objects) if known else None,
    )
