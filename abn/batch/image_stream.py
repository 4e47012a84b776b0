"""Which pictures, in which order: files, folders and lists as one stream, read no further than it is used.

A folder is walked from name to name, its folders among its files, all by their names' code points; so every process
that walks it sees the same stream, and a share of it is every Nth block. At most the names of one folder, and of those
above it, are held at a time.
"""

import hashlib
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from abn.errors import ABNError
from abn.files import UniqueNames

ENDINGS = frozenset(".png .apng .jpg .jpeg .jpe .jfif .mpo .webp .gif .bmp .dib .tif .tiff".split())
STDIN = "-"


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the results to be."""

    image: str  # its path, as it will be printed
    stem: str = ""  # of its files below --out: "STEM", or "FOLDER/STEM" in a folder that was walked
    error: str = ""  # one sentence, where it is known already that there is nothing to open


class Stream:
    """The items of `images` (files and folders), then of a list's lines; to be read once.

    `out` is where files are going to be written: items get stems for it, and it is left out of every folder, as are
    hidden files and folders, and files without the ending of a picture's name. A link to a folder is followed unless
    it leads back to one above it.
    """

    def __init__(self, images: Iterable[str], *, listed: str | None = None, out: Path | None = None) -> None:
        self.left_out = 0  # files in folders whose names have no picture's ending, so far
        self._out = out and os.path.realpath(out)
        self._digest = hashlib.sha256()
        self._items = self._find(images, listed)

    def __iter__(self) -> Iterator[Item]:
        for item in self._items:
            self._digest.update(item.image.encode("utf-8", "surrogatepass") + b"\0")
            yield item

    @property
    def digest(self) -> str:
        """A hash of all paths so far, in their order: two processes with one digest saw the same stream."""
        return self._digest.hexdigest()

    def _find(self, images: Iterable[str], listed: str | None) -> Iterator[Item]:
        top = _Place("", UniqueNames(), UniqueNames())
        for image in images:
            yield from self._file_or_folder(image, top)
        for image in _lines(listed) if listed else ():
            yield from self._file_or_folder(image, top)

    def _file_or_folder(self, image: str, top: "_Place") -> Iterator[Item]:
        if os.path.isdir(image):
            return self._walk(image, top)
        return iter([self._item(image, top)])

    def _item(self, path: str, place: "_Place") -> Item:
        return Item(path, place.prefix + place.files.give(Path(path).stem) if self._out else "")

    def _walk(self, folder: str, top: "_Place") -> Iterator[Item]:
        if os.path.realpath(folder) == self._out:
            raise ABNError(f"What is drawn can't go into {folder} itself, or it would be explained too: name another.")
        found = False
        open_folders = [(top, self._enter(folder))]
        while open_folders:
            place, inside = open_folders[-1]
            if inside.error:
                found = True
                yield Item(inside.path, error=inside.error)
            if not inside.names:
                open_folders.pop()
                continue
            name = inside.names.pop()
            path = os.path.join(inside.path, name)
            if name not in inside.folders:
                found = True
                yield self._item(path, place)
                continue
            real = os.path.realpath(path)
            if real != self._out and all(real != above.real for _, above in open_folders):
                prefix = f"{place.prefix}{place.folders.give(name)}/" if self._out else ""
                open_folders.append((_Place(prefix, UniqueNames(), UniqueNames()), self._enter(path)))
        if not found:
            yield Item(folder, error="There are no pictures in this folder, by the endings of its files' names.")

    def _enter(self, path: str) -> "_Inside":
        """What is in a folder, the last name first, so that names can be popped and forgotten."""
        names, folders = [], set()
        try:
            with os.scandir(path) as entries:
                for entry in entries:
                    if entry.name.startswith("."):
                        continue
                    kind = _kind(entry)
                    if kind == "folder":
                        folders.add(entry.name)
                    elif kind != "file" or os.path.splitext(entry.name)[1].lower() not in ENDINGS:
                        self.left_out += 1
                        continue
                    names.append(entry.name)
        except OSError as error:
            return _Inside(path, "", [], set(), f"This folder can't be read ({error.strerror or error}).")
        names.sort(reverse=True)
        return _Inside(path, os.path.realpath(path), names, folders)


@dataclass(frozen=True, slots=True)
class _Place:
    """One folder of the output: what it is called below --out, and the names given in it."""

    prefix: str
    files: UniqueNames
    folders: UniqueNames


@dataclass(frozen=True, slots=True)
class _Inside:
    """One folder of the input."""

    path: str
    real: str  # without links
    names: list[str]
    folders: set[str]  # those of the names that are folders
    error: str = ""  # one sentence, where it can't be read


def _kind(entry: os.DirEntry) -> str:
    """ "folder", "file", or "" for a pipe or a device, which may never end; a link that leads nowhere is a file, as
    opening it will say what is wrong."""
    try:
        if entry.is_dir():
            return "folder"
        return "file" if entry.is_file() or not os.path.exists(entry.path) else ""
    except OSError:
        return "file"


def _lines(listed: str) -> Iterator[str]:
    """The lines of a file, or of standard input, that are not empty."""
    try:
        if listed == STDIN:
            yield from _paths(sys.stdin)
        else:
            with open(listed, encoding="utf-8", errors="surrogateescape") as file:
                yield from _paths(file)
    except (OSError, ValueError) as error:
        raise ABNError(f"The list {listed} can't be read ({getattr(error, 'strerror', None) or error}).") from error


def _paths(lines: Iterable[str]) -> Iterator[str]:
    return (path for path in (line.rstrip("\r\n") for line in lines) if path)


def blocks(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """The stream in lists of `size`, the last one shorter."""
    remaining = iter(items)
    while block := list(islice(remaining, size)):
        yield block
