"""The options of `python -m abn train`, and what they ask for once their defaults are filled in."""

import argparse
import shlex
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import timm

from abn.errors import ABNError
from abn.files import safe_stems
from abn.network.architectures import registry
from abn.network.backbone import load_backbone
from abn.training import datasets, estimate, loop, public_sources, supervised
from abn.training.fashion_variants import DATA
from abn.training.image_files import AUGMENTATIONS
from abn.training.supervised import Recipe
from abn.variants.card import CHECKPOINTS
from abn.variants.store import find_variant
from abn.vocabulary import MECHANISMS

SCHEDULE = supervised.Schedule(epochs=1.0, batch=64)  # of the shipped variants
OWN = Recipe(epochs=30.0, batch=32)
RATES = {"sgd": 0.1, "adamw": 1e-3}  # for 256 pictures a step, the first is the paper's; in proportion for others
DECAYS = {"sgd": 1e-4, "adamw": 0.05}
SMALL = [name for name in registry.DESIGNS if name.startswith(registry.CIFAR)]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `python -m abn train`."""
    parser.add_argument("--data", metavar="FOLDER", help=f"class folders; or a built-in set: {', '.join(DATA)}")
    parser.add_argument("--backbone", metavar="NAME", help=f"default {SMALL[0]} for built-in sets, else resnet18")
    parser.add_argument("--mechanism", choices=MECHANISMS, default="additive", help="default additive")
    parser.add_argument("--out", metavar="NAME", help="the variant's id; default: data, backbone and mechanism")
    parser.add_argument("--epochs", type=float, help=f"default {OWN.epochs:g}, {SCHEDULE.epochs:g} for built-in sets")
    parser.add_argument("--seed", type=int, default=1, help="default 1")
    recipe = parser.add_argument_group("the recipe")
    recipe.add_argument("--batch", type=int, help=f"pictures a step, of all processes; default {OWN.batch}")
    recipe.add_argument("--rate", type=float, help="default: 0.1 for 256 pictures a step, in proportion for others")
    recipe.add_argument("--weight-decay", type=float, help="default 1e-4, 0.05 with adamw")
    recipe.add_argument("--optimizer", choices=RATES, default="sgd", help="default sgd, as the paper")
    recipe.add_argument("--warm-up", type=float, default=0.0, metavar="EPOCHS", help="in which the rate rises; none")
    recipe.add_argument("--cuts", type=float, nargs="*", metavar="SHARE", help="when the rate falls to a tenth; ½ ¾")
    recipe.add_argument("--size", type=int, metavar="PIXELS", help="of the input; default: the backbone's")
    recipe.add_argument("--augment", choices=AUGMENTATIONS, help="default timm; shift for the paper's small networks")
    recipe.add_argument("--weights", type=Path, metavar="FILE.safetensors", help="of the plain backbone, to start from")
    recipe.add_argument("--validation", type=float, metavar="SHARE", help=f"held out; default {datasets.HELD_OUT:g}")
    recipe.add_argument("--skip-bad", action="store_true", help="leave out files that can't be opened")
    machine = parser.add_argument_group("the machine")
    machine.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="default auto")
    machine.add_argument("--precision", choices=("auto", "float32", "bfloat16"), default="auto", help="default auto")
    machine.add_argument("--workers", type=int, help="processes that open pictures; default: by the cores, 8 at most")
    machine.add_argument("--sync-bn", action="store_true", help="batch norms see the batch of all processes")
    machine.add_argument("--save-each", type=int, default=supervised.SAVE_EACH, metavar="STEPS", help="default 200")
    machine.add_argument(
        "--packages", type=Path, default=public_sources.DATA, help="of built-in sets; fetched if missing"
    )
    machine.add_argument("--work", type=Path, default=public_sources.DATA / "train", help="the steps done")
    machine.add_argument("--folder", type=Path, default=CHECKPOINTS, help="where weights and cards are")
    costs = parser.add_argument_group("what it would cost, by calculation, in place of training")
    costs.add_argument("--estimate", action="store_true", help="print it and end")
    costs.add_argument("--pictures", type=int, default=estimate.IMAGENET_PICTURES, help="default ImageNet's")
    costs.add_argument("--classes", type=int, default=1000, help="default 1000")
    costs.add_argument("--gpus", type=int, default=8, help="default 8")
    costs.add_argument("--peak", type=float, default=312.0, metavar="TFLOPS", help="of a GPU; default 312")
    costs.add_argument(
        "--utilization", type=float, nargs="+", default=[0.15, 0.35], metavar="SHARE", help="of the peak"
    )


@dataclass(frozen=True)
class Plan:
    """What the options ask for, their defaults filled in."""

    data: str | Path  # a built-in set, or a folder
    backbone: str
    mechanism: str
    family: str
    name: str  # the variant's
    recipe: Recipe
    seed: int
    augment: str
    held_out: float
    weights: Path | None
    sync_bn: bool
    bfloat16: bool
    work: Path  # the folder of this training
    folder: Path  # the variant's
    command: str

    @property
    def built_in(self) -> bool:
        return isinstance(self.data, str)

    @property
    def path(self) -> Path:
        """The file to resume from; what else is kept lies beside it."""
        return self.work / f"{self.work.name}.pt"


def plan(args: argparse.Namespace, device: str) -> Plan:
    """What is asked for, or one sentence on what can't be."""
    if not args.data:
        raise ABNError("Say what to train with: --data FOLDER, a folder with a folder of pictures for each class.")
    which = datasets.which(args.data)
    built_in = isinstance(which, str)
    backbone = _known(args.backbone or (SMALL[0] if built_in else "resnet18"))
    if built_in and (backbone not in SMALL or args.weights or args.size or args.augment):
        raise ABNError(
            f"The built-in sets are small and gray: choose one of {', '.join(SMALL)}, and leave out --weights, --size "
            "and --augment."
        )
    if args.weights and registry.is_ours(backbone):
        raise ABNError("The paper's own networks start from random weights: leave out --weights.")
    if args.size is not None and args.size < 16:
        raise ABNError(f"The input can't be {args.size} pixels: give 16 or more.")
    held_out = (0.0 if built_in else datasets.HELD_OUT) if args.validation is None else args.validation
    if not 0 <= held_out < 1 or (not built_in and not held_out):
        raise ABNError(f"The share held out to validate with lies between 0 and 1; got {held_out:g}.")
    label = which if built_in else safe_stems([which.resolve().name])[0]
    family = f"{DATA[which].kind}-{backbone.removeprefix(registry.CIFAR)}" if built_in else f"{label}-{backbone}"
    name = args.out or f"{family}-{args.mechanism}"
    if safe_stems([name]) != [name]:
        raise ABNError(f"{name!r} can't be a variant's name: use letters, digits, dots and dashes.")
    recipe = _recipe(args, built_in)
    command = _command(args, label if built_in else which.resolve().name, backbone, name, recipe)
    if not built_in:
        _free(name, args.folder, command)
    return Plan(
        data=which,
        backbone=backbone,
        mechanism=args.mechanism,
        family=family,
        name=name,
        recipe=recipe,
        seed=args.seed,
        augment=args.augment or ("shift" if backbone in SMALL else "timm"),
        held_out=held_out,
        weights=args.weights,
        sync_bn=args.sync_bn,
        bfloat16=loop.has_bfloat16(device) if args.precision == "auto" else args.precision == "bfloat16",
        work=args.work / f"{label}-{backbone}-{args.mechanism}-{args.seed}",
        folder=args.folder,
        command=command,
    )


