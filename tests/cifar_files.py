"""CIFAR-100 as a zip of sheets, made up for the tests: three classes, six images each to train with, two to test on."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from abn.training.sources.cifar100 import ARCHIVE, SIDE

NAMES = ("apple", "aquarium_fish", "sweet_pepper")
PARTS = {"train": (2, 3), "test": (1, 2)}  # rows and columns of tiles


def tile(label: int, k: int, *, train: bool) -> np.ndarray:
    """Image `k` of a class: its level of red tells the class, of green the number, of blue the part."""
    image = np.full((SIDE, SIDE, 3), (40 + 80 * label, 10 + 40 * k, 200 if train else 20), np.uint8)
    image[: SIDE // 2, : SIDE // 2] //= 2  # neither mirrored nor turned
    return image


def packed(packages: Path) -> Path:
    """The zip in the folder of packages."""
    archive = packages / ARCHIVE
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("classes.json", json.dumps(NAMES))
        for part, (rows, columns) in PARTS.items():
            for label, name in enumerate(NAMES):
                tiles = [tile(label, k, train=part == "train") for k in range(rows * columns)]
                sheet = np.concatenate(
                    [np.concatenate(tiles[row * columns : (row + 1) * columns], 1) for row in range(rows)]
                )
                stored = io.BytesIO()
                Image.fromarray(sheet).save(stored, "WEBP", lossless=True)
                file.writestr(f"{part}/{name}.webp", stored.getvalue())
    return archive
