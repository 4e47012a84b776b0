"""Image files as batches to train with and to measure on, opened by worker processes.

Files are opened like everything that the app is given. To measure, an image is fitted exactly as the app fits it; to
train, it is augmented, by timm's own transform or more gently. What is drawn at random for an image depends on the
seed, the epoch and the image alone: not on the worker, nor on how often the training was stopped, nor on how many
processes share it.
"""

import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from PIL import Image, ImageOps
from timm.data import create_transform
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from abn.errors import PictureError
from abn.images.decode import Picture
from abn.images.fit import fit_picture
from abn.training.sample_order import SampleOrder
from abn.training.sources.class_folders import ImageFiles
from abn.training.supervised.training import mixed_seed
from abn.vocabulary import InputSpec

AUGMENTATIONS = {  # name → what it does, for the card
    "timm": "timm's: a random part of 8 to 100 % of the area, mirrored, colors jittered",
    "shift": "moved by up to an eighth of the side and mirrored, as the paper does on CIFAR",
    "flip": "mirrored",
    "none": "not augmented",
}

Key = tuple[int | None, int]  # the epoch, or None: not to be augmented; the image's index


class FileImages:
    """Images in files, as `supervised.training.LabeledImages` asks for them."""

    def __init__(
        self, files: ImageFiles, spec: InputSpec, *, augment: str = "none", workers: int = 0, pin: bool = False
    ):
        self.files, self.labels, self.spec = files, files.labels, spec
        self._augment, self._workers, self._pin = augment, workers, pin

    def training_batches(self, order: SampleOrder, start: int, share: slice) -> Iterator[tuple[Tensor, Tensor]]:
        """Augmented batches; see `LabeledImages`."""

        def keys() -> Iterator[list[Key]]:
            for step in range(start, len(order)):
                epochs, which = order[step]
                yield list(zip(epochs[share].tolist(), which[share].tolist(), strict=True))

        return self._load(keys(), self._workers, order.seed)

    def plain_batches(self, which: np.ndarray, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Images `which` (N,) in batches, center crop, not augmented."""
        keys: list[list[Key]] = [
            [(None, int(i)) for i in batch] for batch in np.split(which, range(size, len(which), size))
        ]
        return self._load(keys, min(self._workers, len(keys) // 2))

    def _load(self, keys: Iterable[list[Key]], workers: int, seed: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        samples = _Samples(self.files, self.spec, augmentation(self._augment, self.spec), seed)
        loader = DataLoader(
            samples,
            batch_sampler=keys,  # type: ignore[arg-type]  # any iterable of lists of keys
            num_workers=workers,
            collate_fn=_collate,
            pin_memory=self._pin,
        )
        for batch in loader:
            if isinstance(batch, str):  # raised in a worker, its traceback would become part of the sentence
                raise PictureError(batch)
            yield batch


class _Samples(Dataset):
    def __init__(self, files: ImageFiles, spec: InputSpec, augment: Callable[[Picture], Tensor], seed: int):
        self._files, self._spec, self._augment, self._seed = files, spec, augment, seed

    def __getitem__(self, key: Key) -> tuple[Tensor, int] | str:
        """An image (3, H, W) and its class; or the sentence on why it can't be opened."""
        epoch, index = key
        try:
            picture = self._files.open(index)
        except PictureError as error:
            return str(error)
        label = int(self._files.labels[index])
        if epoch is None:
            return torch.from_numpy(fit_picture(picture, self._spec).normalized(self._spec)), label
        with _seeded(mixed_seed(self._seed, epoch, index)):
            return self._augment(picture), label


def _collate(samples: list[tuple[Tensor, int] | str]) -> tuple[Tensor, Tensor] | str:
    """Samples as one batch, or the first sentence among them."""
    images, labels = [], []
    for sample in samples:
        if isinstance(sample, str):
            return sample
        images.append(sample[0])
        labels.append(sample[1])
    return torch.stack(images), torch.tensor(labels)


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


# ---- augmentation ----


def augmentation(name: str, spec: InputSpec) -> Callable[[Picture], Tensor]:
    """An image → (3, size, size) float32, normalized; it draws from Python's and torch's generators."""
    if name == "timm":
        return TimmAugmentation(spec)
    return GentleAugmentation(spec, mirror=name != "none", shift=spec.size // 8 if name == "shift" else 0)


class TimmAugmentation:
    """timm's training transform."""

    def __init__(self, spec: InputSpec):
        self._transform = create_transform(
            (3, spec.size, spec.size), is_training=True, interpolation=spec.interpolation, mean=spec.mean, std=spec.std
        )

    def __call__(self, picture: Picture) -> Tensor:
        return self._transform(picture.image)


class GentleAugmentation:
    """The center crop, perhaps mirrored, moved by up to `shift` pixels over black."""

    def __init__(self, spec: InputSpec, *, mirror: bool, shift: int):
        self._spec, self._mirror, self._shift = spec, mirror, shift

    def __call__(self, picture: Picture) -> Tensor:
        fitted = fit_picture(picture, self._spec)
        image = fitted.image
        if self._mirror and random.random() < 0.5:
            image = ImageOps.mirror(image)
        if self._shift:
            moved = Image.new("RGB", image.size)
            moved.paste(image, (random.randint(-self._shift, self._shift), random.randint(-self._shift, self._shift)))
            image = moved
        fitted.image.paste(image)
        return torch.from_numpy(fitted.normalized(self._spec))
