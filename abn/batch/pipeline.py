"""Blocks of the stream → results, in order: workers open and fit the pictures, one process runs the networks.

Whatever is wrong with a picture stays with it: its result holds the sentence, and the others of its block go on. No
more than a few blocks exist at a time, however many pictures there are.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch.utils.data import DataLoader

from abn.batch.image_stream import Item
from abn.errors import ABNError, PictureError
from abn.explanations.explainer import InputBatch, Load, explain_fed, feed
from abn.explanations.explanation import Explanation
from abn.export.figures import SIDE
from abn.images.decode import MAX_BYTES, Picture, open_picture
from abn.images.fit import Fitted, InputSpec, fit_picture
from abn.variants.card import Card
from abn.variants.store import load_variant
from abn.vocabulary import TRAINED

AHEAD = 2  # blocks that each worker prepares before they are asked for


@dataclass(frozen=True, eq=False)
class Result:
    """What was found in one file, and what each variant makes of it; or an error."""

    item: Item
    error: str = ""  # one sentence; then the rest is empty
    sha256: str = ""  # of the file's bytes
    notes: tuple[str, ...] = ()  # what was done to the picture, a plain sentence each
    picture: Picture | None = None  # for drawing alone, no larger than a drawing is
    explanations: Sequence[Explanation] = ()


def results(
    blocks: Iterable[list[Item]],
    cards: Sequence[Card],
    *,
    fit: str = "crop",
    mechanism: str = TRAINED,
    load: Load = load_variant,
    workers: int = 0,
    draws: bool = False,
) -> Iterator[list[Result]]:
    """The results of each block, in the order of the blocks, each block in one forward pass of each network.

    `workers` processes open the pictures, none: this one does. `draws` keeps each picture, at the size of a drawing.
    """
    opener = _Opener(tuple(dict.fromkeys(card.input for card in cards)), fit, draws)
    for found, fed in _prepared(opener, blocks, workers):
        try:
            explained = iter(explain_fed(fed, cards, mechanism=mechanism, load=load) if fed else ())
        except torch.OutOfMemoryError as error:
            raise ABNError("The device has too little memory for such a block: take a smaller --batch.") from error
        yield [one if one.error else replace(one, explanations=next(explained)) for one in found]


def read(path: str) -> Picture:
    """A picture file; no more of it is read than a picture may have."""
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise PictureError("There is no such file.") from error
    except (OSError, ValueError) as error:
        raise PictureError(f"This file can't be read ({getattr(error, 'strerror', None) or error}).") from error
    return open_picture(data, name=Path(path).name)


Prepared = tuple[list[Result], dict[InputSpec, InputBatch]]  # one block, not explained yet; the sound pictures


@dataclass(frozen=True)
class _Opener:
    """The data set of a DataLoader whose indices are items: what a worker does with one block."""

    specs: tuple[InputSpec, ...]
    fit: str
    draws: bool

    def __getitems__(self, block: list[Item]) -> Prepared:
        fitted: dict[InputSpec, list[Fitted]] = defaultdict(list)
        found = [self._open(item, fitted) for item in block]
        return found, {spec: feed(some, spec) for spec, some in fitted.items()}

    def _open(self, item: Item, fitted: dict[InputSpec, list[Fitted]]) -> Result:
        """Open and fit one picture, and let go of its pixels, which may be many."""
        try:
            if item.error:
                raise PictureError(item.error)
            picture = read(item.image)
            fits = [fit_picture(picture, spec, self.fit) for spec in self.specs]
        except ABNError as error:
            return Result(item, str(error))
        for spec, one in zip(self.specs, fits, strict=True):
            fitted[spec].append(one)
        if self.draws:
            picture.image.thumbnail((SIDE, SIDE))
        return Result(item, "", picture.sha256, picture.notes, picture if self.draws else None)


def _prepared(opener: _Opener, blocks: Iterable[list[Item]], workers: int) -> Iterator[Prepared]:
    loader = DataLoader(
        opener,
        batch_sampler=blocks,
        num_workers=workers,
        collate_fn=_as_it_is,
        prefetch_factor=AHEAD if workers else None,
    )
    remaining = iter(loader)
    while True:
        try:
            block = next(remaining)
        except StopIteration:
            return
        except RuntimeError as error:
            if "DataLoader worker" not in str(error):
                raise
            raise ABNError(
                "A process that opens pictures was ended, as happens where memory is short: take fewer --workers."
            ) from error
        yield block


def _as_it_is(prepared: Prepared) -> Prepared:
    return prepared
