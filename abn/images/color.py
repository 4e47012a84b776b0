"""Colors as a file means them → sRGB: littleCMS converts them by the file's ICC profile, or by numbers in its place.

A profile comes with a file from anybody. It is used only where its tables are no larger than it is itself, so that
it costs little; otherwise, and where it is damaged or of other channels than the image, the colors are taken as sRGB.
"""

import io
import itertools
import logging
import math
import re
import struct
from typing import NamedTuple

from PIL import Image, ImageChops

from abn.images import icc_profile
from abn.images.display_name import one_line

CONVERTED = "Colors converted from {name}."
UNUSABLE = "The color profile can't be used, so the colors are taken as sRGB."
CLIPPED = "HDR highlights are clipped to white."
UNNAMED = "an unnamed color profile"

MAX_PROFILE = 4_000_000  # bytes; those of printing presses have up to 3 MB
MAX_TAGS = 100  # of a profile
SAME = 2  # gray levels: profiles that differ less from sRGB are sRGB, rounded another way

_SRGB_GAMMA = 0.45455  # what PNG writes for the curve of sRGB
_CHANNELS = {"GRAY": "L", "RGB": "RGB", "CMYK": "CMYK"}  # by the color space of a profile
_KINDS = (b"scnr", b"mntr", b"prtr", b"spac")  # of devices and spaces, not of links between them

log = logging.getLogger(__name__)


class Profile(NamedTuple):
    """What the numbers of an image mean."""

    icc: bytes  # empty where the file says something that nothing is known of
    name: str = ""  # for people; by default the profile's own
    hdr: bool = False  # brighter than white


def find_profile(opened: Image.Image, data: bytes) -> Profile | None:
    """The color space of an image, where its file states one. Raises nothing."""
    icc, codes = opened.info.get("icc_profile"), None
    if opened.format == "PNG":
        head = data[: data.find(b"IDAT")]
        codes = re.search(rb"\0\0\0\x04cICP(.)(.)", head, re.DOTALL)
        if not codes and not icc and b"iCCP" in head:
            return Profile(b"")  # which Pillow can't unpack
    elif opened.format == "JPEG2000":
        box = re.search(rb"(....)colr\x02..", data[: data.find(b"jp2c")], re.DOTALL)
        icc = box and data[box.end() : box.start() + int.from_bytes(box[1], "big")]
    elif opened.format in ("AVIF", "HEIF") and not icc:
        codes = re.search(rb"colrnclx\0(.)\0(.)", data, re.DOTALL)
    if codes:
        return _by_codes(codes[1][0], codes[2][0])
    if icc:
        return Profile(bytes(icc))
    if opened.format == "PNG" and "srgb" not in opened.info:
        return _by_numbers(opened.info.get("gamma"), opened.info.get("chromaticity"))
    return None


def without_profile(data: bytes) -> bytes:
    """A PNG's bytes without its ICC profile, which Pillow refuses where it is packed in an unknown way or too large."""
    at = data.find(b"iCCP", 0, data.find(b"IDAT")) - 4
    return data if at < 0 else data[:at] + data[at + 12 + int.from_bytes(data[at : at + 4], "big") :]


def _by_codes(primaries: int, transfer: int) -> Profile | None:
    """The space that ITU-T H.273 numbers so; 2 is unknown, hence sRGB."""
    chosen, curve = icc_profile.PRIMARIES.get(primaries), icc_profile.CURVES.get(transfer)
    if chosen is None or curve is None:
        return Profile(b"")
    if (chosen, curve) == (icc_profile.PRIMARIES[1], icc_profile.CURVES[13]):
        return None
    name = f"{chosen.name}, {curve.name}" if curve.name else chosen.name
    return Profile(icc_profile.build(chosen, curve), name, curve.hdr)


def _by_numbers(gamma: float | None, chromaticity: tuple[float, ...] | None) -> Profile | None:
    """The space of PNG's gAMA and cHRM; what is missing is as in sRGB."""
    if gamma is None and chromaticity is None:
        return None
    curve = icc_profile.CURVES[13]
    if gamma is not None and gamma != _SRGB_GAMMA:
        if not 0.1 <= gamma <= 10:
            return Profile(b"")
        curve = icc_profile.Curve("", gamma=1 / gamma)
    space = icc_profile.PRIMARIES[1]
    if chromaticity is not None:
        space = icc_profile.Primaries("", chromaticity[2:], chromaticity[:2])
    try:
        return Profile(icc_profile.build(space, curve), "the gamma and primaries in its file")
    except (ArithmeticError, ValueError, struct.error) as error:  # such primaries span no space
        log.debug("the primaries can't be used", exc_info=error)
        return Profile(b"")


