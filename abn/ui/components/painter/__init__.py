"""A grid of cells over a picture, to be painted: mouse, touch and keyboard. Each stroke comes back as one whole map.

Tools lighten or darken cells by the strength, with a brush that is so many cells wide or over a rectangle. On the
keyboard the arrows move the cursor, space paints; with a rectangle the first space sets one corner, the second the
other, and Escape gives up. What a cell holds is said aloud as the cursor comes to it.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import streamlit as st
from PIL import Image

from abn.plots.overlay import data_url
from abn.ui.components.component import Component

TOOLS = {  # what the toolbar says → how it paints: its shape, and the sign of its strength
    "Brush +": ("brush", 1),
    "Brush −": ("brush", -1),
    "Rectangle +": ("box", 1),
    "Rectangle −": ("box", -1),
}
SIDE = 448  # pixels of the picture beneath

_component = Component("painter", "painted")


def show_painter(
    attention: np.ndarray,
    image: Image.Image,
    *,
    tool: str,
    strength: float,
    size: int,
    version: str,
    label: str,
    key: str,
    on_paint: Callable[[np.ndarray], None],
    colors: Sequence[str],
    opacity: float,
    symbol: str = "M",
) -> None:
    """Draw the map (h, w) over a square picture; `on_paint` gets the whole map (h, w) float32 after each stroke.

    `colors` are those of 0 to 1, for the browser. `version` changes when the map did other than by painting: then
    the board takes the new one. Strokes leave it as it is, so that several may be on their way at once: each holds the
    whole map, and one that was painted on another version is dropped.
    """
    shape, sign = TOOLS[tool]

    def paint(reported: Any) -> None:
        values = check_map(reported, attention.shape, version)
        if values is not None:
            on_paint(values)

    data = {
        "map": np.round(attention, 4).ravel().tolist(),
        "height": attention.shape[0],
        "width": attention.shape[1],
        "picture": data_url(image.resize((SIDE, SIDE), Image.Resampling.BICUBIC)),
        "side": SIDE,
        "tool": tool,
        "shape": shape,
        "strength": sign * strength,
        "size": size,
        "version": version,
        "label": label,
        "symbol": symbol,
        "opacity": opacity,
        "colors": list(colors),
    }
    _component.show(key, data, paint)


def check_map(reported: object, shape: tuple[int, int], version: str) -> np.ndarray | None:
    """The map (h, w) in 0 … 1 that the browser reported; None where it is no map of this shape and version."""
    if not isinstance(reported, dict) or reported.get("version") != version:
        return None
    try:
        values = np.asarray(reported.get("map"), np.float32)
    except (TypeError, ValueError):
        return None
    if values.shape != (shape[0] * shape[1],) or not np.isfinite(values).all():
        return None
    return values.clip(0, 1).reshape(shape)
