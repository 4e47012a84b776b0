"""The image files to explain: files, folders and lists as one stream, read no further than it is used.

Folders are walked in the order of the names' code points, so that the same arguments always give the same order. Only
the names in the current folder and in those above it are held in memory.
"""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from io import TextIOWrapper
from itertools import islice
from pathlib import Path

from abn.errors import ABNError
from abn.files import UniqueNames, is_litter
from abn.images.file_kinds import SUFFIXES

STDIN = "-"


@dataclass(frozen=True, slots=True)
class ImageFile:
    """One image to explain."""

    path: str
    output_stem: str = ""  # of its files below --out: "STEM", or "FOLDER/STEM" within a folder
    error: str = ""  # one sentence where there is nothing to open


@dataclass(frozen=True, slots=True)
class _OutputFolder:
    """A folder below --out, with the names given in it so far."""

    prefix: str = ""
    files: UniqueNames = field(default_factory=UniqueNames)
    folders: UniqueNames = field(default_factory=UniqueNames)

    def subfolder(self, name: str) -> "_OutputFolder":
        return _OutputFolder(f"{self.prefix}{self.folders.give(name)}/")


class ImageStream:
    """The image files among `paths` (files and folders) and in the lines of a list; to be iterated once.

    Hidden files and folders, those that systems leave, files without an image's suffix, and the output folder `out` are
    left out of folders. A link to a folder is followed unless it leads back to a folder above it. Output stems are
    given only with `out`.
    """

    def __init__(self, paths: Iterable[str], *, list_file: str | None = None, out: Path | None = None) -> None:
        self.skipped = 0  # files in folders without an image's suffix, so far
        self._out = out and os.path.realpath(out)
        self._files = self._find(paths, list_file)

    def __iter__(self) -> Iterator[ImageFile]:
        return self._files

    def _find(self, paths: Iterable[str], list_file: str | None) -> Iterator[ImageFile]:
        output = _OutputFolder()
        for source in (paths, _read_list(list_file) if list_file else ()):
            for path in source:
                if os.path.isdir(path):
                    yield from self._folder(path, output)
                else:
                    yield self._file(path, output)

    def _file(self, path: str, output: _OutputFolder) -> ImageFile:
        return ImageFile(path, output.prefix + output.files.give(Path(path).stem) if self._out else "")

    def _folder(self, path: str, output: _OutputFolder) -> Iterator[ImageFile]:
        if os.path.realpath(path) == self._out:
            raise ABNError(f"The results can't be written into {path}, the folder of the images, as they would be "
                "explained "
                "too: "
                           "choose another folder for --out.")  # fmt: skip
        empty = True
        for file in self._walk(path, output, ()):
            empty = False
            yield file
        if empty:
            yield ImageFile(
                path,
                error="This folder holds no images: no file name ends in .png, .jpg, .webp, .gif, .bmp, .tiff, .avif, "
                ".jp2 or .heic.",
            )

    def _walk(self, path: str, output: _OutputFolder, parents: tuple[str, ...]) -> Iterator[ImageFile]:
        real = os.path.realpath(path)
        if real == self._out or real in parents:
            return
        try:
            with os.scandir(path) as entries:
                kinds = {entry.name: _kind(entry) for entry in entries if not is_litter(entry.name)}
        except OSError as error:
            yield ImageFile(
                path, error=f"This folder can't be read ({error.strerror or error}): check its permissions."
            )
            return
        for name in sorted(kinds):
            inner = os.path.join(path, name)
            if kinds[name] == "folder":
                yield from self._walk(inner, output.subfolder(name), (*parents, real))
            elif kinds[name] == "file" and os.path.splitext(name)[1].lower() in SUFFIXES:
                yield self._file(inner, output)
            else:
                self.skipped += 1


def _kind(entry: os.DirEntry) -> str:
    """ "folder", "file", or "" for a pipe or device, which may never end. A link that leads nowhere is a file: opening
    it gives the error."""
    try:
        if entry.is_dir():
            return "folder"
        return "file" if entry.is_file() or not os.path.exists(entry.path) else ""
    except OSError:
        return "file"


def _read_list(list_file: str) -> Iterator[str]:
    """The lines of a file, or of standard input, that are not empty; names of files that are no UTF-8 stay as they
    are."""
    if list_file == STDIN and isinstance(sys.stdin, TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8", errors="surrogateescape")
    try:
        with (
            nullcontext(sys.stdin)
            if list_file == STDIN
            else open(list_file, encoding="utf-8", errors="surrogateescape") as lines
        ):
            yield from filter(None, (line.rstrip("\r\n") for line in lines))
    except (OSError, ValueError) as error:
        raise ABNError(
            f"The list {list_file} can't be read ({getattr(error, 'strerror', None) or error}): check its path."
        ) from error


def batches(files: Iterable[ImageFile], size: int) -> Iterator[list[ImageFile]]:
    """The files in lists of `size`, the last one shorter."""
    remaining = iter(files)
    while batch := list(islice(remaining, size)):
        yield batch
