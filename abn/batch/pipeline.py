"""Batches of image files → results, in order: worker processes open and fit the images, this one runs the networks.

An image that can't be opened gives a result with its error, and the rest of its batch goes on. Only a few batches
exist at a time, however many images there are.
"""

import signal
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from abn.batch.image_stream import ImageFile
from abn.engine.inference import Load
from abn.engine.loading import load_runner
from abn.errors import ABNError, PictureError
from abn.explanations.explainer import explain_inputs
from abn.explanations.explanation import Explanation
from abn.export.figures import MAX_SIDE
from abn.images.decode import MAX_BYTES, Picture, open_picture
from abn.images.fit import Fitted, fit_picture
from abn.variants.card import Card
from abn.vocabulary import TRAINED, InputSpec

PREFETCH = 2  # batches that each worker prepares ahead


@dataclass(frozen=True, eq=False)
class ImageResult:
    """The explanations of one image file, one for each variant; or an error."""

    file: ImageFile
    error: str = ""  # one sentence; the rest is empty then
    sha256: str = ""  # of the file
    notes: tuple[str, ...] = ()  # how the image was read, one sentence each
    picture: Picture | None = None  # for figures only, at their size
    explanations: Sequence[Explanation] = ()


PreparedBatch = tuple[list[ImageResult], dict[InputSpec, list[Fitted]]]  # not explained yet; the images without error


def explain_files(
    batches: Iterable[list[ImageFile]],
    cards: Sequence[Card],
    *,
    fit: str = "crop",
    mechanism: str = TRAINED,
    load: Load = load_runner,
    workers: int = 0,
    keep_pictures: bool = False,
) -> Iterator[list[ImageResult]]:
    """The results of each batch in order, each batch in one forward pass of each network.

    `workers` processes open the images; with 0 this process does. `keep_pictures` keeps them for figures. Raises
    `ABNError` where a worker is killed or the device runs out of memory.
    """
    dataset = _PreparedImages(tuple(dict.fromkeys(card.input for card in cards)), fit, keep_pictures)
    for results, inputs in _load_batches(dataset, batches, workers):
        try:
            explained = iter(explain_inputs(inputs, cards, mechanism=mechanism, load=load) if inputs else ())
        except torch.OutOfMemoryError as error:
            raise ABNError("The device has too little memory for this batch: choose a smaller --batch.") from error
        yield [result if result.error else replace(result, explanations=next(explained)) for result in results]


def read_picture(path: str) -> Picture:
    """Open an image file, reading no more than an image may have; `PictureError` where it can't be read."""
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise PictureError("There is no such file.") from error
    except (OSError, ValueError) as error:
        raise PictureError(f"This file can't be read ({getattr(error, 'strerror', None) or error}).") from error
    return open_picture(data, name=Path(path).name)


@dataclass(frozen=True)
class _PreparedImages(Dataset):
    """A data set whose indices are image files: a worker opens and fits a batch of them."""

    specs: tuple[InputSpec, ...]
    fit: str
    keep_pictures: bool

    def __getitems__(self, batch: list[ImageFile]) -> PreparedBatch:
        fitted: dict[InputSpec, list[Fitted]] = defaultdict(list)
        results = [self._prepare(file, fitted) for file in batch]
        return results, fitted

    def _prepare(self, file: ImageFile, fitted: dict[InputSpec, list[Fitted]]) -> ImageResult:
        """Open one image and fit it to each input; its own pixels, which may be many, are not kept."""
        try:
            if file.error:
                raise PictureError(file.error)
            picture = read_picture(file.path)
            images = [fit_picture(picture, spec, self.fit) for spec in self.specs]
        except ABNError as error:
            return ImageResult(file, str(error))
        for spec, image in zip(self.specs, images, strict=True):
            fitted[spec].append(image)
        if self.keep_pictures:
            picture.image.thumbnail((MAX_SIDE, MAX_SIDE))
        return ImageResult(file, "", picture.sha256, picture.notes, picture if self.keep_pictures else None)


def _load_batches(
    dataset: _PreparedImages, batches: Iterable[list[ImageFile]], workers: int
) -> Iterator[PreparedBatch]:
    loader = DataLoader(
        dataset,
        batch_sampler=batches,
        num_workers=workers,
        collate_fn=_identity,
        prefetch_factor=PREFETCH if workers else None,
        worker_init_fn=_init_worker,
    )
    try:
        yield from loader
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise ABNError(
            "A process that opens pictures was ended, as happens where memory is short: choose fewer --workers."
        ) from error


def _init_worker(_: int) -> None:
    """Leave Ctrl-C to the main process, and end without a word where that left in the middle of a transfer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.excepthook = lambda *_: None


def _identity(prepared: Any) -> Any:
    return prepared
