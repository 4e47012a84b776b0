"""The options of `python -m abn train`, and the plan that comes of them once their defaults are filled in."""

import argparse
import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import timm

from abn.errors import ABNError
from abn.files import safe_stems
from abn.images.display_name import one_line
from abn.network.architectures import registry
from abn.network.backbone import load_backbone
from abn.training import loop
from abn.training.devices import DEVICES
from abn.training.sources.image_files import AUGMENTATIONS
from abn.training.sources.packages import DATA
from abn.training.supervised.built_in_data import BUILT_IN
from abn.training.supervised.training import ONE_CYCLE, SAVE_EACH, SCHEDULES, Recipe
from abn.variants.card import CHECKPOINTS
from abn.variants.store import find_variant
from abn.vocabulary import MECHANISMS

FOLDER_RECIPE = Recipe(epochs=30.0, batch=32)  # the help of the options repeats it
HELD_OUT = 0.15  # of each class of a folder that does not come divided
RATES = {"sgd": 0.1, "adamw": 1e-3}  # at batch 256, the first is the paper's; in proportion for others
DECAYS = {"sgd": 1e-4, "adamw": 0.05}
PRECISIONS = ("auto", "float32", "bfloat16")
TABLE = (
    "{name} is a file: give --data a folder with one folder of images per class. Several labels per image are not "
    "supported, as both heads end in a softmax over classes that exclude each other."
)
SQUARE = "{size!r} is no number of pixels: inputs are square, so give one side such as 224."
SMALL = [name for name in registry.DESIGNS if name.startswith(registry.CIFAR)]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `python -m abn train`."""
    add = parser.add_argument
    add(
        "--data",
        metavar="FOLDER",
        help=f"required: folder with one folder of images per class, or a built-in data set: {', '.join(BUILT_IN)}",
    )
    add(
        "--backbone",
        metavar="NAME",
        help=f"CNN of timm or of the paper (default: resnet18; for built-in data sets {SMALL[0]})",
    )
    add(
        "--mechanism",
        choices=MECHANISMS,
        default="additive",
        help="attention mechanism: additive (1 + M) · g, multiplicative M · g, none g (default: additive)",
    )
    order = "text file with one class per line, in the order of the classes (default: natural order, 2 before 10)"
    add("--classes", type=Path, metavar="FILE", help=order)
    add("--out", metavar="NAME", help="id of the new variant (default: made from data, backbone and mechanism)")
    add("--epochs", type=float, help="training length in epochs (default: 30; built-in data sets have their own)")
    add("--seed", type=int, default=1, help="random seed of weights, order and augmentation (default: 1)")

    add = parser.add_argument_group("recipe (built-in data sets have their own defaults)").add_argument
    add(
        "--batch",
        type=int,
        metavar="IMAGES",
        help="number of images per step, over all processes (default: 32)",
    )
    rates = "default: 0.1 × batch / 256; with adamw 0.001 × batch / 256"
    add("--rate", type=float, help=f"peak learning rate ({rates})")
    add("--weight-decay", type=float, help="weight decay (default: 1e-4; with adamw 0.05)")
    add("--optimizer", choices=RATES, default="sgd", help="optimizer (default: sgd, as in the paper)")
    rising = "length of the linear warm-up of the learning rate, in epochs (default: 0)"
    add("--warm-up", type=float, default=0.0, metavar="EPOCHS", help=rising)
    schedule = "schedule of the learning rate: divided by ten at --cuts, or one cycle (default: cuts)"
    add("--schedule", choices=SCHEDULES, help=schedule)
    cuts = "fractions of the training, 0 to 1, after which the learning rate is divided by ten (default: 0.5 0.75)"
    add("--cuts", type=float, nargs="*", metavar="SHARE", help=cuts)
    add("--size", type=_side, metavar="PIXELS", help="side of the square input in pixels (default: the backbone's)")
    augmentation = "augmentation of the training images (default: timm; shift for the small networks of the paper)"
    add("--augment", choices=AUGMENTATIONS, help=augmentation)
    weights = "pretrained weights of the backbone, a .safetensors or .pth file of timm or torchvision (default: random)"
    add("--weights", type=Path, metavar="FILE", help=weights)
    held_out = "fraction of each class held out for validation, 0 to 1 (default: 0.15; for built-in data sets 0)"
    add("--validation", type=float, metavar="SHARE", help=held_out)
    add("--skip-bad", action="store_true", help="skip files that can't be opened (default: report them and stop)")

    add = parser.add_argument_group("machine and files").add_argument
    device = "where to train (default: auto, which is cuda or mps if available, else cpu)"
    add("--device", choices=DEVICES, default="auto", help=device)
    precision = "number format of the forward pass (default: auto, which is bfloat16 if the processor computes in it)"
    add("--precision", choices=PRECISIONS, default="auto", help=precision)
    add("--workers", type=int, help="number of processes that open images (default: one per CPU core, up to 8)")
    add(
        "--sync-bn",
        action="store_true",
        help="compute batch-norm statistics over all processes, on GPUs only (default: per process)",
    )
    save_each = "number of steps between two saves from which a stopped training resumes (default: %(default)s)"
    add("--save-each", type=int, default=SAVE_EACH, metavar="STEPS", help=save_each)
    packages = "folder of the built-in data sets; missing ones are downloaded (default: %(default)s)"
    add("--packages", type=Path, metavar="FOLDER", default=DATA, help=packages)
    work = "folder for the state of a stopped training, metrics and images of maps (default: %(default)s)"
    add("--work", type=Path, metavar="FOLDER", default=DATA / "train", help=work)
    folder = "folder for weights and model card (default: the folder that the app reads)"
    add("--folder", type=Path, metavar="FOLDER", default=CHECKPOINTS, help=folder)


def _side(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(SQUARE.format(size=text[:40])) from None


@dataclass(frozen=True, kw_only=True)
class TrainingPlan:
    """What the options ask for, their defaults filled in."""

    data: str | Path  # a built-in data set, or a folder
    backbone: str
    mechanism: str
    family: str
    name: str  # the variant's
    recipe: Recipe
    seed: int
    size: int | None  # pixels; None: the backbone's
    augment: str
    held_out: float
    skip_bad: bool
    classes: Path | None  # a file of their names in order
    weights: Path | None
    sync_bn: bool
    bfloat16: bool
    save_each: int  # steps
    packages: Path
    work: Path  # the folder of this training
    folder: Path  # the variant's
    command: str

    @property
    def path(self) -> Path:
        """The file to resume from; what else is kept lies beside it."""
        return self.work / f"{self.work.name}.pt"


def make_plan(args: argparse.Namespace, device: str) -> TrainingPlan:
    """The plan; raises `ABNError` for options that can't be followed."""
    if not args.data:
        raise ABNError("No training data was given: add --data FOLDER, a folder with one folder of images per class.")
    built_in = args.data in BUILT_IN
    if not built_in and Path(args.data).is_file():
        raise ABNError(TABLE.format(name=one_line(Path(args.data).name)))
    if not built_in and not Path(args.data).is_dir():
        raise ABNError(
            f"{args.data!r} is neither a folder nor a built-in data set: check the path, or choose "
            f"{' or '.join(BUILT_IN)}."
        )
    data_name = args.data if built_in else Path(args.data).resolve().name
    backbone = _check_backbone(args, built_in)
    held_out = (0.0 if built_in else HELD_OUT) if args.validation is None else args.validation
    if not 0 <= held_out < 1 or (not built_in and not held_out):
        raise ABNError(f"--validation must lie between 0 and 1, not {held_out:g}: give a fraction such as 0.15.")
    label = safe_stems([data_name])[0]
    family = f"{BUILT_IN[label].key}-{backbone.removeprefix(registry.CIFAR)}" if built_in else f"{label}-{backbone}"
    name = args.out or f"{family}-{args.mechanism}"
    if safe_stems([name]) != [name]:
        raise ABNError(f"{name!r} can't be a variant's name: use letters, digits, dots and dashes.")
    recipe = _make_recipe(args)
    command = _reproducing_command(args, data_name, backbone, name, recipe)
    if not built_in:
        _check_free(name, args.folder, command)
    same = ("mechanism", "seed", "size", "skip_bad", "classes", "weights", "sync_bn", "save_each", "packages", "folder")
    return TrainingPlan(
        data=args.data if built_in else Path(args.data),
        backbone=backbone,
        family=family,
        name=name,
        recipe=recipe,
        augment=args.augment or ("shift" if backbone in SMALL else "timm"),
        held_out=held_out,
        bfloat16=loop.has_bfloat16(device) if args.precision == "auto" else args.precision == "bfloat16",
        work=args.work / f"{label}-{backbone}-{args.mechanism}-{args.seed}",
        command=command,
        **{option: getattr(args, option) for option in same},
    )


