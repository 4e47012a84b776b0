"""Image files as batches to train with and to measure on, opened by worker processes.

Files are opened like everything that the app is given. To measure, an image is fitted exactly as the app fits it; to
train, it is augmented, by timm's own transform or more gently. What is drawn at random for an image depends on the
seed, the epoch and the image alone: not on the worker, nor on how often the training was stopped, nor on how many
processes share it.
"""

import random
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from PIL import Image, ImageOps
from timm.data import create_transform
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, default_collate

from abn.errors import PictureError
from abn.images.decode import Picture
from abn.images.fit import fit_picture
from abn.training.sample_order import SampleOrder, mixed_seed
from abn.training.sources.class_folders import ImageFiles
from abn.vocabulary import InputSpec

AUGMENTATIONS = {  # name → what it does, for the card
    "timm": "timm's: a random part of 8 to 100 % of the area, mirrored, colors jittered",
    "shift": "moved by up to an eighth of the side and mirrored, as the paper does on CIFAR",
    "flip": "mirrored",
    "none": "not augmented",
}

Key = tuple[int | None, int]  # a seed, or None: not to be augmented; the image's index


class FileImages(Dataset):
    """Images in files, as `supervised.training.LabeledImages` declares."""

    def __init__(
        self, files: ImageFiles, spec: InputSpec, *, augment: str = "none", workers: int = 0, pin: bool = False
    ):
        """`augment`: one of `AUGMENTATIONS`; `workers` processes open the files, into pinned memory with `pin`."""
        self.files, self.labels, self.spec = files, files.labels, spec
        self._augment, self._workers, self._pin = augment, workers, pin
        self._transform = create_transform(
            (3, spec.size, spec.size), is_training=True, interpolation=spec.interpolation, mean=spec.mean, std=spec.std
        )  # timm's

    def training_batches(self, order: SampleOrder, start: int, share: slice) -> Iterator[tuple[Tensor, Tensor]]:
        """Augmented batches; see `LabeledImages`."""

        def keys() -> Iterator[list[Key]]:
            for step in range(start, len(order)):
                pairs = zip(*(values[share].tolist() for values in order[step]), strict=True)
                yield [(mixed_seed(order.seed, epoch, index), index) for epoch, index in pairs]

        return self._load(keys(), self._workers)

    def plain_batches(self, which: np.ndarray, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Images `which` (N,) in batches, center crop, not augmented."""
        keys: list[list[Key]] = [
            [(None, int(i)) for i in batch] for batch in np.split(which, range(size, len(which), size))
        ]
        return self._load(keys, min(self._workers, len(keys) // 2))

    def _load(self, keys: Iterable[list[Key]], workers: int) -> Iterator[tuple[Tensor, Tensor]]:
        loader = DataLoader(
            self,
            batch_sampler=keys,  # type: ignore[arg-type]  # any iterable of lists of keys
            num_workers=workers,
            collate_fn=_collate,
            pin_memory=self._pin,
        )
        for batch in loader:
            if isinstance(batch, PictureError):  # raised in a worker, its traceback would become part of the sentence
                raise batch
            yield batch

    def __getitem__(self, key: Key) -> tuple[Tensor, int] | PictureError:
        """An image (3, size, size) float32, normalized, and its class; or why it can't be opened."""
        seed, index = key
        try:
            picture = self.files.open(index)
        except PictureError as error:
            return error
        label = int(self.labels[index])
        if seed is None:
            return torch.from_numpy(fit_picture(picture, self.spec).normalized(self.spec)), label
        with _seeded(seed):
            return self._transform(picture.image) if self._augment == "timm" else self._vary(picture), label

    def _vary(self, picture: Picture) -> Tensor:
        """The center crop, perhaps mirrored, perhaps moved by up to an eighth of its side over black."""
        fitted = fit_picture(picture, self.spec)
        image, shift = fitted.image, self.spec.size // 8
        if self._augment != "none" and random.random() < 0.5:
            image = ImageOps.mirror(image)
        if self._augment == "shift":
            moved = Image.new("RGB", image.size)
            moved.paste(image, (random.randint(-shift, shift), random.randint(-shift, shift)))
            image = moved
        fitted.image.paste(image)
        return torch.from_numpy(fitted.normalized(self.spec))


def _collate(samples: list[tuple[Tensor, int] | PictureError]) -> list[Tensor] | PictureError:
    """Samples as one batch, or the first error among them."""
    return next((sample for sample in samples if isinstance(sample, PictureError)), None) or default_collate(samples)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Meanwhile Python's and torch's generators, which transforms draw from, begin at `seed`."""
    before = random.getstate()
    with torch.random.fork_rng(devices=[]):
        random.seed(seed)
        torch.random.default_generator.manual_seed(seed)
        try:
            yield
        finally:
            random.setstate(before)
