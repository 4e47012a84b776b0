"""Safe file names, and files that are whole or not there: a full disk, or a process that is killed, leaves what was
there before.

What is written lies beside its place as NAME.part until all of it is there. Nothing reads such a file, and the next
attempt writes over it.
"""

import os
import re
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO

from abn.errors import ABNError

try:
    import fcntl
except ImportError:  # Windows: nobody is kept out
    fcntl = None  # type: ignore[assignment]

SYSTEM_LITTER = frozenset(  # what systems leave in folders and zips, besides names with a dot in front
    "__macosx @eadir @recycle #recycle $recycle.bin lost+found thumbs.db desktop.ini".split()
) | {"system volume information"}

UNWRITABLE = "Nothing can be written into {place} ({why}): check its permissions and the free disk space."
NO_MORE = (
    "Nothing more can be written into {place} ({why}): free some disk space, then run the command "
    "again."
)  # of what grows line by line


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """A file to write to, which takes the place of `path` at the end; folders that are missing are made. Whatever is
    raised leaves `path` as it was; what the system refuses becomes an `ABNError`."""
    half = path.with_name(f"{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with half.open("wb") as file:
                yield file
            os.replace(half, path)
        except BaseException:
            half.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise write_error(path.parent, error) from error


def write_file(path: Path, data: bytes | memoryview | str) -> None:
    """Write a file of these bytes, or of this text in UTF-8."""
    with atomic_file(path) as file:
        file.write(data.encode() if isinstance(data, str) else data)


def write_error(place: Path | str, error: OSError, sentence: str = UNWRITABLE) -> ABNError:
    """The sentence for what the system refuses: a full disk, a folder without permission."""
    return ABNError(sentence.format(place=place, why=error.strerror or error))


def lock_file(file: IO, sentence: str) -> None:
    """Keep others from locking an open file until it is closed. Raises `ABNError` with `sentence` where one has it."""
    if fcntl:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ABNError(sentence) from error


class UniqueNames:
    """The names given so far in one folder; those that differ only in letters' case count as alike."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}  # of each name without its case, the last number that was tried behind it

    def give(self, name: str) -> str:
        """Letters, digits, dots and dashes of `name`, at most 60, with a number behind them where they are taken."""
        plain = re.sub(r"[^\w.-]+", "-", unicodedata.normalize("NFC", name)).strip("-.")[:60].rstrip("-.") or "image"
        given, count = plain, self._counts.get(plain.casefold(), 0)
        while given.casefold() in self._counts:
            count += 1
            given = f"{plain[: 59 - len(str(count))]}-{count}"
        self._counts[plain.casefold()] = max(count, 1)
        self._counts.setdefault(given.casefold(), 1)
        return given


def safe_stems(names: Sequence[str]) -> list[str]:
    """A harmless file stem for each name, whatever it holds; no two alike, even where letters' case doesn't count."""
    given = UniqueNames()
    return [given.give(name) for name in names]


def is_litter(name: str) -> bool:
    """Whether a file or folder of this name is hidden, or was left by a system, and so is nobody's image."""
    hidden = name.startswith(".") and name.strip(".") != ""
    return hidden or name.casefold() in SYSTEM_LITTER


def stamp(path: Path) -> tuple[int, int] | None:
    """Time of the last change and bytes of a file, to cache what was read by; None where there is no file."""
    try:
        return path.stat().st_mtime_ns, path.stat().st_size
    except OSError:
        return None
