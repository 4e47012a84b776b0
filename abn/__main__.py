"""The command line, `python -m abn …`. Results go to standard output, progress and problems to standard error.

Exit status: 0 all well, 1 something failed (one sentence says what), 2 the command was not understood. torch is
imported only by the commands that need it.
"""

import argparse
import json
import logging
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from abn.errors import ABNError, PictureError
from abn.picture import FITS, MAX_BYTES, Picture, open_picture
from abn.variants import CHECKPOINTS, figures_tables, find_variant, list_variants, load_variant, problems

# the mechanisms of abn.model, whose import would cost seconds, and the variant's own
MECHANISMS = ("trained", "additive", "multiplicative", "none")
ELSEWHERE = {  # commands whose module brings their options and runs them: add_arguments(parser), run(args) -> status
    "train": ("abn.training.train", "train one of the paper's small networks from scratch on a built-in set"),
    "distil": ("abn.training.distil", "make the shipped variants again, from public packages"),
    "evaluate": ("abn.training.evaluate", "measure the variants on held-out scenes and on photographs"),
    "study": ("abn.study.command", "the study over seeds: run it, or print what it found"),
    "bench": ("abn.bench", "measure what things cost, as ratios"),
    "sweep": ("abn.sweep", "try the smallest backbone of every family"),
}

log = logging.getLogger("abn")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        args = _parser(arguments).parse_args(arguments)
        _log_to_stderr(verbose=args.verbose)
        status = args.run(args)
        sys.stdout.flush()
        return status
    except ABNError as error:
        log.debug("traceback", exc_info=error)
        print(error, file=sys.stderr)
        return 1
    except BrokenPipeError:  # who read our output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m abn", description="Attention Branch Networks, explained.")
    parser.add_argument("--verbose", action="store_true", help="say more on standard error, tracebacks too")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    variants = commands.add_parser("variants", help="list the variants")
    variants.add_argument("--json", action="store_true", help="print the cards as one JSON list")
    variants.add_argument("--markdown", action="store_true", help="print the measured figures as a table")
    variants.set_defaults(run=_variants)

    explain = commands.add_parser("explain", help="explain pictures")
    explain.add_argument("images", nargs="+", metavar="IMAGE", help="a picture file")
    explain.add_argument("--variant", required=True, metavar="ID[,ID...]", help="see the command variants")
    explain.add_argument("--mechanism", choices=MECHANISMS, default="trained", help="keep the weights, swap this")
    explain.add_argument("--fit", choices=FITS, default="crop", help="how the picture comes to the model's input size")
    explain.add_argument("--top", type=_count, default=5, metavar="N", help="classes of each head; default 5")
    explain.add_argument("--out", type=Path, metavar="DIR", help="write STEM--VARIANT.npy and .png into this folder")
    explain.add_argument("--json", action="store_true", help="print one JSON object a line for each image")
    explain.set_defaults(run=_explain)

    convert = commands.add_parser("convert", help="make a variant of a checkpoint of the authors' code")
    convert.add_argument("file", type=Path, metavar="FILE.pth.tar")
    convert.add_argument("--arch", required=True, help="resnet20, 32, 44, 56 or 110")
    convert.add_argument("--num-classes", type=_count, required=True, metavar="K")
    convert.add_argument("--out", required=True, metavar="NAME", help="the variant's id, in checkpoints/, or a path")
    convert.set_defaults(run=_convert)

    gallery = commands.add_parser("gallery", help="compute again the results that the app shows first")
    gallery.set_defaults(run=_gallery)

    wanted = next((word for word in arguments if not word.startswith("-")), None)
    for name, (module, purpose) in ELSEWHERE.items():
        command = commands.add_parser(name, help=purpose)
        if name == wanted:
            found = import_module(module)
            found.add_arguments(command)
            command.set_defaults(run=found.run)
    return parser


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _log_to_stderr(*, verbose: bool) -> None:
    """Progress and warnings as plain lines; tracebacks only with --verbose."""
    handler = logging.StreamHandler()
    if not verbose:
        handler.formatter = logging.Formatter("%(message)s")
        handler.formatter.formatException = lambda _: ""
    log.addHandler(handler)
    log.setLevel(logging.DEBUG if verbose else logging.INFO)


