"""The command line, `python -m abn …`. Results go to standard output, progress and problems to standard error.

Exit status: 0 for success, 1 where something failed (one sentence says what), 2 for arguments that are not understood,
130 after Ctrl-C. torch is imported only by the commands that need it.
"""

import argparse
import json
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO

from abn.errors import ABNError
from abn.variants.measured import format_tables
from abn.variants.store import find_problems, list_variants

COMMANDS = {  # name → (module with `add_arguments(parser)` and `run(args) -> exit status`, help)
    "explain": ("abn.batch.command", "predictions and maps of images, or of whole folders"),
    "convert": ("abn.variants.command", "make a variant from a checkpoint of the authors' code"),
    "export": ("abn.engine.export_model", "write a variant as one ONNX model that runs without this package"),
    "train": (
        "abn.training.supervised.command",
        "train a variant with your own class folders, or with a built-in data set",
    ),
    "teach": ("abn.training.map_teaching.command", "fine-tune a variant with edited attention maps of a few images"),
    "teach-study": (
        "abn.study.map_teaching",
        "measure over seeds whether taught maps carry over to other images",
    ),
    "distil": ("abn.training.distillation.command", "train the shipped ImageNet variants again, from public packages"),
    "evaluate": ("abn.training.evaluate", "measure accuracy and maps of the variants on held-out images"),
    "scenes": ("abn.training.distillation.shipped_scenes", "compose the shipped scenes with masks again"),
    "study": ("abn.study.command", "run the study over seeds, or print its results"),
    "graphs": ("abn.engine.export_graphs", "write the graphs that ONNX Runtime runs"),
    "bench": ("abn.batch.bench", "measure speed as ratios of two tasks"),
}

REFUSED = "The file{place} can't be read or written ({why}): check the path, its permissions and the free disk space."

log = logging.getLogger("abn")


class HelpFormatter(argparse.ArgumentDefaultsHelpFormatter):
    """States the default of each option that has one, unless its help states it in words."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        text = action.help or ""
        if "(default" in text or action.default is None or action.default is argparse.SUPPRESS:
            return text
        return f"{text} (default: off)" if action.default is False else super()._get_help_string(action)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    with _escapes(sys.stdout), _escapes(sys.stderr):
        return _run(sys.argv[1:] if arguments is None else list(arguments))


@contextmanager
def _escapes(stream: TextIO) -> Iterator[None]:
    """Write what the encoding of a terminal or a pipe doesn't have, such as × in cp932, as an escape."""
    if not isinstance(stream, TextIOWrapper):
        yield
        return
    errors = stream.errors
    stream.reconfigure(errors="backslashreplace")
    try:
        yield
    finally:
        with suppress(OSError):  # it writes what is left, which a full disk has refused before
            stream.reconfigure(errors=errors)


def _run(arguments: list[str]) -> int:
    handler, level = logging.StreamHandler(), log.level
    try:
        args = _parser(arguments).parse_args(arguments)
        _start_log(handler, verbose=args.verbose)
        status = args.run(args)
        sys.stdout.flush()
        return status
    except ABNError as error:
        log.debug("traceback", exc_info=error)
        print(error, file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader of our output has closed it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:  # a disk that is full, a file that vanished
        log.debug("traceback", exc_info=error)
        place = f" {Path(error.filename).name!r}" if isinstance(error.filename, str) else ""
        print(REFUSED.format(place=place, why=error.strerror or error), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    finally:  # a caller in Python gets the logger back as it was
        log.removeHandler(handler)
        log.setLevel(level)


def _parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """The parser; only the module of the command that is called is imported."""
    parser = argparse.ArgumentParser(
        prog="python -m abn",
        formatter_class=HelpFormatter,
        description="Attention Branch Networks: predictions, attention maps, training and measurement.",
    )
    parser.add_argument(
        "--verbose", action="store_true", help="print debugging output and tracebacks to standard error"
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    variants = commands.add_parser("variants", help="list the variants", formatter_class=HelpFormatter)
    variants.add_argument("--json", action="store_true", help="print the model cards as one JSON list instead of text")
    variants.add_argument(
        "--markdown", action="store_true", help="print the measured figures as Markdown tables instead of text"
    )
    variants.set_defaults(run=_list_variants)

    gallery = commands.add_parser(
        "gallery", help="compute the results for the exercises and the gallery again", formatter_class=HelpFormatter
    )
    gallery.set_defaults(run=_build_gallery)

    called = next((argument for argument in arguments if not argument.startswith("-")), None)
    for name, (module_name, purpose) in COMMANDS.items():
        command = commands.add_parser(name, help=purpose, formatter_class=HelpFormatter)
        if name == called:
            module = import_module(module_name)
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    return parser


class _NoTraceback(logging.Formatter):
    def formatException(self, ei: object) -> str:
        return ""


def _start_log(handler: logging.Handler, *, verbose: bool) -> None:
    """Progress and warnings as plain lines on standard error; tracebacks only with --verbose."""
    if not verbose:
        handler.formatter = _NoTraceback("%(message)s")
    log.addHandler(handler)
    log.setLevel(logging.DEBUG if verbose else logging.INFO)


def _list_variants(args: argparse.Namespace) -> int:
    cards = list_variants()
    if args.json:
        print(json.dumps([card.to_json() for card in cards]))
    elif args.markdown:
        print(format_tables(cards))
    else:
        for card in cards:
            print(f"{card.id}\n    {card.title} · {card.mechanism} · {card.backbone} · {card.summary}")
    for sentence in find_problems().values():
        print(sentence, file=sys.stderr)
    return 0


def _build_gallery(_: argparse.Namespace) -> int:
    from abn.teaching.exercises import question_material

    question_material.build(progress=log.info)
    return 0


if __name__ == "__main__":
    sys.exit(main())
