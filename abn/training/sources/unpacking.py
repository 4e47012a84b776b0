"""Unpack an archive, whole or not at all."""

import lzma
import shutil
import zipfile
import zlib
from pathlib import Path

from abn.errors import ABNError

UNREADABLE_ZIP = (  # what zipfile raises for what is damaged, missing, encrypted or packed in an unknown way
    *(OSError, EOFError, KeyError, ValueError, RuntimeError),
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError),
)


def unpack(archive: Path, folder: Path) -> None:
    """A zip into a new folder. Raises `ABNError`."""
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir(parents=True)
        with zipfile.ZipFile(archive) as file:
            file.extractall(part)  # takes no path out of the folder
        part.rename(folder)
    except UNREADABLE_ZIP as error:
        raise ABNError(f"{archive.name!r} can't be unpacked.") from error
