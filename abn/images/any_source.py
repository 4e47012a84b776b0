"""An image in whatever form a caller has it → a `Picture`."""

import hashlib
import os
from pathlib import Path

import numpy as np
from PIL import Image

from abn.errors import PictureError
from abn.images import color, decode_limits
from abn.images.decode import MAX_BYTES, Picture, open_picture, to_upright_rgb
from abn.images.display_name import display_name

ImageSource = Picture | bytes | bytearray | memoryview | str | os.PathLike[str] | Image.Image | np.ndarray

SHAPE = "An array must have the shape (H, W), (H, W, 3) or (H, W, 4), not {shape}: move its axes, or take one image."
VALUES = "An array must hold whole numbers from 0 to 255 (uint16: to 65535), or floats from 0 to 1: scale its values."
MODE = "This PIL image of mode {mode} can't be turned into RGB: convert it first."
KIND = "An image is a path, the bytes of its file, a PIL image, an array or a Picture, not {kind}."
IN_MEMORY = "an image in memory"


def as_picture(source: ImageSource) -> Picture:
    """The image at a path, in a file's bytes, of PIL or in an array (H, W), (H, W, 3) or (H, W, 4). Raises
    `PictureError`; the source stays as it is."""
    if isinstance(source, Picture):
        return source
    if isinstance(source, bytes | bytearray | memoryview):
        return open_picture(source)
    if isinstance(source, str | os.PathLike):
        return read_picture(source)
    if isinstance(source, np.ndarray):
        return _from_pil(_from_array(source))
    if isinstance(source, Image.Image):
        return _from_pil(source)
    raise PictureError(KIND.format(kind=type(source).__name__))


def read_picture(path: str | os.PathLike[str], *, stretch: bool = False) -> Picture:
    """Open an image file, reading no more than an image may have; `PictureError` where it can't be read."""
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise PictureError("This file does not exist: check its path.") from error
    except (OSError, ValueError) as error:
        raise PictureError(
            f"This file can't be read ({getattr(error, 'strerror', None) or error}): check its permissions."
        ) from error
    return open_picture(data, name=Path(path).name, stretch=stretch)


def _from_pil(image: Image.Image) -> Picture:
    _check_size(image.size)
    try:
        image.load()
        own = image.copy() if image.mode == "RGBA" else image  # of other modes, a copy is made anyway
        upright, notes = to_upright_rgb(own, color.find_profile(image, b""))
    except Exception as error:  # a file that is read only now, or a mode of which no RGB is made
        raise PictureError(MODE.format(mode=image.mode)) from error
    digest = hashlib.sha256(f"{upright.size}".encode() + upright.tobytes()).hexdigest()
    return Picture(upright, digest, display_name(getattr(image, "filename", "")), tuple(notes))


def _from_array(array: np.ndarray) -> Image.Image:
    values = array[:, :, 0] if array.ndim == 3 and array.shape[2] == 1 else array
    if values.ndim not in (2, 3) or (values.ndim == 3 and values.shape[2] not in (3, 4)):
        raise PictureError(SHAPE.format(shape=array.shape))
    _check_size((values.shape[1], values.shape[0]))
    kind = values.dtype.kind
    largest = 1 if kind in "bf" else 65535 if values.dtype == np.uint16 else 255
    if kind not in "bfiu" or not ((values >= 0) & (values <= largest)).all():  # nor is NaN
        raise PictureError(VALUES)
    scaled = values if largest == 255 else np.rint(values.astype(np.float32) * (255 / largest))
    return Image.fromarray(np.ascontiguousarray(scaled.astype(np.uint8)))


def _check_size(size: tuple[int, int]) -> None:
    if not all(size):
        raise PictureError(decode_limits.NO_PIXELS)
    decode_limits.refuse_large(size, decode_limits.MAX_PIXELS, IN_MEMORY)
