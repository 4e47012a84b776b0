"""`python -m abn teach-study`: do taught maps carry over to images that weren't taught?

Photographs with object masks stand for images whose maps people edited. For each seed they are divided in halves. A
variant is fine-tuned with the masks of one half as target maps, and once more without the map loss. Pointing game and
ROC-AUC of M are measured on the other half, accuracy on the labeled photographs that ship with the app. The background
cells of a target have the value 0.3 and its object cells 0.7, the strength that the maps of the shipped variants have.

Each run is written when it is done: a command that was stopped continues with the missing runs.
"""

import argparse
import json
import logging
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from abn import files
from abn.errors import ABNError
from abn.evaluation.localization import FIT, fit_mask
from abn.images.decode import open_picture
from abn.images.fit import fit_picture
from abn.study.findings import RESULTS
from abn.study.statistics import paired
from abn.training.distillation.recipe import Recipe
from abn.training.map_teaching.cached_images import CachedImages, cache_pictures, compute_outputs, join
from abn.training.map_teaching.command import add_settings, log_progress, read_settings
from abn.training.map_teaching.examples import resize_target
from abn.training.map_teaching.fine_tuning import build_teaching_set, fine_tune
from abn.training.map_teaching.report import BEFORE, CONTROL, NETWORKS, TAUGHT, compare_labeled
from abn.training.map_teaching.settings import Settings
from abn.training.map_teaching.teaching import labeled_photos, replay_photos
from abn.training.measures import Outputs, measure_maps
from abn.training.sources.masked_photographs import MaskedPhotograph, read_masked_photographs
from abn.variants.card import Card
from abn.variants.store import find_variant, load_variant

VARIANTS = ("imagenet-lite0-additive", "imagenet-lite0-additive-unfolded")
SEEDS = 5
BACKGROUND, OBJECT = (Recipe.map_mean + sign * Recipe.map_span / 2 for sign in (-1, 1))  # values of a target's cells
COMPARED = ("pointing", "roc_auc", "squared_distance", "perception_top1", "auxiliary_top1")
HEADER = ("variant", "network", "pointing", "ROC-AUC", "distance d", "perception top-1", "auxiliary top-1")
AGAINST = ((TAUGHT, CONTROL), (TAUGHT, BEFORE), (CONTROL, BEFORE))

