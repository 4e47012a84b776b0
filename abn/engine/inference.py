"""Images × variants → g(x), both heads and M, each extractor run once for all variants that share it.

This is the one loop under explanations, edited maps and disagreements: extract · attend · perceive.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from abn.engine.loading import load_runner
from abn.engine.runner import Runner, perceive
from abn.images.fit import Fitted
from abn.variants.card import Card
from abn.vocabulary import InputSpec

Load = Callable[[Card], Runner]


@dataclass(frozen=True, eq=False)
class Inference:
    """One variant on B images, run up to its map; `perceive` runs the rest. All arrays are float32."""

    card: Card
    runner: Runner
    fitted: Sequence[Fitted]  # B
    features: np.ndarray  # (B, C, h, w) g(x)
    aux_logits: np.ndarray  # (B, K) of the auxiliary head
    attention: np.ndarray  # (B, 1, h, w) M
    seconds: float  # extractor and attention branch; a shared extractor counts in full
    shared_extractor: bool  # the extractor ran for an earlier variant

    def perceive(self, mechanism: str | None = None) -> np.ndarray:
        """Logits (B, K) of the perception head; `mechanism` None: the one that the variant was trained with."""
        return perceive(self.runner, self.features, self.attention, mechanism)


def stack_images(fitted: Sequence[Fitted], spec: InputSpec) -> np.ndarray:
    """At least one fitted image as (B, 3, size, size), normalized."""
    return np.stack([image.normalized(spec) for image in fitted])


def run_variants(
    inputs: Mapping[InputSpec, Sequence[Fitted]], cards: Sequence[Card], *, load: Load = load_runner
) -> Iterator[Inference]:
    """One `Inference` for each card in turn, of B images fitted to its input; `load` may be a caching loader. Raises an
    `ABNError` for broken weights.
    """
    stacked = {spec: stack_images(fitted, spec) for spec, fitted in inputs.items()}
    extracted: dict[tuple[str, InputSpec], tuple[np.ndarray, float]] = {}
    for card in cards:
        runner, fitted = load(card), inputs[card.input]
        key = (card.extractor_sha256, card.input)
        shared, started = key in extracted, time.perf_counter()
        if not shared:
            extracted[key] = runner.extract(stacked[card.input]), time.perf_counter() - started
        features, extractor_seconds = extracted[key]
        started = time.perf_counter()
        aux_logits, attention = runner.attend(features)
        seconds = extractor_seconds + time.perf_counter() - started
        yield Inference(card, runner, fitted, features, aux_logits, attention, seconds, shared)