def _known(backbone: str) -> str:
    """A backbone's name, or `BackboneError` before any picture is opened."""
    if registry.is_ours(backbone):
        registry.design(backbone)  # which says what there is
    elif not timm.is_model(backbone):
        load_backbone(backbone)  # which says what is near
    return backbone


def _recipe(args: argparse.Namespace, built_in: bool) -> Recipe:
    recipe = Recipe(**asdict(SCHEDULE if built_in else OWN))
    given = {"epochs": args.epochs, "batch": args.batch, "cuts": args.cuts and tuple(args.cuts)}
    recipe = replace(recipe, **{key: value for key, value in given.items() if value is not None})
    recipe = replace(recipe, optimizer=args.optimizer, warm_up=args.warm_up)
    if args.rate is not None or not built_in or args.optimizer != "sgd":
        rate = RATES[args.optimizer] * recipe.batch / 256 if args.rate is None else args.rate
        recipe = replace(recipe, rate=rate)
    recipe = replace(recipe, weight_decay=DECAYS[args.optimizer] if args.weight_decay is None else args.weight_decay)
    if recipe.batch < 1 or not recipe.epochs > 0 or not recipe.rate > 0 or recipe.weight_decay < 0:
        raise ABNError("Batch, epochs and rate must be more than nothing, and the weight decay not less than that.")
    if not 0 <= recipe.warm_up < recipe.epochs or not all(0 < cut < 1 for cut in recipe.cuts):
        raise ABNError("The warm-up must end before the training does, and each cut is a share between 0 and 1.")
    return recipe


def _command(args: argparse.Namespace, label: str, backbone: str, name: str, recipe: Recipe) -> str:
    """The command that makes this variant again, without the places of this machine."""
    words = ["python", "-m", "abn", "train", "--data", label, "--backbone", backbone, "--mechanism", args.mechanism]
    words += ["--out", name, "--epochs", f"{recipe.epochs:g}", "--seed", str(args.seed)]
    for option in ("batch", "rate", "weight_decay", "cuts", "size", "augment", "validation"):
        value = getattr(args, option)
        if value is not None:
            words += [f"--{option.replace('_', '-')}", *map(str, value if isinstance(value, list) else [value])]
    words += ["--optimizer", args.optimizer] if args.optimizer != "sgd" else []
    words += ["--warm-up", f"{args.warm_up:g}"] if args.warm_up else []
    words += ["--weights", args.weights.name] if args.weights else []
    words += ["--precision", args.precision] if args.precision != "auto" else []
    words += [flag for flag, on in (("--sync-bn", args.sync_bn), ("--skip-bad", args.skip_bad)) if on]
    return shlex.join(words)


def _free(name: str, folder: Path, command: str) -> None:
    """Raise where a variant of this name is there that another command made."""
    if not any((folder / f"{name}{end}").exists() for end in (".json", ".safetensors")):
        return
    try:
        made_by = find_variant(name, folder).trained.get("command")
    except ABNError:
        made_by = None
    if made_by != command:
        raise ABNError(f"There is a variant {name} already that another command made: choose another name as --out.")
