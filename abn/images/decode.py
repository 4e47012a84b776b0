"""Untrusted bytes → an upright sRGB image, or one sentence why not."""

import hashlib
from contextlib import suppress
from dataclasses import dataclass, field
from typing import cast

from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError
from PIL.Image import Transpose

from abn.errors import PictureError
from abn.images import avif, color, cut_short, decode_limits, file_kinds, jpeg_2000, rare_formats
from abn.images.display_name import display_name

PNG = b"\x89PNG"
MAX_BYTES = 20_000_000
LEAST_SIDE = 512  # pixels: twice the side of a network's input, and what a page shows

ON_WHITE = "Transparent parts put on white."
TURNED = "Turned upright as its EXIF says."

_UPRIGHT = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,  # EXIF orientations
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}
_SIDEWAYS = (Transpose.TRANSPOSE, Transpose.ROTATE_270, Transpose.TRANSVERSE, Transpose.ROTATE_90)


@dataclass(frozen=True)
class Picture:
    """An image as a person sees it; two are equal when they came from the same bytes under the same name."""

    image: Image.Image = field(compare=False)  # upright RGB, without metadata; of a large JPEG a smaller one
    sha256: str  # of the bytes given
    name: str  # plain text for display, never a path
    notes: tuple[str, ...] = ()  # what was done to it, a plain sentence each
    full_size: tuple[int, int] = (0, 0)  # (W, H) of the upright image in its file; by default those of the image

    def __post_init__(self) -> None:
        if not any(self.full_size):
            object.__setattr__(self, "full_size", self.image.size)


def open_picture(data: bytes | bytearray | memoryview, *, name: str = "image", stretch: bool = False) -> Picture:
    """Open a file's bytes, whatever they are: a `Picture`, or a PictureError of one plain sentence.

    `stretch` brightens gray data of 10, 12 or 14 bits in 16, whose file doesn't tell how many there are.
    """
    if not isinstance(data, bytes | bytearray | memoryview):
        raise PictureError(f"An image is opened from the bytes of its file, not from {type(data).__name__}.")
    data = bytes(data)
    if not data:
        raise PictureError("This file is empty: choose it again, or choose another image.")
    if len(data) > MAX_BYTES:
        raise PictureError(
            f"This file has {len(data) / 1e6:.1f} MB; the limit is {MAX_BYTES // 10**6} MB: save the image at a "
            "smaller size."
        )
    try:
        opened, source = _open(data)
        decode_limits.refuse_costly(opened, source)
        rare_formats.refuse_misread(opened, source)
        if opened.format == "AVIF":
            avif.refuse_hidden_size(data)
        image, notes, full_size = _decode(opened, data, stretch)
    except PictureError:
        raise
    except UnidentifiedImageError as error:
        raise PictureError(
            f"This file is not an image of a known format, or its beginning is damaged: {file_kinds.CHOOSE}."
        ) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureError(
            f"This image is far too large; the limit is {decode_limits.MAX_PIXELS // 10**6} million pixels: "
            "save it at a smaller size."
        ) from error
    except Exception as error:  # Pillow's decoders raise nearly anything: OSError, struct.error, KeyError, zlib.error …
        raise PictureError(
            "This image cannot be decoded; it may be damaged, cut short or of a rare kind: "
            "save it again as PNG or JPEG."
        ) from error
    return Picture(image, hashlib.sha256(data).hexdigest(), display_name(name), tuple(notes), full_size)


def _open(data: bytes) -> tuple[ImageFile.ImageFile, decode_limits.Source]:
    readers = file_kinds.choose_readers(data)
    try:
        source = decode_limits.Source(data)
        return Image.open(source, formats=readers), source
    except (ValueError, UnidentifiedImageError):
        without = color.without_profile(data) if data.startswith(PNG) else data
        if without == data:
            raise
        source = decode_limits.Source(without)
        return Image.open(source, formats=readers), source


