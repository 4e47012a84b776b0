"""`python -m abn convert`: a variant from a checkpoint of the authors' code."""

import argparse
from pathlib import Path

from abn.errors import ABNError
from abn.files import safe_stems
from abn.variants.authors import convert_official, make_converted_card
from abn.variants.authors_names import ARCHS
from abn.variants.card import CHECKPOINTS
from abn.variants.store import save_variant


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `python -m abn convert`."""
    parser.add_argument("file", type=Path, metavar="FILE.pth.tar", help="checkpoint of the authors' code")
    parser.add_argument("--arch", required=True, help=f"architecture of the checkpoint: {', '.join(ARCHS)}")
    outputs = "number of classes of the checkpoint; 1 is a single sigmoid output, which becomes two classes"
    parser.add_argument("--num-classes", type=int, required=True, metavar="K", help=outputs)
    parser.add_argument(
        "--out",
        required=True,
        metavar="NAME",
        help="id of the new variant in checkpoints/, or a path without suffix; must not exist",
    )


def run(args: argparse.Namespace) -> int:
    """Convert one checkpoint into a variant; never over one that is there."""
    target = Path(args.out)
    folder = CHECKPOINTS if target.parent == Path() else target.parent
    if safe_stems([target.name]) != [target.name]:
        raise ABNError(f"{target.name!r} can't be a variant's name: use letters, digits, dots and dashes.")
    if any((folder / f"{target.name}{end}").exists() for end in (".json", ".safetensors")):
        raise ABNError(f"The variant {target.name} exists already in {folder}: choose another name.")
    network = convert_official(args.file, arch=args.arch, num_classes=args.num_classes)
    card = make_converted_card(network, target.name, arch=args.arch, num_classes=args.num_classes, source=args.file)
    card = save_variant(network, card, folder, half=False)
    print(f"{card.weights} and {card.weights.with_suffix('.json').name}")
    return 0
