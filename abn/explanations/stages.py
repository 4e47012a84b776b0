"""What lies between a picture and the two answers of a network: every stage as a plain array (no torch needed).

x → g → A → M → g′ → logits, and on the side A → class maps → auxiliary logits
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

STAGES = {  # name → the field of `Inside` that holds it, in the order in which a network computes them
    "x": "images",
    "g": "features",
    "A": "response",
    "class maps": "class_maps",
    "auxiliary logits": "aux_logits",
    "M": "attention",
    "g′": "changed",
    "logits": "logits",
}


@dataclass(frozen=True, eq=False)
class Inside:
    """All stages of one picture in one network, float32."""

    images: np.ndarray  # (3, H, W) x, normalized
    features: np.ndarray  # (C, h, w) g(x)
    response: np.ndarray  # (K, h, w) A, what the trunk makes of g(x)
    class_maps: np.ndarray  # (K, h, w) their means over (h, w) are the auxiliary logits
    aux_logits: np.ndarray  # (K,) the auxiliary head, as the network itself gives them
    attention: np.ndarray  # (h, w) M
    changed: np.ndarray  # (C, h, w) g′(x)
    logits: np.ndarray  # (K,) the perception head
    mechanism: str  # that was applied
    named: bool  # whether channel k of A stands for class k: the class head hands it mainly to class k
    seconds: float  # from the picture to M: feature extractor and attention branch

    def stage(self, name: str) -> np.ndarray:
        """The values of one of `STAGES`, M as (1, h, w)."""
        values = getattr(self, STAGES[name])
        return values[None] if values.ndim == 2 else values

    @property
    def brightest(self) -> tuple[int, int]:
        """Row and column of the brightest cell of M."""
        row, column = np.unravel_index(int(self.attention.argmax()), self.attention.shape)
        return int(row), int(column)

    def strongest(self, row: int, column: int) -> int:
        """The channel of g(x) that is largest in size in a cell."""
        return int(np.abs(self.features[:, row, column]).argmax())


@dataclass(frozen=True)
class Summary:
    """A stage in five figures."""

    shape: tuple[int, ...]
    low: float
    mean: float
    high: float
    zeros: float  # share of the values that are exactly zero, 0 … 1


def summary(values: np.ndarray) -> Summary:
    """The figures of any array with at least one value."""
    zeros = float(np.mean(values == 0))
    return Summary(values.shape, float(values.min()), float(values.mean(dtype=float)), float(values.max()), zeros)


def shape_in_words(values: np.ndarray) -> str:
    """112 × 14 × 14"""
    return " × ".join(map(str, values.shape))


def by_strength(values: np.ndarray) -> np.ndarray:
    """The channels of (N, h, w), or the classes of (N,), the largest mean size first; equal ones as they lie."""
    return np.argsort(-np.abs(values).reshape(len(values), -1).mean(1, dtype=float), kind="stable")


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities (K,) float64 of logits (K,)."""
    raised = np.exp(logits.astype(float) - logits.max())
    return raised / raised.sum()


def top(logits: np.ndarray, labels: Sequence[str], count: int = 10) -> list[tuple[str, float, float]]:
    """The `count` largest logits: (label, logit, probability), the largest first."""
    chances = softmax(logits)
    order = np.argsort(-logits, kind="stable")[:count]
    return [(labels[k], float(logits[k]), float(chances[k])) for k in order]
