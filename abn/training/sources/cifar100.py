"""CIFAR-100 (Krizhevsky 2009), the data set of the paper's first experiments: 32 × 32 pixels, 100 classes.

It is read from `cifar100.zip` in the folder of packages, where there is one: a sheet of 32-px tiles for each class,
`train/CLASS.webp` (20 rows × 25 columns) and `test/CLASS.webp` (10 × 10), and the classes in `classes.json`. Without
it torchvision downloads the data set into that folder. The images may not be shipped.
"""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from abn.errors import ABNError
from abn.training.sources.array_images import ArrayImages
from abn.training.sources.unpacking import UNREADABLE_ZIP
from abn.vocabulary import InputSpec

ARCHIVE = "cifar100.zip"
SIDE = 32  # pixels of an image
SHIFT = 4  # pixels that training images move at most, as in the authors' code
SPEC = InputSpec(  # mean and standard deviation of the training images
    size=SIDE,
    crop_pct=1.0,
    interpolation="bicubic",
    mean=(0.5071, 0.4865, 0.4409),
    std=(0.2673, 0.2564, 0.2762),
)


def load(packages: Path, *, train: bool) -> ArrayImages:
    """50,000 images to train with or 10,000 to test on: the first one of each class, then the second ones, and so on.

    Raises `ABNError` where there is no CIFAR-100, and none to be downloaded."""
    archive = packages / ARCHIVE
    images, names = _read_sheets(archive, train) if archive.is_file() else _download(packages, train)
    of_a_class = images.shape[1]
    interleaved = images.swapaxes(0, 1).reshape(-1, SIDE, SIDE, 3)
    labels = np.tile(np.arange(len(names)), of_a_class)
    classes = tuple(name.replace("_", " ") for name in names)
    return ArrayImages(interleaved, labels, classes, SPEC, shift=SHIFT)


def _read_sheets(archive: Path, train: bool) -> tuple[np.ndarray, list[str]]:
    """Images (classes, images of a class, 32, 32, 3) and names of the classes."""
    try:
        with zipfile.ZipFile(archive) as file:
            names = json.loads(file.read("classes.json"))
            folder = "train" if train else "test"
            return np.stack([_cut(file.read(f"{folder}/{name}.webp")) for name in names]), names
    except (*UNREADABLE_ZIP, TypeError) as error:
        raise ABNError(f"{archive.name} holds no CIFAR-100 as sheets of tiles.") from error


def _cut(sheet: bytes) -> np.ndarray:
    """The tiles of a sheet, row by row: (tiles, 32, 32, 3)."""
    with Image.open(io.BytesIO(sheet)) as image:
        pixels = np.asarray(image.convert("RGB"))
    rows, columns = pixels.shape[0] // SIDE, pixels.shape[1] // SIDE
    return pixels.reshape(rows, SIDE, columns, SIDE, 3).swapaxes(1, 2).reshape(-1, SIDE, SIDE, 3)


def _download(packages: Path, train: bool) -> tuple[np.ndarray, list[str]]:
    """The same, from the files that torchvision downloads."""
    from torchvision.datasets import CIFAR100

    try:
        stored = CIFAR100(str(packages), train=train, download=True)
    except (OSError, RuntimeError) as error:
        raise ABNError(
            f"CIFAR-100 can't be downloaded, and there is no {ARCHIVE} in the folder of packages."
        ) from error
    labels = np.array(stored.targets)
    return np.stack([stored.data[labels == label] for label in range(len(stored.classes))]), stored.classes
