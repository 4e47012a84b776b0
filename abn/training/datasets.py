"""What `python -m abn train` trains with, told in one way: a built-in set, or anybody's folder of class folders."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from abn.errors import ABNError
from abn.files import safe_stems
from abn.images.fit import InputSpec
from abn.network.backbone import input_spec
from abn.training import fashion
from abn.training.class_folders import Files, open_folder
from abn.training.distributed import ALONE, Team
from abn.training.fashion import Items
from abn.training.fashion_variants import DATA, TEST_SEED
from abn.training.image_files import AUGMENTATIONS, FilePictures
from abn.training.supervised import Pictures

SHOWN = 12  # pictures whose maps are looked at again and again
HELD_OUT = 0.15  # of each class of a folder that does not come divided


@dataclass(frozen=True, eq=False)
class Data:
    """Labeled pictures in parts, and what a card says of them."""

    name: str  # what the command calls it; of a folder its last part
    title: str
    summary: str  # of a network that learned them
    told: str  # what was trained on
    kind: str  # as `Card.kind` has it
    license: dict[str, str]
    classes: tuple[str, ...]
    input: InputSpec
    training: Pictures
    validation: Pictures | None
    test: Pictures | None
    identity: dict  # what tells it from other data
    notes: tuple[str, ...] = ()  # what a person should know, a sentence each


def built_in(name: str, packages: Path, *, seed: int, held_out: float = 0.0) -> Data:
    """One of `clothing.DATA`, as its package holds it in `packages`; the last share of the training pictures is held
    out where that is wanted."""
    data = DATA[name]
    items = data.items(packages, train=True, seed=seed)
    out = round(held_out * len(items))
    return Data(
        name=name,
        title=data.title,
        summary=data.summary,
        told=data.told.format(count=len(items) - out) + (f"; {out:,} held out to validate with" if out else ""),
        kind="clothing",
        license={"weights": "MIT", "source": "trained here from scratch; the data, Fashion-MNIST, is MIT, Zalando SE"},
        classes=fashion.CLASSES,
        input=fashion.spec(data.kind),
        training=_some(items, slice(0, len(items) - out)),
        validation=_some(items, slice(len(items) - out, None)) if out else None,
        test=data.items(packages, train=False, seed=TEST_SEED),
        identity={"data": name, "items": len(items) - out},
    )


def own(
    root: Path,
    backbone: str,
    *,
    size: int | None = None,
    augment: str = "timm",
    held_out: float = HELD_OUT,
    seed: int,
    skip_bad: bool = False,
    remembered: Path | None = None,
    team: Team = ALONE,
    workers: int = 0,
    pin: bool = False,
) -> Data:
    """A folder of class folders, every file checked; see `folders.open_folder`."""
    spec = input_spec(backbone)
    spec = replace(spec, size=size or spec.size)
    found = open_folder(
        root,
        held_out=held_out,
        seed=seed,
        skip_bad=skip_bad,
        remembered=remembered,
        team=team,
        workers=max(1, workers),
    )
    name = root.resolve().name
    parts = {"train with": found.training, "validate with": found.validation, "test with": found.test}
    counts = ", ".join(f"{len(files):,} to {purpose}" for purpose, files in parts.items() if files)
    share = "" if found.held_out is None else f" ({100 * found.held_out:g} % of each class, held out by the seed)"
    load = {"spec": spec, "workers": workers, "pin": pin}
    return Data(
        name=name,
        title=safe_stems([name])[0],
        summary=f"Knows {len(found.classes)} kinds of picture: {_listed(found.classes)}.",
        told=f"own pictures of {len(found.classes)} classes: {counts}{share}; {AUGMENTATIONS[augment]}",
        kind="photograph",
        license={"weights": "yours", "source": "trained on your own pictures"},
        classes=found.classes,
        input=spec,
        training=FilePictures(found.training, augment=augment, **load),
        validation=FilePictures(found.validation, **load),
        test=None if found.test is None else FilePictures(found.test, **load),
        identity={"data": _fingerprint(found.training, found.validation), "size": spec.size, "augment": augment},
        notes=found.notes,
    )


def which(name: str) -> str | Path:
    """The name of a built-in set, or the folder that was meant; `ABNError` where it is neither."""
    if name in DATA:
        return name
    if not Path(name).is_dir():
        raise ABNError(f"There is no folder {name!r}, and no built-in set of that name ({', '.join(DATA)}).")
    return Path(name)


def pictures_of_all_classes(labels: np.ndarray, count: int = SHOWN) -> np.ndarray:
    """Indices (`count`,) of the first picture of each class, then of the second ones."""
    place = np.arange(len(labels))
    by_class = np.argsort(labels, kind="stable")
    starts = np.searchsorted(labels[by_class], labels)
    earlier = np.empty(len(labels), int)
    earlier[by_class] = place
    earlier -= starts  # how many of the same class come before
    return np.lexsort((labels, earlier))[:count]


def _some(items: Items, which: slice) -> Items:
    return Items(items.images[which], items.labels[which], None if items.masks is None else items.masks[which])


def _listed(names: Sequence[str], most: int = 5) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _fingerprint(*parts: Files) -> str:
    digest = hashlib.sha256()
    for part in parts:
        for sha256, label in zip(part.sha256, part.labels, strict=True):
            digest.update(f"{sha256} {label}\n".encode())
        digest.update(b"\n")
    return digest.hexdigest()
