"""`python -m abn train`: the paper's small networks from scratch on Fashion-MNIST, plain or cluttered, as variants.

Everything resumes from the work folder: stop it, start it again, and it goes on. When it is trained, the variant is
saved, read back as the app will read it, and measured on the whole test set, which no training saw; beside the figures
stands a control, the same network before its first step. Meanwhile the life of its map is recorded (life.py).
"""

import argparse
import logging
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from abn import cifar, cost
from abn.backbone import create_model
from abn.errors import ABNError
from abn.metrics import calibration_error, energy_ratio, pointing_hit, roc_auc
from abn.model import MECHANISMS, AttentionBranchNetwork, settle
from abn.report import stems
from abn.training import fashion, life, loop, sources, supervised
from abn.training.distil import commit
from abn.training.fashion import Items
from abn.variants import CHECKPOINTS, Card, list_variants, load_variant, save_variant, write_card

SCHEDULE = supervised.Schedule(epochs=1.0, batch=64)
SETTLED = 200  # training pictures that give the batch norms their first statistics
LOCATED = 2000  # of the test pictures so many are taken to measure the map, where masks are known
TEST_SEED = 0  # of the canvases to test with
PICTURES, TESTED = 12, 1000  # test pictures whose maps the life keeps, and of its test
BATCH = 250  # pictures, to measure

log = logging.getLogger(__name__)


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
        "Knows ten kinds of clothing, grey on black; photographs mean nothing to it.",
        "Fashion-MNIST, {count:,} pictures of 28 × 28 pixels, mirrored at random",
    ),
    "cluttered-fashion": BuiltIn(
        "cluttered",
        "Cluttered clothing",
        "Knows ten kinds of clothing among scraps of others, grey on black; photographs mean nothing to it.",
        "Fashion-MNIST, {count:,} items of 20 px on canvases of 32 × 32 among 8 pieces of others, mirrored at random",
    ),
}
TITLES = {"additive": "additive", "multiplicative": "multiplicative", "none": "none (control)"}


# ---- training ----


def first(items: Items, count: int) -> Items:
    """The first `count` of `items`."""
    return Items(items.images[:count], items.labels[:count], None if items.masks is None else items.masks[:count])


def untrained(backbone: str, mechanism: str, some: Items, *, seed: int) -> AttentionBranchNetwork:
    """The network before its first step; fresh batch norms would leave its map flat, so `some` pictures settle them."""
    network = create_model(backbone, num_classes=len(fashion.CLASSES), mechanism=mechanism, seed=seed)
    settle(network, _inputs(some, range(len(some))))
    return network


def recorder(network: AttentionBranchNetwork, test: Items, *, total: int, path: Path) -> life.Recorder:
    """Of the life of its map on test pictures of all classes."""
    shown = pictures_of_all_classes(test.labels)
    tested = first(test, TESTED)
    return life.Recorder(
        network,
        _inputs(test, shown),
        lambda: measure(network, tested),
        ids=[f"{fashion.CLASSES[test.labels[i]]} {i}" for i in shown],
        total=total,
        path=path,
        pictures=test.images[shown],
    )


def pictures_of_all_classes(labels: np.ndarray) -> np.ndarray:
    """Indices (`PICTURES`,) of the first picture of each class, then of the second ones."""
    earlier = np.array([(labels[:i] == label).sum() for i, label in enumerate(labels)])  # of the same class
    return np.lexsort((labels, earlier))[:PICTURES]


# ---- measuring ----


