"""Anybody's pictures: a folder of class folders, checked before anything is trained, and divided.

Either the class folders lie directly in it (then some pictures of each class are held out to validate with), or in its
folders `train`, `val` and perhaps `test`. Every file is opened as the app would open it (`abn.picture`), so that what
is wrong is named at once and together, not an hour later. Hidden files are no pictures, and a link that leads back to
where it stands is not followed. Copies of a picture (equal bytes) within a class are held out together or not at all.
"""

import json
import logging
import os
import time
import unicodedata
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from abn.errors import ABNError, PictureError
from abn.files import write_file
from abn.images.decode import MAX_BYTES, Picture, open_picture
from abn.training.distributed import ALONE, Team

ENDINGS = frozenset(".png .apng .jpg .jpeg .jpe .jfif .mpo .webp .gif .bmp .dib .tif .tiff".split())
TRAINING, VALIDATION, TEST = "train", ("val", "valid", "validation"), "test"  # folders of a set that comes divided
ONE = "all"  # the part that a folder is which does not come divided
NAMED = 20  # files named in one message, the others are counted

log = logging.getLogger(__name__)


class DataError(ABNError):
    """Pictures that can't be trained with."""


@dataclass(frozen=True, eq=False)
class Files:
    """Pictures of one part of a data set, sorted by class and name."""

    root: Path
    names: tuple[str, ...]  # paths from `root` on
    labels: np.ndarray  # (N,) class
    sha256: tuple[str, ...]  # of the files' bytes

    def __len__(self) -> int:
        return len(self.names)

    def open(self, number: int) -> Picture:
        """One of the pictures, or a PictureError that names it."""
        return open_file(self.root, self.names[number])

    def some(self, which: Sequence[int] | np.ndarray) -> "Files":
        """Those of the pictures."""
        return Files(
            self.root, tuple(self.names[i] for i in which), self.labels[which], tuple(self.sha256[i] for i in which)
        )


@dataclass(frozen=True, eq=False)
class ClassFolders:
    """A folder that can be trained with."""

    root: Path
    classes: tuple[str, ...]  # their folders' names, sorted
    training: Files
    validation: Files
    test: Files | None
    held_out: float | None  # share of each class that was held out to validate with; None: came divided
    notes: tuple[str, ...] = ()  # what a person should know, a sentence each


def open_file(root: Path, name: str) -> Picture:
    """A picture file; no more of it is read than a picture may have."""
    try:
        with (root / name).open("rb") as file:
            return open_picture(file.read(MAX_BYTES + 1), name=name)
    except PictureError as error:
        raise PictureError(f"{_plain(name)}: {error}") from error
    except OSError as error:
        raise PictureError(f"{_plain(name)}: this file can't be read ({error.strerror}).") from error


@dataclass(frozen=True)
class _Survey:
    """What lies in a folder by its names alone."""

    parts: dict[str, dict[str, list[str]]]  # part → class → its pictures' paths from the root on
    notes: list[str]
    wrong: list[str]


def open_folder(
    root: Path,
    *,
    held_out: float,
    seed: int,
    skip_bad: bool = False,
    remembered: Path | None = None,
    team: Team = ALONE,
    workers: int = 1,
) -> ClassFolders:
    """Check every picture under `root` and divide them; a `DataError` names all that is wrong.

    `held_out` is the share of each class to validate with where the folder doesn't come divided. With `skip_bad`, what
    can't be opened is left out and told. The file `remembered` saves checking again what has not changed since.
    """
    survey = team.of_first(lambda: _survey(root))
    names = [name for classes in survey.parts.values() for found in classes.values() for name in found]
    hashes, bad = _check(root, names, remembered, team, workers)
    return team.of_first(lambda: _divide(root, survey, hashes, bad, held_out=held_out, seed=seed, skip_bad=skip_bad))


# ---- what is there ----


