"""Small labeled images in memory, as the paper's small networks train on them: mirrored, and moved by some pixels."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from abn.training.sample_order import SampleOrder, mixed_seed
from abn.vocabulary import InputSpec


@dataclass(frozen=True, eq=False)
class ArrayImages:
    """Labeled images of one size, gray or RGB, and masks where they are known."""

    images: np.ndarray  # (N, H, W) or (N, H, W, 3) uint8
    labels: np.ndarray  # (N,) class
    classes: tuple[str, ...]  # their names
    spec: InputSpec
    masks: np.ndarray | None = None  # (N, H, W) bool, where the object is visible
    shift: int = 0  # pixels by which a training image moves at most, either way, over black

    def __len__(self) -> int:
        return len(self.labels)

    def part(self, which: slice | np.ndarray) -> "ArrayImages":
        """A part of the images."""
        masks = None if self.masks is None else self.masks[which]
        return replace(self, images=self.images[which], labels=self.labels[which], masks=masks)

    def inputs(self, which: np.ndarray, mirror: np.ndarray | None = None, moved: np.ndarray | None = None) -> Tensor:
        """Images `which` (B,), normalized: (B, 3, H, W) float32, channels last; those with `mirror` (B,) mirrored, then
        moved down and right by `moved` (B, 2) pixels. Gray levels are repeated in three channels."""
        chosen = self.images[which]
        if mirror is not None:
            chosen = np.where(mirror.reshape(-1, *[1] * (chosen.ndim - 1)), chosen[:, :, ::-1], chosen)
        if moved is not None:
            chosen = _move(chosen, moved, self.shift)
        if chosen.ndim == 3:
            chosen = np.broadcast_to(chosen[..., None], (*chosen.shape, 3))
        mean, std = (np.array(values, np.float32) for values in (self.spec.mean, self.spec.std))
        normalized = (chosen.astype(np.float32) / 255 - mean) / std
        return torch.from_numpy(normalized).permute(0, 3, 1, 2)

    def training_batches(self, order: SampleOrder, start: int, share: slice) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches to train with; see `supervised.training.LabeledImages`."""
        mirrored = order.mirrored()
        for step in range(start, len(order)):
            which, moved = order[step][1][share], None
            if self.shift:
                draw = np.random.default_rng(mixed_seed(order.seed, step))
                moved = draw.integers(-self.shift, self.shift + 1, (order.batch, 2))[share]
            yield self.inputs(which, mirrored[step][share], moved), self._targets(which)

    def plain_batches(self, which: np.ndarray, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Images `which` (N,) in batches, as they are."""
        for batch in np.split(which, range(size, len(which), size)):
            yield self.inputs(batch), self._targets(batch)

    def _targets(self, which: np.ndarray) -> Tensor:
        return torch.from_numpy(self.labels[which].astype(np.int64))


def _move(images: np.ndarray, moved: np.ndarray, most: int) -> np.ndarray:
    """Images (B, H, W, …) moved down and right by `moved` (B, 2) pixels, at most `most` either way, over black."""
    edges = [(0, 0), (most, most), (most, most), *[(0, 0)] * (images.ndim - 3)]
    padded, (height, width) = np.pad(images, edges), images.shape[1:3]
    return np.stack(
        [
            image[most - down : most - down + height, most - right : most - right + width]
            for image, (down, right) in zip(padded, moved, strict=True)
        ]
    )