@torch.inference_mode()
def measure(network: AttentionBranchNetwork, items: Items, located: int = LOCATED) -> dict[str, float]:
    """Both heads over all `items`, and where masks are known the map over the first `located`."""
    heads: dict[str, list[Tensor]] = {"": [], "_auxiliary": []}
    maps = []
    for some in np.array_split(np.arange(len(items)), -(-len(items) // BATCH)):
        output = network(_inputs(items, some))
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


def _inputs(items: Items, which: np.ndarray | range) -> Tensor:
    return torch.from_numpy(items.inputs(np.asarray(which))).contiguous(memory_format=torch.channels_last)


def measured(card: Card, data: BuiltIn, test: Items, some: Items) -> Card:
    """The card with the figures of its weights as they are read, and of the control, written."""
    located = {} if test.masks is None else {"located": min(LOCATED, len(test))}
    networks = {
        "trained": load_variant(card).to(memory_format=torch.channels_last),
        "before training": untrained(card.backbone, card.mechanism, some, seed=card.trained["seed"]),
    }
    found = {
        name: {data.kind: {"count": len(test), **located, **measure(network, test)}}
        for name, network in networks.items()
    }
    card = replace(card, measured={**found.pop("trained"), "controls": found})
    write_card(card)
    log.info("%s: %s", card.id, card.measured)
    return card


# ---- the command ----


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `python -m abn train`."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--data", choices=DATA, help="what to train with; fetched if it is missing")
    what.add_argument("--measure", action="store_true", help="train nothing: measure again what was trained")
    small = [cifar.PREFIX + depth for depth in cifar.DEPTHS]
    parser.add_argument("--backbone", choices=small, default=small[0], help=f"default {small[0]}")
    parser.add_argument("--mechanism", choices=MECHANISMS, default="additive", help="default additive")
    parser.add_argument("--out", metavar="NAME", help="the variant's id; default: data, backbone and mechanism")
    parser.add_argument("--epochs", type=float, default=SCHEDULE.epochs, help=f"default {SCHEDULE.epochs:g}")
    parser.add_argument("--seed", type=int, default=1, help="default 1")
    parser.add_argument("--packages", type=Path, default=sources.DATA, help="packages; what is missing is fetched")
    parser.add_argument("--work", type=Path, default=sources.DATA / "train", help="the steps done")
    parser.add_argument("--folder", type=Path, default=CHECKPOINTS, help="where weights and cards are")


def run(args: argparse.Namespace) -> int:
    """Train, save and measure one variant, or measure variants again."""
    sources.fetch_fashion(args.packages)
    if args.measure:
        _measure_again(args)
    else:
        _train(args)
    return 0


def _train(args: argparse.Namespace) -> None:
    data = DATA[args.data]
    family = f"{data.kind}-{args.backbone.removeprefix(cifar.PREFIX)}"
    name = args.out or f"{family}-{args.mechanism}"
    if stems([name]) != [name]:
        raise ABNError(f"{name!r} can't be a variant's name: use letters, digits, dots and dashes.")
    items = data.items(args.packages, train=True, seed=args.seed)
    test = data.items(args.packages, train=False, seed=TEST_SEED)
    schedule = replace(SCHEDULE, epochs=args.epochs)
    total = supervised.steps(len(items), schedule)
    if total < 1:
        raise ABNError(f"{args.epochs:g} epochs of {len(items)} pictures are not one step: give more --epochs.")
    some = first(items, SETTLED)
    network = untrained(args.backbone, args.mechanism, some, seed=args.seed)
    args.work.mkdir(parents=True, exist_ok=True)
    path = args.work / f"{args.data}-{args.backbone}-{args.mechanism}-{args.seed}.pt"
    recording = recorder(network, test, total=total, path=path.with_suffix(".life.npz"))
    supervised.train(
        network, items, schedule, seed=args.seed, path=path, moments=life.moments(total), at_moment=recording.record
    )
    trained = {
        "command": f"python -m abn train --data {args.data} --backbone {args.backbone} --mechanism {args.mechanism} "
        f"--out {name} --epochs {args.epochs:g} --seed {args.seed}",
        "data": data.told.format(count=len(items)),
        "seed": args.seed,
        "commit": commit(),
        "steps": total,
        "bfloat16": loop.has_bfloat16(),
        "schedule": {**asdict(schedule), "cuts": list(schedule.cuts)},
    }
    card = save_variant(network, make_card(network, name, data, family, args.backbone, trained), args.folder)
    recording.finish(card)
    measured(card, data, test, some)


def _measure_again(args: argparse.Namespace) -> None:
    """What carries figures of a built-in set, all or the one that is named."""
    cards = [card for card in list_variants(args.folder) if args.out in (None, card.id)]
    found = [(card, data) for card in cards for data in DATA.values() if data.kind in card.measured]
    if not found:
        raise ABNError(f"There is nothing in {args.folder} that was trained by this command: give --folder or --out.")
    for card, data in found:
        some = data.items(args.packages, train=True, seed=card.trained["seed"], count=SETTLED)
        measured(card, data, data.items(args.packages, train=False, seed=TEST_SEED), some)


def make_card(
    network: AttentionBranchNetwork, name: str, data: BuiltIn, family: str, backbone: str, trained: dict
) -> Card:
    """The card before anything was measured."""
    spec = fashion.spec(data.kind)
    with torch.inference_mode():
        map_size = tuple(network(torch.zeros(1, 3, spec.size, spec.size)).attention.shape[2:])
    return Card(
        id=name,
        title=f"{data.title}, {TITLES[network.mechanism]}",
        summary=data.summary,
        family=family,
        backbone=backbone,
        mechanism=network.mechanism,
        num_classes=len(fashion.CLASSES),
        classes=list(fashion.CLASSES),
        input=spec,
        map_size=map_size,
        parameters=cost.parameters(network),
        flops=cost.flops(network, spec.size),
        trained=trained,
        measured={},
        licence={"weights": "MIT", "source": "trained here from scratch; the data, Fashion-MNIST, is MIT, Zalando SE"},
        sha256="",
        kind="clothing",
        extractor_sha256="",
    )
