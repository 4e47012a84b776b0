"""A picture with a map drawn over it, whose cells can be read: by mouse, by touch and by the arrow keys.

What is read in one map is read at the same place of the picture in all maps of the page: they tell each other through
an event of the window. A click, a tap, space or Enter picks a cell, where a page wants to know. The button in the
corner fills the screen, for a projector.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import streamlit as st
from PIL import Image

from abn.plots.overlay import data_url
from abn.ui.components.component import Component

WHOLE = (0.0, 0.0, 1.0, 1.0)
REST = "Point at a cell to read it in every map."
PICK = "Pick a cell: click or tap it, or go there with the arrow keys and press space."

_component = Component("map_view")


def show(
    drawn: Image.Image,
    values: np.ndarray,
    *,
    alt: str,
    key: str,
    box: Sequence[float] = WHOLE,
    extent: Sequence[float] = WHOLE,
    symbol: str = "M",
    digits: int = 2,
    picked: tuple[int, int] | None = None,
    on_pick: Callable[[int, int], None] | None = None,
    hidden: bool = False,
) -> None:
    """Show a picture that a map (h, w) was drawn over; `box` says which part of what is drawn, left to bottom in 0 … 1,
    the map covers, and `extent` which part of the whole photograph (`Fitted.extent`). `on_pick` gets the row and the
    column of a cell that a person picks; `picked` is framed. Of a `hidden` map no value goes to the browser: its cells
    can be picked, not read.
    """

    def pick(cell: Any) -> None:
        h, w = values.shape
        match cell:
            case [int(row), int(column)] if on_pick and 0 <= row < h and 0 <= column < w:
                on_pick(row, column)

    data = {
        "picture": data_url(drawn),
        "alt": alt,
        "shape": f"{drawn.width} / {drawn.height}",
        "values": None if hidden else np.round(values, digits).ravel().tolist(),
        "height": values.shape[0],
        "width": values.shape[1],
        "box": list(box),
        "extent": list(extent),
        "symbol": symbol,
        "digits": digits,
        "rest": PICK if hidden else REST,
        "picks": on_pick is not None,
        "picked": picked,
    }
    _component.show(key, data, pick if on_pick else None)
