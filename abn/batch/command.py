"""`python -m abn explain`: pictures, folders and lists of them, as text or as JSON lines, with maps and drawings.

One process prints as it goes. Under torchrun each process takes its share, and the first prints the whole in order
(shards.py). `--to` keeps the lines in a file, which `--resume` goes on with, from the first block that isn't whole.
`--from` makes the numbers of an export again (again.py).
"""

import argparse
import contextlib
import json
import logging
import os
import signal
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from abn import files
from abn.batch.image_stream import STDIN, Stream, blocks
from abn.batch.shards import Lines, Merge, Part, Shard, meeting, this_shard
from abn.errors import ABNError
from abn.images.fit import FITS
from abn.variants.card import Card
from abn.variants.store import find_variant, load_variant
from abn.vocabulary import MECHANISM_CHOICES, TRAINED

if TYPE_CHECKING:
    from abn.batch.pipeline import Result
    from abn.explanations.explainer import Load
    from abn.explanations.explanation import Explanation
    from abn.export.figures import Drawing

# the mechanisms of abn.model, whose import would cost seconds, and the variant's own
BATCH = 8
EVERY = 10  # seconds between two lines of progress

log = logging.getLogger("abn")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `python -m abn explain`."""
    parser.description = (
        "A folder is walked with all folders in it, in the order of the names; hidden files, and files without the "
        "ending of a picture's name, are left out. A picture that can't be opened gives a line that says why, the rest "
        "still run, and the exit status is 1. Under torchrun the processes share the work."
    )
    parser.add_argument("images", nargs="*", metavar="IMAGE", help="a picture file, or a folder of them")
    parser.add_argument("--list", metavar="FILE", help="a file with one more IMAGE a line; - for standard input")
    parser.add_argument("--variant", metavar="ID[,ID...]", help="see the command variants; needed without --from")
    parser.add_argument("--mechanism", choices=MECHANISM_CHOICES, help="keep the weights, swap this; default: trained")
    parser.add_argument("--fit", choices=FITS, help="how the picture comes to the model's input size; default: crop")
    parser.add_argument(
        "--from",
        dest="manifest",
        type=Path,
        metavar="MANIFEST",
        help="take picture, variants, fit and mechanism from an export of the app, its zip or the manifest.json in it, "
        "and say whether the numbers are the same, else the exit status is 1; IMAGE is needed where the picture isn't "
        "in the gallery; on the CPU unless --device says otherwise",
    )
    parser.add_argument("--top", type=_count, default=5, metavar="N", help="classes of each head; default 5")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="write STEM--VARIANT.npy and .png into this folder, and into folders in it as they are below a folder "
        "that was walked; the second of two equal names gets the number 2, as in STEM-2--VARIANT.npy",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object a line for each image")
    parser.add_argument("--to", type=Path, metavar="FILE", help="write these lines into a new file and print nothing")
    parser.add_argument(
        "--resume", action="store_true", help="go on with the file of --to, with the same images and options as before"
    )
    parser.add_argument(
        "--batch", type=_count, default=BATCH, metavar="N", help=f"images in one forward pass; default {BATCH}"
    )
    parser.add_argument(
        "--workers", type=_whole, metavar="N", help="processes that open pictures; default: 1 for many, 0 for few"
    )
    parser.add_argument("--device", default="auto", help="cpu, cuda or cuda:N; default auto: cuda where there is one")
    parser.set_defaults(misuse=parser.error)


def run(args: argparse.Namespace) -> int:
    """Explain what was named; returns the exit status, which is that of the whole for the first process, else 0."""
    shard = this_shard()
    if args.manifest is not None:
        from abn.batch.again import run_again

        return run_again(args, shard)
    if args.variant is None:
        args.misuse("name a --variant, or an export by --from")
    args.mechanism, args.fit = args.mechanism or TRAINED, args.fit or FITS[0]
    if not args.images and args.list is None:
        args.misuse("name an IMAGE or a --list")
    if args.resume and args.to is None:
        args.misuse("--resume goes on with the file of --to")
    if args.list == STDIN and (shard.count > 1 or args.resume):
        raise ABNError("Standard input can be read by one process and once: give --list a file.")
    cards, load, failed = _networks(args, shard)
    if not cards:
        return 1
    progress, done = _Progress(), 0
    if args.resume and shard.rank == 0 and args.to.exists():
        done, bad = _resume(args, cards)
        failed |= bad
    with _sink(args) if shard.rank == 0 else contextlib.nullcontext(sys.stdout) as sink:
        for lines in _found(args, shard, cards, load, done):
            _put(sink, lines)
            failed |= any(bad for bad, _ in lines)
            progress.add(len(lines))
    return int(failed and shard.rank == 0)


def _count(text: str) -> int:
    number = _whole(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _whole(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError("must not be negative")
    return number


def _networks(args: argparse.Namespace, shard: Shard) -> "tuple[list[Card], Load, bool]":
    """The variants that can be loaded, how to get their networks, and whether others failed."""
    from abn.engine.fusion import fuse_for_inference

    device = device_named(args.device)
    networks, cards, failed = {}, [], False
    for variant in dict.fromkeys(part.strip() for part in args.variant.split(",") if part.strip()):
        try:
            card = find_variant(variant)
            networks[card.id] = fuse_for_inference(load_variant(card)).to(device)
            cards.append(card)
        except ABNError as error:  # one broken variant never stops the others
            failed = True
            _tell(error, shard)
    if not cards and not failed:
        _tell("Name at least one variant; the command variants lists them.", shard)
    return cards, lambda card: networks[card.id], failed


def _tell(sentence: object, shard: Shard) -> None:
    if shard.rank == 0:  # the others have met the same
        print(sentence, file=sys.stderr)


def device_named(name: str) -> str:
    """The device's name as torch knows it; `ABNError` where it isn't there."""
    import torch

    if name == "auto":
        if not torch.cuda.is_available():
            return "cpu"
        name = f"cuda:{int(os.environ.get('LOCAL_RANK', 0)) % torch.cuda.device_count()}"
    try:
        usable = torch.zeros(1, device=name).device.type in ("cpu", "cuda")
    except (RuntimeError, AssertionError) as error:  # each kind of device that is missing has its own
        log.debug("device %s", name, exc_info=error)
        usable = False
    if not usable:
        raise ABNError(f"There is no device {name!r} here: choose cpu, or leave --device out.")
    return name


def _many(args: argparse.Namespace) -> bool:
    return args.list is not None or len(args.images) > args.batch or any(map(os.path.isdir, args.images))


# ---- what is found, in blocks of lines ----


def _found(args: argparse.Namespace, shard: Shard, cards: list[Card], load: "Load", done: int) -> Iterator[Lines]:
    """The lines of all blocks after the first `done`, in order; none in a process that isn't the first."""
    stream = Stream(args.images, listed=args.list, out=args.out)
    if shard.count == 1:
        yield from _explained(args, shard, stream, cards, load, done)
    else:
        settings = {name: str(value) for name, value in vars(args).items() if not callable(value)}
        beside = args.to and args.to.with_name(f"{args.to.name}.parts")
        with _stopped_by_sigterm(), meeting(shard, beside, done, settings) as (folder, done):
            part, merge = Part(folder, shard), Merge(folder, shard.count)
            try:
                for lines in _explained(args, shard, stream, cards, load, done):
                    part.write(lines)
                    if shard.rank == 0:
                        yield from merge.available()
            except ABNError as error:
                part.fail(str(error))
                raise
            part.end(stream.digest)
            if shard.rank == 0:
                yield from merge.rest()
    if stream.left_out and shard.rank == 0:
        log.info("%d files in folders were left out, as their names have no picture's ending.", stream.left_out)


