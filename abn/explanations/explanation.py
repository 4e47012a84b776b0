"""What an explanation is: one variant's map and predictions for one image, as plain arrays (no torch needed)."""

from dataclasses import dataclass

import numpy as np

from abn.images.fit import Fitted
from abn.vocabulary import InputSpec


@dataclass(frozen=True)
class Prediction:
    """One class with the probability that a head gives it."""

    index: int
    label: str
    probability: float


@dataclass(frozen=True, eq=False)
class Explanation:
    """One variant's map and predictions for one image. Probabilities are softmax outputs of K classes."""

    variant: str
    trained_with: str
    applied: str
    auxiliary: np.ndarray  # (K,) float32, the auxiliary head
    perception: np.ndarray  # (K,) float32, the perception head
    attention: np.ndarray  # (h, w) float32, raw M in (0, 1)
    labels: tuple[str, ...]  # K class names
    fitted: Fitted  # what the model saw, and the way back to the original
    spec: InputSpec
    seconds: float  # this variant's forward pass, or its share of a batch's; a shared extractor counts in full for each
    shared_extractor: bool  # whether the extractor really ran for an earlier variant

    def top(self, head: str, count: int = 5) -> list[Prediction]:
        """The `count` likeliest classes of "auxiliary" or "perception", likeliest first."""
        probabilities = getattr(self, head)
        order = np.argsort(-probabilities, kind="stable")[:count]
        return [Prediction(int(i), self.labels[i], float(probabilities[i])) for i in order]

    @property
    def heads_agree(self) -> bool:
        """Whether both heads predict the same class."""
        return int(self.auxiliary.argmax()) == int(self.perception.argmax())

    @property
    def js_divergence(self) -> float:
        """Jensen–Shannon divergence of the two heads, in bits."""
        return js_divergence(self.auxiliary, self.perception)


def js_divergence(p: np.ndarray, q: np.ndarray) -> float:
    """Jensen–Shannon divergence of two distributions (K,) in bits: 0 identical, 1 disjoint."""
    p, q = np.asarray(p, np.float64), np.asarray(q, np.float64)
    return float(np.clip(_entropy((p + q) / 2) - (_entropy(p) + _entropy(q)) / 2, 0, 1))


def _entropy(p: np.ndarray) -> float:
    """Bits; 0 · log 0 is 0."""
    return float(-(p[p > 0] * np.log2(p[p > 0])).sum())


def align_maps(first: Explanation, second: Explanation, points: int = 56) -> tuple[np.ndarray, np.ndarray]:
    """The two maps of one image, value beside value of the same place.

    Where both have the same cells on the same part of the image, the maps (h, w) as they are; else both sampled at
    `points` × `points` places on the image, as far as both networks saw them: (N,) each, possibly empty.
    """
    if first.attention.shape == second.attention.shape and first.fitted.extent == second.fitted.extent:
        return first.attention, second.attention
    this, other = (e.fitted.to_original(e.attention, size=(points, points)) for e in (first, second))
    both = ~np.isnan(this) & ~np.isnan(other)
    return this[both], other[both]
