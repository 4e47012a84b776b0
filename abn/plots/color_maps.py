"""Color maps as tables of 256 colors, for Pillow and for the browser, and the numbered color bar."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from abn.plots.numbers import fixed


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
COLOR_TABLES = COLOR_MAPS | {
    DIFFERENCE: _table(
        "053061 175290 2a71b2 3f8ec0 6bacd1 9bc9e0 c2ddec e0ecf3 f7f6f6 "
        "fbe5d8 fbccb4 f5aa89 e48066 d05548 ba2832 930e26 67001f"
    )
}


def color_bar(
    *, color_map: str = DEFAULT_COLORS, low: float = 0.0, high: float = 1.0, width: int = 448, ground: str = "white"
) -> Image.Image:
    """The colors from `low` to `high` as a strip with five numbers below it, on a plain ground."""
    size = max(12, width // 32)
    font, ink = ImageFont.load_default(size), "white" if ground in ("black", "#000000") else "black"
    strip = Image.fromarray(COLOR_TABLES[color_map][None, :]).resize((width, size), Image.Resampling.NEAREST)
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
    return [fixed(low + (high - low) * step / 4, decimals) for step in range(5)]


def css_colors(color_map: str, count: int = 64) -> list[str]:
    """So many colors of a color map for the browser, evenly spaced, from its low to its high end."""
    return [
        "#" + bytes(color).hex() for color in COLOR_TABLES[color_map][np.linspace(0, 255, count).round().astype(int)]
    ]


def css_gradient(color_map: str) -> str:
    """The color map as a CSS gradient from left to right, for a bar whose numbers are real text."""
    return f"linear-gradient(to right, {', '.join(css_colors(color_map, 17))})"
