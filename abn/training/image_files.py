"""Picture files → what a network is trained with and measured on, in worker processes.

They are opened under the rules of `abn.picture`, like everything that the app is given. To measure, a picture is fitted
exactly as the app fits it; to train, it is augmented, by timm's own transform or more gently. What is drawn at random
for a picture depends on the seed, the pass and the picture alone: not on the worker, nor on how often the training was
stopped, nor on how many processes share it.
"""

import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial

import numpy as np
import torch
from PIL import Image, ImageOps
from timm.data import create_transform
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from abn.errors import PictureError
from abn.images.decode import Picture
from abn.images.fit import InputSpec, fit_picture
from abn.training.class_folders import Files
from abn.training.sample_order import Order
from abn.training.supervised import drawn_seed

AUGMENTATIONS = {  # name → what it does, for help and card
    "timm": "timm's: a random part of 8 to 100 % of the area, mirrored, colors jittered",
    "shift": "moved by up to an eighth of the side and mirrored, as the paper does on CIFAR",
    "flip": "mirrored",
    "none": "not augmented",
}
SHIFT = 8  # a shift is a whole number of pixels up to side ÷ SHIFT

Key = tuple[int | None, int]  # the pass, or None: not to be augmented; the picture


class FilePictures:
    """Pictures in files, as `supervised.Pictures` asks for them."""

    def __init__(self, files: Files, spec: InputSpec, *, augment: str = "none", workers: int = 0, pin: bool = False):
        self.files, self.labels, self.spec = files, files.labels, spec
        self._augment, self._workers, self._pin = augment, workers, pin

    def batches(self, order: Order, start: int, part: slice) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches to train with; see `supervised.Pictures`."""

        def keys() -> Iterator[list[Key]]:
            for step in range(start, len(order)):
                passes, which = order[step]
                yield list(zip(passes[part].tolist(), which[part].tolist(), strict=True))

        return self._load(keys(), self._workers, order.seed)

    def plain(self, which: np.ndarray, batch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Pictures `which` (N,) in batches, center crop, not augmented."""
        batches = [[(None, int(i)) for i in some] for some in np.split(which, range(batch, len(which), batch))]
        return self._load(batches, min(self._workers, len(batches) // 2))

    def _load(self, keys: Iterable[list[Key]], workers: int, seed: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        samples = _Samples(self.files, self.spec, augmentation(self._augment, self.spec), seed)
        loader = DataLoader(
            samples, batch_sampler=keys, num_workers=workers, collate_fn=_together, pin_memory=self._pin
        )
        for found in loader:
            if isinstance(found, str):  # raised in a worker, its traceback would become part of the sentence
                raise PictureError(found)
            yield found


class _Samples(Dataset):
    def __init__(self, files: Files, spec: InputSpec, augment: Callable[[Picture], Tensor], seed: int):
        self._files, self._spec, self._augment, self._seed = files, spec, augment, seed

    def __getitem__(self, key: Key) -> tuple[Tensor, int] | str:
        number, which = key
        try:
            picture = self._files.open(which)
        except PictureError as error:
            return str(error)
        label = int(self._files.labels[which])
        if number is None:
            return _fitted(picture, self._spec), label
        with _drawing(drawn_seed(self._seed, number, which)):
            return self._augment(picture), label


def _together(samples: list[tuple[Tensor, int] | str]) -> tuple[Tensor, Tensor] | str:
    """Samples as one batch, or the first sentence among them."""
    for sample in samples:
        if isinstance(sample, str):
            return sample
    return torch.stack([image for image, _ in samples]), torch.tensor([label for _, label in samples])


@contextmanager
def _drawing(seed: int) -> Iterator[None]:
    """What transforms draw from, Python's generator and torch's, begin at `seed`, and go on afterwards as before."""
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
    """A picture → (3, size, size) float32, normalized; it draws from Python's and torch's generators."""
    if name == "timm":
        transform = create_transform(
            (3, spec.size, spec.size),
            is_training=True,
            interpolation=spec.interpolation,
            mean=spec.mean,
            std=spec.std,
        )
        return partial(_transformed, transform)
    return partial(_gently, spec, name in ("shift", "flip"), spec.size // SHIFT if name == "shift" else 0)


def _transformed(transform: Callable[[Image.Image], Tensor], picture: Picture) -> Tensor:
    return transform(picture.image)


def _gently(spec: InputSpec, mirror: bool, most: int, picture: Picture) -> Tensor:
    """The center crop, perhaps mirrored, moved by up to `most` pixels over black."""
    fitted = fit_picture(picture, spec)
    image = fitted.image
    if mirror and random.random() < 0.5:
        image = ImageOps.mirror(image)
    if most:
        moved = Image.new("RGB", image.size)
        moved.paste(image, (random.randint(-most, most), random.randint(-most, most)))
        image = moved
    fitted.image.paste(image)
    return torch.from_numpy(fitted.normalized(spec))


def _fitted(picture: Picture, spec: InputSpec) -> Tensor:
    return torch.from_numpy(fit_picture(picture, spec).normalized(spec))