def to_srgb(image: Image.Image, profile: Profile | None, *, transparent: bool) -> tuple[Image.Image, list[str]]:
    """An image of any mode as RGB, or RGBA if `transparent`, and what was done to its colors. It may change `image`."""
    notes = []
    if profile is not None:
        try:
            return _convert(image, profile, transparent=transparent)
        except Exception as error:  # littleCMS raises nearly anything of a hostile profile
            log.debug("a color profile can't be used", exc_info=error)
            notes.append(UNUSABLE)
    if image.mode == "CMYK":
        notes.append("Print colors (CMYK) turned into screen colors.")
    return _in_mode(image, "RGBA" if transparent else "RGB"), notes


def _convert(image: Image.Image, profile: Profile, *, transparent: bool) -> tuple[Image.Image, list[str]]:
    from PIL import ImageCms  # takes a while, and most images need none

    _refuse_costly(profile.icc)
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile.icc))
    mode = _CHANNELS[source.profile.xcolor_space.strip()]
    if mode not in ("RGB", "L" if image.mode in ("1", "L", "LA", "La") else image.mode):
        raise ValueError(f"a profile for {mode}, but an image of {image.mode}")
    if mode == "RGB" and image.mode in ("CMYK", "LAB"):
        raise ValueError(f"a profile for RGB, but an image of {image.mode}")

    def transform(given: Image.Image) -> Image.Image:
        converter = ImageCms.buildTransform(
            source,
            ImageCms.createProfile("sRGB"),
            given.mode,
            given.mode if mode == "RGB" else "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        converted = ImageCms.applyTransform(given, converter, inPlace=mode == "RGB")
        return converted or given  # None: in place

    if mode == "RGB":
        result = _in_mode(image, "RGBA" if transparent else "RGB")
        if _differs(_COLORS, transform(_COLORS.copy())):
            transform(result)
        else:
            return result, []
    else:
        alpha = _in_mode(image, "LA").getchannel("A") if transparent else None
        levels = _in_mode(image, mode)
        grays = Image.linear_gradient("L")
        if mode == "L" and not _differs(grays.convert("RGB"), transform(grays)):
            return _in_mode(image, "RGBA" if transparent else "RGB"), []
        result = transform(levels)
        if alpha:
            result.putalpha(alpha)
    name = one_line(profile.name or ImageCms.getProfileDescription(source), 60) or UNNAMED
    return result, [CONVERTED.format(name=name), *([CLIPPED] if profile.hdr else [])]


_STEPS = (0, 51, 102, 153, 204, 255)
_COLORS = Image.frombytes("RGB", (216, 1), bytes(itertools.chain(*itertools.product(_STEPS, repeat=3))))


def _differs(image: Image.Image, other: Image.Image) -> bool:
    extrema = ImageChops.difference(image, other).getextrema()
    return max(high for _, high in extrema) > SAME  # type: ignore[misc]  # of three channels


def _in_mode(image: Image.Image, mode: str) -> Image.Image:
    """An image in another mode; without transparency a copy even in the same one, as it loses its file."""
    if image.mode == "La":
        image = image.convert("LA")
    return image if image.mode == mode == "RGBA" else image.convert(mode)


def _refuse_costly(icc: bytes) -> None:
    """Raise `ValueError` or `struct.error` for a profile whose use could take much time or memory: littleCMS makes
    room for a table before it reads it, and runs any number of steps that a profile lists."""
    if len(icc) > MAX_PROFILE:
        raise ValueError("a huge profile")
    if icc[12:16] not in _KINDS:
        raise ValueError("a profile of no device")
    (count,) = struct.unpack_from(">I", icc, 128)
    if count > MAX_TAGS:
        raise ValueError("a profile of many tags")
    for place in range(132, 132 + 12 * count, 12):
        offset, size = struct.unpack_from(">II", icc, place + 4)
        if _table_size(icc[offset : offset + size]) > size:
            raise ValueError("a table that is larger than its place")


def _table_size(tag: bytes) -> int:
    """Bytes that a tag says its table takes."""
    kind = tag[:4]
    if kind == b"mpet":
        raise ValueError("steps of any number")
    if kind == b"mluc":
        return 12 * struct.unpack_from(">I", tag, 8)[0]
    if kind in (b"mft1", b"mft2"):
        inputs, outputs, grid = tag[8:11]
        return grid**inputs * outputs * int(kind[3:])
    if kind in (b"mAB ", b"mBA "):
        inputs, outputs = tag[8:10]
        (at,) = struct.unpack_from(">I", tag, 24)
        return math.prod(tag[at : at + inputs]) * outputs * tag[at + 16] if at else 0
    return 0
