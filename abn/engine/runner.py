"""How a variant is run: extract · attend · perceive, arrays in and arrays out, whichever engine computes them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from abn.errors import ABNError
from abn.vocabulary import ADDITIVE, MECHANISMS, MULTIPLICATIVE, NONE


@dataclass(frozen=True, eq=False)
class Tail:
    """The end of a perception branch: the last layer that still has cells, their average, and one linear layer."""

    layer: str  # name of the last layer with cells, in the network
    weight: np.ndarray  # (K, C) of the linear layer
    compute: Callable[[np.ndarray], np.ndarray]  # g′(x) (B, C, h, w) → the output (B, C′, h′, w′) of that layer


class Runner(Protocol):
    """The network of one variant, ready to run; it holds nothing of a call, so that all sessions share it.

    Letters as in `abn.network.model`: B batch, C channels of g, K classes, h × w cells of M. All arrays are float32.
    """

    engine: str  # what computes, for people
    mechanism: str  # the one that the variant was trained with
    class_head: np.ndarray  # (K, K) its weights

    @property
    def tail(self) -> Tail | None:
        """None where the perception branch ends otherwise, or it isn't known."""

    def extract(self, images: np.ndarray) -> np.ndarray:
        """Images (B, 3, H, W), normalized → g(x) (B, C, h, w)."""

    def attend(self, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """g(x) (B, C, h, w) → the auxiliary head's logits (B, K) and the attention map M (B, 1, h, w)."""

    def respond(self, features: np.ndarray) -> np.ndarray:
        """g(x) (B, C, h, w) → the trunk response A (B, K, h, w)."""

    def classify(self, features: np.ndarray) -> np.ndarray:
        """The perception branch alone: g′(x) (B, C, h, w) → logits (B, K)."""


def perceive(runner: Runner, features: np.ndarray, attention: np.ndarray, mechanism: str | None = None) -> np.ndarray:
    """g(x) (B, C, h, w) and any map (B, 1, h, w) → logits (B, K); `mechanism` None: the one of the training."""
    return runner.classify(reweight(features, attention, mechanism or runner.mechanism))


def reweight(features: np.ndarray, attention: np.ndarray, mechanism: str) -> np.ndarray:
    """g(x) (B, C, h, w) and M (B, 1, h, w) → g′(x) (B, C, h, w), as `abn.network.model.attend` computes it."""
    if mechanism == MULTIPLICATIVE:
        return attention * features  # Eq. 1
    if mechanism == ADDITIVE:
        return attention * features + features  # Eq. 2
    if mechanism == NONE:
        return np.broadcast_to(features, np.broadcast_shapes(features.shape, (len(attention), 1, 1, 1)))
    raise ABNError(f"mechanism must be one of {', '.join(MECHANISMS)}; got {str(mechanism)[:40]!r}")


def class_maps(runner: Runner, response: np.ndarray) -> np.ndarray:
    """A (B, K, h, w) → class maps (B, K, h, w), whose means over (h, w) are the auxiliary logits."""
    flat = runner.class_head @ response.reshape(*response.shape[:2], -1)  # a 1×1 convolution without bias
    return flat.reshape(response.shape)


def softmax(logits: np.ndarray) -> np.ndarray:
    """Logits (…, K) → probabilities (…, K) float32."""
    shifted = np.exp(logits - logits.max(-1, keepdims=True))
    return shifted / shifted.sum(-1, keepdims=True)