def _explained(
    args: argparse.Namespace, shard: Shard, stream: Stream, cards: list[Card], load: "Load", done: int
) -> Iterator[Lines]:
    """The lines of this process's share of the blocks after the first `done`, with their files written."""
    from abn.batch.pipeline import results

    workers = args.workers
    if workers is None:
        beside = int(os.environ.get("LOCAL_WORLD_SIZE", shard.count))  # processes on this machine
        workers = int(_many(args) and (os.cpu_count() or 1) > beside)
    found = results(
        islice(blocks(stream, args.batch), done + shard.rank, None, shard.count),
        cards,
        fit=args.fit,
        mechanism=args.mechanism,
        load=load,
        workers=workers,
        draws=args.out is not None,
    )
    told = logging.DEBUG if _many(args) else logging.INFO
    for block in found:
        for result in block if args.out else ():
            save(result, args.out, told)
        as_json = args.json or args.to is not None
        yield [(bool(one.error), as_line(one, top=args.top, as_json=as_json)) for one in block]


def save(result: "Result", folder: Path, told: int, drawing: "Drawing | None" = None) -> None:
    """Write the maps of a result and their drawings, raw or as an export drew them; `told` is the level at which the
    log says so."""
    from abn.export.figures import RAW, save_explanation
    from abn.plots.color_limits import limits

    place, drawing = Path(result.item.stem), drawing or RAW
    spans = limits([one.attention for one in result.explanations], drawing.scale)
    for explanation, span in zip(result.explanations, spans, strict=True):
        array, drawn = save_explanation(explanation, result.picture, folder / place.parent, place.name, drawing, span)
        log.log(told, "wrote %s and %s", array, drawn.name)


