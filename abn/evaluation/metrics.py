"""Metrics of one map: against an object's mask, against another map, and the order of its cells. Plain arrays alone."""

import numpy as np

from abn.images.fit import upsample


def pointing_hit(attention: np.ndarray, mask: np.ndarray) -> bool:
    """Pointing game (Zhang et al. 2018): is the center of the brightest cell on the object?

    `attention` (h, w), `mask` (H, W) bool. A tie of the brightest cells is a miss, so a constant map never hits.
    """
    brightest = np.argwhere(attention == attention.max())
    if len(brightest) != 1:
        return False
    (row, column), (h, w), (height, width) = brightest[0], attention.shape, mask.shape
    return bool(mask[int((row + 0.5) * height / h), int((column + 0.5) * width / w)])


def energy_ratio(attention: np.ndarray, mask: np.ndarray) -> float:
    """Share of the map's sum that lies on the object (energy pointing game, Wang et al. 2020) ÷ its share of the area.

    A constant map scores 1. `attention` (h, w) is enlarged bilinearly to `mask` (H, W). Values below zero, as in CAM,
    count as zero. NaN for an empty mask, and for a map without energy.
    """
    large = upsample(attention, (mask.shape[1], mask.shape[0])).clip(min=0)
    energy = float(large.sum())
    return float(large[mask].sum() / energy / mask.mean()) if mask.any() and energy > 0 else float("nan")


def roc_auc(attention: np.ndarray, mask: np.ndarray) -> float:
    """Probability that a randomly chosen object pixel is brighter than a randomly chosen background pixel, ties half:
    0.5 for a constant map.

    `attention` (h, w) is enlarged bilinearly to `mask` (H, W). NaN where the mask is empty or full.
    """
    large = upsample(attention, (mask.shape[1], mask.shape[0]))
    inside = int(mask.sum())
    outside = mask.size - inside
    if not inside or not outside:
        return float("nan")
    ranks = _ranks(large)  # of the Mann–Whitney statistic
    return float((ranks[mask].sum() - inside * (inside + 1) / 2) / (inside * outside))


def calibration_error(probabilities: np.ndarray, targets: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error (Guo et al. 2017): the mean gap between confidence and accuracy.

    `probabilities` (N, K), `targets` (N,) the true classes; bins of equal width over the largest probability.
    """
    confidence, correct = probabilities.max(1), probabilities.argmax(1) == targets
    index = np.minimum((confidence * bins).astype(int), bins - 1)
    return float(np.abs(np.bincount(index, weights=correct - confidence)).sum() / len(targets))


def cell_order(attention: np.ndarray, *, brightest_first: bool = True) -> np.ndarray:
    """The cells of a map (h, w) as flat indices, brightest (or darkest) first; ties in index order."""
    values = attention.ravel()
    return np.argsort(-values if brightest_first else values, kind="stable")


def cells_mask(order: np.ndarray, share: float, shape: tuple[int, int], size: tuple[int, int]) -> np.ndarray:
    """Which pixels (H, W) of `size` belong to the first `share` of `order`, cells of a map of `shape` (h, w).

    Cells are taken whole, so no tie inside an enlarged cell decides anything.
    """
    chosen = np.zeros(shape[0] * shape[1], bool)
    chosen[order[: round(share * len(order))]] = True
    rows = np.arange(size[0]) * shape[0] // size[0]
    columns = np.arange(size[1]) * shape[1] // size[1]
    return chosen.reshape(shape)[np.ix_(rows, columns)]


def curve_area(scores: np.ndarray) -> float:
    """Area under a curve of equally spaced scores (…, S) over the share of cells 0 … 1, by trapezoids."""
    return float(np.trapezoid(scores, dx=1 / (scores.shape[-1] - 1)).mean())


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Spearman's ρ of two maps' cells, ties at their mean rank: 1 the same order, −1 the opposite, NaN for a constant.

    Maps of different shapes are compared on the finer grid, the coarser one enlarged.
    """
    # not scipy.stats.spearmanr: pages would wait half a second for the import
    first, second = (ranks - ranks.mean() for ranks in map(_ranks, _on_one_grid(first, second)))
    size = np.sqrt((first**2).sum() * (second**2).sum())
    return float((first * second).sum() / size) if size else float("nan")


def overlap(first: np.ndarray, second: np.ndarray, share: float = 0.2) -> float:
    """Intersection over union of the two maps' brightest `share` of cells: 1 the same cells, 0 none in common.

    NaN where so many cells of a map are equal that its brightest are undetermined: twice as many or more are as bright
    as the last of them.
    """
    chosen = []
    for attention in _on_one_grid(first, second):
        brightest = top_cells(attention, share)
        if (attention >= attention[brightest].min()).sum() >= 2 * brightest.sum():
            return float("nan")
        chosen.append(brightest)
    return float((chosen[0] & chosen[1]).sum() / (chosen[0] | chosen[1]).sum())


def top_cells(attention: np.ndarray, share: float) -> np.ndarray:
    """The brightest `share` of a map's cells (h, w) bool, at least one; ties in index order."""
    chosen = np.zeros(attention.size, bool)
    chosen[cell_order(attention)[: max(1, round(share * attention.size))]] = True
    return chosen.reshape(attention.shape)


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks 1 … n, ties at their mean."""
    _, level, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[level.reshape(values.shape)]


def _on_one_grid(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if first.shape == second.shape:
        return first, second
    size = max(first.shape, second.shape)[::-1]
    return upsample(first, size), upsample(second, size)
