"""`python -m abn explain`: images, folders and lists of them, as text or as JSON lines, with maps and figures."""

import argparse
import contextlib
import logging
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from abn.batch.image_stream import STDIN, ImageStream, batches
from abn.batch.output import open_output, skip_finished, write_lines
from abn.errors import ABNError
from abn.images.fit import FITS
from abn.variants.card import Card
from abn.variants.store import find_variant
from abn.vocabulary import MECHANISM_CHOICES, TRAINED

if TYPE_CHECKING:
    from abn.engine.inference import Load

BATCH_SIZE = 8
PROGRESS_SECONDS = 10  # between two lines of progress

log = logging.getLogger("abn")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `python -m abn explain`."""
    parser.description = (
        "Folders are walked with all their subfolders, in the order of the names; hidden files, and files without an "
        "image's suffix, are left out. An image that can't be opened gives a line with the error, the others are "
        "still explained, and the exit status is 1."
    )
    parser.add_argument("images", nargs="*", metavar="IMAGE", help="an image file, or a folder of them")
    parser.add_argument("--list", metavar="FILE", help="a file with one more IMAGE a line; - for standard input")
    parser.add_argument(
        "--variant", required=True, metavar="ID[,ID...]", help="variants to run; the command `variants` lists them"
    )
    parser.add_argument(
        "--mechanism",
        choices=MECHANISM_CHOICES,
        default=TRAINED,
        help="mechanism to apply, on the same weights; `trained` is the one each variant was trained with",
    )
    parser.add_argument("--fit", choices=FITS, default=FITS[0], help="how an image is fitted to the input size")
    parser.add_argument("--top", type=_positive, default=5, metavar="N", help="classes to print for each head")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="write STEM--VARIANT.npy (raw map) and STEM--VARIANT.png (figure) into this folder, in the same "
        "subfolders as the images; a second file of one name gets a number, as in STEM-2--VARIANT.npy",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object a line for each image")
    parser.add_argument("--to", type=Path, metavar="FILE", help="write the JSON lines into a new file, print nothing")
    parser.add_argument(
        "--resume", action="store_true", help="continue the file of --to, with the same images and options as before"
    )
    parser.add_argument("--batch", type=_positive, default=BATCH_SIZE, metavar="N", help="images in one forward pass")
    parser.add_argument(
        "--workers",
        type=_not_negative,
        metavar="N",
        help="processes that open images (default: 1 for folders, lists and more than one batch, else 0)",
    )
    parser.add_argument(
        "--device", default="auto", help="cpu, cuda or cuda:N; `auto` is cuda where there is one, else cpu"
    )
    parser.set_defaults(misuse=parser.error)


def run(args: argparse.Namespace) -> int:
    """Explain all images; returns the exit status, 1 where an image or a variant failed."""
    if not args.images and args.list is None:
        args.misuse("name an IMAGE or a --list")
    if args.resume and args.to is None:
        args.misuse("--resume continues the file of --to")
    if args.resume and args.list == STDIN:
        args.misuse("--resume can't read the images from standard input")
    cards, load, failed = _load_variants(args)
    if not cards:
        return 1
    stream = ImageStream(args.images, list_file=args.list, out=args.out)
    if args.resume and args.to.exists():
        failed |= skip_finished(args.to, iter(stream), _expected_results(args, cards))
    count, started = 0, time.monotonic()
    reported = started
    with _interrupt_on_sigterm(), open_output(args.to, append=args.resume) as output:
        for lines, errors in _explain(args, stream, cards, load):
            write_lines(output, lines)
            failed |= errors
            count += len(lines)
            if (now := time.monotonic()) - reported >= PROGRESS_SECONDS:
                log.info("%d images, %.1f a second", count, count / (now - started))
                reported = now
    if stream.skipped:
        log.info("%d files in folders were left out, as their names have no image's suffix.", stream.skipped)
    return int(failed)


def _explain(
    args: argparse.Namespace, stream: ImageStream, cards: list[Card], load: "Load"
) -> Iterator[tuple[list[str], bool]]:
    """The output of each batch, one text an image, and whether one of them failed; with the files of --out written."""
    from abn.batch.formats import json_line, text_lines
    from abn.batch.pipeline import explain_files

    many = args.list is not None or len(args.images) > args.batch or any(map(os.path.isdir, args.images))
    workers = int(many and (os.cpu_count() or 1) > 1) if args.workers is None else args.workers
    to_text = json_line if args.json or args.to else text_lines
    for results in explain_files(
        batches(stream, args.batch),
        cards,
        fit=args.fit,
        mechanism=args.mechanism,
        load=load,
        workers=workers,
        keep_pictures=args.out is not None,
    ):
        if args.out:
            _save_maps(results, args.out, logging.DEBUG if many else logging.INFO)
        yield [to_text(result, args.top) for result in results], any(result.error for result in results)


def _save_maps(results: list, folder: Path, level: int) -> None:
    """Write the maps and figures of a batch, with a line in the log at this level for each."""
    from abn.export.figures import save_explanation

    for result in results:
        path = folder / result.file.output_stem
        for explanation in result.explanations:
            npy_path, png_path = save_explanation(explanation, result.picture, path.parent, path.name)
            log.log(level, "wrote %s and %s", npy_path, png_path.name)


def _expected_results(args: argparse.Namespace, cards: list[Card]) -> list[tuple[str, str, int]]:
    """Variant, applied mechanism and number of classes of each result that an image gets."""
    applied = {card.id: card.mechanism if args.mechanism == TRAINED else args.mechanism for card in cards}
    return [(card.id, applied[card.id], min(args.top, card.num_classes)) for card in cards]


def _load_variants(args: argparse.Namespace) -> "tuple[list[Card], Load, bool]":
    """The variants that can be loaded, a function that gives what runs them, and whether others failed."""
    from abn.engine.loading import find_device, load_runner

    device = find_device(args.device)
    runners, cards, failed = {}, [], False
    for variant in dict.fromkeys(part.strip() for part in args.variant.split(",") if part.strip()):
        try:
            card = find_variant(variant)
            runners[card.id] = load_runner(card, threads=0, device=device)
            cards.append(card)
        except ABNError as error:  # a broken variant doesn't stop the others
            failed = True
            print(error, file=sys.stderr)
    if not cards and not failed:
        print("Name at least one variant; the command variants lists them.", file=sys.stderr)
    return cards, lambda card: runners[card.id], failed


def _positive(text: str) -> int:
    number = _not_negative(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _not_negative(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return number


@contextlib.contextmanager
def _interrupt_on_sigterm() -> Iterator[None]:
    """End on SIGTERM as on Ctrl-C: workers are stopped, and no line is half written."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
