"""A folder of class folders: every image is checked before anything is trained, and the images are divided.

Either the class folders lie directly in it (then some images of each class are held out for validation), or in its
folders `train`, `val` and perhaps `test`. Every file is opened as the app would open it, so that all that is wrong is
reported at once. Hidden files don't count, and a link that leads back to where it stands is not followed. Copies of an
image (equal bytes) within a class are held out together or not at all.
"""

import logging
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from abn.errors import ABNError, PictureError
from abn.images.decode import MAX_BYTES, Picture, open_picture
from abn.images.display_name import one_line
from abn.images.file_kinds import SUFFIXES

TRAINING, VALIDATION, TEST = "train", ("val", "valid", "validation"), "test"  # folders of a data set that comes divided
UNDIVIDED = "all"
MAX_LISTED = 20  # files listed in one message, the others are counted
LOG_EACH = 5  # seconds

log = logging.getLogger(__name__)


class DataError(ABNError):
    """Images that can't be trained with."""


@dataclass(frozen=True, eq=False)
class ImageFiles:
    """Images of one part of a data set, sorted by class and name."""

    root: Path
    names: tuple[str, ...]  # paths relative to `root`
    labels: np.ndarray  # (N,) class
    sha256: tuple[str, ...]  # of the files' bytes

    def __len__(self) -> int:
        return len(self.names)

    def open(self, index: int) -> Picture:
        """One of the images; a `PictureError` names it."""
        return open_file(self.root, self.names[index])

    def subset(self, which: Sequence[int] | np.ndarray) -> "ImageFiles":
        """Some of the images."""
        names, sha256 = tuple(self.names[i] for i in which), tuple(self.sha256[i] for i in which)
        return ImageFiles(self.root, names, self.labels[which], sha256)


@dataclass(frozen=True, eq=False)
class ClassFolders:
    """A folder that can be trained with."""

    classes: tuple[str, ...]  # names of their folders, sorted
    training: ImageFiles
    validation: ImageFiles
    test: ImageFiles | None
    held_out: float | None  # share of each class that was held out for validation; None: came divided
    notes: tuple[str, ...] = ()  # what a person should know, a sentence each


def open_file(root: Path, name: str) -> Picture:
    """An image file; no more of it is read than an image may have."""
    try:
        with (root / name).open("rb") as file:
            return open_picture(file.read(MAX_BYTES + 1), name=name)
    except PictureError as error:
        raise PictureError(f"{_shown(name)}: {error}") from error
    except OSError as error:
        raise PictureError(f"{_shown(name)}: this file can't be read ({error.strerror}).") from error


def open_folder(root: Path, *, held_out: float, seed: int, skip_bad: bool = False, workers: int = 1) -> ClassFolders:
    """Check every image under `root` with `workers` threads, and divide them.

    `held_out` is the share of each class for validation where the folder doesn't come divided. With `skip_bad`, files
    that can't be opened are left out, and noted.

    Raises:
        DataError: names all that is wrong.
    """
    if not root.is_dir():
        raise DataError(f"There is no folder {_shown(str(root))}.")
    parts, others, problems = _list_images(root)
    names = [name for classes in parts.values() for files in classes.values() for name in files]
    sha256, bad = _check_files(root, names, workers)
    notes = []
    if others:
        examples = ", ".join(others[:3]) + (" …" if len(others) > 3 else "")
        notes.append(f"Left out, as their names don't end as an image's: {len(others)} files ({examples}).")
    listed = bad[:MAX_LISTED] + ([f"… and {len(bad) - MAX_LISTED} more."] if len(bad) > MAX_LISTED else [])
    if skip_bad:
        notes += [f"Left out: {sentence}" for sentence in listed]
    elif bad:
        problems += [*listed, "Files that can't be opened are left out with --skip-bad."]
    problems += _class_problems(parts, sha256, skip_bad=skip_bad)
    if problems:
        lines = [f"The images in {_shown(root.resolve().name)} can't be trained with:", *problems]
        raise DataError("\n- ".join(lines) if len(problems) > 1 else " ".join(lines))
    return _divide(root, parts, sha256, notes, held_out=held_out, seed=seed)


# ---- which files there are ----

Parts = dict[str, dict[str, list[str]]]  # part, training first → class → paths of its images, relative to the root


def _list_images(root: Path) -> tuple[Parts, list[str], list[str]]:
    """The images, the paths of other files, and a sentence on each folder in a class that can't be read. A class may
    be called "train": it is one unless all beside it are parts."""
    names = _subfolders(root)
    validation = next((name for name in VALIDATION if name in names), None)
    divided = TRAINING in names and (validation is not None or set(names) <= {TRAINING, TEST})
    folders = {UNDIVIDED: root}
    if divided and _subfolders(root / TRAINING):
        folders = {part: root / part for part in (TRAINING, validation, TEST) if part in names}
    ancestors = {os.path.realpath(place) for place in (root, *folders.values())}
    others: list[str] = []
    problems: list[str] = []
    parts = {
        part: {
            _shown(name): _find_images(root, folder / name, ancestors, others, problems) for name in _subfolders(folder)
        }
        for part, folder in folders.items()
    }
    return parts, others, problems


def _subfolders(folder: Path) -> list[str]:
    try:
        return sorted(e.name for e in os.scandir(folder) if not e.name.startswith(".") and e.is_dir())
    except OSError as error:
        raise DataError(_unreadable(error)) from error


