"""A map drawn over its image, and its brightest region marked."""

import base64
import io

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from abn.plots.color_maps import COLOR_TABLES, DEFAULT_COLORS

MARKS = ("contour", "mask")  # how the brightest region is marked


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

    `low` and `high` get the two ends of the color map; values beyond keep the end's color.
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
        shown, stencil = values[top:bottom, left:right], None  # a rectangle, where a map was laid back on its image
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
    colors.putpalette(COLOR_TABLES[color_map].tobytes())
    return Image.blend(below, colors.convert("RGB"), opacity)


def brightest_level(values: np.ndarray, share: float) -> tuple[float, float]:
    """From which value on a map (H, W) belongs to its brightest `share`, and the area that this really is, 0 … 1.

    Equal values are taken together, so the area is at least `share`, and a constant map's is all of it.
    """
    seen = values[~np.isnan(values)]
    level = np.sort(seen)[-max(1, round(share * seen.size))]
    return float(level), float(np.mean(seen >= level))


def mark_brightest(drawn: Image.Image, plain: Image.Image, inside: np.ndarray, how: str) -> Image.Image:
    """The brightest region (H, W) bool of a map marked on the image that it was `drawn` over: as a "contour", or as a
    "mask" that shows the `plain` image inside it and dims all else."""
    if how == "mask":
        pixels = np.asarray(plain.convert("RGB"), np.float32)
        return Image.fromarray(np.where(inside[..., None], pixels, 0.25 * pixels).astype(np.uint8))
    if how != "contour":
        raise ValueError(f"The brightest region is marked by one of {', '.join(MARKS)}, not {how!r}.")
    width = max(1, max(drawn.size) // 320)
    inner, outer = (
        np.asarray(Image.fromarray(region.astype(np.uint8)).filter(ImageFilter.MinFilter(2 * width + 1))) > 0
        for region in (inside, ~inside)
    )
    pixels = np.array(drawn.convert("RGB"))
    pixels[inside & ~inner] = 255
    pixels[~inside & ~outer] = 0
    return Image.fromarray(pixels)


def data_url(image: Image.Image, quality: int = 90, *, lossless: bool = False) -> str:
    """An image as a JPEG, or `lossless` as a PNG, in a data: URL for the browser."""
    kind, stream = ("png", io.BytesIO()) if lossless else ("jpeg", io.BytesIO())
    image.convert("RGB").save(stream, kind, quality=quality)
    return f"data:image/{kind};base64,{base64.b64encode(stream.getvalue()).decode()}"
