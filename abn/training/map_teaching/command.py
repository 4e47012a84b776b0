"""`python -m abn teach`: fine-tune a variant with edited maps, from a folder of images with maps beside them."""

import argparse
import json
import logging
import shlex
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from abn.errors import ABNError
from abn.files import safe_stems
from abn.images.fit import DEFAULT_FIT, FITS
from abn.training.map_teaching.example_folder import read_examples, read_images
from abn.training.map_teaching.fine_tuning import Progress
from abn.training.map_teaching.report import NETWORKS
from abn.training.map_teaching.settings import LEARNS, Settings
from abn.training.map_teaching.teaching import teach_variant
from abn.variants.card import CHECKPOINTS, class_names
from abn.variants.store import find_variant

EXISTS = "The variant {name} exists already in {folder}: choose another name with --out."
BAD_NAME = "{name!r} can't be a variant's name: use letters, digits, dots and dashes."
TOP = 3  # classes of each head in the report

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `python -m abn teach`."""
    add = parser.add_argument
    add("--variant", required=True, metavar="ID", help="id of the variant to fine-tune; it stays as it is")
    examples = (
        "folder of images, each with its map beside it: cat.jpg with cat.npy (rows and columns, 0 to 1) or cat.map.png "
        "(black to white); a map of the image's own size covers the whole image, any other one the part that --fit "
        "gives to the network"
    )
    add("--examples", type=Path, required=True, metavar="FOLDER", help=examples)
    add("--out", required=True, metavar="NAME", help="id of the new variant; must not exist")
    folder = "folder for weights and model card (default: the folder that the app reads)"
    add("--folder", type=Path, metavar="FOLDER", default=CHECKPOINTS, help=folder)
    labels = (
        "CSV file with the columns image and label, a class's number or whole name (default: both heads keep their "
        "predictions)"
    )
    add("--labels", type=Path, metavar="FILE", help=labels)
    held_out = "folder of images that are not taught and only compared before and after (default: none)"
    add("--held-out", type=Path, metavar="FOLDER", help=held_out)
    fit = "how examples and held-out images are brought to the network's square input: cut, stretched or padded"
    add("--fit", choices=FITS, default=DEFAULT_FIT, help=fit)
    add_settings(parser)
    add("--no-control", action="store_true", help="skip the control, the same fine-tuning without the map loss")
    add("--json", action="store_true", help="print the report as one JSON object instead of text")


def add_settings(parser: argparse.ArgumentParser) -> None:
    """An option for each of the settings."""
    group = parser.add_argument_group("fine-tuning")
    for setting in fields(Settings):
        group.add_argument(
            f"--{setting.name.replace('_', '-')}",
            type=type(setting.default),
            default=setting.default,
            choices=LEARNS if setting.name == "learns" else None,
            help=f"{setting.metadata['help']} (default: {setting.default})",
        )


def read_settings(args: argparse.Namespace) -> Settings:
    """The settings that the options give. Raises `ABNError`."""
    return Settings(**{setting.name: getattr(args, setting.name) for setting in fields(Settings)})


def run(args: argparse.Namespace) -> int:
    """Fine-tune, save and report."""
    if safe_stems([args.out]) != [args.out]:
        raise ABNError(BAD_NAME.format(name=args.out))
    if any((args.folder / f"{args.out}{end}").exists() for end in (".json", ".safetensors")):
        raise ABNError(EXISTS.format(name=args.out, folder=args.folder))
    settings, card = read_settings(args), find_variant(args.variant)
    examples = read_examples(args.examples, card, labels=args.labels, fit=args.fit)
    held_out = read_images(args.held_out) if args.held_out else []
    log.info("%d examples, %d images to compare; λ = %g", len(examples), len(held_out), settings.map_weight)
    taught = teach_variant(
        card,
        examples,
        settings,
        fit=args.fit,
        held_out=held_out,
        with_control=not args.no_control,
        each=max(1, settings.steps // 10),
        progress=log_progress,
    )
    saved = taught.save(args.out, args.folder, command=_command(args))
    log.info("%s is ready: %s", saved.id, saved.weights)
    result = {"variant": saved.id, "taught_from": card.id, "sha256": saved.sha256, "settings": asdict(settings)}
    result |= taught.report.to_json(class_names(card), top=TOP)
    print(json.dumps(result, ensure_ascii=False, allow_nan=False) if args.json else as_text(result))
    return 0


def log_progress(progress: Progress) -> None:
    """One line for each step that is reported."""
    if progress.losses is None:
        return
    log.info(
        "%s: step %d of %d, loss %.3f (auxiliary %.3f, perception %.3f, map %.4f, kept maps %.4f)",
        "control" if progress.control else "teaching",
        progress.step,
        progress.steps,
        progress.losses.total,
        progress.losses.auxiliary,
        progress.losses.perception,
        progress.losses.map,
        progress.losses.kept_map,
    )


def as_text(result: dict[str, Any]) -> str:
    """The report in lines."""
    lines = []
    for image in (*result["examples"], *result["held_out"]):
        lines.append(image["image"])
        for network in NETWORKS:
            if network in image["networks"]:
                lines.append(f"  {network:8} {_outcome(image['networks'][network])}")
    for network, figures in (result["labeled"] or {}).items():
        values = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in figures.items())
        lines.append(f"labeled photographs, {network}: {values}")
    return "\n".join(lines)


def _outcome(values: dict[str, Any]) -> str:
    heads = [f"{head}: {_classes(values[head][:1])}" for head in ("perception", "auxiliary")]
    figures = {"rank_correlation": "rank correlation", "overlap": "overlap", "squared_distance": "squared distance"}
    numbers = [f"{text} {_number(values[name])}" for name, text in figures.items() if name in values]
    return "; ".join([*numbers, *heads])


def _classes(entries: Sequence[dict[str, Any]]) -> str:
    return ", ".join(f"{entry['label']} {entry['probability']:.3f}" for entry in entries)


def _number(value: float | None) -> str:
    return "undetermined" if value is None else f"{value:.3f}"


def _command(args: argparse.Namespace) -> str:
    """The command that makes this variant again, without the folders of this machine."""
    words = ["python", "-m", "abn", "teach", "--variant", args.variant, "--examples", args.examples.name]
    words += ["--out", args.out]
    words += ["--labels", args.labels.name] if args.labels else []
    words += ["--fit", args.fit] if args.fit != DEFAULT_FIT else []
    for setting in fields(Settings):
        if (value := getattr(args, setting.name)) != setting.default:
            words += [f"--{setting.name.replace('_', '-')}", str(value)]
    return shlex.join(words)
