"""Maps → overlays, numbered color bars and words. One way of drawing, wherever a map is shown.

A map's colors run from `low` to `high`, which are always a visible choice (`limits`) and always numbered
(`color_bar`). A map that hardly varies says so (`flat_sentence`) instead of being stretched until it looks eventful.
"""

import base64
import io
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from abn.explanations.explanation import Explanation

SCALES = ("raw", "each", "shared")  # see `limits`
MARKS = ("contour", "mask")  # how the brightest region is marked
FLAT = 0.05  # a map whose cells differ by less than this (of the 0 to 1 that M can span) has nothing to show
SATURATED = 0.95  # the part of the cells at one end from which a map counts as saturated
END = 0.005  # how near to 0 or 1 an end lies: a faint map of 0.01 to 0.15 still has a pattern to show
HEAD_COLORS = {"auxiliary": "#cf7c00", "perception": "#3a7fc8"}  # at least 3 : 1 on white and on black


def _table(anchors: str) -> np.ndarray:
    """Hexadecimal colors, evenly spaced → (256, 3) uint8."""
    rgb = np.array([[int(anchor[i : i + 2], 16) for i in (0, 2, 4)] for anchor in anchors.split()])
    steps = np.linspace(0, len(rgb) - 1, 256)
    return np.stack([np.interp(steps, range(len(rgb)), channel) for channel in rgb.T], 1).round().astype(np.uint8)


# inferno and viridis (van der Walt & Smith, CC0) and RdBu (ColorBrewer, Apache-2.0), sampled at 17 places
COLOR_MAPS: dict[str, np.ndarray] = {
    "inferno": _table(
        "000004 0b0724 210c4a 3d0965 57106e 71196e 8a226a a32c61 bc3754 "
        "d24644 e45a31 f1731d f98e09 fcac11 f9cb35 f2ea69 fcffa4"
    ),
    "viridis": _table(
        "440154 48186a 472d7b 424086 3b528b 33638d 2c728e 26828e 21918c "
        "1fa088 28ae80 3fbc73 5ec962 84d44b addc30 d8e219 fde725"
    ),
    "paper JET": _table("000080 0000ff 0080ff 00ffff 80ff80 ffff00 ff8000 ff0000 800000"),
    "gray": _table("000000 ffffff"),
}
DEFAULT_COLORS = "inferno"
DIFFERENCE = "difference"  # blue below zero, white at zero, red above; for signed maps, with limits of one size
_TABLES = COLOR_MAPS | {
    DIFFERENCE: _table(
        "053061 175290 2a71b2 3f8ec0 6bacd1 9bc9e0 c2ddec e0ecf3 f7f6f6 "
        "fbe5d8 fbccb4 f5aa89 e48066 d05548 ba2832 930e26 67001f"
    )
}


def overlay(
    image: Image.Image,
    values: np.ndarray,
    *,
    opacity: float = 0.5,
    color_map: str = DEFAULT_COLORS,
    low: float = 0.0,
    high: float = 1.0,
) -> Image.Image:
    """A map (H, W) laid over an image of W × H pixels; where the map is NaN, nothing was seen, and the image grays out.

    `low` and `high` get the two ends of the color map; what lies beyond keeps the end's color.
    """
    if values.shape != (image.height, image.width):
        raise ValueError(f"A map of (H, W) = {values.shape} does not fit an image of {image.height} × {image.width}.")
    seen = ~np.isnan(values)
    if seen.all():
        return _mixed(image.convert("RGB"), values, opacity, color_map, low, high)
    drawn = ImageOps.grayscale(image).point(lambda level: level / 4 + 96).convert("RGB")
    if seen.any():
        (top, bottom), (left, right) = (np.flatnonzero(seen.any(axis))[[0, -1]] + (0, 1) for axis in (1, 0))
        part, mask = image.convert("RGB").crop((left, top, right, bottom)), seen[top:bottom, left:right]
        shown, stencil = values[top:bottom, left:right], None  # a rectangle, where a map was laid back on its picture
        if not mask.all():
            shown, stencil = np.where(mask, shown, low), Image.fromarray(mask)
        drawn.paste(_mixed(part, shown, opacity, color_map, low, high), (left, top), stencil)
    return drawn


