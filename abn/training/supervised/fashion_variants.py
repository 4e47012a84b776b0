"""The variants trained on clothing: their built-in data sets, their start, and their figures.

They are measured on the whole test set, which no training saw. The control is the same network before its first step.
"""

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from abn.network.backbone import create_model
from abn.network.batchnorm import recalibrate_batchnorm
from abn.network.model import AttentionBranchNetwork
from abn.training.measures import measure_heads, measure_maps, run_batches
from abn.training.sources import fashion_mnist
from abn.training.sources.fashion_mnist import FashionImages
from abn.variants.card import Card
from abn.variants.store import load_variant

CALIBRATION_IMAGES = 200  # training images that give the batch norms their first statistics
LOCATED = 2000  # test images that the map is measured on, where masks are known
TEST_SEED = 0  # of the canvases to test on
BATCH = 250  # images, to measure


@dataclass(frozen=True)
class BuiltIn:
    """A data set that comes as a package."""

    kind: str  # of `fashion_mnist`, and the key of the figures on a card
    title: str
    summary: str
    description: str  # on the card, of what was trained with

    def load(self, packages: Path, *, train: bool, seed: int, count: int | None = None) -> FashionImages:
        """The first `count` images, or all."""
        images = fashion_mnist.load(packages, train=train)
        count = len(images) if count is None else min(count, len(images))
        if self.kind == "cluttered":
            return fashion_mnist.cluttered(images, count, seed=seed)
        return images.part(slice(count))


BUILT_IN = {
    "fashion-mnist": BuiltIn(
        "fashion",
        "Clothing",
        "Knows ten kinds of clothing, gray on black; photographs mean nothing to it.",
        "Fashion-MNIST, {count:,} pictures of 28 × 28 pixels, mirrored at random",
    ),
    "cluttered-fashion": BuiltIn(
        "cluttered",
        "Cluttered",
        "Knows ten kinds of clothing among scraps of others, gray on black; photographs mean nothing to it.",
        "Fashion-MNIST, {count:,} items of 20 px on canvases of 32 × 32 among 8 pieces of others, mirrored at random",
    ),
}


def untrained_network(backbone: str, mechanism: str, images: FashionImages, *, seed: int) -> AttentionBranchNetwork:
    """The network before its first step. Fresh batch norms would leave its map flat: `images` calibrate them."""
    network = create_model(backbone, num_classes=len(fashion_mnist.CLASSES), mechanism=mechanism, seed=seed)
    recalibrate_batchnorm(network, images.inputs(np.arange(len(images))))
    return network


def measure_cards(cards: Sequence[Card], packages: Path) -> Iterator[tuple[Card, dict]]:
    """The figures of each card's stored weights, and of its control; cards of other inputs are left out."""
    load_test = functools.cache(lambda data: data.load(packages, train=False, seed=TEST_SEED))
    for card in cards:
        data = next((data for data in BUILT_IN.values() if card.input == fashion_mnist.input_spec(data.kind)), None)
        if data is None:
            continue
        test, seed = load_test(data), card.trained["seed"]
        counts = {"count": len(test)} | ({} if test.masks is None else {"located": min(LOCATED, len(test))})
        images = data.load(packages, train=True, seed=seed, count=CALIBRATION_IMAGES)
        before = measure(untrained_network(card.backbone, card.mechanism, images, seed=seed), test)
        trained = measure(load_variant(card).to(memory_format=torch.channels_last), test)
        control = {"before training": {data.kind: counts | before}}
        yield card, {data.kind: counts | trained, "controls": control}


def measure(
    network: AttentionBranchNetwork, images: FashionImages, *, located: int = LOCATED, device: str = "cpu"
) -> dict[str, float]:
    """Both heads over all `images`, and where masks are known the map over the first `located`."""
    batches = images.plain_batches(np.arange(len(images)), BATCH)
    outputs = run_batches(network, (inputs for inputs, _ in batches), device=device)
    figures = measure_heads(outputs, images.labels)
    if images.masks is not None:
        figures |= measure_maps(outputs.attention[:located], images.masks[:located])
    return {name: round(value, 4) for name, value in figures.items()}
