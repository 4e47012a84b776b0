"""The built-in data sets of the paper's small networks: how each is trained on, its start, and its figures.

Networks are measured on the whole test set, which no training saw. The control is the same network before its first
step.
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from abn.network.backbone import create_model
from abn.network.batchnorm import recalibrate_batchnorm
from abn.network.model import AttentionBranchNetwork
from abn.training.measures import measure_heads, measure_maps, run_batches
from abn.training.sources import cifar100, fashion_mnist, packages
from abn.training.sources.array_images import ArrayImages
from abn.training.supervised.training import ONE_CYCLE, Recipe
from abn.variants.card import Card
from abn.variants.store import load_variant
from abn.vocabulary import InputSpec

CALIBRATION_IMAGES = 200  # training images that give the batch norms their first statistics
LOCATED = 2000  # test images that the map is measured on, where masks are known
TEST_SEED = 0  # of the canvases to test on
BATCH = 250  # images, to measure


@dataclass(frozen=True)
class BuiltIn:
    """A data set that comes as a package, or is downloaded."""

    key: str  # of the figures on a card; the name of a family begins with it
    title: str
    summary: str
    description: str  # on the card, of what was trained with
    kind: str  # as `Card.kind` has it
    license: dict[str, str]
    spec: InputSpec
    recipe: Recipe  # of the shipped variants
    read: Callable[[Path, bool, int, int | None], ArrayImages]  # the arguments of `load`
    may_be_shown: bool = False  # whether its images may go with a variant

    def load(self, folder: Path, *, train: bool, seed: int, count: int | None = None) -> ArrayImages:
        """The first `count` images to train with, or to test on, or all; `folder` is that of the packages."""
        return self.read(folder, train, seed, count)


def _read_cifar100(folder: Path, train: bool, seed: int, count: int | None) -> ArrayImages:
    return cifar100.load(folder, train=train).part(slice(count))


def _read_cluttered(folder: Path, train: bool, seed: int, count: int | None) -> ArrayImages:
    packages.fetch(folder, [packages.FASHION])
    items = fashion_mnist.load(folder, train=train)
    return fashion_mnist.cluttered(items, len(items) if count is None else min(count, len(items)), seed=seed)


BUILT_IN = {
    "cifar100": BuiltIn(
        "cifar100",
        "CIFAR-100",
        "A network and a data set of the paper: 100 classes. All images are reduced to 32 × 32 pixels.",
        "CIFAR-100, {count:,} images of 32 × 32 pixels, mirrored at random and moved by up to 4 pixels",
        kind="photograph",
        license={"weights": "MIT", "source": "trained here from scratch; the data, CIFAR-100, is for research use"},
        spec=cifar100.SPEC,
        recipe=Recipe(epochs=20.0, batch=128, rate=0.1, weight_decay=5e-4, schedule=ONE_CYCLE),
        read=_read_cifar100,
    ),
    "cluttered-fashion": BuiltIn(
        "cluttered",
        "Cluttered",
        "Classifies ten kinds of clothing among pieces of other items, gray on black; photographs are out of "
        "distribution.",
        "Fashion-MNIST, {count:,} items of 20 px on canvases of 32 × 32 among 8 pieces of others, mirrored at random",
        kind="clothing",
        license={"weights": "MIT", "source": "trained here from scratch; the data, Fashion-MNIST, is MIT, Zalando SE"},
        spec=fashion_mnist.SPEC,
        recipe=Recipe(epochs=1.0, batch=64),
        read=_read_cluttered,
        may_be_shown=True,
    ),
}


def untrained_network(backbone: str, mechanism: str, images: ArrayImages, *, seed: int) -> AttentionBranchNetwork:
    """The network before its first step. Fresh batch norms would leave its map flat: `images` calibrate them."""
    network = create_model(backbone, num_classes=len(images.classes), mechanism=mechanism, seed=seed)
    recalibrate_batchnorm(network, images.inputs(np.arange(len(images))))
    return network


def measure_cards(cards: Sequence[Card], folder: Path) -> Iterator[tuple[Card, dict]]:
    """The figures of each card's stored weights, and of its control; cards of other inputs are left out."""
    load_test = functools.cache(lambda name: BUILT_IN[name].load(folder, train=False, seed=TEST_SEED))
    for card in cards:
        name = next((name for name, data in BUILT_IN.items() if card.input == data.spec), None)
        if name is None:
            continue
        data, test, seed = BUILT_IN[name], load_test(name), card.trained["seed"]
        counts = {"count": len(test)} | ({} if test.masks is None else {"located": min(LOCATED, len(test))})
        images = data.load(folder, train=True, seed=seed, count=CALIBRATION_IMAGES)
        before = measure(untrained_network(card.backbone, card.mechanism, images, seed=seed), test)
        trained = measure(load_variant(card).to(memory_format=torch.channels_last), test)
        control = {"before training": {data.key: counts | before}}
        yield card, {data.key: counts | trained, "controls": control}


def measure(
    network: AttentionBranchNetwork, images: ArrayImages, *, located: int = LOCATED, device: str = "cpu"
) -> dict[str, float]:
    """Both heads over all `images`, and where masks are known the map over the first `located`."""
    batches = images.plain_batches(np.arange(len(images)), BATCH)
    outputs = run_batches(network, (inputs for inputs, _ in batches), device=device)
    figures = measure_heads(outputs, images.labels)
    if images.masks is not None:
        figures |= measure_maps(outputs.attention[:located], images.masks[:located])
    return {name: round(value, 4) for name, value in figures.items()}