def _mixed(
    below: Image.Image, values: np.ndarray, opacity: float, color_map: str, low: float, high: float
) -> Image.Image:
    steps = (values - low) * (255 / max(high - low, 1e-9))
    steps += 0.5
    steps.clip(0, 255, out=steps)
    colors = Image.fromarray(steps.astype(np.uint8))
    colors.putpalette(_TABLES[color_map].tobytes())
    return Image.blend(below, colors.convert("RGB"), opacity)


def color_bar(
    *, color_map: str = DEFAULT_COLORS, low: float = 0.0, high: float = 1.0, width: int = 448, ground: str = "white"
) -> Image.Image:
    """The colors from `low` to `high` as a strip with five numbers below it, on a plain ground."""
    size = max(12, width // 32)
    font, ink = ImageFont.load_default(size), "white" if ground in ("black", "#000000") else "black"
    strip = Image.fromarray(_TABLES[color_map][None, :]).resize((width, size), Image.Resampling.NEAREST)
    bar = Image.new("RGB", (width, 3 * size), ground)
    bar.paste(strip)
    draw = ImageDraw.Draw(bar)
    for step, number in enumerate(bar_numbers(low, high)):
        x = round(step / 4 * (width - 1))
        draw.line((x, size, x, size + size // 4), fill=ink)
        draw.text((x, 1.4 * size), number, font=font, fill=ink, anchor="lmmmr"[step] + "a")
    return bar


def bar_numbers(low: float, high: float) -> list[str]:
    """Five evenly spaced numbers from `low` to `high`, with as many decimals as tell them apart."""
    decimals = 2 if high - low >= 0.04 else 4
    return [f"{low + (high - low) * step / 4:.{decimals}f}".replace("-", "−") for step in range(5)]


def css_colors(color_map: str, count: int = 64) -> list[str]:
    """So many colors of a color map for the browser, evenly spaced, from its low to its high end."""
    return ["#" + bytes(color).hex() for color in _TABLES[color_map][np.linspace(0, 255, count).round().astype(int)]]


def css_gradient(color_map: str) -> str:
    """The color map as a CSS gradient from left to right, for a bar whose numbers are real text."""
    return f"linear-gradient(to right, {', '.join(css_colors(color_map, 17))})"


def limits(maps: Sequence[np.ndarray], scale: str) -> list[tuple[float, float]]:
    """Where the colors of each map begin and end.

    "raw": 0 and 1, the range that M can span; "each": the map's own minimum and maximum; "shared": the least and the
    greatest of all the maps. Where all the maps of a span are flat (`is_flat`), it falls back to 0 and 1: nothing is
    stretched.
    """
    if scale not in SCALES:
        raise ValueError(f"A scale is one of {', '.join(SCALES)}, not {scale!r}.")
    groups = [maps] * len(maps) if scale == "shared" else [[values] for values in maps]
    spans = [(float(min(map(np.nanmin, group))), float(max(map(np.nanmax, group)))) for group in groups]
    unstretched = [scale == "raw" or all(map(is_flat, group)) for group in groups]
    return [(0.0, 1.0) if full else span for span, full in zip(spans, unstretched, strict=True)]


def is_flat(values: np.ndarray) -> bool:
    """Whether a map hardly varies, or nearly all of it stands at 0 or at 1."""
    return bool(flat_sentence(values))


def flat_sentence(values: np.ndarray) -> str:
    """One sentence on a map that has nothing to show, with its minimum and maximum; empty for any other map."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if high - low < FLAT:
        return f"This map is flat: every cell lies between {low:.3f} and {high:.3f}."
    for end in (0, 1):
        if np.mean(np.abs(values - end) < END) >= SATURATED:
            return f"This map is saturated: nearly every cell is at {end} (min {low:.3f}, max {high:.3f})."
    return ""


def brightest(values: np.ndarray) -> str:
    """Where a map is highest, in words: "at the upper left", "in the middle"."""
    row, column = np.unravel_index(np.nanargmax(values), values.shape)
    rows = ("upper ", "", "lower ")[min(2, 3 * int(row) // values.shape[0])]
    side = ("left", "", "right")[min(2, 3 * int(column) // values.shape[1])]
    if not rows and not side:
        return "in the middle"
    return f"at the {rows}{side or 'middle'}"


def brightest_level(values: np.ndarray, share: float) -> tuple[float, float]:
    """From which value on a map (H, W) belongs to its brightest `share`, and the area that this really is, 0 … 1.

    Equal values are taken together, so the area is at least `share`, and a constant map's is all of it.
    """
    seen = values[~np.isnan(values)]
    level = np.sort(seen)[-max(1, round(share * seen.size))]
    return float(level), float(np.mean(seen >= level))


def mark_brightest(drawn: Image.Image, plain: Image.Image, inside: np.ndarray, how: str) -> Image.Image:
    """The brightest region (H, W) bool of a map marked on the picture that it was `drawn` over: as a "contour", or as a
    "mask" that shows the `plain` picture inside it and dims all else."""
    if how == "mask":
        pixels = np.asarray(plain.convert("RGB"), np.float32)
        return Image.fromarray(np.where(inside[..., None], pixels, 0.25 * pixels).astype(np.uint8))
    if how != "contour":
        raise ValueError(f"The brightest region is marked by one of {', '.join(MARKS)}, not {how!r}.")
    pixels = np.array(drawn.convert("RGB"))
    width = max(1, max(drawn.size) // 320)
    inner, outer = _shrunk(inside, width), _shrunk(~inside, width)
    pixels[inside & ~inner] = 255
    pixels[~inside & ~outer] = 0
    return Image.fromarray(pixels)


def _shrunk(region: np.ndarray, by: int) -> np.ndarray:
    """The region without its outermost pixels, `by` wide; the picture's border is no outline."""
    for axis in (0, 1):
        padded = np.pad(region, [(by, by) if a == axis else (0, 0) for a in (0, 1)], constant_values=True)
        windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * by + 1, axis=axis)
        region = windows.all(-1)
    return region


def data_url(image: Image.Image, quality: int = 90) -> str:
    """A picture as a JPEG in a data: URL, for what is drawn in the browser."""
    stream = io.BytesIO()
    image.convert("RGB").save(stream, "JPEG", quality=quality)
    return "data:image/jpeg;base64," + base64.b64encode(stream.getvalue()).decode()


def symmetric_limit(difference: np.ndarray) -> float:
    """The limit L of a signed map's colors, −L to L: its greatest size, or `FLAT` where there is next to none."""
    return max(FLAT, float(np.nanmax(np.abs(difference))))


def percent(probability: float) -> str:
    """A probability for people: 83.1 %, or < 0.1 %."""
    if 0 < probability < 0.0005:
        return "< 0.1 %"
    return f"{100 * probability:.1f} %"


def short_label(label: str) -> str:
    """The first of a class's names: "tabby" of "tabby, tabby cat"."""
    return label.split(",")[0].strip()


def shared_classes(explanation: Explanation, count: int = 5) -> list[int]:
    """Both heads' `count` likeliest classes on one axis, the likeliest first."""
    return likeliest([explanation.auxiliary, explanation.perception], count)


def likeliest(answers: Sequence[np.ndarray], count: int = 5) -> list[int]:
    """The `count` likeliest classes of each answer (K,) on one axis: their union, the likeliest first."""
    union = {int(k) for answer in answers for k in np.argsort(-answer, kind="stable")[:count]}
    return sorted(union, key=lambda k: (-max(answer[k] for answer in answers), k))


def in_words(answer: np.ndarray, labels: Sequence[str], classes: Sequence[int]) -> str:
    """Classes with their probabilities, for who can't see the bars."""
    return ", ".join(f"{short_label(labels[k])} {percent(answer[k])}" for k in classes)


def points(change: float) -> str:
    """A change of a probability for people, in percentage points: +3.1, −12.0, or ±0.0."""
    rounded = round(100 * change, 1)
    return f"{rounded:+.1f}".replace("-", "−") if rounded else "±0.0"
