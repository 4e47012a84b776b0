"""Images × variants → g(x), class maps and M, each extractor run once for all variants that share it.

This is the one loop under explanations, edited maps and disagreements: extract · attend · perceive.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from abn.images.fit import Fitted
from abn.network.model import AttentionBranchNetwork
from abn.variants.card import Card
from abn.variants.store import load_variant
from abn.vocabulary import InputSpec

T = TypeVar("T")
Load = Callable[[Card], AttentionBranchNetwork]


@dataclass(frozen=True, eq=False)
class Inference:
    """One variant on B images, run up to its map; `perceive` runs the rest."""

    card: Card
    network: AttentionBranchNetwork
    fitted: Sequence[Fitted]  # B
    features: Tensor  # (B, C, h, w) g(x)
    class_maps: Tensor  # (B, K, h, w)
    attention: Tensor  # (B, 1, h, w) M
    seconds: float  # extractor and attention branch; a shared extractor counts in full
    shared_extractor: bool  # the extractor ran for an earlier variant

    @property
    def aux_logits(self) -> Tensor:
        """(B, K) the auxiliary head: the class maps' means over (h, w)."""
        return self.class_maps.mean((2, 3))

    def perceive(self, mechanism: str | None = None) -> Tensor:
        """Logits (B, K) of the perception head; `mechanism` None: the one that the variant was trained with."""
        with torch.inference_mode():
            return self.network.perceive(self.features, self.attention, mechanism)


def stack_images(fitted: Sequence[Fitted], spec: InputSpec) -> Tensor:
    """At least one fitted image as (B, 3, size, size), normalized."""
    return torch.from_numpy(np.stack([image.normalized(spec) for image in fitted]))


def run_variants(
    inputs: Mapping[InputSpec, Sequence[Fitted]], cards: Sequence[Card], *, load: Load = load_variant
) -> Iterator[Inference]:
    """One `Inference` for each card in turn, on the device of its network, of B images fitted to its input; `load` may
    be a caching loader. Raises an `ABNError` for broken weights.
    """
    stacked = {spec: stack_images(fitted, spec) for spec, fitted in inputs.items()}
    extracted: dict[tuple[str, InputSpec], tuple[Tensor, float]] = {}
    for card in cards:
        network, fitted = load(card), inputs[card.input]
        device = next(network.parameters()).device
        key = (card.extractor_sha256, card.input)
        shared = key in extracted
        with torch.inference_mode():
            if not shared:
                images = stacked[card.input].to(device)
                extracted[key] = timed(device, network.extractor, images)
            features, extractor_seconds = extracted[key]
            (class_maps, attention), branch_seconds = timed(device, network.attention_branch, features)
        seconds = extractor_seconds + branch_seconds
        yield Inference(card, network, fitted, features, class_maps, attention, seconds, shared)


def timed(device: torch.device, call: Callable[..., T], *args: object) -> tuple[T, float]:
    """What `call(*args)` returns, and its seconds, waiting for a GPU to finish."""
    start = time.perf_counter()
    result = call(*args)
    if device.type == "cuda":  # which only queued the work
        torch.cuda.synchronize(device)
    return result, time.perf_counter() - start
