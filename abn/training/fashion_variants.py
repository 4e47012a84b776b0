"""The networks that learned clothing: what they are trained and measured on, and their figures.

They are measured on the whole test set, which no training saw; beside the figures stands a control, the same network
before its first step.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from abn.evaluation.metrics import calibration_error, energy_ratio, pointing_hit, roc_auc
from abn.network.backbone import create_model
from abn.network.batchnorm import recalibrate_batchnorm
from abn.network.model import AttentionBranchNetwork
from abn.training import fashion
from abn.training.fashion import Items
from abn.variants.card import Card
from abn.variants.store import load_variant

SETTLED = 200  # training pictures that give the batch norms their first statistics
LOCATED = 2000  # of the test pictures so many are taken to measure the map, where masks are known
TEST_SEED = 0  # of the canvases to test with
BATCH = 250  # pictures, to measure


@dataclass(frozen=True)
class BuiltIn:
    """A data set that comes as a package."""

    kind: str  # of abn.training.fashion, and the key of the figures on a card
    title: str
    summary: str
    told: str  # on the card, of what was trained on

    def items(self, packages: Path, *, train: bool, seed: int, count: int | None = None) -> Items:
        """The first `count` pictures, or all."""
        items = fashion.load(packages, train=train)
        count = len(items) if count is None else min(count, len(items))
        return fashion.cluttered(items, count, seed=seed) if self.kind == "cluttered" else first(items, count)


DATA = {
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


def first(items: Items, count: int) -> Items:
    """The first `count` of `items`."""
    return Items(items.images[:count], items.labels[:count], None if items.masks is None else items.masks[:count])


def untrained(backbone: str, mechanism: str, some: Items, *, seed: int) -> AttentionBranchNetwork:
    """The network before its first step; fresh batch norms would leave its map flat, so `some` pictures settle them."""
    network = create_model(backbone, num_classes=len(fashion.CLASSES), mechanism=mechanism, seed=seed)
    recalibrate_batchnorm(network, inputs(some, range(len(some))))
    return network


@torch.inference_mode()
def measure(network: AttentionBranchNetwork, items: Items, located: int = LOCATED) -> dict[str, float]:
    """Both heads over all `items`, and where masks are known the map over the first `located`."""
    heads: dict[str, list[Tensor]] = {"": [], "_auxiliary": []}
    maps = []
    for some in np.array_split(np.arange(len(items)), -(-len(items) // BATCH)):
        output = network(inputs(items, some))
        heads[""].append(output.logits)
        heads["_auxiliary"].append(output.aux_logits)
        maps += list(output.attention[:, 0].numpy())
    figures = {}
    for head, logits in heads.items():
        probabilities = torch.cat(logits).softmax(1).numpy()
        figures[f"accuracy{head}"] = float((probabilities.argmax(1) == items.labels).mean())
        figures[f"calibration_error{head}"] = calibration_error(probabilities, items.labels)
    if items.masks is not None:
        pairs = list(zip(maps[:located], items.masks[:located], strict=True))
        figures["pointing"] = float(np.mean([pointing_hit(*pair) for pair in pairs]))
        figures["roc_auc"] = float(np.nanmean([roc_auc(*pair) for pair in pairs]))
        figures["energy_over_area"] = float(np.nanmean([energy_ratio(*pair) for pair in pairs]))
    return {name: round(value, 4) for name, value in figures.items()}


def inputs(items: Items, which: np.ndarray | range) -> Tensor:
    return torch.from_numpy(items.inputs(np.asarray(which))).contiguous(memory_format=torch.channels_last)


def figures(cards: list[Card], packages: Path) -> Iterator[tuple[Card, dict]]:
    """What is measured of each card's weights, as they are read, and of its control."""
    for kind, data in {data.kind: data for data in DATA.values()}.items():
        mine = [card for card in cards if card.input == fashion.spec(kind)]
        if not mine:
            continue
        test = data.items(packages, train=False, seed=TEST_SEED)
        located = {} if test.masks is None else {"located": min(LOCATED, len(test))}
        for card in mine:
            seed = card.trained["seed"]
            some = data.items(packages, train=True, seed=seed, count=SETTLED)
            networks = {
                "trained": load_variant(card).to(memory_format=torch.channels_last),
                "before training": untrained(card.backbone, card.mechanism, some, seed=seed),
            }
            found = {
                name: {kind: {"count": len(test), **located, **measure(network, test)}}
                for name, network in networks.items()
            }
            yield card, {**found.pop("trained"), "controls": found}
