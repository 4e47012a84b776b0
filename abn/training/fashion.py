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

from abn.images.fit import InputSpec
from abn.training.public_sources import FASHION
from abn.training.sample_order import Order

PLACE = "usr/share/datasets/fashion-mnist"
CLASSES = ("T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot")
ITEM, CANVAS = 20, 32  # pixels of an item and of its canvas, cluttered
PIECES, PIECE = 8, 8  # how many pieces of other items lie on a canvas, and their pixels
MEAN, STD = 0.286, 0.353  # gray level of the training pictures
SIZES = {"fashion": 28, "cluttered": CANVAS}


@dataclass(frozen=True)
class Items:
    """Labeled pictures, and masks where they are known."""

    images: np.ndarray  # (N, H, W) uint8
    labels: np.ndarray  # (N,) class
    masks: np.ndarray | None = None  # (N, H, W) bool, where the item is seen

    def __len__(self) -> int:
        return len(self.labels)

    def inputs(self, which: np.ndarray, flip: np.ndarray | None = None) -> np.ndarray:
        """Pictures `which` (B,), normalized: (B, 3, H, W) float32; those with `flip` (B,) mirrored."""
        chosen = self.images[which]
        if flip is not None:
            chosen = np.where(flip[:, None, None], chosen[:, :, ::-1], chosen)
        gray = (chosen.astype(np.float32) / 255 - MEAN) / STD
        return np.repeat(gray[:, None], 3, axis=1)

    def batches(self, order: Order, start: int, part: slice) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches to train with, as `supervised.Pictures` says, each picture mirrored or not."""
        mirrored = order.mirrored()
        for step in range(start, len(order)):
            which = order[step][1][part]
            yield torch.from_numpy(self.inputs(which, mirrored[step][part])), self._classes(which)

    def plain(self, which: np.ndarray, batch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Pictures `which` (N,) in batches, as they are."""
        for some in np.split(which, range(batch, len(which), batch)):
            yield torch.from_numpy(self.inputs(some)), self._classes(some)

    def _classes(self, which: np.ndarray) -> Tensor:
        return torch.from_numpy(self.labels[which].astype(np.int64))


def spec(kind: str) -> InputSpec:
    """What a network of this data takes."""
    return InputSpec(size=SIZES[kind], crop_pct=1.0, interpolation="bilinear", mean=(MEAN,) * 3, std=(STD,) * 3)


def load(folder: Path, *, train: bool) -> Items:
    """The data set as the Debian package holds it in `folder`: 60,000 pictures to train with, or 10,000 to test."""
    name = "train" if train else "t10k"
    place = folder / FASHION / PLACE
    return Items(_idx(place / f"{name}-images-idx3-ubyte.gz"), _idx(place / f"{name}-labels-idx1-ubyte.gz"))


def cluttered(items: Items, count: int, *, seed: int) -> Items:
    """`count` canvases, the first of `items` in a seeded order, each under pieces of others."""
    rng = np.random.default_rng(seed)
    which = np.concatenate([rng.permutation(len(items)) for _ in range(-(-count // len(items)))])[:count]
    images = np.zeros((count, CANVAS, CANVAS), np.uint8)
    masks = np.zeros((count, CANVAS, CANVAS), bool)
    for i, item in enumerate(which):
        for other in rng.integers(0, len(items), PIECES):
            top, left = rng.integers(0, CANVAS - PIECE + 1, 2)
            y, x = rng.integers(4, 24 - PIECE + 1, 2)  # from the middle of the other item, where it is not black
            images[i, top : top + PIECE, left : left + PIECE] = items.images[other, y : y + PIECE, x : x + PIECE]
        small = np.asarray(Image.fromarray(items.images[item]).resize((ITEM, ITEM), Image.BILINEAR))
        top, left = rng.integers(0, CANVAS - ITEM + 1, 2)
        seen = small > 25
        images[i, top : top + ITEM, left : left + ITEM][seen] = small[seen]
        masks[i, top : top + ITEM, left : left + ITEM] = seen
    return Items(images, items.labels[which], masks)


def _idx(path: Path) -> np.ndarray:
    """An IDX file of unsigned bytes: two zero bytes, the type, the number of axes, their lengths, the values."""
    data = gzip.decompress(path.read_bytes())
    shape = np.frombuffer(data, ">u4", count=data[3], offset=4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape)