OTHER_RUNS = "The results in {name} were made with other settings: give another file with --results."
DAMAGED = "The results in {name} can't be read: remove the file, or give another one with --results."
TOO_FEW = "There are only {count} photographs with masks: give 4 or more."
NO_SEED = "--seeds must be 1 or more."
NO_MASKS = "Give photographs with object masks, a folder or zip, as --masks."
LABELED = "{variant} doesn't have the classes of ImageNet, so its accuracy can't be measured: choose another variant."

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `python -m abn teach-study`."""
    add = parser.add_argument
    masks = "folder or zip of photographs with masks, images/NAME.* and masks/NAME.png (default: none, for --table)"
    add("--masks", type=Path, metavar="PATH", help=masks)
    add("--table", action="store_true", help="train nothing, and print the stored results as a Markdown table")
    add("--variant", default=",".join(VARIANTS), metavar="ID[,ID...]", help="ids of the variants, separated by commas")
    add("--seeds", type=int, default=SEEDS, metavar="N", help="number of seeds: 1 to N")
    count = "use only so many photographs, spread over all (default: all)"
    add("--count", type=int, metavar="N", help=count)
    results = "file for the results; runs that it holds already are not repeated"
    add("--results", type=Path, metavar="FILE", default=RESULTS / "map_teaching.json", help=results)
    add_settings(parser)


def run(args: argparse.Namespace) -> int:
    """Perform the missing runs and write the comparisons."""
    if args.table:
        print(as_table(_read(args.results, {})))
        return 0
    if args.seeds < 1:
        raise ABNError(NO_SEED)
    if args.masks is None:
        raise ABNError(NO_MASKS)
    settings = read_settings(args)
    cards = [find_variant(variant) for variant in args.variant.split(",")]
    for card in cards:
        if not labeled_photos(card):
            raise ABNError(LABELED.format(variant=card.id))
    photographs = read_masked_photographs(args.masks)
    photographs = photographs[:: max(1, len(photographs) // (args.count or len(photographs)))][: args.count]
    if len(photographs) < 4:
        raise ABNError(TOO_FEW.format(count=len(photographs)))
    identity = {"masks": args.masks.name, "photographs": len(photographs), "settings": _without_seed(settings)}
    perform(args.results, identity, cards, range(1, args.seeds + 1), photographs, settings)
    print(as_text(json.loads(args.results.read_text(encoding="utf-8"))))
    return 0


def perform(
    path: Path,
    identity: dict[str, Any],
    cards: Sequence[Card],
    seeds: Sequence[int],
    photographs: Sequence[MaskedPhotograph],
    settings: Settings,
) -> None:
    """Perform the runs of variants × seeds that `path` lacks, and write it after each of them.

    Raises:
        ABNError: where the file can't be read, or holds runs with another `identity`, or of other weights.
    """
    results = _read(path, identity)
    for card in cards:
        finished = {
            run["seed"] for run in results["runs"] if run["variant"] == card.id and run["sha256"] == card.sha256
        }
        results["runs"] = [run for run in results["runs"] if run["variant"] != card.id or run["sha256"] == card.sha256]
        missing = [seed for seed in seeds if seed not in finished]
        subject = Subject.prepare(card, photographs) if missing else None
        for seed in missing:
            assert subject is not None
            results["runs"].append(subject.run(replace(settings, seed=seed)))
            _write(path, results)
            log.info("%s, seed %d: done", card.id, seed)
    _write(path, results)


@dataclass(frozen=True, eq=False)
class Subject:
    """A variant with everything that its runs share."""

    card: Card
    network: Any  # AttentionBranchNetwork, before
    masked: CachedImages  # N photographs with masks
    masks: Sequence[np.ndarray]  # (size, size) bool each, at the network's input
    targets: np.ndarray  # (N, h, w) the masks as maps
    replayed: CachedImages
    labeled: CachedImages
    accepted: Sequence[tuple[int, ...]]  # the classes of the labeled photographs that count as correct

    @classmethod
    def prepare(cls, card: Card, photographs: Sequence[MaskedPhotograph]) -> "Subject":
        """Compute what the runs share."""
        network = load_variant(card)
        masks = [fit_mask(photo.mask, fit_picture(photo.picture, card.input, FIT)) for photo in photographs]
        masked = cache_pictures(network, [photo.picture for photo in photographs], card.input, fit=FIT)
        covered = np.stack([resize_target(mask, card.map_size) for mask in masks])
        replayed, labeled = (
            cache_pictures(network, [open_picture(photo.path.read_bytes()) for photo in photos], card.input)
            for photos in (replay_photos(card), labeled_photos(card))
        )
        return cls(
            card=card,
            network=network,
            masked=masked,
            masks=masks,
            targets=(BACKGROUND + (OBJECT - BACKGROUND) * covered).astype(np.float32),
            replayed=replayed,
            labeled=labeled,
            accepted=[photo.classes for photo in labeled_photos(card)],
        )

    def run(self, settings: Settings) -> dict[str, Any]:
        """One seed: fine-tune with and without the map loss, and measure all three networks."""
        started = time.monotonic()
        order = np.random.default_rng(settings.seed).permutation(len(self.masks))
        taught, measured = (np.sort(half) for half in np.array_split(order, 2))
        images = join([self.masked.take(taught), self.replayed])
        teaching = build_teaching_set(self.network, images, self.targets[taught], [None] * len(taught))
        networks = {BEFORE: self.network}
        for name, weight in ((TAUGHT, settings.map_weight), (CONTROL, 0.0)):
            networks[name] = fine_tune(
                self.network,
                teaching,
                replace(settings, map_weight=weight),
                each=max(1, settings.steps // 4),
                progress=log_progress,
                control=name == CONTROL,
            )
        labeled = compare_labeled(
            {name: compute_outputs(network, self.labeled) for name, network in networks.items()}, self.accepted
        )
        maps = {
            name: self._measure(compute_outputs(network, self.masked.take(measured)), measured)
            for name, network in networks.items()
        }
        return {
            "variant": self.card.id,
            "sha256": self.card.sha256,
            "seed": settings.seed,
            "taught": len(taught),
            "measured": len(measured),
            "networks": {name: {**maps[name], **labeled[name]} for name in networks},
            "seconds": round(time.monotonic() - started, 1),
        }

    def _measure(self, outputs: Outputs, which: np.ndarray) -> dict[str, float]:
        """The maps against the masks of the photographs `which`."""
        figures = measure_maps(outputs.attention, [self.masks[i] for i in which])
        figures["squared_distance"] = float(np.square(outputs.attention.numpy() - self.targets[which]).mean())
        return {name: round(value, 4) for name, value in figures.items()}


def compare(runs: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Paired differences over the seeds, for each variant with two seeds or more."""
    rows = []
    for variant in dict.fromkeys(run["variant"] for run in runs):
        of_variant = [run["networks"] for run in runs if run["variant"] == variant]
        if len(of_variant) < 2:
            continue
        for first, second in AGAINST:
            for metric in COMPARED:
                values = [[networks[name][metric] for networks in of_variant] for name in (first, second)]
                rows.append(
                    {
                        "variant": variant,
                        "network": first,
                        "against": second,
                        "metric": metric,
                        "means": [round(float(np.mean(column)), 4) for column in values],
                        "seeds": len(of_variant),
                        **{name: round(value, 4) for name, value in paired(*values)._asdict().items()},
                    }
                )
    return rows


