"""An image with a map drawn over it in the browser, whose cells can be read: by mouse, by touch and by the arrow keys.

The browser gets the image once and the cells' values, and draws as `plots.overlay` does. What is read in one map is
read at the same place of the image in all maps of the page: they tell each other through an event of the window, and
so do they hear of another look (`components.look`). A click, a tap, space or Enter picks a cell, where a page wants to
know. The button in the corner fills the screen, for a projector.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from abn.export.figures import MapStyle
from abn.plots import color_maps
from abn.ui.components.component import Component
from abn.ui.components.look import color_table
from abn.ui.components.media import Encoded, media_url
from abn.ui.state import state

WHOLE = (0.0, 0.0, 1.0, 1.0)
POINT, TAP = "Point at a cell to read its value.", "Tap a cell to read its value."
HINTS = POINT, TAP  # with a mouse, without one
PICKS = (
    "Pick a cell: click it, or go there with the arrow keys and press space.",
    "Pick a cell: tap it.",
)  # with a mouse, without one
DIGITS = 6  # of a cell's value, to draw it

_component = Component("map_view")


def show(
    image: Encoded,
    values: np.ndarray,
    view: MapStyle,
    limits: tuple[float, float],
    *,
    alt: str,
    key: str,
    colors: str = "",
    bar: bool = True,
    box: Sequence[float] = WHOLE,
    extent: Sequence[float] = WHOLE,
    symbol: str = "M",
    digits: int = 2,
    picked: tuple[int, int] | None = None,
    best: tuple[int, int] | None = None,
    on_pick: Callable[[int, int], None] | None = None,
    cover: Encoded | None = None,
    gray: bool = False,
    hidden: bool = False,
    rest: str = "",
    follows: str = "",
) -> None:
    """Draw a map (h, w) over an image, its colors between `limits`, with the color `bar` below.

    `box` says which part of the image, left to bottom in 0 … 1, the map covers, and `extent` which part of the whole
    photograph the image is (`Fitted.extent`). `colors` replaces the view's color map, for signed maps, and stays.
    `cover` is drawn over all that; with `gray` the image has no colors. `on_pick` gets the row and the column of a cell
    that a person picks; `picked` is framed, and `best` with a star. Of a `hidden` map no value goes to the browser: its
    cells can be picked, not read. `rest` stands below while no cell is read, or the hint how to
    read one, once a page. The map `follows` the timeline of this
    name (`components.timeline`), whose maps replace its own.
    """

    def pick(cell: Any) -> None:
        h, w = values.shape
        match cell:
            case [int(row), int(column)] if on_pick and 0 <= row < h and 0 <= column < w:
                on_pick(row, column)

    shown = colors or view.colors
    look = {"opacity": view.opacity, "colors": shown, "table": color_table(shown), "smooth": view.smooth}
    look |= {"top": view.top, "mark": view.mark, "fixed": bool(colors)}
    data = {
        "image": media_url(image),
        "cover": media_url(cover) if cover else None,
        "gray": gray,
        "alt": alt,
        "pixels": list(image.pixels),
        "values": None if hidden else np.round(values.astype(float), max(DIGITS, digits)).ravel().tolist(),
        "height": values.shape[0],
        "width": values.shape[1],
        "look": look,
        "limits": {"low": float(limits[0]), "high": float(limits[1])},
        "ticks": color_maps.bar_numbers(*limits) if bar and not hidden else None,
        "box": list(box),
        "extent": list(extent),
        "symbol": symbol,
        "digits": digits,
        "rest": rest,
        "hint": None if rest else PICKS if hidden else _hints(key),
        "picks": on_pick is not None,
        "picked": picked,
        "follows": follows,
        "best": best,
    }
    _component.show(key, data, pick if on_pick else None)


def _hints(key: str) -> tuple[str, str] | None:
    """How to read a cell, for the first map of the page that asks; none for the others."""
    state.hint_map = state.hint_map or key
    return HINTS if state.hint_map == key else None
