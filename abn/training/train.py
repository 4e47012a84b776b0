"""`python -m abn train`: an Attention Branch Network of your own, from a folder of class folders or a built-in set.

Alone or under `torchrun`, everything resumes from the work folder: stop it, start it again, and it goes on. The epoch
that is best on validation pictures is kept, the variant is saved and read back as the app will read it, and measured
then; test pictures, where there are any, are looked at this once. The life of its map is recorded (life.py). A built-in
set is by default trained as the shipped variants were: all of its pictures, and nothing to choose.
"""

import argparse
import hashlib
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch

from abn.errors import ABNError, BackboneError
from abn.network.backbone import assemble, create_model, load_backbone
from abn.network.batchnorm import recalibrate_batchnorm
from abn.network.cutting import cut
from abn.network.model import ABNOutput, AttentionBranchNetwork
from abn.training import (
    datasets,
    distributed,
    estimate,
    fashion_variants,
    history_recorder,
    options,
    public_sources,
    supervised,
    warm_start,
)
from abn.training.datasets import Data, pictures_of_all_classes
from abn.training.distil import commit
from abn.training.distributed import Team
from abn.training.epochs import CHOSEN_BY, FIGURES, Epochs, measure
from abn.training.fashion_variants import untrained
from abn.training.options import Plan, add_arguments
from abn.training.previews import PreviewImages
from abn.training.sample_order import Order
from abn.variants.card import Card
from abn.variants.new_card import new_card
from abn.variants.store import load_variant, save_variant, write_card

try:
    import fcntl
except ImportError:  # where there is none, nobody is kept out
    fcntl = None

__all__ = ["add_arguments", "run"]

TESTED = 1000  # pictures of a built-in set that the life of the map is measured on
SETTLED = 64  # own training pictures that give the batch norms their first statistics
HALF = 65_504  # the greatest number of half precision
WORKERS = 8  # at most, unless more are wanted
TITLES = {"additive": "additive", "multiplicative": "multiplicative", "none": "none (control)"}

log = logging.getLogger(__name__)


# ---- the command ----


def run(args: argparse.Namespace) -> int:
    """Train, save and measure one variant; or tell what it would cost."""
    if args.estimate:
        return _estimate(args)
    device = _device(args.device)
    with ExitStack() as held:
        with distributed.joined(device) as team:
            if not team.leads:
                logging.getLogger("abn").setLevel(logging.WARNING)
            training = _prepared(args, device, team)
            team.each(lambda: held.enter_context(_sole(training.plan.path)) if team.leads else None)
            training.train(args.save_each)
        if team.leads:
            training.finish(args.packages)
    return 0


def _estimate(args: argparse.Namespace) -> int:
    found = estimate.estimate(
        args.backbone or "resnet50",
        args.mechanism,
        classes=args.classes,
        pictures=args.pictures,
        epochs=90.0 if args.epochs is None else args.epochs,
        size=args.size,
    )
    print(estimate.table(found, gpus=args.gpus, peak=args.peak * 1e12, utilizations=tuple(args.utilization)))
    return 0


def _device(wanted: str) -> str:
    if wanted == "cuda" and not torch.cuda.is_available():
        raise ABNError("There is no CUDA device here that torch can use: leave out --device, or say --device cpu.")
    return "cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu"


# ---- what is there ----


def _prepared(args: argparse.Namespace, device: str, team: Team) -> "Training":
    """All that a training needs. What can be wrong is wrong here, before its first step, and every process hears."""
    plan = team.of_first(lambda: options.plan(args, device))
    team.each(lambda: team.part(plan.recipe.batch))
    if plan.built_in:
        team.of_first(lambda: public_sources.fetch_fashion(args.packages))
        found = datasets.built_in(plan.data, args.packages, seed=plan.seed, held_out=plan.held_out)
    else:
        team.of_first(lambda: _made(plan.work))
        found = datasets.own(
            plan.data,
            plan.backbone,
            size=args.size,
            augment=plan.augment,
            held_out=plan.held_out,
            seed=plan.seed,
            skip_bad=args.skip_bad,
            remembered=plan.work / "checked.json",
            team=team,
            workers=_workers(args.workers),
            pin=device == "cuda",
        )
    for note in found.notes if team.leads else ():
        log.warning("%s", note)
    network, start = team.each(lambda: _start(plan, found))
    team.of_first(lambda: _made(plan.work))
    return Training(plan, found, network, start, device, team)


