"""What lies between an image and the two heads' logits: every stage as a plain array (no torch needed).

x → g → A → M → g′ → logits, and on the side A → class maps → auxiliary logits
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

STAGES = {  # name → the field of `Trace` that holds it, in the order in which a network computes them
    "x": "images",
    "g": "features",
    "A": "response",
    "class maps": "class_maps",
    "auxiliary logits": "aux_logits",
    "M": "attention",
    "g′": "reweighted",
    "logits": "logits",
}


@dataclass(frozen=True, eq=False)
class Trace:
    """All stages of one image in one network, float32."""

    images: np.ndarray  # (3, H, W) x, normalized
    features: np.ndarray  # (C, h, w) g(x)
    response: np.ndarray  # (K, h, w) A, the trunk's response to g(x)
    class_maps: np.ndarray  # (K, h, w) their means over (h, w) are the auxiliary logits
    aux_logits: np.ndarray  # (K,) the auxiliary head
    attention: np.ndarray  # (h, w) M
    reweighted: np.ndarray  # (C, h, w) g′(x)
    logits: np.ndarray  # (K,) the perception head
    mechanism: str  # that was applied
    channels_are_classes: bool  # the class head weighs channel k of A most for class k
    seconds: float  # from the image to M: feature extractor and attention branch

    def stage(self, name: str) -> np.ndarray:
        """The values of one of `STAGES`, M as (1, h, w)."""
        values = getattr(self, STAGES[name])
        return values[None] if values.ndim == 2 else values

    @property
    def brightest_cell(self) -> tuple[int, int]:
        """Row and column of the brightest cell of M."""
        row, column = np.unravel_index(int(self.attention.argmax()), self.attention.shape)
        return int(row), int(column)

    def strongest_channel(self, row: int, column: int) -> int:
        """The channel of g(x) with the largest magnitude in a cell."""
        return int(np.abs(self.features[:, row, column]).argmax())


@dataclass(frozen=True)
class StageSummary:
    """Five statistics of a stage."""

    shape: tuple[int, ...]
    low: float
    mean: float
    high: float
    zeros: float  # share of the values that are exactly zero, 0 … 1


def summarize(values: np.ndarray) -> StageSummary:
    """The statistics of an array with at least one value."""
    zeros = float(np.mean(values == 0))
    return StageSummary(values.shape, float(values.min()), float(values.mean(dtype=float)), float(values.max()), zeros)


def format_shape(values: np.ndarray) -> str:
    """112 × 14 × 14"""
    return " × ".join(map(str, values.shape))


def order_by_magnitude(values: np.ndarray) -> np.ndarray:
    """The channels of (N, h, w), or the classes of (N,), by mean magnitude, largest first; ties in index order."""
    return np.argsort(-np.abs(values).reshape(len(values), -1).mean(1, dtype=float), kind="stable")


def top_classes(logits: np.ndarray, labels: Sequence[str], count: int = 10) -> list[tuple[str, float, float]]:
    """The `count` largest logits: (label, logit, probability), the largest first."""
    exponentials = np.exp(logits.astype(float) - logits.max())
    probabilities = exponentials / exponentials.sum()
    order = np.argsort(-logits, kind="stable")[:count]
    return [(labels[k], float(logits[k]), float(probabilities[k])) for k in order]
