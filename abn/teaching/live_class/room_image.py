"""The image of a question as the room keeps it: the part that enters the network, sharp enough for a projector.

It is encoded again from its pixels, so neither an uploaded file nor its metadata enters a room.
"""

import hashlib
import io
from dataclasses import dataclass

from PIL import Image

from abn.errors import RoomError
from abn.images.decode import Picture, open_picture
from abn.images.fit import fit_picture
from abn.vocabulary import InputSpec

SIDE = 640  # pixels: on a projector of 1024 × 768 it isn't enlarged
QUALITY = 90
FIT = "squash"  # how a room's image, a square, is brought to a network's input


@dataclass(frozen=True)
class RoomImage:
    """A square JPEG under a name of its own."""

    name: str
    data: bytes


def make_room_image(picture: Picture, spec: InputSpec, fit: str) -> RoomImage:
    """The part of an image that the fit leaves, as a square."""
    visible = fit_picture(picture, spec, fit).visible
    whole = picture.full_size
    box = [side * kept / full for side, kept, full in zip(visible, 2 * picture.image.size, 2 * whole, strict=True)]
    left, top, right, bottom = box
    square = picture.image.resize((SIDE, SIDE), Image.Resampling.LANCZOS, box=(left, top, right, bottom))
    stream = io.BytesIO()
    square.save(stream, "JPEG", quality=QUALITY)
    return RoomImage(hashlib.sha256(stream.getvalue()).hexdigest()[:16], stream.getvalue())


def open_room_image(data: bytes | None) -> Picture:
    """The image again, to run networks on it. Raises `RoomError` where the room has none."""
    if data is None:
        raise RoomError("The image of this question is not in the room any more. Continue with the next question.")
    return open_picture(data, name="room.jpg")
