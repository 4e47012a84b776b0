"""Photographs with masks of their objects, of a folder or zip: `images/NAME.*` and `masks/NAME.png`, white on the
object, both of one size. ECSSD (Shi, Yan, Xu, Jia 2016) comes so, but for the names of its folders."""

import io
import zipfile
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path

import numpy as np
from PIL import Image

from abn.errors import ABNError, PictureError
from abn.images.decode import Picture, open_picture
from abn.training.sources.unpacking import UNREADABLE_ZIP

UNREADABLE = (*UNREADABLE_ZIP, SyntaxError, Image.DecompressionBombError)  # the last two: what Pillow raises, too


@dataclass(frozen=True, eq=False)
class MaskedPhotograph:
    """A photograph and where its object is."""

    name: str
    picture: Picture
    mask: np.ndarray  # (H, W) bool


def read_masked_photographs(place: Path) -> list[MaskedPhotograph]:
    """All of a folder or zip, in the order of their names. Raises `ABNError` where one can't be read, or there is
    none."""
    try:
        root: Traversable = zipfile.Path(place) if place.is_file() else place
        names = sorted(path.name for path in (root / "images").iterdir())
    except UNREADABLE as error:
        raise ABNError(f"{place.name!r} holds no photographs with masks, images/NAME.* and masks/NAME.png.") from error
    if not names:
        raise ABNError(f"The folder of images in {place.name!r} is empty.")
    return [_read(root / "images" / name, root / "masks" / f"{Path(name).stem}.png") for name in names]


def _read(image: Traversable, mask: Traversable) -> MaskedPhotograph:
    try:
        picture = open_picture(image.read_bytes(), name=image.name)
    except PictureError as error:
        raise ABNError(f"{image.name}: {error}") from error
    except UNREADABLE as error:
        raise ABNError(f"{image.name}: this file can't be read.") from error
    try:
        with Image.open(io.BytesIO(mask.read_bytes()), formats=["PNG"]) as file:
            values = np.asarray(file.convert("L")) > 127
    except UNREADABLE as error:
        raise ABNError(f"{image.name}: its mask, masks/{mask.name}, is missing or can't be read.") from error
    if values.shape != picture.full_size[::-1]:
        raise ABNError(f"{image.name}: its mask has another size.")
    if not values.any() or values.all():
        raise ABNError(f"{image.name}: its mask is empty or full; white (255) is the object, black (0) the rest.")
    return MaskedPhotograph(image.name, picture, values)