# ---- the commands ----


def _variants(args: argparse.Namespace) -> int:
    cards = list_variants()
    if args.json:
        print(json.dumps([card.to_json() for card in cards]))
    elif args.markdown:
        print(figures_tables(cards))
    else:
        for card in cards:
            print(f"{card.id}\n    {card.title} · {card.mechanism} · {card.backbone} · {card.summary}")
    for sentence in problems().values():
        print(sentence, file=sys.stderr)
    return 0


def _explain(args: argparse.Namespace) -> int:
    from abn.explainer import explain
    from abn.report import save_explanation, stems

    networks, cards, failed = {}, [], False
    for variant in dict.fromkeys(part.strip() for part in args.variant.split(",") if part.strip()):
        try:
            card = find_variant(variant)
            networks[card.id] = load_variant(card)
            cards.append(card)
        except ABNError as error:  # one broken variant never stops the others
            failed = True
            print(error, file=sys.stderr)
    if not cards:
        if not failed:
            print("Name at least one variant; the command variants lists them.", file=sys.stderr)
        return 1
    names = stems([Path(image).stem for image in args.images])
    for image, stem in zip(args.images, names, strict=True):
        try:
            picture = _open(Path(image))
            found = explain(picture, cards, fit=args.fit, mechanism=args.mechanism, load=lambda card: networks[card.id])
        except ABNError as error:
            failed = True
            print(json.dumps({"image": image, "error": str(error)}) if args.json else f"{image}: {error}", flush=True)
            continue
        for explanation in found if args.out else ():
            _save(save_explanation, explanation, picture, args.out, stem)
        results = [_as_json(explanation, args.top) for explanation in found]
        if args.json:
            print(json.dumps({"image": image, "sha256": picture.sha256, "results": results}), flush=True)
        else:
            print("\n".join([image, *picture.notes, *map(_as_text, results)]), flush=True)
    return int(failed)


def _open(path: Path) -> Picture:
    """A picture file; no more of it is read than a picture may have."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise PictureError("There is no such file.") from error
    except (OSError, ValueError) as error:
        raise PictureError(f"This file can't be read ({getattr(error, 'strerror', None) or error}).") from error
    return open_picture(data, name=path.name)


def _save(save, explanation, picture: Picture, folder: Path, stem: str) -> None:
    try:
        array, drawing = save(explanation, picture, folder, stem)
    except OSError as error:
        raise ABNError(f"Nothing can be written into {folder} ({error.strerror}).") from error
    log.info("wrote %s and %s", array, drawing.name)


def _as_json(explanation, count: int) -> dict:
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


def _convert(args: argparse.Namespace) -> int:
    from abn.official import convert_official, make_card
    from abn.report import stems
    from abn.variants import save_variant

    target = Path(args.out)
    folder = CHECKPOINTS if target.parent == Path() else target.parent
    if stems([target.name]) != [target.name]:
        raise ABNError(f"{target.name!r} can't be a variant's name: use letters, digits, dots and dashes.")
    if any((folder / f"{target.name}{end}").exists() for end in (".json", ".safetensors")):
        raise ABNError(f"There is a variant {target.name} already in {folder}: choose another name.")
    network = convert_official(args.file, arch=args.arch, num_classes=args.num_classes)
    card = make_card(network, target.name, arch=args.arch, num_classes=args.num_classes, source=args.file)
    try:
        card = save_variant(network, card, folder, half=False)
    except OSError as error:
        raise ABNError(f"Nothing can be written into {folder} ({error.strerror}).") from error
    print(f"{card.weights} and {card.weights.with_suffix('.json').name}")
    return 0


def _gallery(args: argparse.Namespace) -> int:
    from abn.first_view import build

    build(progress=log.info)
    return 0


if __name__ == "__main__":
    sys.exit(main())