def _check_backbone(args: argparse.Namespace, built_in: bool) -> str:
    """The backbone's name, checked with the options that not every backbone takes, before any image is opened."""
    backbone = args.backbone or (SMALL[0] if built_in else "resnet18")
    if registry.is_ours(backbone):
        registry.design(backbone)  # raises for unknown names
    elif not timm.is_model(backbone):
        load_backbone(backbone)  # raises, with similar names
    if built_in and (backbone not in SMALL or args.weights or args.size or args.augment or args.classes):
        raise ABNError(
            f"The built-in data sets have small images: choose the backbone from {', '.join(SMALL)}, and leave out "
            "--classes, --weights, --size and --augment."
        )
    if args.weights and registry.is_ours(backbone):
        raise ABNError("The small networks of the paper start from random weights: leave out --weights.")
    if args.size is not None and args.size < 16:
        raise ABNError(f"--size {args.size} is too small: give 16 pixels or more.")
    return backbone


def _make_recipe(args: argparse.Namespace) -> Recipe:
    options = ("epochs", "batch", "rate", "weight_decay", "cuts", "optimizer", "warm_up", "schedule")
    given = {option: value for option in options if (value := getattr(args, option)) is not None}
    shipped = BUILT_IN[args.data].recipe if args.data in BUILT_IN else None
    recipe = replace(shipped or FOLDER_RECIPE, **given)
    if shipped is None or recipe.optimizer != shipped.optimizer:
        if args.rate is None:
            recipe = replace(recipe, rate=RATES[args.optimizer] * recipe.batch / 256)
        if args.weight_decay is None:
            recipe = replace(recipe, weight_decay=DECAYS[args.optimizer])
    if recipe.schedule == ONE_CYCLE and (args.cuts or args.warm_up):
        raise ABNError(
            "The one-cycle schedule has no cuts and no warm-up: leave out --cuts and --warm-up, or use --schedule cuts."
        )
    if recipe.batch < 1 or not recipe.epochs > 0 or not recipe.rate > 0 or recipe.weight_decay < 0:
        raise ABNError("--batch, --epochs and --rate must be above 0, and --weight-decay 0 or more.")
    if not 0 <= recipe.warm_up < recipe.epochs or not all(0 < cut < 1 for cut in recipe.cuts):
        raise ABNError("--warm-up must be shorter than --epochs, and each of --cuts must lie between 0 and 1.")
    return replace(recipe, cuts=tuple(recipe.cuts))