def _survey(root: Path) -> _Survey:
    if not root.is_dir():
        raise DataError(f"There is no folder {_plain(str(root))}.")
    folders, wrong, strays = _part_folders(root), [], []
    seen = {os.path.realpath(place) for place in (root, *folders.values())}
    parts = {}
    for part, folder in folders.items():
        parts[part] = {
            _plain(name): _pictures(root, folder / name, seen, strays, wrong) for name in _visible_folders(folder)
        }
    first, *others = parts
    known = parts[first]
    if len(known) < 2:
        told = "There are no class folders" if not known else f"There is one class only, {next(iter(known))!r},"
        wrong.append(f"{told} in it: put the pictures of each class in a folder of its own, for two classes or more.")
    for part in others:
        wrong += [f"The class {name!r} is in {part} and not in {first}." for name in parts[part] if name not in known]
    notes = []
    if strays:
        some = ", ".join(strays[:3]) + (" …" if len(strays) > 3 else "")
        notes.append(f"Left out, as their names don't end as a picture's: {len(strays)} files ({some}).")
    return _Survey(parts, notes, wrong)


def _part_folders(root: Path) -> dict[str, Path]:
    """Part → its folder, training first. A class may be called "train": it is one unless all beside it are parts."""
    there = _visible_folders(root)
    validation = next((name for name in VALIDATION if name in there), None)
    divided = TRAINING in there and (validation is not None or set(there) <= {TRAINING, TEST})
    if not divided or not _visible_folders(root / TRAINING):
        return {ONE: root}
    return {part: root / part for part in (TRAINING, validation, TEST) if part in there}


def _visible_folders(folder: Path) -> list[str]:
    try:
        return sorted(e.name for e in os.scandir(folder) if not e.name.startswith(".") and e.is_dir())
    except OSError as error:
        raise DataError(f"The folder {_plain(str(folder))} can't be read ({error.strerror}).") from error


def _pictures(root: Path, folder: Path, seen: set[str], strays: list[str], wrong: list[str]) -> list[str]:
    """Paths of the pictures under a class folder, however deep; others go to `strays`, their number counts."""
    found, seen = [], {*seen, os.path.realpath(folder)}

    def unreadable(error: OSError) -> None:
        wrong.append(f"The folder {_plain(str(error.filename))} can't be read ({error.strerror}).")

    for place, folders, files in os.walk(folder, followlinks=True, onerror=unreadable):
        real = {name: os.path.realpath(os.path.join(place, name)) for name in folders}
        folders[:] = sorted(name for name in folders if not name.startswith(".") and real[name] not in seen)
        seen |= {real[name] for name in folders}
        for name in sorted(name for name in files if not name.startswith(".")):
            path = os.path.relpath(os.path.join(place, name), root)
            if os.path.splitext(name)[1].lower() in ENDINGS:
                found.append(path)
            else:
                strays.append(_plain(path))
    return sorted(found)


# ---- whether it can be opened ----


def _check(
    root: Path, names: Sequence[str], remembered: Path | None, team: Team, workers: int
) -> tuple[dict[str, str], dict[str, str]]:
    """sha256 of each file that is a picture, and a sentence on each that is none. The processes share the work."""
    known = team.of_first(lambda: _recall(remembered))
    mine = list(names[team.rank :: team.size])
    told = time.monotonic()

    def look(name: str) -> tuple[list | None, str]:
        try:
            status = (root / name).stat()
            stamp = [status.st_size, status.st_mtime_ns]
            if known.get(name, [])[:2] == stamp:
                return known[name], ""
            return [*stamp, open_file(root, name).sha256], ""
        except OSError as error:
            return None, f"{_plain(name)}: this file can't be read ({error.strerror})."
        except PictureError as error:
            return None, str(error)

    found = {}
    with ThreadPoolExecutor(max(1, workers)) as pool:
        for name, result in zip(mine, pool.map(look, mine), strict=True):
            found[name] = result
            if time.monotonic() - told > 5:
                told = time.monotonic()
                log.info("checked %d of %d pictures", len(found) * team.size, len(names))
    everything = {name: result for part in team.all(lambda: found) for name, result in part.items()}
    good = {name: everything[name][0] for name in names if everything[name][0]}
    if remembered is not None and team.leads and good != known:
        write_file(remembered, json.dumps(good))
    return {name: stamp[2] for name, stamp in good.items()}, {
        name: everything[name][1] for name in names if not everything[name][0]
    }


