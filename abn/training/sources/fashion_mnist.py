"""Fashion-MNIST (Xiao et al. 2017, arXiv 1708.07747), plain and cluttered, as the paper's small networks train on it.

*Plain*: 28 × 28 items of clothing on black. *Cluttered*: an item shrunk to 20 px somewhere on a 32 × 32 canvas, over
pieces cut from other items, so that attention has something to do; the item's mask is known. Canvas `i` of a seed is
the same in every run. Gray levels are repeated in three channels, as the networks are the authors' own.
"""

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from abn.training.sample_order import SampleOrder
from abn.training.sources.packages import FASHION
from abn.vocabulary import InputSpec

FOLDER = f"{FASHION}/usr/share/datasets/fashion-mnist"  # in the folder of packages
CLASSES = ("T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
ITEM, CANVAS = 20, 32  # pixels of an item and of its canvas, cluttered
PIECES, PIECE = 8, 8  # number of pieces of other items on a canvas, and their pixels
MEAN, STD = 0.286, 0.353  # gray level of the training images
SIZES = {"fashion": 28, "cluttered": CANVAS}


@dataclass(frozen=True, eq=False)
class FashionImages:
    """Labeled images in memory, and masks where they are known."""

    images: np.ndarray  # (N, H, W) uint8
    labels: np.ndarray  # (N,) class
    masks: np.ndarray | None = None  # (N, H, W) bool, where the item is visible

    def __len__(self) -> int:
        return len(self.labels)

    def part(self, which: slice) -> "FashionImages":
        """A part of the images."""
        masks = None if self.masks is None else self.masks[which]
        return FashionImages(self.images[which], self.labels[which], masks)

    def inputs(self, which: np.ndarray, mirror: np.ndarray | None = None) -> Tensor:
        """Images `which` (B,), normalized: (B, 3, H, W) float32, channels last; those with `mirror` (B,) mirrored."""
        chosen = self.images[which]
        if mirror is not None:
            chosen = np.where(mirror[:, None, None], chosen[:, :, ::-1], chosen)
        gray = (chosen.astype(np.float32) / 255 - MEAN) / STD
        return torch.from_numpy(gray)[:, None].repeat(1, 3, 1, 1).contiguous(memory_format=torch.channels_last)

    def training_batches(self, order: SampleOrder, start: int, share: slice) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches to train with, each image mirrored or not; see `supervised.training.LabeledImages`."""
        mirrored = order.mirrored()
        for step in range(start, len(order)):
            which = order[step][1][share]
            yield self.inputs(which, mirrored[step][share]), self._targets(which)

    def plain_batches(self, which: np.ndarray, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Images `which` (N,) in batches, as they are."""
        for batch in np.split(which, range(size, len(which), size)):
            yield self.inputs(batch), self._targets(batch)

    def _targets(self, which: np.ndarray) -> Tensor:
        return torch.from_numpy(self.labels[which].astype(np.int64))


def input_spec(kind: str) -> InputSpec:
    """What a network of this data takes."""
    return InputSpec(size=SIZES[kind], crop_pct=1.0, interpolation="bilinear", mean=(MEAN,) * 3, std=(STD,) * 3)


def load(packages: Path, *, train: bool) -> FashionImages:
    """The data set as the Debian package holds it: 60,000 images to train with, or 10,000 to test on."""
    name = "train" if train else "t10k"
    folder = packages / FOLDER
    return FashionImages(
        _read_idx(folder / f"{name}-images-idx3-ubyte.gz"), _read_idx(folder / f"{name}-labels-idx1-ubyte.gz")
    )


def cluttered(items: FashionImages, count: int, *, seed: int) -> FashionImages:
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
    return FashionImages(images, items.labels[which], masks)


def _read_idx(path: Path) -> np.ndarray:
    """An IDX file of unsigned bytes: two zero bytes, the type, the number of axes, their lengths, the values."""
    data = gzip.decompress(path.read_bytes())
    shape = np.frombuffer(data, ">u4", count=data[3], offset=4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape)