def _decode(opened: ImageFile.ImageFile, data: bytes, stretch: bool) -> tuple[Image.Image, list[str], tuple[int, int]]:
    """Decode the first frame into upright RGB, and tell what that took and how large it is in full.

    A JPEG can be decoded at a half, a quarter or an eighth of its size, in so much less time and memory, and a
    JPEG 2000 in even smaller parts. A HEIC is decoded whole, which takes no more than a WebP of half as many pixels.
    """
    full_width, full_height = opened.size
    if opened.format == "JPEG2000":
        jpeg_2000.reduce(opened, data, LEAST_SIDE)
    elif opened.format != "HEIF" and (
        opened.draft("", (LEAST_SIDE, LEAST_SIDE)) is None or opened.size == (full_width, full_height)
    ):
        decode_limits.refuse_large(opened.size, decode_limits.MAX_PIXELS, opened.format)
    rare_formats.scale_transparent_color(opened)
    covered, deep_color = rare_formats.covered_part(opened), rare_formats.has_deep_color(opened)
    turned_on_load = opened.format == "TIFF" and _turn(opened) is not None  # by Pillow
    opened, cut_note = cut_short.load(opened, data, LEAST_SIDE)
    dark_note = rare_formats.name_dark_colors(opened) if deep_color else ""
    profile, decoded = color.find_profile(opened, data), _reduce_large(opened)
    image, notes = to_upright_rgb(decoded, profile, covered=covered, stretch=stretch)
    notes[:0] = filter(None, (cut_note, dark_note))
    if turned_on_load:
        notes.append(TURNED)
    sideways = _turn(opened) in _SIDEWAYS
    with suppress(Exception):  # damage behind the first frame does not matter; asked last, as it moves the file on
        if getattr(opened, "is_animated", False):
            animation = opened.format in ("GIF", "PNG", "WEBP", "AVIF")
            notes.append("First frame of an animation." if animation else "First image of several in the file.")
    if opened.format not in decode_limits.REDUCED:
        return image, notes, image.size
    return image, notes, (full_height, full_width) if sideways else (full_width, full_height)


def _reduce_large(opened: ImageFile.ImageFile) -> Image.Image:
    """A decoded image, brought to few pixels where it has more than may be kept."""
    width, height = opened.size
    if width * height <= decode_limits.MAX_PIXELS:
        return opened
    return opened.reduce(max(1, min(8, min(width, height) // LEAST_SIDE)))


def to_upright_rgb(
    decoded: Image.Image,
    profile: color.Profile | None = None,
    *,
    covered: tuple[int, int, int, int] | None = None,
    stretch: bool = False,
) -> tuple[Image.Image, list[str]]:
    """A decoded image of any mode in upright sRGB, without metadata, and what was done to it. It may be changed itself.

    `covered` is the part outside of which nothing was drawn.
    """
    notes = []
    layer = decoded
    if deep := rare_formats.deep_gray(decoded):
        layer, note = rare_formats.narrow(*deep, decoded.info.get("transparency"), stretch=stretch)
        notes.append(note)
    transparent = layer.has_transparency_data
    image, color_notes = color.to_srgb(layer, profile, transparent=transparent)
    notes += color_notes
    if transparent:
        layer, image = image, Image.new("RGB", image.size, "white")
        image.paste(layer, mask=layer)
        least, _ = cast(tuple[int, int], layer.getchannel("A").getextrema())
        if least < 255:
            notes.append(ON_WHITE)
    if covered:
        part, image = image.crop(covered), Image.new("RGB", image.size, "white")
        image.paste(part, covered)
        notes = [*color_notes, ON_WHITE]
    turn = _turn(decoded)
    if turn is not None:
        image = image.transpose(turn)
        notes.append(TURNED)
    image.info.clear()
    return image, notes


def _turn(opened: Image.Image) -> Transpose | None:
    """How the image comes upright, if it isn't."""
    if len(opened.info.get("exif") or b"") > decode_limits.MAX_EXIF:  # nobody's; its numbers would be unpacked
        return None
    with suppress(Exception):  # broken EXIF must not cost the image
        return _UPRIGHT.get(opened.getexif().get(ExifTags.Base.Orientation, 1))
    return None