def _workers(wanted: int | None) -> int:
    """Processes that open pictures for this one."""
    if wanted is not None:
        return max(0, wanted)
    return min(WORKERS, max(1, (os.cpu_count() or 1) // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))))


def _made(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ABNError(f"The work folder {folder.name} can't be made ({error.strerror}).") from error


@contextmanager
def _sole(path: Path) -> Iterator[None]:
    """See to it that nobody else trains here: processes may outlive the `torchrun` that was killed."""
    if fcntl is None:
        yield
        return
    with path.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # not handed on to the processes that open pictures
        except OSError as error:
            raise ABNError(
                "Another process is at this training in the work folder: wait for it, or give another --work."
            ) from error
        yield


def _start(plan: Plan, found: Data) -> tuple[AttentionBranchNetwork, dict]:
    """The network before its first step, and what is to be told of its start."""
    count, recipe = len(found.training.labels), plan.recipe
    if supervised.steps(count, recipe) < 1:
        raise ABNError(f"{recipe.epochs:g} epochs of {count} pictures are not one step: give more --epochs.")
    if plan.built_in:
        some = fashion_variants.first(found.training, fashion_variants.SETTLED)
        return untrained(plan.backbone, plan.mechanism, some, seed=plan.seed), {}
    classes = len(found.classes)
    if plan.weights is None:
        network, start = create_model(plan.backbone, num_classes=classes, mechanism=plan.mechanism, seed=plan.seed), {}
    else:
        network, start = _grown(plan, classes)
    some = np.random.default_rng(plan.seed).permutation(count)[:SETTLED]
    for images, _ in found.training.plain(some, SETTLED):
        try:
            recalibrate_batchnorm(network, images)
        except RuntimeError as error:
            raise BackboneError(
                f"{plan.backbone} can't take pictures of {found.input.size} pixels: leave out --size or give another."
            ) from error
    return network, start


def _grown(plan: Plan, classes: int) -> tuple[AttentionBranchNetwork, dict]:
    """A network around a plain backbone's weights; its attention branch is new but for the trunk."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(plan.seed)
        backbone = load_backbone(plan.backbone, num_classes=classes)
        whole = warm_start.load_plain(backbone, plan.weights)
        network = assemble(cut(backbone), num_classes=classes, mechanism=plan.mechanism)
    sha256 = hashlib.sha256(plan.weights.read_bytes()).hexdigest()
    classifier = "with its classifier" if whole else f"its classifier made anew for {classes} classes"
    return network, {"weights": f"{plan.weights.name}, {classifier}", "weights_sha256": sha256}


# ---- training, and what comes of it ----


class Training:
    """One training, ready for its first step, or to go on where it was stopped."""

    def __init__(self, plan: Plan, found: Data, network: AttentionBranchNetwork, start: dict, device: str, team: Team):
        self.plan, self.data, self.network, self.start = plan, found, network, start
        self.device, self.team = device, team
        recipe = plan.recipe
        order = Order(len(found.training.labels), batch=recipe.batch, epochs=recipe.epochs, seed=plan.seed)
        self.total = len(order)
        looked_at = found.test if found.validation is None else found.validation
        which = pictures_of_all_classes(looked_at.labels)
        inputs = torch.cat([images for images, _ in looked_at.plain(which, len(which))])
        shown = PreviewImages(inputs, looked_at.labels[which], which, found.classes, found.input)
        self.epochs = Epochs(
            network,
            found.validation,
            ends=order.ends(),
            batch=recipe.batch,
            folder=plan.work,
            shown=shown,
            device=device,
            team=team,
        )
        self.moments = set(history_recorder.moments(self.total))
        if not plan.built_in:  # at the ends of epochs, where figures are known
            ends = np.array(list(self.epochs.moments))
            self.moments = {int(ends[abs(ends - moment).argmin()]) for moment in self.moments}
        self.recorder = history_recorder.Recorder(
            network,
            inputs,
            self._figures(),
            ids=shown.ids,
            total=self.total,
            path=plan.path.with_suffix(".life.npz"),
            pictures=np.stack([np.asarray(picture.convert("L")) for picture in shown.drawings]),
            told=plan.built_in,
        )

    def train(self, save_each: int) -> None:
        """Go on to the end."""
        plan = self.plan
        if plan.mechanism == "none":  # the map is not applied, so that no loss reaches what makes a map of a response
            for part in (self.network.attention_branch.map_head, self.network.attention_branch.map_norm):
                part.requires_grad_(False)
        if plan.sync_bn:
            distributed.synchronize(self.network, self.team)
        supervised.train(
            self.network,
            self.data.training,
            plan.recipe,
            seed=plan.seed,
            path=plan.path,
            settings=self._settings(),
            moments=self.moments | self.epochs.moments.keys(),
            at_moment=self._look,
            team=self.team,
            device=self.device,
            bfloat16=plan.bfloat16,
            tally=self.epochs.tally,
            save_each=save_each,
            tell_each=max(10, self.total // 500),
        )
        if not any(record["step"] == self.total for record in self.epochs.records):  # stopped between step and look
            self._look(self.total)

    def finish(self, packages: Path) -> None:
        """Save the best epoch's weights as a variant, read it back, and measure it."""
        step = self.epochs.restore_best()
        card = save_variant(self.network, self._card(), self.plan.folder, half=_fits_half(self.network))
        self.recorder.finish(card, best=step)
        if self.plan.built_in:
            measured = next(found for _, found in fashion_variants.figures([card], packages))
        else:
            measured = self._measured(card)
        write_card(replace(card, measured=measured))
        log.info("%s", _told(card, measured))

    def _look(self, step: int) -> None:
        if step in self.epochs.moments:
            self.epochs.look(step)
        if step in self.moments and self.team.leads:
            self.recorder.record(step)

    def _figures(self) -> Callable[[], dict[str, float]]:
        """What the life of the map tells beside the maps."""
        if not self.plan.built_in:
            return lambda: {name: self.epochs.current[name] for name in FIGURES}
        tested = fashion_variants.first(self.data.test, TESTED)
        return lambda: fashion_variants.measure(
            lambda images: ABNOutput(*(part.cpu() for part in self.network(images.to(self.device)))), tested
        )

    def _settings(self) -> dict:
        plan = self.plan
        return {
            **asdict(plan.recipe),
            "cuts": list(plan.recipe.cuts),
            "seed": plan.seed,
            **self.data.identity,
            "backbone": plan.backbone,
            "mechanism": plan.mechanism,
            "weights": self.start.get("weights_sha256", ""),
            "bfloat16": plan.bfloat16,
            "sync_bn": plan.sync_bn,
        }

    def _card(self) -> Card:
        """The card before anything was measured on what was saved."""
        plan, found, best = self.plan, self.data, self.epochs.best
        trained = {
            "command": plan.command,
            "data": found.told,
            "seed": plan.seed,
            "commit": commit(),
            "steps": self.total,
            "bfloat16": plan.bfloat16,
            "schedule": {**asdict(plan.recipe), "cuts": list(plan.recipe.cuts)},
            "processes": self.team.size,
            **({"synchronized_norms": True} if plan.sync_bn else {}),
            **self.start,
        }
        if best is not None:
            trained["kept"] = (
                f"epoch {best['epoch']} of {len(self.epochs.moments) - 1}, the best on validation pictures by the "
                f"perception head's {CHOSEN_BY}, {best[CHOSEN_BY]:.4f}; test pictures had no say"
            )
        license = dict(found.license)
        if plan.weights is not None:
            license["source"] += f", from the weights in {plan.weights.name}, whose license goes on"
        return new_card(
            self.network.cpu().eval(),
            id=plan.name,
            title=f"{found.title}, {TITLES[plan.mechanism]}",
            summary=found.summary,
            family=plan.family,
            backbone=plan.backbone,
            classes=list(found.classes),
            input=found.input,
            trained={**trained, **({"notes": list(found.notes)} if found.notes else {})},
            license=license,
            kind=found.kind,
        )

    def _measured(self, card: Card) -> dict:
        """Figures of the weights as they are read, beside those before training."""
        network = load_variant(card).to(self.device, memory_format=torch.channels_last)
        parts = {"validation": self.data.validation, "test": self.data.test}
        figures = {
            name: {"count": len(part.labels), **measure(network, part, device=self.device)}
            for name, part in parts.items()
            if part is not None
        }
        before = next((record for record in self.epochs.records if record["step"] == 0), {})
        control = {"count": len(self.data.validation.labels), **{name: before.get(name) for name in FIGURES}}
        return {**figures, "controls": {"before training": {"validation": control}}}


def _told(card: Card, measured: dict) -> str:
    """Where the variant is, and its figures, as sentences."""
    lines = [f"{card.id} is ready: {card.weights}"]
    for name, figures in measured.items():
        if "accuracy" in figures:
            told = ", ".join(f"{key} {value}" for key, value in figures.items())
            lines.append(f"{name}: {told}")
    return "\n".join([*lines, *([card.trained["kept"]] if "kept" in card.trained else [])])


def _fits_half(network: AttentionBranchNetwork) -> bool:
    """Whether half precision can hold the weights."""
    tensors = [tensor for tensor in network.state_dict().values() if tensor.is_floating_point()]
    return all(tensor.abs().max() < HALF for tensor in tensors if tensor.numel())
