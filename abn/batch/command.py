"""`python -m abn explain`: images, folders and lists of them, as text or as JSON lines, with maps and figures."""

import argparse
import contextlib
import logging
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from abn.batch import on_ray
from abn.batch.formats import json_line, text_lines
from abn.batch.image_stream import STDIN, ImageFile, ImageStream, batches
from abn.batch.output import open_output, skip_finished, write_lines
from abn.batch.pipeline import Explainer, ImageResult
from abn.batch.workers import map_in_order
from abn.engine.loading import find_device
from abn.errors import ABNError
from abn.images.fit import FITS
from abn.variants.card import Card
from abn.variants.store import find_variant
from abn.vocabulary import MECHANISM_CHOICES, TRAINED

BATCH_SIZE = 8
PROGRESS_SECONDS = 10  # between two lines of progress

log = logging.getLogger("abn")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `python -m abn explain`."""
    parser.description = (
        "Print the predictions of both heads and the attention map's statistics for each image. Folders are read "
        "with all "
        "subfolders, in the order of the names; hidden files and files without an image suffix are skipped. An "
        "image that "
        "can't be opened gives a line with its error; the other images are still explained, and the exit status is 1."
    )
    parser.add_argument("images", nargs="*", metavar="IMAGE", help="image file, or folder of images")
    parser.add_argument(
        "--list", metavar="FILE", help="text file with one more IMAGE per line; - is standard input (default: none)"
    )
    parser.add_argument(
        "--variant",
        required=True,
        metavar="ID[,ID...]",
        help="ids of the variants to run, separated by commas; `python -m abn variants` lists them",
    )
    parser.add_argument(
        "--mechanism",
        choices=MECHANISM_CHOICES,
        default=TRAINED,
        help="mechanism to apply to the same weights; `trained` is the one that each variant was trained with",
    )
    parser.add_argument(
        "--fit",
        choices=FITS,
        default=FITS[0],
        help="how an image is fitted to the square input: crop its middle, squash it, or pad it",
    )
    parser.add_argument(
        "--stretch",
        action="store_true",
        help="brighten gray images of 10-, 12- or 14-bit values stored in 16 bits, whose file doesn't tell how many",
    )
    parser.add_argument("--top", type=_positive, default=5, metavar="N", help="number of classes to print per head")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="folder for STEM--VARIANT.npy (raw map, float32) and STEM--VARIANT.png (figure), in the same subfolders "
        "as "
        "the images; a second file of the same name gets a number, as in STEM-2--VARIANT.npy (default: none written)",
    )
    parser.add_argument(
        "--mask",
        type=_percent,
        metavar="P",
        help="write STEM--VARIANT--mask.png into --out: the brightest P percent of the map, white on "
        "black at the size of the image; P is a share of the part that --fit gives to the network (default: none)",
    )
    parser.add_argument(
        "--boxes",
        action="store_true",
        help="write STEM--VARIANT--boxes.json into --out as well: the boxes of the connected parts of --mask, in "
        "pixels of the image, in COCO's format",
    )
    parser.add_argument("--json", action="store_true", help="print one line of JSON per image instead of text")
    parser.add_argument(
        "--to",
        type=Path,
        metavar="FILE",
        help="new file for the JSON lines; nothing is printed then (default: standard output)",
    )
    parser.add_argument(
        "--resume", action="store_true", help="continue the file of --to; images and options must be the same as before"
    )
    parser.add_argument(
        "--batch", type=_positive, default=BATCH_SIZE, metavar="N", help="number of images per forward pass"
    )
    parser.add_argument(
        "--workers",
        type=_not_negative,
        metavar="N",
        help="number of worker processes; 0 works in this process (default: one per CPU core for folders, lists and "
        "more "
        "than one batch, else 0)",
    )
    parser.add_argument(
        "--device",
        default="auto",
        help="where to compute: cpu, cuda, cuda:N or mps; `auto` is cuda if available, else cpu (default: auto)",
    )
    parser.add_argument(
        "--ray",
        nargs="?",
        const=on_ray.LOCAL,
        metavar="ADDRESS",
        help="use the Ray engine at ADDRESS instead of --workers; without ADDRESS, one is started on this machine "
        "(default: no Ray)",
    )
    parser.set_defaults(misuse=parser.error)


def run(args: argparse.Namespace) -> int:
    """Explain all images; returns the exit status, 1 where an image or a variant failed."""
    if not args.images and args.list is None:
        args.misuse("no images: give an IMAGE or --list FILE")
    if args.mask is not None and args.out is None:
        args.misuse("--mask writes files: give their folder with --out")
    if args.boxes and args.mask is None:
        args.misuse("--boxes are those of a mask: give its share with --mask")
    if args.resume and args.to is None:
        args.misuse("--resume continues a file: give it with --to FILE")
    if args.ray and args.workers is not None:
        args.misuse("--ray replaces --workers: give only one of them")
    if args.resume and args.list == STDIN:
        args.misuse("--resume can't read the list from standard input: give a file with --list")
    many = args.list is not None or len(args.images) > args.batch or any(map(os.path.isdir, args.images))
    workers = (os.cpu_count() or 1) * many if args.workers is None else args.workers
    explainer = Explainer(
        fit=args.fit,
        mechanism=args.mechanism,
        keep_pictures=args.out is not None,
        threads=0 if workers == 0 and not args.ray else 1,
        device=find_device(args.device),
        stretch=args.stretch,
    )
    cards, failed = _usable_variants(args.variant, explainer)
    if not cards:
        return 1
    explainer = replace(explainer, cards=tuple(cards))
    work = BatchWork(
        explainer, args.top, as_json=bool(args.json or args.to), out=args.out, mask=args.mask, boxes=args.boxes
    )
    stream = ImageStream(args.images, list_file=args.list, out=args.out)
    count, started = 0, time.monotonic()
    reported = started
    of_files = batches(stream, args.batch)
    if args.ray:
        outputs = on_ray.map_on_ray(work, of_files, address=args.ray, batch_size=args.batch)
    else:
        outputs = map_in_order(work, of_files, workers)
    with _interrupt_on_sigterm(), open_output(args.to, append=args.resume) as output:
        if args.resume:  # before the first batch is read
            failed |= skip_finished(args.to, iter(stream), _expected_results(args, cards))
        for done in outputs:
            write_lines(output, done.lines)
            failed |= done.failed
            count += len(done.lines)
            for line in done.written:
                log.log(logging.DEBUG if many else logging.INFO, line)
            if (now := time.monotonic()) - reported >= PROGRESS_SECONDS:
                log.info("%d images, %.1f a second", count, count / (now - started))
                reported = now
    if stream.skipped:
        log.info("%d files in folders were skipped, as their names have no image suffix.", stream.skipped)
    return int(failed)


@dataclass(frozen=True)
class BatchOutput:
    """The results of a batch as text."""

    lines: list[str]  # the output, one text an image
    failed: bool  # whether one of the images failed
    written: list[str]  # one line for each map that was saved


@dataclass(frozen=True)
class BatchWork:
    """Explains a batch, writes its maps and puts its results into words, in whatever process."""

    explainer: Explainer
    top: int
    as_json: bool
    out: Path | None  # folder for maps and figures
    mask: float | None = None  # percent of the area, of masks beside them
    boxes: bool = False

    def __call__(self, batch: list[ImageFile]) -> BatchOutput:
        results = self.explainer.explain(batch)
        to_text = json_line if self.as_json else text_lines
        lines = [to_text(result, self.top) for result in results]
        written = list(self._save_maps(results, self.out)) if self.out else []
        return BatchOutput(lines, any(result.error for result in results), written)

    def _save_maps(self, results: list[ImageResult], folder: Path) -> Iterator[str]:
        """Write the maps, figures and masks of a batch, with a line for each."""
        from abn.export.figures import save_explanation
        from abn.export.regions import save_regions

        for result in results:
            path, name = folder / result.file.output_stem, Path(result.file.path).name
            for explanation in result.explanations:
                assert result.picture is not None
                written = [*save_explanation(explanation, result.picture, path.parent, path.name)]
                if self.mask is not None:
                    share = self.mask / 100
                    written += save_regions(explanation, name, path.parent, path.name, share=share, boxes=self.boxes)
                first, *others = written
                yield f"wrote {first} and {', '.join(other.name for other in others)}"


def _expected_results(args: argparse.Namespace, cards: list[Card]) -> list[tuple[str, str, int]]:
    """Variant, applied mechanism and number of classes of each result that an image gets."""
    applied = {card.id: card.mechanism if args.mechanism == TRAINED else args.mechanism for card in cards}
    return [(card.id, applied[card.id], min(args.top, card.num_classes)) for card in cards]


def _usable_variants(names: str, explainer: Explainer) -> tuple[list[Card], bool]:
    """The variants that can be loaded, and whether others failed."""
    cards, failed = [], False
    for variant in dict.fromkeys(part.strip() for part in names.split(",") if part.strip()):
        try:
            card = find_variant(variant)
            explainer.load(card)
            cards.append(card)
        except ABNError as error:  # a broken variant doesn't stop the others
            failed = True
            print(error, file=sys.stderr)
    if not cards and not failed:
        print("No variant was given: `python -m abn variants` lists the ids for --variant.", file=sys.stderr)
    return cards, failed


def _positive(text: str) -> int:
    number = _not_negative(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def _percent(text: str) -> float:
    number = float(text)
    if not 0 < number < 100:
        raise argparse.ArgumentTypeError("must be above 0 and below 100")
    return number


def _not_negative(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError("must be 0 or more")
    return number


@contextlib.contextmanager
def _interrupt_on_sigterm() -> Iterator[None]:
    """End on SIGTERM as on Ctrl-C: workers are stopped, and no line is half written."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
