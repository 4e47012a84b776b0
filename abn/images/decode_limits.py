"""Bounded cost: images that would take far too much time or memory are refused before they are read or decoded.

Pillow reads some kinds of files step by step, in Python, or with work that grows with the square of what is repeated;
so a small image can be packed into 20 MB that take minutes, or need gigabytes of memory.
"""

import io
import math
import struct
from contextlib import suppress

from PIL import ExifTags, Image, ImageFile

from abn.errors import PictureError

MAX_PIXELS = 25_000_000  # width × height, as decoded: Pillow then holds 100 MB
MAX_REDUCED = 50_000_000  # of those that are decoded at reduced size, or reduced at once
REDUCED = ("JPEG", "MPO", "JPEG2000", "HEIF")
MAX_SIDE = 65_535  # pixels: the most that a JPEG can hold and a browser can draw
MAX_SCANNED = 1_000_000_000  # pixels × scans of a JPEG: 20 MB of empty progressive scans would decode for hours
MAX_READS = 250_000  # steps in which a file is read: 20 MB of empty blocks have millions
MAX_PIECES = 100_000  # strips or tiles of a TIFF: 16 × 16 pixels each are fewer in the largest image taken
MAX_TAGS = 4_096  # of a TIFF
MAX_REPEATED = {b"iCCP": 100, b"iTXt": 100, b"zTXt": 100, b"Exif\0\0": 15}  # a megabyte each, or all EXIF together
MAX_TILE = 2**22  # pixels of a tile that may be larger than its image
MAX_EXIF = 1_000_000  # bytes: numbers that fill 20 MB take ten seconds and half a gigabyte to be unpacked
MAX_RUNS = 4_000_000  # pixels of a BMP in runs, which Pillow unpacks in Python
MAX_SHARED = 1_000_000  # bytes of a small TIFF's strips that may be read again and again

NO_PIXELS = "This image has no pixels: choose another one."
TOO_MANY_PIECES = "This image is cut into far too many pieces: save it again as PNG or JPEG."

_BYTE_KINDS = (1, 2, 6, 7)  # TIFF's types of bytes and text, which are not unpacked one by one
_Tag = ExifTags.Base  # whose numbers are TIFF's too


class Source(io.BytesIO):
    """A file's bytes, which may be read in only so many steps. Raises `PictureError` where the mere list of its pieces
    would take long to read."""

    def __init__(self, data: bytes):
        super().__init__(data)
        self.left = MAX_READS * (4 if data[:2] == b"BM" else 1)  # a run of a BMP costs little
        repeated = any(data.count(name) > most for name, most in MAX_REPEATED.items())
        if repeated or (data[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+") and _too_many(data)):
            raise PictureError(TOO_MANY_PIECES)

    def read(self, size: int | None = -1, /) -> bytes:
        self.left -= 1
        if self.left < 0:
            raise PictureError(TOO_MANY_PIECES)
        return super().read(size)


def _too_many(data: bytes) -> bool:
    """Whether the first directory of a TIFF has too many tags, or one of them too many numbers."""
    order, large = "<" if data[:2] == b"II" else ">", b"+" in data[2:4]
    with suppress(struct.error):  # cut short: Pillow will say so
        (at,) = struct.unpack_from(order + ("Q" if large else "I"), data, 8 if large else 4)
        if at >= len(data):
            return False
        (count,) = struct.unpack_from(order + ("Q" if large else "H"), data, at)
        if count > MAX_TAGS:
            return True
        at += 8 if large else 2
        for place in range(at, at + count * (20 if large else 12), 20 if large else 12):
            _, kind, numbers = struct.unpack_from(order + ("HHQ" if large else "HHI"), data, place)
            if kind not in _BYTE_KINDS and MAX_PIECES < numbers <= len(data):  # Pillow passes over what can't be there
                return True
    return False


def refuse_costly(opened: ImageFile.ImageFile, source: Source) -> None:
    """Raise `PictureError` where decoding would cost too much, by the header alone; nothing is decoded yet."""
    data = source.getvalue()
    width, height = opened.size
    if not width or not height:
        raise PictureError(NO_PIXELS)
    refuse_large(opened.size, MAX_REDUCED if opened.format in REDUCED else MAX_PIXELS, opened.format)
    if opened.format in ("JPEG", "MPO") and opened.info.get("progressive"):
        refuse_large(opened.size, math.floor(4 * MAX_PIXELS / _samples(opened)), "progressive JPEG")
    jpegs = _jpegs(opened)
    if jpegs and data.count(b"\xff\xda") * (width * height / jpegs + 10_000) > MAX_SCANNED:
        raise PictureError(
            "This JPEG is stored in so many scans that it cannot be decoded in time: "
            "save it again without the progressive option."
        )
    if opened.tile and opened.tile[0].codec_name == "bmp_rle" and width * height > MAX_RUNS:
        raise PictureError("This BMP is far too large for one packed in runs: save it again as PNG or JPEG.")
    tags = getattr(opened, "tag_v2", {})
    counts = [count for tag in (_Tag.StripByteCounts, _Tag.TileByteCounts) for count in tags.get(tag, ())]
    if opened.info.get("compression") != "raw" and sum(max(0, count) for count in counts) > 2 * len(data) + MAX_SHARED:
        raise PictureError("This TIFF uses its pieces again and again: save it again as PNG or JPEG.")
    sides = [tags.get(tag) for tag in (_Tag.TileWidth, _Tag.TileLength)]
    tile = [side for side in sides if isinstance(side, int)]
    if len(tile) == 2 and math.prod(tile) > max(width * height, MAX_TILE):
        raise PictureError("This TIFF is cut into tiles far larger than the image: save it again as PNG or JPEG.")


def refuse_large(size: tuple[int, int], limit: int, kind: str | None) -> None:
    """Raise `PictureError` for more pixels than `limit`, or a side that is too long."""
    width, height = size
    if width * height > limit or max(width, height) > MAX_SIDE:
        name = {"HEIF": "HEIC", "JPEG2000": "JPEG 2000", "MPO": "JPEG"}.get(kind or "", kind)
        raise PictureError(
            f"This image has {width} × {height} pixels; for {name}, the limit is {limit // 10**6} million "
            f"pixels and {MAX_SIDE} per side: save it at a smaller size."
        )


def _samples(opened: ImageFile.ImageFile) -> float:
    """Numbers that a JPEG has for each pixel, of all channels: a progressive one is held whole, two bytes each."""
    parts = [(across, down) for _, across, down, _ in getattr(opened, "layer", [])] or [(1, 1)]
    across, down = (max(sides) for sides in zip(*parts, strict=True))
    return sum(x * y for x, y in parts) / (across * down)


def _jpegs(opened: Image.Image) -> int:
    """How many JPEGs an image is made of, each of them an equal part; 0: none."""
    if opened.format == "TIFF" and opened.info.get("compression") in ("jpeg", "tiff_jpeg"):
        tags = getattr(opened, "tag_v2", {})
        return len(set(tags.get(_Tag.StripOffsets) or tags.get(_Tag.TileOffsets) or (0,)))  # one may be used often
    return int(opened.format in ("JPEG", "MPO"))