def _reproducing_command(args: argparse.Namespace, data: str, backbone: str, name: str, recipe: Recipe) -> str:
    """The command that makes this variant again, without the folders of this machine."""
    repeated = ("batch", "rate", "weight_decay", "schedule", "cuts", "size", "augment", "validation")
    options: dict[str, Any] = {  # None: left out
        **{"data": data, "backbone": backbone, "mechanism": args.mechanism, "out": name},
        **{"epochs": f"{recipe.epochs:g}", "seed": args.seed},
        **{option: getattr(args, option) for option in repeated},
        "optimizer": args.optimizer if args.optimizer != "sgd" else None,
        "warm_up": f"{args.warm_up:g}" if args.warm_up else None,
        "classes": args.classes.name if args.classes else None,
        "weights": args.weights.name if args.weights else None,
        "precision": args.precision if args.precision != "auto" else None,
        "sync_bn": [] if args.sync_bn else None,
        "skip_bad": [] if args.skip_bad else None,
    }
    words = ["python", "-m", "abn", "train"]
    for option, value in options.items():
        if value is not None:
            words += [f"--{option.replace('_', '-')}", *map(str, value if isinstance(value, list) else [value])]
    return shlex.join(words)


def _check_free(name: str, folder: Path, command: str) -> None:
    """`ABNError` where another command made a variant of this name."""
    if any((folder / f"{name}{suffix}").exists() for suffix in (".json", ".safetensors")):
        try:
            made_by = find_variant(name, folder).trained.get("command")
        except ABNError:
            made_by = None
        if made_by != command:
            raise ABNError(
                f"The variant {name} exists already, made by another command: choose another name with --out."
            )
