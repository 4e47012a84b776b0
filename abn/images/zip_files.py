"""Untrusted files → images' bytes: each file is an image, or a zip of images.

Nothing that a zip says of itself is trusted. Its list of files is read up to a length, its members up to a size while
they are unpacked, and no byte of it more than once, so that neither bombs nor a million entries cost more than seconds.
Nothing is written to disk, and of a member's path only the last part is used, for display. A file that can't be
used is refused with one sentence, and the others are read. Whether an image can be decoded is up to `open_picture`.
"""

import io
import logging
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from abn.errors import PictureError
from abn.files import is_litter
from abn.images.decode import MAX_BYTES
from abn.images.display_name import display_name
from abn.images.file_kinds import CHOOSE, NOT_READ, is_image, name_kind

LIMIT = 50  # images of a batch
MAX_TOGETHER = 200_000_000  # bytes of all that is unpacked, refused members included
MAX_DIRECTORY = 2_000_000  # bytes of the lists of files of all zips: some 20,000 files
MAX_LISTED = 100  # refused files that are told one by one
BEGINNING = 16  # bytes of a member that say whether it is an image
CHUNK = 65_536  # bytes unpacked at once behind them

_ZIP = (b"PK\x03\x04", b"PK\x05\x06")  # a zip with members, and one without

Read = Callable[[], Iterator[bytes]]

log = logging.getLogger(__name__)


class Refused(NamedTuple):
    """A file that can't be used."""

    name: str  # for display
    reason: str  # one sentence


@dataclass(frozen=True)
class UnpackedFiles:
    """The images that files hold."""

    pictures: tuple[tuple[str, bytes], ...]  # (name for display, bytes), in the files' order
    refused: tuple[Refused, ...]


def unpack(files: Sequence[tuple[str, bytes]], *, limit: int = LIMIT) -> UnpackedFiles:
    """The first `limit` images of files (name, bytes) and of the zips among them; never raises for what they hold."""
    taken: list[tuple[str, bytes]] = []
    refused: list[Refused] = []
    spent, full, left_out = 0, "", 0
    for name, read in _everything(files, refused):
        if len(taken) == limit:
            full = full or f"A batch holds {limit} images: choose fewer at a time."
        elif spent > MAX_TOGETHER:
            full = full or f"A batch holds {MAX_TOGETHER // 10**6} MB unpacked: choose fewer at a time."
        if full:
            left_out += 1
            continue
        chunks: list[bytes] = []
        try:
            for chunk in read():
                chunks.append(chunk)
                spent += len(chunk)
                _check(chunks, spent)
            if not chunks:
                raise PictureError("This file is empty: choose it again, or choose another image.")
        except PictureError as error:
            refused.append(Refused(name, str(error)))
        else:
            taken.append((name, b"".join(chunks)))
    if len(refused) > MAX_LISTED:
        others = f"{len(refused) - MAX_LISTED:,} more files"
        refused[MAX_LISTED:] = [Refused(others, "They can't be used either, for similar reasons.")]
    if left_out:
        refused.append(Refused(f"{left_out:,} more file{'s' if left_out > 1 else ''}", full))
    return UnpackedFiles(tuple(taken), tuple(refused))


def _check(chunks: list[bytes], spent: int) -> None:
    """Raise `PictureError` where what was read so far shows that the rest need not be."""
    if len(chunks) == 1 and chunks[0].startswith(_ZIP):
        raise PictureError("A zip within a zip isn't opened: unpack the outer one and choose the inner one by itself.")
    if len(chunks) == 1 and not is_image(chunks[0]):
        kind = name_kind(chunks[0])
        raise PictureError(NOT_READ.format(kind=kind) if kind else f"This is not an image: {CHOOSE}.")
    if sum(map(len, chunks)) > MAX_BYTES:
        raise PictureError(f"This file has more than {MAX_BYTES // 10**6} MB: save the image at a smaller size.")
    if spent > MAX_TOGETHER:
        raise PictureError(f"A batch holds {MAX_TOGETHER // 10**6} MB unpacked: choose fewer at a time.")


def _everything(files: Sequence[tuple[str, bytes]], refused: list[Refused]) -> Iterator[tuple[str, Read]]:
    """Every file and every member of a zip by its display name, and how to read it; zips that can't be read are put
    into `refused`."""
    directory = MAX_DIRECTORY
    for name, data in files:
        name = display_name(name, "file")
        if not (data.startswith(_ZIP) or name.lower().endswith(".zip")):
            yield name, partial(iter, [data] if data else [])
            continue
        source = _Source(data)
        try:
            archive = _open(source, directory)
        except PictureError as error:
            refused.append(Refused(name, str(error)))
            continue
        directory = source.left
        source.left = len(data)
        members = [info for info in archive.infolist() if not _passed_over(info.filename)]
        if not members:
            refused.append(Refused(name, "This zip holds no images."))
        for info in members:
            yield display_name(info.filename, "file"), partial(_member, archive, info)


def _passed_over(path: str) -> bool:
    """A folder, a hidden file, or what a system has left."""
    parts = path.replace("\\", "/").split("/")
    return any(map(is_litter, parts)) or (path != "" and parts[-1] == "")


class _Source(io.BytesIO):
    """A zip's bytes, of which only so many may be read; an honest zip is read through once."""

    def __init__(self, data: bytes):
        super().__init__(data)
        self.size, self.left = len(data), 0

    def read(self, size: int | None = -1, /) -> bytes:
        there = max(0, self.size - self.tell())
        self.left -= there if size is None or size < 0 else min(size, there)
        if self.left < 0:
            raise PictureError("This zip lists more than it can hold: pack fewer files, or pack them again.")
        return super().read(size)


def _open(source: _Source, directory: int) -> zipfile.ZipFile:
    """The zip with its list of files read, if that takes no more than `directory` bytes; else `PictureError`."""
    source.left = directory
    try:
        return zipfile.ZipFile(source)
    except PictureError:
        raise
    except Exception as error:  # zipfile raises nearly anything of a hostile file
        log.debug("a zip can't be read", exc_info=error)
        raise PictureError(
            "This zip can't be read; it may be damaged or cut short: pack it again, or choose the images themselves."
        ) from error


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """A member's bytes in chunks, checked at its end; `PictureError` where it can't be unpacked."""
    if info.flag_bits & 0x1:
        raise PictureError("This file is locked with a password: pack it without one.")
    if info.filename.lower().endswith(".zip"):
        raise PictureError("A zip within a zip isn't opened: unpack the outer one and choose the inner one by itself.")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):  # the others can ask for gigabytes
        raise PictureError("This file is compressed in a rare way: pack it as an ordinary zip.")
    try:
        with archive.open(info) as stream:
            chunk = stream.read(BEGINNING)
            while chunk:
                yield chunk
                chunk = stream.read(CHUNK)
    except PictureError:
        raise
    except Exception as error:
        log.debug("a member of a zip can't be unpacked", exc_info=error)
        raise PictureError("This file is damaged inside the zip, or cut short: pack it again.") from error
