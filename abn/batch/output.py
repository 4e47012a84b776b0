"""Where the lines go: standard output, or a file that a later run can continue."""

import contextlib
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

from abn import files
from abn.batch.image_stream import ImageFile
from abn.errors import ABNError

IN_USE = "Another run is writing into {path}: wait until it ends, or give another file with --to."


@contextlib.contextmanager
def open_output(path: Path | None, *, append: bool) -> Iterator[TextIO]:
    """Standard output, or a new file that other runs can't open; with `append`, an existing file at its end."""
    if path is None:
        yield sys.stdout
        return
    try:
        file = path.open("a" if append else "x", encoding="utf-8")
    except FileExistsError as error:
        raise ABNError(f"The file {path} exists already: continue it with --resume, or choose another name.") from error
    except OSError as error:
        raise files.write_error(path, error) from error
    try:
        files.lock_file(file, IN_USE.format(path=path))
        yield file
    finally:
        with contextlib.suppress(OSError):  # `write_lines` has reported a full disk already
            file.close()


def write_lines(output: TextIO, lines: Iterable[str]) -> None:
    """Write the lines of a batch and flush them."""
    try:
        output.write("".join(f"{line}\n" for line in lines))
        output.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise files.write_error(output.name, error, files.NO_MORE) from error


def skip_finished(path: Path, images: Iterator[ImageFile], expected: Sequence[tuple[str, str, int]]) -> bool:
    """Advance `images` past those in a file of JSON lines; returns whether one of them failed.

    A last line that is not whole is cut off. Raises `ABNError` where a line is of another image than the next one, or
    has other results (variant, applied mechanism, number of classes) than `expected`.
    """
    size, failed = 0, False  # bytes of whole lines
    try:
        with path.open("rb+") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                record, image = _parse(line), next(images, None)
                results = [(r["variant"], r["applied"], len(r["perception"])) for r in record.get("results", ())]
                has_error = "error" in record
                if image is None or record.get("image") != image.path or not (has_error or results == list(expected)):
                    raise ABNError(
                        f"{path} can't be continued, as it holds results of other images or other options: choose "
                        "another file for --to."
                    )
                failed |= has_error
                size += len(line)
            file.truncate(size)
    except OSError as error:
        raise ABNError(f"{path} can't be continued ({error.strerror}): choose another file for --to.") from error
    return failed


def _parse(line: bytes) -> dict:
    """A JSON object; empty where the line is none."""
    try:
        record = json.loads(line)
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}