def _unreadable(error: OSError) -> str:
    return f"The folder {_shown(str(error.filename))} can't be read ({error.strerror})."


def _find_images(root: Path, folder: Path, ancestors: set[str], others: list[str], problems: list[str]) -> list[str]:
    """Paths of the images under a class folder, however deep; other files go to `others`, folders that can't be read to
    `problems`."""
    images, visited = [], {*ancestors, os.path.realpath(folder)}

    def report(error: OSError) -> None:
        problems.append(_unreadable(error))

    for place, folders, files in os.walk(folder, followlinks=True, onerror=report):
        real = {name: os.path.realpath(os.path.join(place, name)) for name in folders}
        folders[:] = sorted(name for name in folders if not name.startswith(".") and real[name] not in visited)
        visited |= {real[name] for name in folders}
        for name in files:
            path = os.path.relpath(os.path.join(place, name), root)
            if os.path.splitext(name)[1].lower() in SUFFIXES and not name.startswith("."):
                images.append(path)
            elif not name.startswith("."):
                others.append(_shown(path))
    return sorted(images)


# ---- whether they can be trained with ----


def _check_files(root: Path, names: Sequence[str], workers: int) -> tuple[dict[str, str], list[str]]:
    """sha256 of each file that is an image, and a sentence on each that is none."""

    def check(name: str) -> str | PictureError:
        try:
            return open_file(root, name).sha256
        except PictureError as error:
            return error

    sha256, bad, logged = {}, [], time.monotonic()
    with ThreadPoolExecutor(max(1, workers)) as pool:
        for number, (name, checked) in enumerate(zip(names, pool.map(check, names), strict=True), start=1):
            if isinstance(checked, PictureError):
                bad.append(str(checked))
            else:
                sha256[name] = checked
            if time.monotonic() - logged > LOG_EACH:
                logged = time.monotonic()
                log.info("checked %d of %d images", number, len(names))
    return sha256, bad


def _class_problems(parts: Parts, sha256: dict[str, str], *, skip_bad: bool) -> Iterator[str]:
    """A sentence on each class without images in a part that it must be in."""
    first, *others = parts
    classes = parts[first]
    if len(classes) < 2:
        count = f"There is one class only, {next(iter(classes))!r}," if classes else "There are no class folders"
        yield f"{count} in it: put the images of each class in a folder of its own, for two classes or more."
    for part in others:
        yield from (
            f"The class {name!r} is in {part} and not in {first}." for name in parts[part] if name not in classes
        )
    divided = bool(set(others) - {TEST})
    for part, files in parts.items():
        where = "" if part == UNDIVIDED else f" in {part}"
        for name in classes:
            good = [file for file in files.get(name, ()) if file in sha256]
            if not good and part != TEST and (skip_bad or not files.get(name)):
                openable = " that can be opened" if files.get(name) else ""
                yield f"The class {name!r} has no image{openable}{where}."
            elif part == first and not divided and len({sha256[file] for file in good}) == 1:
                yield f"The class {name!r} has one image{where}: it takes two, to train and to validate."


# ---- how they are divided ----


def _divide(
    root: Path, parts: Parts, sha256: dict[str, str], notes: list[str], *, held_out: float, seed: int
) -> ClassFolders:
    training, *others = parts
    classes = tuple(parts[training])
    images = {}
    for part, files in parts.items():
        labeled = [(f, label) for label, name in enumerate(classes) for f in files.get(name, ()) if f in sha256]
        names, labels = [name for name, _ in labeled], [label for _, label in labeled]
        images[part] = ImageFiles(root, tuple(names), np.array(labels, int), tuple(sha256[name] for name in names))
    validation, share = next((part for part in others if part != TEST), None), None
    if validation is None:
        validation, share = VALIDATION[0], held_out
        images[training], images[validation] = _hold_out(images[training], len(classes), share, seed)
    for part, purpose in ((validation, "for validation"), (TEST, "for the test")):
        if part in images:
            notes += _note_copies(images[training], images[part], purpose)
    return ClassFolders(classes, images[training], images[validation], images.get(TEST), share, tuple(notes))


def _hold_out(files: ImageFiles, classes: int, share: float, seed: int) -> tuple[ImageFiles, ImageFiles]:
    """Images to train with and to validate with: the same share of each class, at least one of each."""
    held_out = np.zeros(len(files), bool)
    for label in range(classes):
        members = np.flatnonzero(files.labels == label)
        distinct = list(dict.fromkeys(files.sha256[i] for i in members))  # copies go together
        count = min(max(1, round(share * len(distinct))), len(distinct) - 1)
        chosen = {distinct[i] for i in np.random.default_rng([seed, label]).permutation(len(distinct))[:count]}
        held_out[members] = [files.sha256[i] in chosen for i in members]
    return files.subset(np.flatnonzero(~held_out)), files.subset(np.flatnonzero(held_out))


def _note_copies(training: ImageFiles, other: ImageFiles, purpose: str) -> list[str]:
    """A sentence on images that are trained with, too."""
    known = dict(zip(training.sha256, training.names, strict=True))
    same = [(name, known[digest]) for name, digest in zip(other.names, other.sha256, strict=True) if digest in known]
    if not same:
        return []
    copy, original = map(_shown, same[0])
    return [
        f"{len(same)} of {len(other)} images {purpose} are trained with too, byte for byte ({copy} is {original}): "
        "accuracy on them is too high."
    ]


def _shown(path: str) -> str:
    return one_line(path, 160)
