"""Caltech-101 (Fei-Fei, Fergus, Perona 2004; CC BY 4.0): photographs of 101 kinds of things, and one folder of others.

It is read from `caltech101.zip` in the folder of packages, where there is one, or from torchvision's copy, which is
downloaded into that folder.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from abn.errors import ABNError
from abn.images.decode import open_picture
from abn.images.fit import fit_picture
from abn.training.sample_order import mixed_seed
from abn.training.sources.unpacking import unpack
from abn.vocabulary import InputSpec

ARCHIVE = "caltech101.zip"
OTHERS = "BACKGROUND_Google"  # no class
TRAINED, TESTED = 30, 20  # images of each class: exactly, and at most
TIGHTEST = 0.6  # side of the tightest view, as a share of the image's shorter side
BATCH = 50


@dataclass(frozen=True, eq=False)
class LabeledPhotographs:
    """Labeled image files."""

    paths: tuple[Path, ...]
    labels: np.ndarray  # (N,) class

    def __len__(self) -> int:
        return len(self.paths)

    @property
    def names(self) -> list[str]:
        """Class and file of each."""
        return [f"{path.parent.name}/{path.name}" for path in self.paths]

    def part(self, which: np.ndarray) -> "LabeledPhotographs":
        """Some of the images."""
        return LabeledPhotographs(tuple(self.paths[i] for i in which), self.labels[which])

    def batches(self, spec: InputSpec, size: int = BATCH) -> Iterator[Tensor]:
        """Images as the network takes them, center crop: (B, 3, H, W)."""
        for start in range(0, len(self.paths), size):
            pictures = [open_picture(path.read_bytes(), name=path.name) for path in self.paths[start : start + size]]
            yield torch.from_numpy(np.stack([fit_picture(picture, spec).normalized(spec) for picture in pictures]))

    def views(self, count: int, spec: InputSpec, *, seed: int) -> Iterator[Tensor]:
        """Random square parts of all images, mirrored or not, `count` times over: (B, 3, H, W)."""
        for view in range(count):
            for start in range(0, len(self.paths), BATCH):
                which = range(start, min(start + BATCH, len(self.paths)))
                yield torch.from_numpy(np.stack([self._view(i, view, spec, seed) for i in which]))

    def _view(self, index: int, view: int, spec: InputSpec, seed: int) -> np.ndarray:
        rng = np.random.default_rng(mixed_seed(seed, view, index))
        picture = open_picture(self.paths[index].read_bytes(), name=self.paths[index].name)
        image = picture.image
        side = int(rng.uniform(TIGHTEST, 1) * min(image.size))
        left, top = (int(rng.integers(0, extent - side + 1)) for extent in image.size)
        part = image.resize((spec.size, spec.size), Image.Resampling.BICUBIC, box=(left, top, left + side, top + side))
        if rng.random() < 0.5:
            part = part.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        mean, std = (np.array(values, np.float32) for values in (spec.mean, spec.std))
        return ((np.asarray(part, np.float32) / 255 - mean) / std).transpose(2, 0, 1)


@dataclass(frozen=True, eq=False)
class Divided:
    """Images to train with and to test on."""

    classes: tuple[str, ...]
    training: LabeledPhotographs
    test: LabeledPhotographs


def find(packages: Path) -> Path:
    """The folder of class folders. Raises `ABNError` where there is none, and none to be downloaded."""
    archive, unpacked = packages / ARCHIVE, packages / "caltech101-zip"
    if archive.is_file():
        if not unpacked.is_dir():
            unpack(archive, unpacked)
        return unpacked
    from torchvision.datasets import Caltech101

    try:
        Caltech101(str(packages), download=True)
    except (OSError, RuntimeError) as error:
        raise ABNError(
            f"Caltech-101 can't be downloaded, and there is no {ARCHIVE} in the folder of packages."
        ) from error
    return packages / "caltech101" / "101_ObjectCategories"


def divide(folder: Path) -> Divided:
    """The same images each time: of each class `TRAINED` in a seeded order, and up to `TESTED` of the others. Raises
    `ABNError` where a class has too few, or there is none."""
    classes = sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name != OTHERS)
    parts: tuple[list[Path], list[Path]] = [], []
    labels: tuple[list[int], list[int]] = [], []
    for label, name in enumerate(classes):
        paths = sorted(path for path in (folder / name).iterdir() if path.is_file())
        if len(paths) <= TRAINED:
            raise ABNError(f"Class {name} has {len(paths)} images, and {TRAINED} are to train with.")
        order = [paths[i] for i in np.random.default_rng(mixed_seed(0, label)).permutation(len(paths))]
        for part, of_part, chosen in zip(parts, labels, (order[:TRAINED], order[TRAINED:][:TESTED]), strict=True):
            part += chosen
            of_part += [label] * len(chosen)
    if not classes:
        raise ABNError(f"{folder.name!r} holds no folders of classes.")
    training, test = (
        LabeledPhotographs(tuple(part), np.array(of_part)) for part, of_part in zip(parts, labels, strict=True)
    )
    return Divided(tuple(classes), training, test)
