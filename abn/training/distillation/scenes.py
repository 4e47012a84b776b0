"""Scenes made of cut-outs and photographs: an object whose mask is known, somewhere on a photograph of something else.

Everything is drawn from a generator seeded by (seed, index), so sample 17 is the same image in every run.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from abn.training.sources.public_images import OWN, SAME, Source, gray_thumbnail, object_box

SIZE = 224  # pixels of a scene; it is enlarged for a backbone that takes more
OBJECT_SIDE = (60, 170)  # pixels of the object's longer side in a scene
CENTERED_SIDE = 190  # pixels of the longer side of an object alone on a plain ground
GROUNDS = ((255, 255, 255), (128, 128, 128))  # plain grounds; the backbone's predictions are averaged over them
LOADED_SIDE = {"stamp": 200, "clipart": 200, "photograph": 640, OWN: 360}  # pixels of a source that are kept in memory


@dataclass(frozen=True)
class Scene:
    """An image with one known object."""

    image: np.ndarray  # (224, 224, 3) uint8
    mask: np.ndarray  # (224, 224) bool, where the object is visible
    cutout: int  # index into the cut-outs given


def compose(
    cutouts: Sequence[Source], photographs: Sequence[Source], rng: np.random.Generator, *, which: int | None = None
) -> Scene:
    """One cut-out (at random, or `which`) somewhere on a crop of a photograph."""
    which = int(rng.integers(len(cutouts))) if which is None else which
    canvas = Image.fromarray(random_crop(photographs[int(rng.integers(len(photographs)))], rng))
    cutout = _resize(random_flip(load(cutouts[which]), rng), rng.uniform(*OBJECT_SIDE))
    left, top = int(rng.integers(0, SIZE - cutout.width + 1)), int(rng.integers(0, SIZE - cutout.height + 1))
    canvas.paste(cutout, (left, top), cutout)
    mask = np.zeros((SIZE, SIZE), bool)
    mask[top : top + cutout.height, left : left + cutout.width] = np.asarray(cutout.getchannel("A")) > 127
    return Scene(np.asarray(canvas), mask, which)


def centered_object(source: Source, ground: tuple[int, int, int], side: int = CENTERED_SIDE) -> np.ndarray:
    """The cut-out alone, centered on a plain ground: (224, 224, 3) uint8."""
    canvas = Image.new("RGB", (SIZE, SIZE), ground)
    cutout = _resize(load(source), side)
    canvas.paste(cutout, ((SIZE - cutout.width) // 2, (SIZE - cutout.height) // 2), cutout)
    return np.asarray(canvas)


def random_crop(source: Source, rng: np.random.Generator, *, min_share: float = 0.35) -> np.ndarray:
    """A square crop of a photograph, `min_share` … 1 of its shorter side, flipped at random: (224, 224, 3) uint8."""
    image = load(source)
    side = int(rng.uniform(min_share, 1) * min(image.size))
    left, top = (int(rng.integers(0, extent - side + 1)) for extent in image.size)
    image = image.resize((SIZE, SIZE), Image.Resampling.BICUBIC, box=(left, top, left + side, top + side))
    return np.asarray(random_flip(image, rng))


@lru_cache(maxsize=12_000)
def load(source: Source) -> Image.Image:
    """The source, RGBA and cropped to its object (cut-outs) or RGB (photographs), bounded in size."""
    with Image.open(source.path) as file:
        if source.kind in ("photograph", OWN):
            side = LOADED_SIDE[source.kind]
            file.draft("RGB", (2 * side, 2 * side))
            image = file.convert("RGB")
            scale = side / min(image.size)
        else:
            image = file.convert("RGBA")
            image = image.crop(object_box(image.getchannel("A")))
            scale = LOADED_SIDE[source.kind] / max(image.size)
    if scale >= 1:
        return image
    return image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))))


def seeded_generator(seed: int, index: int) -> np.random.Generator:
    """The generator of one sample."""
    return np.random.default_rng((seed, index))


def to_inputs(images: Sequence[np.ndarray], size: int) -> Tensor:
    """RGB uint8 (224, 224, 3) each → (B, 3, size, size) as the backbones take it (bicubic, mean = std = 0.5)."""
    if size != SIZE:
        images = [np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC)) for image in images]
    stacked = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)
    return (stacked.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)


def object_thumbnails(source: Source) -> np.ndarray:
    """Thumbnails of the centered object and of its mirror image: (2, 144) unit vectors."""
    image = Image.fromarray(centered_object(source, GROUNDS[1]))
    return np.stack([gray_thumbnail(image), gray_thumbnail(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT))])


def shows_known_object(source: Source, known: Sequence[np.ndarray]) -> bool:
    """Whether the object, perhaps mirrored, is one of those whose `object_thumbnails` are `known`."""
    own = object_thumbnails(source)[0]
    return any((thumbnails @ own).max() > SAME for thumbnails in known)


def _resize(image: Image.Image, side: float) -> Image.Image:
    scale = side / max(image.size)
    return image.resize(
        (max(2, round(image.width * scale)), max(2, round(image.height * scale))), Image.Resampling.BICUBIC
    )


def random_flip(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """The image, or its mirror image."""
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else image
