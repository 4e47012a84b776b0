"""What `python -m abn train` trains with, in one form: a built-in data set, or a folder of class folders."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from abn.files import safe_stems
from abn.network.backbone import input_spec
from abn.training.sources import fashion_mnist
from abn.training.sources.class_folders import ClassFolders, ImageFiles
from abn.training.sources.image_files import AUGMENTATIONS, FileImages
from abn.training.supervised.fashion_variants import BUILT_IN, TEST_SEED
from abn.training.supervised.training import LabeledImages
from abn.vocabulary import InputSpec


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labeled images in parts, and what a card says of them."""

    title: str
    summary: str  # of a network trained with them
    description: str  # what was trained with
    kind: str  # as `Card.kind` has it
    license: dict[str, str]
    classes: tuple[str, ...]
    input: InputSpec
    training: LabeledImages
    validation: LabeledImages | None
    test: LabeledImages | None
    identity: dict  # what tells it from other data
    notes: tuple[str, ...] = ()  # what a person should know, a sentence each


def built_in_dataset(name: str, packages: Path, *, seed: int, held_out: float = 0.0) -> Dataset:
    """One of `BUILT_IN`; the last share `held_out` of the training images is for validation."""
    data = BUILT_IN[name]
    images = data.load(packages, train=True, seed=seed)
    validation = round(held_out * len(images))
    training = len(images) - validation
    note = f"; {validation:,} held out to validate with" if validation else ""
    return Dataset(
        title=data.title,
        summary=data.summary,
        description=data.description.format(count=training) + note,
        kind="clothing",
        license={"weights": "MIT", "source": "trained here from scratch; the data, Fashion-MNIST, is MIT, Zalando SE"},
        classes=fashion_mnist.CLASSES,
        input=fashion_mnist.input_spec(data.kind),
        training=images.part(slice(training)),
        validation=images.part(slice(training, None)) if validation else None,
        test=data.load(packages, train=False, seed=TEST_SEED),
        identity={"data": name, "items": training},
    )


def folder_dataset(
    name: str,
    folders: ClassFolders,
    backbone: str,
    *,
    size: int | None = None,
    augment: str = "timm",
    workers: int = 0,
    pin: bool = False,
) -> Dataset:
    """A folder of class folders, called `name`, at the backbone's own input size or `size` pixels."""
    spec = input_spec(backbone)
    spec = replace(spec, size=size or spec.size)
    parts = {"train": folders.training, "validate": folders.validation, "test": folders.test}
    counts = ", ".join(f"{len(files):,} to {purpose} with" for purpose, files in parts.items() if files)
    share = "" if folders.held_out is None else f" ({100 * folders.held_out:g} % of each class, held out by the seed)"

    def images(files: ImageFiles, augment: str = "none") -> FileImages:
        return FileImages(files, spec, augment=augment, workers=workers, pin=pin)

    return Dataset(
        title=safe_stems([name])[0],
        summary=f"Knows {len(folders.classes)} kinds of picture: {_list(folders.classes)}.",
        description=f"own pictures of {len(folders.classes)} classes: {counts}{share}; {AUGMENTATIONS[augment]}",
        kind="photograph",
        license={"weights": "yours", "source": "trained on your own pictures"},
        classes=folders.classes,
        input=spec,
        training=images(folders.training, augment),
        validation=images(folders.validation),
        test=None if folders.test is None else images(folders.test),
        identity={"data": _digest(folders.training, folders.validation), "size": spec.size, "augment": augment},
        notes=folders.notes,
    )


def sample_per_class(labels: np.ndarray, count: int) -> np.ndarray:
    """Indices (`count`,) of the first image of each class, then of the second ones, and so on."""
    rank = np.empty(len(labels), int)  # how many of the same class come before
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        rank[members] = np.arange(len(members))
    return np.lexsort((labels, rank))[:count]


def _list(names: Sequence[str], limit: int = 5) -> str:
    return ", ".join(names[:limit]) + (f" and {len(names) - limit} more" if len(names) > limit else "")


def _digest(*parts: ImageFiles) -> str:
    """A hash of the images' bytes and labels."""
    lines = [f"{sha256} {label}" for part in parts for sha256, label in zip(part.sha256, part.labels, strict=True)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
