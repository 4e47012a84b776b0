"""Fashion-MNIST (Xiao et al. 2017, arXiv 1708.07747): 28 × 28 items of clothing on black; and cluttered canvases of it.

*Cluttered*: an item shrunk to 20 px somewhere on a 32 × 32 canvas, over pieces cut from other items, so that attention
has something to do; the item's mask is known. Canvas `i` of a seed is the same in every run.
"""

import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from abn.training.sources.array_images import ArrayImages
from abn.training.sources.packages import FASHION
from abn.vocabulary import InputSpec

FOLDER = f"{FASHION}/usr/share/datasets/fashion-mnist"  # in the folder of packages
CLASSES = ("T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
ITEM, CANVAS = 20, 32  # pixels of an item and of its canvas
PIECES, PIECE = 8, 8  # number of pieces of other items on a canvas, and their pixels
MEAN, STD = 0.286, 0.353  # gray level of the training images
SPEC = InputSpec(size=CANVAS, crop_pct=1.0, interpolation="bilinear", mean=(MEAN,) * 3, std=(STD,) * 3)  # of canvases


def load(packages: Path, *, train: bool) -> ArrayImages:
    """The data set as the Debian package holds it: 60,000 images to train with, or 10,000 to test on."""
    name = "train" if train else "t10k"
    images, labels = (
        _read_idx(packages / FOLDER / f"{name}-{kind}-ubyte.gz") for kind in ("images-idx3", "labels-idx1")
    )
    return ArrayImages(images, labels, CLASSES, replace(SPEC, size=images.shape[1]))


def cluttered(items: ArrayImages, count: int, *, seed: int) -> ArrayImages:
    """`count` canvases, the first of `items` in a seeded order, each over pieces of others."""
    rng = np.random.default_rng(seed)
    which = np.concatenate([rng.permutation(len(items)) for _ in range(-(-count // len(items)))])[:count]
    images = np.zeros((count, CANVAS, CANVAS), np.uint8)
    masks = np.zeros((count, CANVAS, CANVAS), bool)
    for i, item in enumerate(which):
        for other in rng.integers(0, len(items), PIECES):
            top, left = rng.integers(0, CANVAS - PIECE + 1, 2)
            y, x = rng.integers(4, 24 - PIECE + 1, 2)  # from the middle of the other item, where it is not black
            images[i, top : top + PIECE, left : left + PIECE] = items.images[other, y : y + PIECE, x : x + PIECE]
        small = np.asarray(Image.fromarray(items.images[item]).resize((ITEM, ITEM), Image.Resampling.BILINEAR))
        top, left = rng.integers(0, CANVAS - ITEM + 1, 2)
        visible = small > 25
        images[i, top : top + ITEM, left : left + ITEM][visible] = small[visible]
        masks[i, top : top + ITEM, left : left + ITEM] = visible
    return ArrayImages(images, items.labels[which], CLASSES, SPEC, masks)


def _read_idx(path: Path) -> np.ndarray:
    """An IDX file of unsigned bytes: two zero bytes, the type, the number of axes, their lengths, the values."""
    data = gzip.decompress(path.read_bytes())
    shape = np.frombuffer(data, ">u4", count=data[3], offset=4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape)
