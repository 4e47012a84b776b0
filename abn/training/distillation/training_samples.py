"""What the variants learn from: photographs, mixtures of them, and scenes whose object alone gives the target.

For a photograph the target is the backbone's prediction for the very same crop, tight or whole, mirrored, recolored,
mixed with another (function matching: Beyer et al. 2022, arXiv 2106.05237). That keeps the predictions, and trains the
map hardly. In a scene an object of one image lies on another image, and the target is the backbone's prediction for
the object alone: so the network must ignore the rest.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from abn.training.distillation import scenes
from abn.training.distillation.scenes import SIZE
from abn.training.sources.public_images import Source

SHARES = {  # of the samples
    "photograph": 0.45,
    "mixture": 0.22,
    "scene of photographs": 0.22,
    "scene of a stamp": 0.08,
    "scene of a drawing": 0.03,
}
KINDS = tuple(SHARES)
SCENES = [kind for kind, name in enumerate(KINDS) if name.startswith("scene")]  # those whose target is of a part
TIGHTEST = 0.35  # side of the tightest crop, as a share of the photograph's shorter side
WHOLE = 0.3  # of the photographs so many are seen whole, squashed to a square
RECOLORED = 0.3  # most by which brightness, contrast and saturation change
MIDDLE = 0.78  # side of the part of a photograph that becomes an object, as a share of its shorter side
PATCH_SIDE = (84, 168)  # pixels of such an object in a scene
SOFT_EDGE = 0.04  # of it, as a share of its side


class Sample(NamedTuple):
    """One image, and the image whose prediction is its target: mostly itself."""

    image: np.ndarray  # (224, 224, 3) uint8
    asked: np.ndarray  # (224, 224, 3) uint8


class Drawer:
    """Draws samples of all kinds, each from a generator of its own."""

    def __init__(self, cutouts: Sequence[Source], photographs: Sequence[Source], objects: Sequence[Source]):
        """`cutouts` are drawn on `photographs`; `objects` are photographs with something in their middle."""
        self._photographs, self._objects = photographs, objects
        self._cutouts = {kind: [source for source in cutouts if source.kind == kind] for kind in ("stamp", "clipart")}
        self._draw: dict[str, Callable[[np.random.Generator], Sample]] = {
            "photograph": lambda rng: _itself(self._view(rng)),
            "mixture": lambda rng: _itself(_mix(self._view(rng), self._view(rng), rng)),
            "scene of photographs": self._photographic_scene,
            "scene of a stamp": lambda rng: self._scene("stamp", rng),
            "scene of a drawing": lambda rng: self._scene("clipart", rng),
        }

    def draw(self, rng: np.random.Generator) -> tuple[Sample, int]:
        """A sample, and which of `KINDS` it is."""
        kind = int(rng.choice(len(KINDS), p=list(SHARES.values())))
        return self._draw[KINDS[kind]](rng), kind

    def _view(self, rng: np.random.Generator) -> np.ndarray:
        """A photograph, tight or whole, perhaps mirrored, recolored: (224, 224, 3) uint8."""
        source = self._pick(rng)
        if rng.random() < WHOLE:
            image = scenes.random_flip(scenes.load(source).resize((SIZE, SIZE), Image.Resampling.BICUBIC), rng)
        else:
            image = Image.fromarray(scenes.random_crop(source, rng, min_share=TIGHTEST))
        for change in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
            image = change(image).enhance(rng.uniform(1 - RECOLORED, 1 + RECOLORED))
        return np.asarray(image)

    def _pick(self, rng: np.random.Generator) -> Source:
        return self._photographs[int(rng.integers(len(self._photographs)))]

    def _scene(self, kind: str, rng: np.random.Generator) -> Sample:
        cutouts = self._cutouts[kind]
        scene = scenes.compose(cutouts, self._photographs, rng)
        return Sample(scene.image, scenes.centered_object(cutouts[scene.cutout], scenes.GROUNDS[int(rng.integers(2))]))

    def _photographic_scene(self, rng: np.random.Generator) -> Sample:
        """The middle of one photograph with a soft edge, somewhere on a crop of another."""
        image = scenes.load(self._objects[int(rng.integers(len(self._objects)))])
        side = round(MIDDLE * min(image.size))
        left, top = ((extent - side) // 2 for extent in image.size)
        middle = scenes.random_flip(
            image.resize((SIZE, SIZE), Image.Resampling.BICUBIC, box=(left, top, left + side, top + side)), rng
        )
        ground = Image.fromarray(scenes.random_crop(self._pick(rng), rng))
        size = int(rng.integers(*PATCH_SIDE, endpoint=True))
        place = (int(rng.integers(0, SIZE - size + 1)), int(rng.integers(0, SIZE - size + 1)))
        ground.paste(middle.resize((size, size), Image.Resampling.BICUBIC), place, _soft_disc(size))
        return Sample(np.asarray(ground), np.asarray(middle))


def _itself(image: np.ndarray) -> Sample:
    return Sample(image, image)


def _mix(first: np.ndarray, second: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Two images laid over each other, or a part of one put into the other."""
    if rng.random() < 0.5:
        weight = rng.uniform(0.3, 0.7)
        return (weight * first + (1 - weight) * second).astype(np.uint8)
    height, width = (int(rng.uniform(0.4, 0.8) * SIZE) for _ in range(2))
    top, left = int(rng.integers(0, SIZE - height + 1)), int(rng.integers(0, SIZE - width + 1))
    mixed = first.copy()
    mixed[top : top + height, left : left + width] = second[top : top + height, left : left + width]
    return mixed


def _soft_disc(size: int) -> Image.Image:
    """A disc as a mask, its edge soft: (size, size) gray."""
    mask, margin = Image.new("L", (size, size)), round(SOFT_EDGE * size)
    ImageDraw.Draw(mask).ellipse((margin, margin, size - margin - 1, size - margin - 1), fill=255)
    return mask.filter(ImageFilter.GaussianBlur(margin / 2))
