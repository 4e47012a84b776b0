"""A folder of class folders: every image is checked before anything is trained, and the images are divided.

Either the class folders lie directly in it (then some images of each class are held out for validation), or in its
folders `train`, `val` and perhaps `test`, in any usual spelling. Every file is opened as the app would open it, so that
all that is wrong is reported at once. Hidden files and what systems leave don't count, and a link that leads back to
where it stands is not followed. Copies of an image (equal bytes) within a class are held out together or not at all.
"""

import logging
import os
import re
import time
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from abn.errors import ABNError, PictureError
from abn.files import is_litter
from abn.images.decode import MAX_BYTES, Picture, open_picture
from abn.images.display_name import one_line
from abn.images.file_kinds import SUFFIXES

TRAINING, VALIDATION, TEST = "train", "val", "test"  # parts of a data set that comes divided
SPELLINGS = {  # of their folders, in any case
    TRAINING: ("train", "training"),
    VALIDATION: ("val", "valid", "validation", "validate", "validating", "dev"),
    TEST: ("test", "testing"),
}
UNDIVIDED = "all"
MAX_NAME = 300  # characters of a class; no file system has longer names
ALIKE = "The class folders {names} look the same: rename one of them."
TWICE = "The folders {names} are both named as the same part of the data: rename or remove one of them."
PARTS_OR_CLASSES = (
    "The folders {folders} hold no images, and all of them the same folders ({classes}), so they are no classes: name "
    "them train, val and test, or give one of them as --data."
)
TWO_CLASSES = (
    "{count} images lie in two or more classes, byte for byte ({copy} is {original}): a network predicts one class per "
    "image."
)
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

    classes: tuple[str, ...]  # names of their folders, in natural order (2 before 10) or as asked for
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


def open_folder(
    root: Path,
    *,
    held_out: float,
    seed: int,
    classes: Sequence[str] | None = None,
    skip_bad: bool = False,
    workers: int = 1,
) -> ClassFolders:
    """Check every image under `root` with `workers` threads, and divide them.

    `held_out` is the share of each class for validation where the folder doesn't come divided; `classes` are all
    classes in the order of their numbers. With `skip_bad`, files that can't be opened are left out, and noted.

    Raises:
        DataError: names all that is wrong.
    """
    if not root.is_dir():
        raise DataError(f"There is no folder {_shown(str(root))}.")
    parts, litter, others, problems = _list_images(root)
    names = [name for classes in parts.values() for files in classes.values() for name in files]
    sha256, bad = _check_files(root, names, workers)
    notes = []
    if litter:
        notes.append(f"Left out, as a system made them: {', '.join(litter)}.")
    if others:
        examples = ", ".join(others[:3]) + (" …" if len(others) > 3 else "")
        notes.append(f"Left out, as their names don't end as an image's: {len(others)} files ({examples}).")
    listed = bad[:MAX_LISTED] + ([f"… and {len(bad) - MAX_LISTED} more."] if len(bad) > MAX_LISTED else [])
    if skip_bad:
        notes += [f"Left out: {sentence}" for sentence in listed]
    elif bad:
        problems += [*listed, "Files that can't be opened are left out with --skip-bad."]
    problems += _class_problems(parts, sha256, skip_bad=skip_bad)
    problems += _order_problems(next(iter(parts.values())), classes)
    if problems:
        lines = [f"The images in {_shown(root.resolve().name)} can't be trained with:", *problems]
        raise DataError("\n- ".join(lines) if len(problems) > 1 else " ".join(lines))
    return _divide(root, parts, sha256, notes, classes=classes, held_out=held_out, seed=seed)


def read_class_names(path: Path) -> tuple[str, ...]:
    """The lines of a text file, each the name of a class folder. Raises `DataError`."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8"
        raise DataError(f"The classes in {_shown(path.name)} can't be read ({why}): check --classes.") from error
    return tuple(_class_name(line.strip()) for line in lines if line.strip())


# ---- which files there are ----

Parts = dict[str, dict[str, list[str]]]  # part, training first → class → paths of its images, relative to the root


def _list_images(root: Path) -> tuple[Parts, list[str], list[str], list[str]]:
    """The images, folders that a system made, the paths of other files, and a sentence on each folder in a class that
    can't be read."""
    folders = _find_parts(root)
    ancestors = {os.path.realpath(place) for place in (root, *folders.values())}
    litter: list[str] = []
    others: list[str] = []
    problems: list[str] = []
    parts: Parts = {}
    for part, folder in folders.items():
        parts[part] = {}
        alike: dict[str, str] = {}
        for name in _subfolders(folder, litter):
            shown = _class_name(name)
            if shown in alike:
                raise DataError(ALIKE.format(names=f"{alike[shown]!a} and {name!a}"))
            alike[shown] = name
            parts[part][shown] = _find_images(root, folder / name, ancestors, others, problems)
    return parts, litter, others, problems


