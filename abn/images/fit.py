"""An image fitted to a network's input by crop, squash or pad, and a map laid back on the image.

Two coordinate systems meet here, both continuous and counted from the top left corner, so that a pixel's center lies
at + 0.5: the *original*, W × H pixels, and the *input*, size × size pixels. `fit_picture` ties them by one affine map
for each axis, original = scale · input + offset.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from PIL import Image

from abn.errors import PictureError
from abn.images.decode import Picture
from abn.vocabulary import InputSpec

DEFAULT_FIT, *_ = FITS = ("crop", "squash", "pad")
_Number = TypeVar("_Number", int, float)

MAX_RESIZED = 2**24  # pixels of a whole image resized before its crop; only a strip beyond 256 : 1 wants more


@dataclass(frozen=True, eq=False)
class Fitted:
    """A network's input as an image, and its exact place on the original."""

    image: Image.Image  # size × size, RGB
    fit: str  # one of FITS
    original_size: tuple[int, int]  # (W, H)
    scale: tuple[float, float]  # along x and y: original = scale · input + offset
    offset: tuple[float, float]

    @property
    def visible(self) -> tuple[float, float, float, float]:
        """The part of the original that the input covers: left, top, right, bottom in original pixels."""
        (right, bottom), fed = self.original_size, self.image.width
        return (
            max(0.0, self.offset[0]),
            max(0.0, self.offset[1]),
            min(float(right), self.scale[0] * fed + self.offset[0]),
            min(float(bottom), self.scale[1] * fed + self.offset[1]),
        )

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Where the input lies on the original, in parts of its width and height: left, top, right, bottom; beyond
        0 to 1 where the original was padded."""
        (width, height), (left, top), side = self.original_size, self.offset, self.image.width
        right, bottom = left + self.scale[0] * side, top + self.scale[1] * side
        return left / width, top / height, right / width, bottom / height

    def normalized(self, spec: InputSpec) -> np.ndarray:
        """The input tensor: (rgb / 255 − mean) / std, float32 (3, size, size)."""
        rgb: np.ndarray = np.asarray(self.image, np.float32) / np.float32(255)
        rgb = (rgb - np.array(spec.mean, np.float32)) / np.array(spec.std, np.float32)
        return np.ascontiguousarray(rgb.transpose(2, 0, 1))

    def to_original(
        self, values: np.ndarray, *, size: tuple[int, int] | None = None, smooth: bool = True
    ) -> np.ndarray:
        """Lay a map over the input (h, w) back on the original: float32 (H, W), NaN where the model saw nothing.

        `size` (W, H) draws the original at another size, say that of a display: far cheaper than all its pixels.
        """
        across, down = (  # where each pixel center lies on the input, from 0 to 1; beyond that the model saw nothing
            ((np.arange(count) + 0.5) * (side / count) - offset) / (scale * self.image.width)
            for count, side, scale, offset in zip(
                size or self.original_size, self.original_size, self.scale, self.offset, strict=True
            )
        )
        columns, rows = (slice(*np.searchsorted(at, (0, np.nextafter(1, 2)))) for at in (across, down))  # seen: 0 to 1
        laid = np.full((len(down), len(across)), np.nan, np.float32)
        laid[rows, columns] = _sample(values, across[columns], down[rows], smooth)
        return laid


def fit_picture(picture: Picture, spec: InputSpec, fit: str = "crop") -> Fitted:
    """Fit an image to a model's input: resize all of it, then look at it through a window of size × size pixels.

    "crop" resizes the shortest side to ⌊size / crop_pct⌋ and looks at the center, pixel for pixel as timm evaluates;
    "squash" resizes to the window and loses the proportions; "pad" keeps them, on a ground of the model's mean color.
    """
    if fit not in FITS:
        raise PictureError(f"An image can be fitted by {', '.join(FITS)}, not by {fit!r}.")
    image, full, size = picture.image, picture.full_size, spec.size
    if fit == "squash":
        resized = size, size
    elif fit == "pad":
        resized = _pair(max(1, round(size * side / max(full))) for side in full)
    else:
        resized = _pair(int(math.floor(size / spec.crop_pct) * side / min(full)) for side in full)
    # the window's top left corner on the resized image, rounded as torchvision's CenterCrop does
    corner = _pair(round((side - size) / 2) if side > size else -((size - side) // 2) for side in resized)
    scale = _pair(side / to for side, to in zip(full, resized, strict=True))
    offset = _pair(start * step for start, step in zip(corner, scale, strict=True))

    ground = tuple(round(255 * value) for value in spec.mean) if fit == "pad" else (0, 0, 0)
    window = Image.new("RGB", (size, size), ground)
    fitted = Fitted(window, fit, full, scale, offset)
    resample = Image.Resampling[spec.interpolation.upper()]
    if math.prod(resized) <= MAX_RESIZED:
        part = image.resize(resized, resample)
        window.paste(part, _pair(-start for start in corner))
    else:  # only what the window shows, first across, then down, as Pillow enlarges: equal within two gray levels
        left, top, right, bottom = (
            side * part / whole for side, part, whole in zip(fitted.visible, 2 * image.size, 2 * full, strict=True)
        )
        across, down = (min(size, side) for side in resized)
        part = image.resize((across, image.height), resample, box=(left, 0, right, image.height))
        part = part.resize((across, down), resample, box=(0, top, across, bottom))
        window.paste(part, _pair(max(0, -start) for start in corner))
    return fitted


def _pair(values: Iterable[_Number]) -> tuple[_Number, _Number]:
    x, y = values
    return x, y


def denormalize(normalized: np.ndarray, spec: InputSpec) -> np.ndarray:
    """The input as an image: a tensor (3, size, size) as `Fitted.normalized` gives it → uint8 (size, size, 3)."""
    rgb = np.asarray(normalized, np.float32).transpose(1, 2, 0)
    rgb = rgb * np.array(spec.std, np.float32) + np.array(spec.mean, np.float32)
    return np.rint(rgb * 255).clip(0, 255).astype(np.uint8)


def upsample(values: np.ndarray, size: tuple[int, int], smooth: bool = True) -> np.ndarray:
    """Enlarge a map (h, w) to `size` (W, H): float32 (H, W).

    Smooth is bilinear between cell centers with the edge held (torch's align_corners=False); else each cell is a block.
    """
    across, down = ((np.arange(count) + 0.5) / count for count in size)
    return _sample(values, across, down, smooth)


def _sample(values: np.ndarray, across: np.ndarray, down: np.ndarray, smooth: bool) -> np.ndarray:
    """Read a map (h, w) at fractions `across` (W,) of its width and `down` (H,) of its height: float32 (H, W)."""
    values = np.asarray(values, np.float32)
    if values.ndim != 2 or 0 in values.shape:
        raise ValueError(f"A map is (h, w) with at least one cell; this one is {values.shape}.")
    if not smooth:
        rows, columns = (
            (at * n).astype(np.intp).clip(0, n - 1) for at, n in zip((down, across), values.shape, strict=True)
        )
        return values[np.ix_(rows, columns)]
    rows, columns = (_weights(at, n) for at, n in zip((down, across), values.shape, strict=True))
    return (rows @ values @ columns.T).astype(np.float32)


def _weights(at: np.ndarray, cells: int) -> np.ndarray:
    """Bilinear weights (N, cells) float64 at fractions `at` (N,) of a side; each row's sum is 1, the edge is held."""
    place = np.clip(at * cells - 0.5, 0, cells - 1)  # in cells, counted from the first one's center
    return np.maximum(0, 1 - np.abs(place[:, None] - np.arange(cells)))
