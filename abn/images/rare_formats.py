"""Rare kinds of pictures: what Pillow would read wrongly without a word, put right before and after it decodes a file.

What can't be put right is refused, so that no picture comes out as something else.
"""

import numpy as np
from PIL import ExifTags, Image, ImagePalette
from PIL.PngImagePlugin import Blend

from abn.errors import PictureError

_Tag = ExifTags.Base  # whose numbers are TIFF's too


def shown(data: bytes) -> bytes:
    """The same file, where an animated WebP says of itself that all of it is covered: its frames may still leave parts
    out, as libwebp's own do, and Pillow makes those black unless the file says that it is transparent."""
    if data[8:16] == b"WEBPVP8X" and data[20:21] and data[20] & 2:
        return data[:20] + bytes([data[20] | 16]) + data[21:]
    return data


def mend(opened: Image.Image, data: bytes) -> None:
    """Put right what Pillow would read wrongly, or raise `PictureError` where that can't be done."""
    if opened.format == "PNG":
        _mend_png(opened, data)
    elif opened.format == "BMP":
        _mend_bmp(opened, data)
    elif opened.format == "TIFF":
        _mend_tiff(opened)


def _mend_png(opened: Image.Image, data: bytes) -> None:
    """A transparent color is given in the file's bits and not in Pillow's 8, and a still picture that is only for
    those who can't show an animation is not its first frame."""
    depth, key = data[data.find(b"IHDR") + 12], opened.info.get("transparency")
    if opened.mode == "L" and isinstance(key, int):
        most = 2**depth - 1
        opened.info["transparency"] = (key & most) * 255 // most
    elif opened.mode == "RGB" and isinstance(key, tuple):
        opened.info["transparency"] = tuple(value >> 8 if depth == 16 else value & 255 for value in key)
    if getattr(opened, "default_image", False):
        opened.seek(1)
        opened.blend_op = Blend.OP_SOURCE  # there is nothing below a first frame, not the still picture


def _mend_bmp(opened: Image.Image, data: bytes) -> None:
    """Numbers of colors of 4 or 8 bits, whose colors are gray, are still numbers of colors."""
    tile = opened.tile[0]
    bits = int.from_bytes(data[24:26] if data[14] == 12 else data[28:30], "little")
    if tile.codec_name == "raw" and (opened.mode, bits) in (("1", 4), ("1", 8), ("L", 4)):
        grays = (0, 255) if opened.mode == "1" else range(16)
        opened._mode = "P"  # Pillow offers no other way
        opened.palette = ImagePalette.raw("RGB", bytes(value for gray in grays for value in [gray] * 3))
        opened.tile = [tile._replace(args=("P" if bits == 8 else "P;4", *tile.args[1:]))]


def _mend_tiff(opened: Image.Image) -> None:
    """Numbers in the order of their bytes, planes of their own, and colors of 8 bits."""
    tags = _tags(opened)
    planes, deep = tags.get(_Tag.PlanarConfiguration) == 2, 16 in tags.get(_Tag.BitsPerSample, ())
    raw = bool(opened.tile) and opened.tile[0].codec_name == "raw"
    if planes and (opened.mode in ("LA", "La", "PA", "LAB") or (deep and raw and opened.mode == "CMYK")):
        raise PictureError("This TIFF keeps its channels apart in a rare way: save it again as PNG or JPEG.")
    if raw and max(tile.extents[3] for tile in opened.tile) < tags.get(_Tag.ImageLength, 0):
        raise PictureError("This TIFF is cut short: some of its strips are missing.")
    if opened.mode == "YCbCr" and raw and tuple(tags.get(_Tag.YCbCrSubSampling, (2, 2))) != (1, 1):
        raise PictureError("This TIFF keeps its colors in a rare way: save it again as PNG or JPEG.")
    native = {"F;32BF": "F;32NF", "I;32BS": "I;32NS", "I;16BS": "I;16NS"}  # libtiff has turned the bytes already
    order = "L" if tags.prefix == b"II" else "B"
    for place, tile in enumerate(opened.tile):
        if not raw and tile.args[0] in native:
            opened.tile[place] = tile._replace(args=(native[tile.args[0]], *tile.args[1:]))
        elif raw and planes and deep and opened.mode in ("RGB", "RGBA"):
            opened.tile[place] = tile._replace(args=(f"{tile.args[0]};16{order}", *tile.args[1:]))
    colors = tags.get(_Tag.ColorMap, ())
    if opened.mode == "P" and colors and max(colors) < 256:  # written so by some, instead of 16 bits
        opened.palette = ImagePalette.raw("RGB;L", bytes(colors))


def deep(opened: Image.Image) -> tuple[np.ndarray, float, bool] | None:
    """What can't be shown in 8 bits as it is: float32 values (H, W), the largest of their nominal range, and whether
    the least is white; None where Pillow's own conversion is right."""
    tags = _tags(opened)
    bits, signed = tags.get(_Tag.BitsPerSample, (0,))[0], tags.get(_Tag.SampleFormat) == (2,)
    inverted = opened.format == "TIFF" and tags.get(_Tag.PhotometricInterpretation, 0) == 0
    if opened.mode == "L" and signed and np.asarray(opened).max() > 127:
        return np.asarray(opened).view(np.int8).astype(np.float32), 255.0, False
    if not opened.mode.startswith(("I", "F")):
        return None
    values = np.asarray(opened)
    if opened.mode == "I" and bits == 32 and not signed:
        values = values.view(np.uint32)
    nominal = 1.0 if opened.mode == "F" else 4095.0 if bits == 12 else 65535.0
    return values.astype(np.float32), nominal, inverted


def uncovered(opened: Image.Image) -> tuple[int, int, int, int] | None:
    """The part of an animation that its first frame covers, where that isn't all; asked before it is decoded."""
    box = tuple(opened.tile[0].extents) if opened.format in ("GIF", "PNG") and opened.tile else None
    return None if box in (None, (0, 0, *opened.size)) else box


def _tags(opened: Image.Image) -> dict:
    return getattr(opened, "tag_v2", {})
