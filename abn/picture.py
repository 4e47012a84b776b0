"""Untrusted bytes → an upright RGB picture → the very pixels a model sees, and the exact way back onto the picture.

Two coordinate systems meet here, both continuous and counted from the top left corner, so that a pixel's centre lies
at + 0.5: the *original* picture, W × H pixels, and the model's *input*, size × size pixels. `fit_picture` ties them by
one affine map for each axis, original = scale · input + offset, along which a map over the input is laid back.
"""

import hashlib
import math
import unicodedata
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError
from PIL.Image import Transpose

from abn import costly, rare
from abn.errors import PictureError

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
FITS = ("crop", "squash", "pad")
MAX_BYTES = 20_000_000
MAX_PIXELS = 25_000_000  # width × height: Pillow then holds 100 MB
MAX_SIDE = 65_535  # pixels: the most that a JPEG can hold and a browser can draw
MAX_SCANNED = 1_000_000_000  # pixels × scans of a JPEG: 20 MB of empty progressive scans would decode for hours
MAX_RESIZED = 2**24  # pixels of a whole picture resized before its crop; only a strip beyond 256 : 1 wants more

_UPRIGHT = {
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,  # EXIF orientations
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class Picture:
    """A picture as a person sees it; two are equal when they came from the same bytes under the same name."""

    image: Image.Image = field(compare=False)  # upright RGB, without metadata
    sha256: str  # of the bytes given
    name: str  # plain text for display, never a path
    notes: tuple[str, ...] = ()  # what was done to it, a plain sentence each


def open_picture(data: bytes | bytearray | memoryview, *, name: str = "picture") -> Picture:
    """Open a file's bytes, whatever they are: a `Picture`, or a PictureError of one plain sentence."""
    if not isinstance(data, bytes | bytearray | memoryview):
        raise PictureError(f"A picture is opened from the bytes of its file, not from {type(data).__name__}.")
    data = bytes(data)
    if not data:
        raise PictureError("This file is empty: choose it again, or choose another picture.")
    if len(data) > MAX_BYTES:
        raise PictureError(
            f"This file is {len(data) / 1e6:.1f} MB and the limit is {MAX_BYTES // 10**6} MB: save the picture smaller."
        )
    try:
        costly.check_pieces(data)
        source = costly.Source(rare.shown(data))
        opened = Image.open(source, formats=FORMATS)
        _check_cost(opened, data)
        image, notes = _decode(opened, data)
    except PictureError:
        raise
    except UnidentifiedImageError as error:
        raise PictureError(
            "This file is not a picture that can be read here, or its beginning is damaged: "
            "choose a PNG, JPEG, WebP, GIF, BMP or TIFF picture."
        ) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureError(
            f"This picture is far too large; the limit is {MAX_PIXELS // 10**6} million pixels: save it smaller."
        ) from error
    except Exception as error:  # Pillow's decoders raise nearly anything: OSError, struct.error, KeyError, zlib.error …
        raise PictureError(
            "This picture cannot be decoded; it may be damaged, cut short or of a rare kind: "
            "save it again as PNG or JPEG."
        ) from error
    return Picture(image, hashlib.sha256(data).hexdigest(), display_name(name), tuple(notes))


def _check_cost(opened: Image.Image, data: bytes) -> None:
    """Refuse what would cost too much memory or time, by its header alone; nothing is decoded yet."""
    width, height = opened.size
    if not width or not height:
        raise PictureError("This picture has no pixels: choose another one.")
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        raise PictureError(
            f"This picture is {width} × {height} pixels; the limit is {MAX_PIXELS // 10**6} million "
            f"pixels and {MAX_SIDE} a side: save it smaller."
        )
    parts = costly.jpegs(opened)
    if parts and data.count(b"\xff\xda") * (width * height / parts + 10_000) > MAX_SCANNED:
        raise PictureError(
            "This JPEG is stored in so many scans that it cannot be decoded in time: "
            "save it again without the progressive option."
        )
    costly.check_runs(opened)
    costly.check_strips(opened, len(data))
    costly.check_tiles(opened)


def _decode(opened: Image.Image, data: bytes) -> tuple[Image.Image, list[str]]:
    """Decode the first frame into upright RGB, and tell what that took."""
    rare.mend(opened, data)
    covered = rare.uncovered(opened)
    turned_on_load = opened.format == "TIFF" and _turn(opened) is not None  # by Pillow
    opened.load()
    turn = _turn(opened)

    notes = []
    if deep := rare.deep(opened):
        image, note = _narrow(*deep, opened.info.get("transparency"))
        notes.append(note)
    elif opened.has_transparency_data:
        layer = opened.convert("LA") if opened.mode == "La" else opened
        layer = layer if layer.mode == "RGBA" else layer.convert("RGBA")
        image = Image.new("RGB", layer.size, "white")
        image.paste(layer, mask=layer)
        if layer.getextrema()[3][0] < 255:
            notes.append("Transparent parts put on white.")
    else:
        image = opened.convert("RGB")
        if opened.mode == "CMYK":
            notes.append("Print colours (CMYK) turned into screen colours.")
    if covered:
        part, image = image.crop(covered), Image.new("RGB", image.size, "white")
        image.paste(part, covered)
        notes = ["Transparent parts put on white."]

    if turn is not None:
        image = image.transpose(turn)
    if turn is not None or turned_on_load:
        notes.append("Turned upright as its EXIF says.")
    with suppress(Exception):  # damage behind the first frame does not matter; asked last, as it moves the file on
        if getattr(opened, "is_animated", False):
            animation = opened.format in ("GIF", "PNG", "WEBP")
            notes.append("First frame of an animation." if animation else "First picture of several in the file.")
    image.info.clear()
    return image, notes


def _turn(opened: Image.Image) -> Transpose | None:
    """How the picture comes upright, if it isn't."""
    if len(opened.info.get("exif", b"")) > costly.MAX_EXIF:  # nobody's; its numbers would be unpacked
        return None
    with suppress(Exception):  # broken EXIF must not cost the picture
        return _UPRIGHT.get(opened.getexif().get(ExifTags.Base.Orientation))
    return None


def _narrow(values: np.ndarray, nominal: float, inverted: bool, transparency: int | None) -> tuple[Image.Image, str]:
    """Bring grey (H, W) of more than 8 bits to 8: by its nominal range if it keeps to it, else by its own."""
    usable = (values > -1e37) & (values < 1e37)  # neither infinite nor not-a-number, and safe to subtract
    low = float(values.min(where=usable, initial=1e37))
    high = float(values.max(where=usable, initial=-1e37))
    if low >= 0 and high <= nominal:
        start, span, note = 0.0, nominal, "Grey values of 16 or 32 bits brought to 8."
    else:
        start, span, note = low, (high - low) or 1.0, "Grey values stretched: the darkest black, the lightest white."
    transparent = values == (np.nan if transparency is None else transparency)
    values[~usable] = start + span if inverted else start  # black
    values -= start
    values *= 255 / span
    if inverted:
        np.subtract(255, values, out=values)
    if transparent.any():
        values[transparent] = 255
        note += " Transparent parts put on white."
    return Image.fromarray(np.rint(values, out=values).astype(np.uint8)).convert("RGB"), note


def display_name(name: str, otherwise: str = "picture") -> str:
    """The last part of a path, without control or invisible characters, at most 80 characters."""
    return one_line(str(name).replace("\\", "/").rstrip("/").rpartition("/")[2]) or otherwise


def one_line(text: str, length: int = 80) -> str:
    """Text from elsewhere on one line of at most so many characters, without control or invisible ones."""
    plain = "".join(char for char in " ".join(text.split()) if unicodedata.category(char)[0] != "C").strip()
    return plain if len(plain) <= length else plain[: length - 1] + "…"


@dataclass(frozen=True)
class InputSpec:
    """What a backbone wants to be fed, as its metadata says."""

    size: int  # pixels, square
    crop_pct: float  # the part of the resized shortest side that the crop keeps, 0 to 1
    interpolation: str  # timm's name: "bicubic", "bilinear", …
    mean: tuple[float, float, float]  # of RGB in 0 to 1
    std: tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Fitted:
    """The very pixels that a model sees, and their exact place on the original."""

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
        corners = (self.offset[axis] + self.scale[axis] * self.image.width * end for end in (0, 1) for axis in (0, 1))
        return tuple(corner / side for corner, side in zip(corners, self.original_size * 2, strict=True))

    def normalised(self, spec: InputSpec) -> np.ndarray:
        """The very tensor: (rgb / 255 − mean) / std, float32 (3, size, size)."""
        rgb = np.asarray(self.image, np.float32) / np.float32(255)
        rgb = (rgb - np.array(spec.mean, np.float32)) / np.array(spec.std, np.float32)
        return np.ascontiguousarray(rgb.transpose(2, 0, 1))

    def back(self, values: np.ndarray, *, size: tuple[int, int] | None = None, smooth: bool = True) -> np.ndarray:
        """Lay a map over the input (h, w) back on the original: float32 (H, W), NaN where the model saw nothing.

        `size` (W, H) draws the original at another size, say that of a display: far cheaper than all its pixels.
        """
        across, down = (  # where each pixel centre lies on the input, from 0 to 1; beyond that the model saw nothing
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
    """Fit a picture to a model's input: resize all of it, then look at it through a window of size × size pixels.

    "crop" resizes the shortest side to ⌊size / crop_pct⌋ and looks at the centre, pixel for pixel as timm evaluates;
    "squash" resizes to the window and loses the proportions; "pad" keeps them, on a ground of the model's mean colour.
    """
    if fit not in FITS:
        raise PictureError(f"A picture can be fitted by {', '.join(FITS)}, not by {fit!r}.")
    image, size = picture.image, spec.size
    if fit == "squash":
        resized = size, size
    elif fit == "pad":
        resized = tuple(max(1, round(size * side / max(image.size))) for side in image.size)
    else:
        resized = tuple(int(math.floor(size / spec.crop_pct) * side / min(image.size)) for side in image.size)
    # the window's top left corner on the resized picture, rounded as torchvision's CenterCrop does
    corner = tuple(round((side - size) / 2) if side > size else -((size - side) // 2) for side in resized)
    scale = tuple(side / to for side, to in zip(image.size, resized, strict=True))
    offset = tuple(start * step for start, step in zip(corner, scale, strict=True))

    ground = tuple(round(255 * value) for value in spec.mean) if fit == "pad" else (0, 0, 0)
    window = Image.new("RGB", (size, size), ground)
    fitted = Fitted(window, fit, image.size, scale, offset)
    resample = Image.Resampling[spec.interpolation.upper()]
    if math.prod(resized) <= MAX_RESIZED:
        part = image.resize(resized, resample)
        window.paste(part, tuple(-start for start in corner))
    else:  # only what the window shows, first across, then down, as Pillow enlarges: equal within two grey levels
        left, top, right, bottom = fitted.visible
        across, down = (min(size, side) for side in resized)
        part = image.resize((across, image.height), resample, box=(left, 0, right, image.height))
        part = part.resize((across, down), resample, box=(0, top, across, bottom))
        window.paste(part, tuple(max(0, -start) for start in corner))
    return fitted


def seen(normalised: np.ndarray, spec: InputSpec) -> np.ndarray:
    """What the model saw: a tensor (3, size, size) as `Fitted.normalised` gives it → uint8 (size, size, 3)."""
    rgb = np.asarray(normalised, np.float32).transpose(1, 2, 0)
    rgb = rgb * np.array(spec.std, np.float32) + np.array(spec.mean, np.float32)
    return np.rint(rgb * 255).clip(0, 255).astype(np.uint8)


def upsample(values: np.ndarray, size: tuple[int, int], smooth: bool = True) -> np.ndarray:
    """Enlarge a map (h, w) to `size` (W, H): float32 (H, W), the one way in which every map here grows.

    Smooth is bilinear between cell centres with the edge held (torch's align_corners=False); else each cell is a block.
    """
    across, down = ((np.arange(count) + 0.5) / count for count in size)
    return _sample(values, across, down, smooth)


def _sample(values: np.ndarray, across: np.ndarray, down: np.ndarray, smooth: bool) -> np.ndarray:
    """Read a map (h, w) at fractions `across` (W,) of its width and `down` (H,) of its height: float32 (H, W)."""
    values = np.asarray(values, np.float32)
    if values.ndim != 2 or 0 in values.shape:
        raise ValueError(f"A map is (h, w) with at least one cell; this one is {values.shape}.")
    return _sample_rows(_sample_rows(values.T, across, smooth).T, down, smooth)


def _sample_rows(values: np.ndarray, at: np.ndarray, smooth: bool) -> np.ndarray:
    """Read rows (h, w) at fractions `at` (H,) of their height: (H, w); beyond 0 to 1 the first or last row holds."""
    last = len(values) - 1
    if not smooth:
        return values[np.clip(np.floor(at * len(values)), 0, last).astype(np.intp)]
    place = np.clip(at * len(values) - 0.5, 0, last)  # in cells, counted from the first one's centre
    above = place.astype(np.intp)
    start, step = values[above], values[np.minimum(above + 1, last)]
    step -= start
    step *= (place - above).astype(np.float32)[:, None]
    return start + step  # so that a constant map stays that very constant
