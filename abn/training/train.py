"""`python -m abn train`: the paper's small networks from scratch on Fashion-MNIST, plain or cluttered, as variants.

Everything resumes from the work folder: stop it, start it again, and it goes on. When it is trained, the variant is
saved, read back as the app will read it, and measured on the whole test set, which no training saw; beside the figures
stands a control, the same network before its first step. Meanwhile the life of its map is recorded (life.py).
"""

import argparse
import logging
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from abn import paper
from abn.cards import new_card
from abn.errors import ABNError
from abn.model import MECHANISMS, AttentionBranchNetwork
from abn.report import stems
from abn.training import fashion, life, loop, sources, supervised
from abn.training.clothing import DATA, SETTLED, TEST_SEED, BuiltIn, figures, first, inputs, measure, untrained
from abn.training.distil import commit
from abn.training.fashion import Items
from abn.variants import CHECKPOINTS, Card, save_variant, write_card

SCHEDULE = supervised.Schedule(epochs=1.0, batch=64)
PICTURES, TESTED = 12, 1000  # test pictures whose maps the life keeps, and of its test

log = logging.getLogger(__name__)


TITLES = {"additive": "additive", "multiplicative": "multiplicative", "none": "none (control)"}


# ---- training ----


def recorder(network: AttentionBranchNetwork, test: Items, *, total: int, path: Path) -> life.Recorder:
    """Of the life of its map on test pictures of all classes."""
    shown = pictures_of_all_classes(test.labels)
    tested = first(test, TESTED)
    return life.Recorder(
        network,
        inputs(test, shown),
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


# ---- the command ----


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `python -m abn train`."""
    parser.add_argument("--data", choices=DATA, required=True, help="what to train with; fetched if it is missing")
    small = list(paper.SMALL_RESNETS)
    parser.add_argument("--backbone", choices=small, default=small[0], help=f"default {small[0]}")
    parser.add_argument("--mechanism", choices=MECHANISMS, default="additive", help="default additive")
    parser.add_argument("--out", metavar="NAME", help="the variant's id; default: data, backbone and mechanism")
    parser.add_argument("--epochs", type=float, default=SCHEDULE.epochs, help=f"default {SCHEDULE.epochs:g}")
    parser.add_argument("--seed", type=int, default=1, help="default 1")
    parser.add_argument("--packages", type=Path, default=sources.DATA, help="packages; what is missing is fetched")
    parser.add_argument("--work", type=Path, default=sources.DATA / "train", help="the steps done")
    parser.add_argument("--folder", type=Path, default=CHECKPOINTS, help="where weights and cards are")


def run(args: argparse.Namespace) -> int:
    """Train, save and measure one variant."""
    sources.fetch_fashion(args.packages)
    data = DATA[args.data]
    family = f"{data.kind}-{args.backbone.removeprefix(paper.CIFAR)}"
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
    for measured, found in figures([card], args.packages):
        write_card(replace(measured, measured=found))
        log.info("%s: %s", card.id, found)
    return 0


def make_card(
    network: AttentionBranchNetwork, name: str, data: BuiltIn, family: str, backbone: str, trained: dict
) -> Card:
    """The card before anything was measured."""
    return new_card(
        network,
        id=name,
        title=f"{data.title}, {TITLES[network.mechanism]}",
        summary=data.summary,
        family=family,
        backbone=backbone,
        classes=list(fashion.CLASSES),
        input=fashion.spec(data.kind),
        trained=trained,
        licence={"weights": "MIT", "source": "trained here from scratch; the data, Fashion-MNIST, is MIT, Zalando SE"},
        kind="clothing",
    )
