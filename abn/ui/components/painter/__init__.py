"""A grid of cells over an image, to be painted by mouse, touch and keyboard. Each stroke returns one whole map.

Tools raise or lower cells by the strength, with a brush some cells wide or over a rectangle. On the keyboard the arrows
move the cursor and space paints; with a rectangle the first space sets one corner, the second the opposite one, and
Escape cancels. On a touch screen a tap paints, and two buttons decide whether dragging paints, as it does at first, or
scrolls the page; two fingers zoom it. The board is at most 60 % as high as the window. A screen reader reads the value
of the cell at the cursor.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from abn.ui.components.component import Component
from abn.ui.components.media import Encoded, media_url

TOOLS = {  # label in the toolbar → shape, and sign of the strength
    "Brush +": ("brush", 1),
    "Brush −": ("brush", -1),
    "Rectangle +": ("box", 1),
    "Rectangle −": ("box", -1),
}
DRAG, PAINT, SCROLL = "Drag to", "paint", "scroll"  # on touch screens: what dragging does, two buttons
SIDE = 448  # pixels of the board

_component = Component("painter", "painted")


def show_painter(
    attention: np.ndarray,
    image: Encoded,
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
    action: str = PAINT,
) -> None:
    """Draw the map (h, w) over a square image; `on_paint` gets the whole map (h, w) float32 after each stroke.

    `strength` is 0 to 1, `size` in cells; `colors` are CSS colors from 0 to 1. `version` changes when the map changed
    by anything but painting: the board then takes the new map. Strokes keep the version, so that several can be on
    their way at once: each holds the whole map, and a stroke on another version is dropped. `action`: what a stroke
    does, as a verb.
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
        "image": media_url(image),
        "side": SIDE,
        "tool": tool,
        "shape": shape,
        "strength": sign * strength,
        "size": size,
        "version": version,
        "label": label,
        "symbol": symbol,
        "drag": {"label": DRAG, "paints": action, "scrolls": SCROLL},
        "opacity": opacity,
        "colors": list(colors),
    }
    _component.show(key, data, paint)


def check_map(reported: object, shape: tuple[int, int], version: str) -> np.ndarray | None:
    """The reported map (h, w) float32, clipped to 0 … 1; None for anything that is no map of this shape and version."""
    if not isinstance(reported, dict) or reported.get("version") != version:
        return None
    try:
        values = np.asarray(reported.get("map"), np.float32)
    except (TypeError, ValueError):
        return None
    if values.shape != (shape[0] * shape[1],) or not np.isfinite(values).all():
        return None
    return values.clip(0, 1).reshape(shape)