def _recall(remembered: Path | None) -> dict[str, list]:
    """What an earlier check found, or nothing."""
    try:
        return dict(json.loads(remembered.read_text(encoding="utf-8"))) if remembered is not None else {}
    except (OSError, ValueError, TypeError):
        return {}


# ---- what is what ----


def _divide(
    root: Path,
    survey: _Survey,
    hashes: dict[str, str],
    bad: dict[str, str],
    *,
    held_out: float,
    seed: int,
    skip_bad: bool,
) -> ClassFolders:
    notes, wrong = list(survey.notes), list(survey.wrong)
    told = [*list(bad.values())[:NAMED], *([f"… and {len(bad) - NAMED} more."] if len(bad) > NAMED else [])]
    if bad and skip_bad:
        notes += [f"Left out: {sentence}" for sentence in told]
    elif bad:
        wrong += [*told, "Files that can't be opened are left out with --skip-bad."]
    first, *others = survey.parts
    classes = tuple(survey.parts[first])
    parts = {}
    for part, found in survey.parts.items():
        parts[part] = {name: [file for file in found.get(name, ()) if file in hashes] for name in classes}
        where = "" if part == ONE else f" in {part}"
        for name, files in parts[part].items():
            there = found.get(name)
            if not files and part != TEST and (not there or skip_bad):
                wrong.append(f"The class {name!r} has no picture{' that can be opened' if there else ''}{where}.")
            elif files and len({hashes[file] for file in files}) == 1 and part == first and not set(others) - {TEST}:
                wrong.append(f"The class {name!r} has one picture{where}: it takes two, to train and to validate with.")
    if wrong:
        lines = [f"The pictures in {_plain(root.resolve().name)} can't be trained with:", *wrong]
        raise DataError("\n- ".join(lines) if len(wrong) > 1 else " ".join(lines))
    files = {part: _files(root, found, hashes) for part, found in parts.items()}
    training = files.pop(first)
    test = files.pop(TEST, None)
    validation = next(iter(files.values()), None)
    share = None if validation is not None else held_out
    if share is not None:
        kept, out = _hold_out(training, len(classes), share, seed)
        training, validation = training.some(kept), training.some(out)
    for name, part in (("to validate with", validation), ("to test with", test)):
        notes += _copies(training, part, name) if part is not None else []
    return ClassFolders(root, classes, training, validation, test, share, tuple(notes))


def _files(root: Path, found: dict[str, list[str]], hashes: dict[str, str]) -> Files:
    labeled = [(name, label) for label, names in enumerate(found.values()) for name in names]
    names = tuple(name for name, _ in labeled)
    return Files(root, names, np.array([label for _, label in labeled], np.int64), tuple(hashes[n] for n in names))


def _hold_out(files: Files, classes: int, share: float, seed: int) -> tuple[list[int], list[int]]:
    """Which pictures to train with and which to validate with: of each class the same share, one at least of each."""
    out: set[int] = set()
    for label in range(classes):
        members = np.flatnonzero(files.labels == label)
        unlike = list(dict.fromkeys(files.sha256[i] for i in members))
        count = min(max(1, round(share * len(unlike))), len(unlike) - 1)
        chosen = {unlike[i] for i in np.random.default_rng([seed, label]).permutation(len(unlike))[:count]}
        out |= {int(i) for i in members if files.sha256[i] in chosen}
    return [i for i in range(len(files)) if i not in out], sorted(out)


def _copies(training: Files, other: Files, purpose: str) -> list[str]:
    """A sentence on pictures that are trained with and meant to be strange."""
    known = dict(zip(training.sha256, training.names, strict=True))
    same = [(name, known[sha]) for name, sha in zip(other.names, other.sha256, strict=True) if sha in known]
    if not same:
        return []
    here, there = map(_plain, same[0])
    return [
        f"{len(same)} of {len(other)} pictures {purpose} are trained with too, byte for byte ({here} is {there}): "
        "figures on them say too much."
    ]


def _plain(text: str) -> str:
    """A name for display: no control characters, nothing invisible, not endless."""
    shown = "".join(c for c in text if unicodedata.category(c)[0] != "C")
    return shown if len(shown) <= 160 else shown[:80] + "…" + shown[-79:]
