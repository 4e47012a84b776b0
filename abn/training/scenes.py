"""Scenes made of cut-outs and photographs: an object whose mask is known, somewhere on a picture of something else.

Everything is drawn from a generator seeded by (seed, index), so sample 17 is the same picture in every run.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image

from abn.training.public_sources import Source

SIZE = 224  # pixels of a scene; it is enlarged for a backbone that wants more
OBJECT_SIDE = (60, 170)  # pixels of the object's longer side in a scene
CLEAN_SIDE = 190  # pixels of the object's longer side, clean and centerd
GROUNDS = ((255, 255, 255), (128, 128, 128))  # what a clean cut-out lies on; the backbone's answers are averaged
KEPT_SIDE = {"stamp": 200, "clipart": 200, "photograph": 640}  # pixels kept in memory of a source


@dataclass(frozen=True)
class Scene:
    """A picture with one known object."""

    image: np.ndarray  # (224, 224, 3) uint8
    mask: np.ndarray  # (224, 224) bool, where the object is seen
    cutout: int  # index into the cut-outs given


@lru_cache(maxsize=6000)
def load(source: Source) -> Image.Image:
    """The source, RGBA and cropped to its object (cut-outs) or RGB (photographs), bounded in size."""
    with Image.open(source.path) as image:
        if source.kind == "photograph":
            image.draft("RGB", (1280, 1280))
            image = image.convert("RGB")
            scale = KEPT_SIDE["photograph"] / min(image.size)
        else:
            image = image.convert("RGBA")
            image = image.crop(image.getchannel("A").point(lambda a: 255 * (a > 127)).getbbox())
            scale = KEPT_SIDE[source.kind] / max(image.size)
        if scale < 1:
            image = image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))))
        return image.copy()


def _scaled(image: Image.Image, side: float) -> Image.Image:
    scale = side / max(image.size)
    return image.resize((max(2, round(image.width * scale)), max(2, round(image.height * scale))), Image.BICUBIC)


def clean(source: Source, ground: tuple[int, int, int], side: int = CLEAN_SIDE) -> np.ndarray:
    """The cut-out alone, centerd on a plain ground: (224, 224, 3) uint8."""
    canvas = Image.new("RGB", (SIZE, SIZE), ground)
    item = _scaled(load(source), side)
    canvas.paste(item, ((SIZE - item.width) // 2, (SIZE - item.height) // 2), item)
    return np.asarray(canvas)


def crop(source: Source, rng: np.random.Generator, *, smallest: float = 0.35) -> np.ndarray:
    """A square crop of a photograph, its side `smallest` … 1 of the shorter side, flipped at random."""
    image = load(source)
    side = int(rng.uniform(smallest, 1) * min(image.size))
    left, top = (int(rng.integers(0, extent - side + 1)) for extent in image.size)
    image = image.resize((SIZE, SIZE), Image.BICUBIC, box=(left, top, left + side, top + side))
    return np.asarray(_flipped(image, rng))


def scene(
    cutouts: Sequence[Source], photographs: Sequence[Source], rng: np.random.Generator, *, which: int | None = None
) -> Scene:
    """One cut-out (at random, or `which`) somewhere on a crop of a photograph."""
    which = int(rng.integers(len(cutouts))) if which is None else which
    canvas = Image.fromarray(crop(photographs[int(rng.integers(len(photographs)))], rng))
    item = _scaled(_flipped(load(cutouts[which]), rng), rng.uniform(*OBJECT_SIDE))
    left, top = int(rng.integers(0, SIZE - item.width + 1)), int(rng.integers(0, SIZE - item.height + 1))
    canvas.paste(item, (left, top), item)
    mask = np.zeros((SIZE, SIZE), bool)
    mask[top : top + item.height, left : left + item.width] = np.asarray(item.getchannel("A")) > 127
    return Scene(np.asarray(canvas), mask, which)


def _flipped(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    return image.transpose(Image.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else image


def generator(*seed: int) -> np.random.Generator:
    """The generator of sample (seed, index)."""
    return np.random.default_rng(seed)
