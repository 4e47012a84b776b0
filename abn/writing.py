"""Files that are whole or not there: a full disk, or a process that is killed, leaves what was there before.

What is written lies beside its place as NAME.part until all of it is there. Nothing reads such a file, and the next
attempt writes over it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from abn.errors import ABNError

UNWRITABLE = "Nothing can be written into {place} ({why})."
NO_MORE = "Nothing more can be written into {place} ({why})."  # of what grows line by line


@contextmanager
def whole(path: Path) -> Iterator[BinaryIO]:
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
        raise unwritable(path.parent, error) from error


def write(path: Path, data: bytes | memoryview | str) -> None:
    """Write a file of these bytes, or of this text in UTF-8."""
    with whole(path) as file:
        file.write(data.encode() if isinstance(data, str) else data)


def unwritable(place: Path | str, error: OSError, sentence: str = UNWRITABLE) -> ABNError:
    """The sentence for what the system refuses: a full disk, a folder without permission."""
    return ABNError(sentence.format(place=place, why=error.strerror or error))
