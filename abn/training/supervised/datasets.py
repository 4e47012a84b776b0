"""What `python -m abn train` trains with, in one form: a built-in data set, or a folder of class folders."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from abn.files import safe_stems
from abn.network.backbone import input_spec
from abn.training.sources.class_folders import ClassFolders, ImageFiles
from abn.training.sources.image_files import AUGMENTATIONS, FileImages
from abn.training.supervised.built_in_data import BUILT_IN, TEST_SEED
from abn.training.supervised.options import TrainingPlan
from abn.training.supervised.training import LabeledImages
from abn.vocabulary import InputSpec

MAX_LISTED = 5  # classes in the summary on a card, the others are counted


@dataclass(frozen=True, eq=False)
class Dataset:
    """Labeled images in parts, and the texts on a card of a network trained with them."""

    title: str
    summary: str  # of the network
    description: str  # of the images
    kind: str  # as `Card.kind` has it
    license: dict[str, str]
    classes: tuple[str, ...]
    input: InputSpec
    training: LabeledImages
    validation: LabeledImages | None
    test: LabeledImages | None
    identity: dict  # by which other data are told apart, in the file to resume from
    notes: tuple[str, ...] = ()  # what a person should know, a sentence each


def built_in_dataset(plan: TrainingPlan) -> Dataset:
    """One of `BUILT_IN`; the last share `plan.held_out` of the training images is for validation."""
    name = str(plan.data)
    data = BUILT_IN[name]
    images = data.load(plan.packages, train=True, seed=plan.seed)
    validation = round(plan.held_out * len(images))
    training = len(images) - validation
    note = f"; {validation:,} held out to validate with" if validation else ""
    return Dataset(
        title=data.title,
        summary=data.summary,
        description=data.description.format(count=training) + note,
        kind=data.kind,
        license=data.license,
        classes=images.classes,
        input=data.spec,
        training=images.part(slice(training)),
        validation=images.part(slice(training, None)) if validation else None,
        test=data.load(plan.packages, train=False, seed=TEST_SEED),
        identity={"data": name, "items": training},
    )


def folder_dataset(plan: TrainingPlan, folders: ClassFolders, *, workers: int, pin: bool) -> Dataset:
    """A folder of class folders, at the backbone's own input size or the plan's; see `FileImages` for the options."""
    spec = input_spec(plan.backbone)
    spec = replace(spec, size=plan.size or spec.size)
    parts = {"train": folders.training, "validate": folders.validation, "test": folders.test}
    counts = ", ".join(f"{len(files):,} to {purpose} with" for purpose, files in parts.items() if files)
    share = "" if folders.held_out is None else f" ({100 * folders.held_out:g} % of each class, held out by the seed)"
    classes, augment = folders.classes, plan.augment
    more = f" and {len(classes) - MAX_LISTED} more" if len(classes) > MAX_LISTED else ""

    def images(files: ImageFiles, augment: str = "none") -> FileImages:
        return FileImages(files, spec, augment=augment, workers=workers, pin=pin)

    return Dataset(
        title=safe_stems([Path(plan.data).resolve().name])[0],
        summary=f"Classifies {len(classes)} classes: {', '.join(classes[:MAX_LISTED])}{more}.",
        description=f"own images of {len(classes)} classes: {counts}{share}; {AUGMENTATIONS[augment]}",
        kind="photograph",
        license={"weights": "yours", "source": "trained on your own images"},
        classes=classes,
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


def _digest(*parts: ImageFiles) -> str:
    """A hash of the images' bytes and labels."""
    lines = [f"{sha256} {label}" for part in parts for sha256, label in zip(part.sha256, part.labels, strict=True)]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