@contextlib.contextmanager
def _stopped_by_sigterm() -> Iterator[None]:
    """End as Ctrl-C does, tidily, when torchrun stops a process because another one failed."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


# ---- where the lines go ----


@contextlib.contextmanager
def _sink(args: argparse.Namespace) -> Iterator[TextIO]:
    """Standard output, or the file of --to, opened at its end."""
    if args.to is None:
        yield sys.stdout
        return
    try:
        file = args.to.open("a" if args.resume else "x", encoding="utf-8")
    except FileExistsError as error:
        raise ABNError(f"There is a file {args.to} already: go on with it by --resume, or name another.") from error
    except OSError as error:
        raise files.write_error(args.to, error) from error
    try:
        yield file
    finally:
        with contextlib.suppress(OSError):  # every block was flushed: what the disk has no room for was told already
            file.close()


def _put(sink: TextIO, lines: Lines) -> None:
    """Write one block, all of it at once."""
    try:
        sink.write("".join(f"{text}\n" for _, text in lines))
        sink.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise files.write_error(sink.name, error, files.NO_MORE) from error


def _resume(args: argparse.Namespace, cards: list[Card]) -> tuple[int, bool]:
    """How many blocks the file of --to holds, and whether a picture of them failed; a part of a block is cut off.

    Raises `ABNError` where a line is not of the image, or not of the variants, that this run would put there.
    """
    applied = {card.id: card.mechanism if args.mechanism == TRAINED else args.mechanism for card in cards}
    wanted = [[card.id, applied[card.id], min(args.top, card.num_classes)] for card in cards]
    done, failed = 0, False
    try:
        with args.to.open("rb+") as file:
            whole = 0  # bytes
            for block in blocks(Stream(args.images, listed=args.list, out=args.out), args.batch):
                lines = list(islice(file, len(block)))
                if len(lines) < len(block) or not lines[-1].endswith(b"\n"):
                    break
                for item, line in zip(block, lines, strict=True):
                    found = _parsed(line)
                    results = [[r["variant"], r["applied"], len(r["perception"])] for r in found.get("results", ())]
                    if found.get("image") != item.image or results not in ([], wanted):
                        raise ABNError(f"{args.to} can't be gone on with: it is of other images or other options.")
                    failed |= "error" in found
                done, whole = done + 1, whole + sum(map(len, lines))
            file.truncate(whole)
    except OSError as error:
        raise ABNError(f"{args.to} can't be gone on with ({error.strerror}).") from error
    return done, failed


def _parsed(line: bytes) -> dict:
    """A line of results; empty where it is none."""
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


class _Progress:
    """A line now and then on how many images there were, and how many a second."""

    def __init__(self) -> None:
        self._count, self._start = 0, time.monotonic()
        self._next = self._start + EVERY

    def add(self, count: int) -> None:
        """So many more."""
        self._count += count
        now = time.monotonic()
        if now >= self._next:
            self._next = now + EVERY
            log.info("%d images, %.1f a second", self._count, self._count / (now - self._start))


# ---- one line ----


def as_line(result: "Result", *, top: int, as_json: bool) -> str:
    """A result as one object of JSON, or as text, which may be several lines."""
    image = result.item.image
    if not as_json:
        # a name may hold what no terminal can show, or what would steer it
        image = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in image)
    if result.error:
        return json.dumps({"image": image, "error": result.error}) if as_json else f"{image}: {result.error}"
    results = [_as_json(explanation, top) for explanation in result.explanations]
    if as_json:
        return json.dumps({"image": image, "sha256": result.sha256, "results": results})
    return "\n".join([image, *result.notes, *map(_as_text, results)])


def _as_json(explanation: "Explanation", count: int) -> dict:
    values = explanation.attention

    def head(name: str) -> list[dict]:
        top = explanation.top(name, count)
        return [{"class": p.index, "label": p.label, "probability": p.probability} for p in top]

    return {
        "variant": explanation.variant,
        "trained_with": explanation.trained_with,
        "applied": explanation.applied,
        "aux": head("auxiliary"),
        "perception": head("perception"),
        "map": {
            "shape": list(values.shape),
            "min": float(values.min()),
            "mean": float(values.mean()),
            "max": float(values.max()),
        },
        "seconds": explanation.seconds,
    }


def _as_text(result: dict) -> str:
    milliseconds, shape = 1000 * result["seconds"], " × ".join(map(str, result["map"]["shape"]))
    lines = [
        "  {variant}   trained with {trained_with}, applied {applied}   ".format(**result) + f"{milliseconds:.0f} ms",
        f"    map {shape}   " + "min {min:.3f}   mean {mean:.3f}   max {max:.3f}".format(**result["map"]),
        f"    {'auxiliary head':38}  perception head",
    ]
    for left, right in zip(result["aux"], result["perception"], strict=True):
        cells = [f"{100 * p['probability']:5.1f} %  {p['label'].split(',')[0]:28}"[:38] for p in (left, right)]
        lines.append(f"    {cells[0]:38}  {cells[1]}".rstrip())
    return "\n".join(lines)
