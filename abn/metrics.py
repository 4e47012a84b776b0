"""How well a map finds an object whose mask is known. Each function takes one map and one mask; traps are named."""

import numpy as np

from abn.picture import upsample


def pointing_hit(attention: np.ndarray, mask: np.ndarray) -> bool:
    """Pointing game (Zhang et al. 2018): is the centre of the brightest cell on the object?

    `attention` (h, w), `mask` (H, W) bool. Two cells equally bright are no pointing, so a tie is a miss; a constant map
    never hits.
    """
    brightest = np.argwhere(attention == attention.max())
    if len(brightest) != 1:
        return False
    (row, column), (h, w), (height, width) = brightest[0], attention.shape, mask.shape
    return bool(mask[int((row + 0.5) * height / h), int((column + 0.5) * width / w)])


def energy_ratio(attention: np.ndarray, mask: np.ndarray) -> float:
    """Share of the map's sum that lies on the object (energy pointing game, Wang et al. 2020) ÷ its share of the area.

    A constant map scores 1. `attention` (h, w) is enlarged bilinearly to `mask` (H, W). NaN for an empty mask."""
    large = upsample(attention, (mask.shape[1], mask.shape[0]))
    return float(large[mask].sum() / large.sum() / mask.mean()) if mask.any() else float("nan")


def roc_auc(attention: np.ndarray, mask: np.ndarray) -> float:
    """Probability that a pixel of the object is brighter than one beside it, ties half: 0.5 for a constant map.

    `attention` (h, w) is enlarged bilinearly to `mask` (H, W). NaN where the mask is empty or full.
    """
    large = upsample(attention, (mask.shape[1], mask.shape[0]))
    inside = int(mask.sum())
    outside = mask.size - inside
    if not inside or not outside:
        return float("nan")
    _, level, counts = np.unique(large, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[level.reshape(mask.shape)]  # midranks, 1 … H·W
    return float((ranks[mask].sum() - inside * (inside + 1) / 2) / (inside * outside))
