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


@dataclass(frozen=True)
class Product:
    """One value of g′ as numbers that can be read and multiplied out: gain × before = after, to the digits shown."""

    mechanism: str
    attention: str  # M in this cell
    before: str  # g in this cell and channel
    after: str  # g′ there
    gain: str  # what g is multiplied by


def product(attention: float, before: float, after: float, mechanism: str) -> Product:
    """Write M and g with so many digits that whoever multiplies them gets the digits of g′ that are shown."""
    digits = 2 if abs(after) >= 0.1 or after == 0 else 4
    shown = _fixed(after, digits)
    for more in range(2, 9):
        m, g = round(attention, more), round(before, max(more, digits))
        gain = {"additive": 1 + m, "multiplicative": m, "none": 1.0}[mechanism]
        if _fixed(gain * g, digits) == shown:
            break
    gained = "1" if mechanism == "none" else _fixed(gain, more)
    return Product(mechanism, _fixed(m, more), _fixed(g, max(more, digits)), shown, gained)


def _fixed(value: float, digits: int) -> str:
    """A number with a real minus, and none before zero."""
    text = f"{value:.{digits}f}"
    return text.lstrip("-") if not float(text) else text.replace("-", "−")


def top(logits: np.ndarray, labels: Sequence[str], count: int = 10) -> list[tuple[str, float, float]]:
    """The `count` largest logits: (label, logit, probability), the largest first."""
    chances = softmax(logits)
    order = np.argsort(-logits, kind="stable")[:count]
    return [(labels[k], float(logits[k]), float(chances[k])) for k in order]
