"""Rare kinds of images: those that Pillow would read wrongly are refused; gray of more than 8 bits comes out right."""

import io

import numpy as np
from PIL import ExifTags, Image, ImageFile

from abn.errors import PictureError
from abn.images.file_kinds import NOT_READ

BROUGHT = "Gray values of 16 or 32 bits brought to 8."
STRETCHED = "Gray values stretched: the darkest black, the lightest white."
DARK = (
    "Nearly black: all gray values are below {count}, as of {bits}-bit data. They are stretched only on request: "
    "`stretch=True` in Python, `--stretch` on the command line."
)
DARK_COLORS = (
    "Nearly black: all color values are below {count}, as of {bits}-bit data stored in 16 bits. Only gray values can "
    "be stretched: save the image with 8 bits."
)
BY_BITS = "Gray values taken as {bits}-bit data, on request."

_USUAL_BITS = (10, 12, 14)  # of data in 16
_Tag = ExifTags.Base  # whose numbers are TIFF's too
_TURNED_TWICE = ("F;32BF", "I;32BS", "I;16BS")  # libtiff turns the bytes of compressed files, and Pillow does again


def refuse_misread(opened: ImageFile.ImageFile, source: io.BytesIO) -> None:
    """Raise `PictureError` where Pillow would decode other pixels than the file holds."""
    kind = ""
    if opened.format == "PNG" and getattr(opened, "default_image", False):
        kind = "an animated PNG with a separate still image"
    elif opened.format == "BMP" and opened.tile[0].codec_name == "raw":
        data = source.getvalue()
        bits = int.from_bytes(data[24:26] if data[14] == 12 else data[28:30], "little")
        kind = "a BMP with a gray palette" if (opened.mode, bits) in (("1", 4), ("1", 8), ("L", 4)) else ""
    elif opened.format == "TIFF":
        kind = _misread_tiff(opened)
    if kind:
        raise PictureError(NOT_READ.format(kind=kind))


def _misread_tiff(opened: ImageFile.ImageFile) -> str:
    tags = _tags(opened)
    bits, raw = tags.get(_Tag.BitsPerSample, (1,)), bool(opened.tile) and opened.tile[0].codec_name == "raw"
    if len(bits) > 1 and tags.get(_Tag.PlanarConfiguration) == 2:
        return "a planar TIFF"
    if raw and max(tile.extents[3] for tile in opened.tile if tile.extents) < tags.get(_Tag.ImageLength, 0):
        return "a TIFF with missing strips"
    if raw and opened.mode == "YCbCr" and tuple(tags.get(_Tag.YCbCrSubSampling, (2, 2))) != (1, 1):
        return "an uncompressed TIFF with subsampled colors"
    if opened.mode == "P" and 0 < max(tags.get(_Tag.ColorMap, (0,))) < 256:
        return "a TIFF with a palette of 8 bits"
    if opened.mode == "L" and tags.get(_Tag.SampleFormat) == (2,):
        return "a TIFF of signed bytes"
    if not raw and any((tile.args or " ")[0] in _TURNED_TWICE for tile in opened.tile):
        return "a compressed big-endian TIFF of signed or 32-bit values"
    return ""


def scale_transparent_color(opened: ImageFile.ImageFile) -> None:
    """Bring a PNG's transparent color, which is given in the file's own bits, to Pillow's 8; before it is decoded."""
    if opened.format != "PNG" or not opened.tile:
        return
    raw_mode = str(opened.tile[0].args)  # such as "L;2" and "RGB;16B"
    color, depth = opened.info.get("transparency"), int(raw_mode.partition(";")[2].rstrip("B") or 8)
    if opened.mode == "L" and isinstance(color, int):
        largest = 2**depth - 1
        opened.info["transparency"] = (color & largest) * 255 // largest
    elif opened.mode == "RGB" and isinstance(color, tuple):
        opened.info["transparency"] = tuple(value >> 8 if depth == 16 else value & 255 for value in color)


