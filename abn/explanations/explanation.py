"""What an explanation is: one variant's maps and answers for one picture, as plain arrays (no torch needed)."""

from dataclasses import dataclass

import numpy as np

from abn.images.fit import Fitted, InputSpec


@dataclass(frozen=True)
class Prediction:
    """One class with the probability that a head gives it."""

    index: int
    label: str
    probability: float


@dataclass(frozen=True, eq=False)
class Explanation:
    """What one variant makes of one picture. Probabilities are softmax outputs, K of them."""

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
    def agree(self) -> bool:
        """Whether both heads name the same class first."""
        return int(self.auxiliary.argmax()) == int(self.perception.argmax())

    @property
    def divergence(self) -> float:
        """Jensen–Shannon divergence of the two heads, in bits: 0 the same, 1 nothing in common."""
        return jensen_shannon(self.auxiliary, self.perception)


def jensen_shannon(p: np.ndarray, q: np.ndarray) -> float:
    """Jensen–Shannon divergence in bits, in [0, 1], of two distributions (K,)."""
    p, q = np.asarray(p, np.float64), np.asarray(q, np.float64)
    middle = (p + q) / 2

    def kullback_leibler(a: np.ndarray) -> float:
        held = a > 0
        return float((a[held] * np.log2(a[held] / middle[held])).sum())

    return min(1.0, max(0.0, (kullback_leibler(p) + kullback_leibler(q)) / 2))


def same_places(one: Explanation, other: Explanation, points: int = 56) -> tuple[np.ndarray, np.ndarray]:
    """The two maps of one picture, value beside value of the same place.

    Where both have the same cells on the same part of the picture, the maps (h, w) as they are; else what both are at
    so many points across and down the picture, as far as both networks saw them: (N,) each, none where nothing is
    shared.
    """
    if one.attention.shape == other.attention.shape and one.fitted.extent == other.fitted.extent:
        return one.attention, other.attention
    first, second = (e.fitted.back(e.attention, size=(points, points)) for e in (one, other))
    both = ~np.isnan(first) & ~np.isnan(second)
    return first[both], second[both]