def as_text(results: dict[str, Any]) -> str:
    """The means over seeds, a line for each network of a variant."""
    lines = []
    for variant in dict.fromkeys(run["variant"] for run in results["runs"]):
        of_variant = [run["networks"] for run in results["runs"] if run["variant"] == variant]
        lines.append(f"{variant}, {len(of_variant)} seeds")
        for network in NETWORKS:
            means = {name: np.mean([networks[network][name] for networks in of_variant]) for name in COMPARED}
            values = ", ".join(f"{name.replace('_', ' ')} {value:.3f}" for name, value in means.items())
            lines.append(f"  {network:8} {values}")
    return "\n".join(lines)


def as_table(results: dict[str, Any]) -> str:
    """The means over seeds, and the paired differences of taught and control with 95 % intervals, as Markdown."""
    rows = [HEADER, ["---"] * len(HEADER)]
    for variant in dict.fromkeys(run["variant"] for run in results["runs"]):
        of_variant = [run["networks"] for run in results["runs"] if run["variant"] == variant]
        for network in NETWORKS:
            means = [np.mean([networks[network][name] for networks in of_variant]) for name in COMPARED]
            rows.append([f"`{variant}`", network, *(f"{mean:.3f}" for mean in means)])
        compared = {
            row["metric"]: row
            for row in results["comparisons"]
            if (row["variant"], row["network"], row["against"]) == (variant, TAUGHT, CONTROL)
        }
        texts = [
            "{mean_difference:+.3f} [{ci_low:+.3f}, {ci_high:+.3f}]".format(**compared[name]).replace("-", "−")
            for name in COMPARED
            if name in compared
        ]
        rows += [["", f"{TAUGHT} − {CONTROL}", *texts]] if texts else []
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _without_seed(settings: Settings) -> dict[str, Any]:
    return {name: value for name, value in asdict(settings).items() if name != "seed"}


def _read(path: Path, identity: dict[str, Any]) -> dict[str, Any]:
    """The results so far. Raises `ABNError`."""
    if not path.is_file():
        return {**identity, "runs": []}
    try:
        results = json.loads(path.read_text(encoding="utf-8"))
        same = all(results[name] == value for name, value in identity.items()) and isinstance(results["runs"], list)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ABNError(DAMAGED.format(name=path.name)) from error
    if not same:
        raise ABNError(OTHER_RUNS.format(name=path.name))
    return results


def _write(path: Path, results: dict[str, Any]) -> None:
    results = {**results, "comparisons": compare(results["runs"])}
    files.write_file(path, json.dumps(results, indent=1, allow_nan=False) + "\n")