def _find_parts(root: Path) -> dict[str, Path]:
    """The folders of the parts that a data set comes in, training first; the root alone where it isn't divided. A class
    may be called "train": it is one unless all beside it are parts."""
    names = _subfolders(root, [])
    of_parts = {part: [name for name in names if name.casefold() in known] for part, known in SPELLINGS.items()}
    divided = of_parts[TRAINING] and (of_parts[VALIDATION] or sum(map(len, of_parts.values())) == len(names))
    if divided and _subfolders(root / of_parts[TRAINING][0], []):
        twice = next((folders for folders in of_parts.values() if len(folders) > 1), None)
        if twice:
            raise DataError(TWICE.format(names=" and ".join(map(_shown, twice))))
        return {part: root / folders[0] for part, folders in of_parts.items() if folders}
    within = {name: next(os.walk(root / name), ("", [], [])) for name in names}  # a folder that can't be read: nothing
    inner = [sorted(name for name in folders if not is_litter(name)) for _, folders, _ in within.values()]
    images = any(os.path.splitext(file)[1].lower() in SUFFIXES for _, _, files in within.values() for file in files)
    if len(names) > 1 and len(inner[0]) > 1 and all(folders == inner[0] for folders in inner) and not images:
        classes = ", ".join(map(_shown, inner[0][:5]))
        raise DataError(PARTS_OR_CLASSES.format(folders=", ".join(map(_shown, names)), classes=classes))
    return {UNDIVIDED: root}


def _subfolders(folder: Path, litter: list[str]) -> list[str]:
    """Names of the folders in a folder in natural order; those that a system made go to `litter`."""
    try:
        names = [entry.name for entry in os.scandir(folder) if not entry.name.startswith(".") and entry.is_dir()]
    except OSError as error:
        raise DataError(_unreadable(error)) from error
    litter += sorted(_shown(name) for name in names if is_litter(name))
    return sorted((name for name in names if not is_litter(name)), key=_natural_key)


def _natural_key(name: str) -> tuple[list[str | int], str]:
    """A key by which 2 comes before 10."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)], name


def _class_name(name: str) -> str:
    """A folder's name as a class is called: letters with accents as one character each, bytes that are no text as
    escapes."""
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return one_line(unicodedata.normalize("NFC", text), MAX_NAME) or ascii(name)


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
        folders[:] = sorted(name for name in folders if not is_litter(name) and real[name] not in visited)
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


def _order_problems(folders: Iterable[str], classes: Sequence[str] | None) -> Iterator[str]:
    """A sentence on each class that the asked order lacks, has twice, or has too many."""
    if classes is None:
        return
    folders = list(folders)
    yield from (f"The class {name!r} has no line in --classes." for name in folders if name not in classes)
    yield from (f"The class {name!r} of --classes has no folder." for name in classes if name not in folders)
    twice = {name for name in classes if classes.count(name) > 1}
    yield from (f"The class {name!r} stands twice in --classes." for name in sorted(twice))


# ---- how they are divided ----


def _divide(
    root: Path,
    parts: Parts,
    sha256: dict[str, str],
    notes: list[str],
    *,
    classes: Sequence[str] | None,
    held_out: float,
    seed: int,
) -> ClassFolders:
    training, *others = parts
    classes = tuple(classes or parts[training])
    images = {}
    for part, files in parts.items():
        labeled = [(f, label) for label, name in enumerate(classes) for f in files.get(name, ()) if f in sha256]
        names, labels = [name for name, _ in labeled], [label for _, label in labeled]
        images[part] = ImageFiles(root, tuple(names), np.array(labels, int), tuple(sha256[name] for name in names))
    validation, share = next((part for part in others if part != TEST), None), None
    if validation is None:
        validation, share = VALIDATION, held_out
        images[training], images[validation] = _hold_out(images[training], len(classes), share, seed)
    for part, purpose in ((validation, "for validation"), (TEST, "for the test")):
        if part in images:
            notes += _note_copies(images[training], images[part], purpose)
    notes += _note_two_classes(images.values())
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


def _note_two_classes(parts: Iterable[ImageFiles]) -> list[str]:
    """A sentence on images that several classes have."""
    first: dict[str, tuple[int, str]] = {}  # sha256 → class and name
    pairs: dict[str, tuple[str, str]] = {}
    for files in parts:
        for digest, label, name in zip(files.sha256, files.labels.tolist(), files.names, strict=True):
            known, original = first.setdefault(digest, (label, name))
            if known != label:
                pairs.setdefault(digest, (name, original))
    if not pairs:
        return []
    copy, original = map(_shown, next(iter(pairs.values())))
    return [TWO_CLASSES.format(count=len(pairs), copy=copy, original=original)]


def _shown(path: str) -> str:
    return one_line(path, 160)