def deep_gray(opened: Image.Image) -> tuple[np.ndarray, float, bool] | None:
    """Gray of more than 8 bits: float32 values (H, W), the largest of their nominal range, and whether the minimum is
    white; None where Pillow's own conversion is right."""
    if not opened.mode.startswith(("I", "F")):
        return None
    tags, values = _tags(opened), np.asarray(opened)
    bits, signed = tags.get(_Tag.BitsPerSample, (0,))[0], tags.get(_Tag.SampleFormat) == (2,)
    if opened.mode == "I" and bits == 32 and not signed:
        values = values.view(np.uint32)
    nominal = 1.0 if opened.mode == "F" else 4095.0 if bits == 12 else 65535.0
    largest = tags.get(_Tag.MaxSampleValue, (0,))
    largest = largest[0] if isinstance(largest, tuple) else largest
    if opened.mode != "F" and isinstance(largest, int) and 255 <= largest < 2**16:
        nominal = float(largest)
    inverted = opened.format == "TIFF" and tags.get(_Tag.PhotometricInterpretation, 0) == 0
    return values.astype(np.float32), nominal, inverted


def narrow(
    values: np.ndarray, nominal: float, inverted: bool, transparent: int | None, *, stretch: bool = False
) -> tuple[Image.Image, str]:
    """Bring `deep_gray` (H, W) to 8 bits, and say how: by its nominal range if it keeps to it, else by its own.

    Data of fewer bits that no tag tells of looks nearly black: with `stretch` it is taken as what it seems to be.
    """
    usable = (values > -1e37) & (values < 1e37)  # neither infinite nor not-a-number, and safe to subtract
    low = float(values.min(where=usable, initial=1e37))
    high = float(values.max(where=usable, initial=-1e37))
    if low >= 0 and high <= nominal:
        start, span, note = 0.0, nominal, BROUGHT
        bits = next((bits for bits in _USUAL_BITS if nominal == 65535 and 0 < high < 2**bits), 0)
        if bits and stretch:
            span, note = 2.0**bits - 1, BY_BITS.format(bits=bits)
        elif bits:
            note = DARK.format(count=2**bits, bits=bits)
    else:
        start, span, note = low, (high - low) or 1.0, STRETCHED
    hidden = values == (np.nan if transparent is None else transparent)
    values[~usable] = start + span if inverted else start  # black
    values -= start
    values *= 255 / span
    if inverted:
        np.subtract(255, values, out=values)
    image = Image.fromarray(np.rint(values, out=values).astype(np.uint8))
    if hidden.any():
        image.putalpha(Image.fromarray(~hidden))
    return image, note


def has_deep_color(opened: ImageFile.ImageFile) -> bool:
    """Whether a file has 16 bits for each color, of which Pillow reads the upper 8; ask before it is decoded."""
    return any(";16" in str(tile.args) and "RGB" in str(tile.args) for tile in opened.tile)


def name_dark_colors(decoded: Image.Image) -> str:
    """The sentence on an image with `has_deep_color` whose colors seem to be of fewer bits; empty for others."""
    highest = max(high for _, high in decoded.convert("RGB").getextrema())  # type: ignore[misc]  # of three channels
    bits = next((bits for bits in _USUAL_BITS if 0 < highest < 2 ** (bits - 8)), 0)
    return DARK_COLORS.format(count=2**bits, bits=bits) if bits else ""


def covered_part(opened: ImageFile.ImageFile) -> tuple[int, int, int, int] | None:
    """The part of a GIF that its first frame covers, where that isn't all; ask before it is decoded."""
    box = opened.tile[0].extents if opened.format == "GIF" and opened.tile else None
    return None if box == (0, 0, *opened.size) else box


def _tags(opened: Image.Image) -> dict:
    return getattr(opened, "tag_v2", {})
