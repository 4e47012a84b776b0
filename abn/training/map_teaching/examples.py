"""An example to teach with: an image, the map that it should have, and its class.

What is allowed: a map like the variant's own (it says "stay as you are"), as long as another one differs; a single
example; a map of any shape, which is resized to the variant's cells: averaged where it has more of them, bilinear
where it has fewer. Refused: NaN, values outside 0 … 1, a map of zeros (no cell would be bright), two maps for one
image, a class that the variant doesn't have.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from abn.errors import ABNError
from abn.evaluation.metrics import top_cells
from abn.images.decode import Picture
from abn.variants.card import Card

UNEDITED = 1e-3  # a map that differs less in every cell wasn't edited

NO_EXAMPLES = "There is no example: edit the map of one image or more."
TWO_MAPS = "There are two maps for the image {name}: leave one of them out."
NO_MAP = "The map of {name} must have rows and columns, and it has the shape {shape}: take one map of one channel."
NOT_FINITE = "The map of {name} holds NaN or infinite values: edit it again."
OUT_OF_RANGE = "The map of {name} holds values from {low:.3g} to {high:.3g}: scale them to 0 … 1."
ZEROS = "The map of {name} holds only zeros, so no cell would be bright: make the cells bright that should count."
NO_CLASS = "The label {label} of {name} is no class of {variant}: give a number from 0 to {last}."
NOTHING_EDITED = "Each map is the variant's own: edit one of them."


@dataclass(frozen=True, eq=False)
class Example:
    """An image with the map that it should have."""

    picture: Picture
    target: np.ndarray  # (h, w) in 0 … 1, M′, over the part of the image at the network's input
    label: int | None = None  # class to predict; None: both heads keep the variant's own predictions

    @property
    def name(self) -> str:
        return self.picture.name


def check_examples(examples: Sequence[Example], card: Card) -> list[Example]:
    """The examples with their maps in the variant's cells, float32. Raises `ABNError`, one sentence."""
    if not examples:
        raise ABNError(NO_EXAMPLES)
    seen: set[str] = set()
    for example in examples:
        if example.picture.sha256 in seen:
            raise ABNError(TWO_MAPS.format(name=example.name))
        seen.add(example.picture.sha256)
        if example.label is not None and not 0 <= example.label < card.num_classes:
            last = card.num_classes - 1
            raise ABNError(
                NO_CLASS.format(label=example.label, name=example.name, variant=card.title or card.id, last=last)
            )
    return [
        replace(example, target=check_map(example.target, card.map_size, name=example.name)) for example in examples
    ]


def check_map(values: np.ndarray, cells: tuple[int, int], *, name: str) -> np.ndarray:
    """A target map in `cells` (h, w), float32. Raises `ABNError` where it can't be one."""
    values = np.asarray(values)
    if values.ndim != 2 or not values.size or values.dtype.kind not in "fiub":
        raise ABNError(NO_MAP.format(name=name, shape=" × ".join(map(str, values.shape)) or "of one number"))
    values = values.astype(np.float32)
    if not np.isfinite(values).all():
        raise ABNError(NOT_FINITE.format(name=name))
    low, high = float(values.min()), float(values.max())
    if low < 0 or high > 1:
        raise ABNError(OUT_OF_RANGE.format(name=name, low=low, high=high))
    if high == 0:
        raise ABNError(ZEROS.format(name=name))
    return resize_target(values, cells)


def resize_target(values: np.ndarray, cells: tuple[int, int]) -> np.ndarray:
    """A map (H, W) in `cells` (h, w): averaged where there are more of its own, bilinear where there are fewer."""
    values = np.asarray(values, np.float32)
    if values.shape == cells:
        return values
    more = values.shape[0] >= cells[0] and values.shape[1] >= cells[1]
    resample = Image.Resampling.BOX if more else Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(values).resize(cells[::-1], resample)).clip(0, 1)


def rectangle_map(cells: tuple[int, int], rows: tuple[int, int], columns: tuple[int, int]) -> np.ndarray:
    """A map float32 of `cells` (h, w): 1 from the first to the last of `rows` and `columns`, from 0 on; 0 elsewhere."""
    values = np.zeros(cells, np.float32)
    values[rows[0] : rows[1] + 1, columns[0] : columns[1] + 1] = 1
    return values


def brightest_map(attention: np.ndarray, share: float, cells: tuple[int, int]) -> np.ndarray:
    """A map (h, w) float32 in `cells`: 1 in the brightest `share` of another map's cells, 0 elsewhere."""
    return resize_target(top_cells(attention, share).astype(np.float32), cells)


def is_edited(target: np.ndarray, own: np.ndarray) -> bool:
    """Whether a target differs from the variant's own map of the same shape in one cell or more."""
    return bool((np.abs(target - own) > UNEDITED).any())


def check_edited(targets: np.ndarray, own: np.ndarray) -> None:
    """Raise `ABNError` where none of the targets (N, h, w) differs from the variant's own maps (N, h, w)."""
    if not is_edited(targets, own):
        raise ABNError(NOTHING_EDITED)
