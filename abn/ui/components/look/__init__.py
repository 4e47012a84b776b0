"""How maps are drawn: opacity, colors, cells and the marked region. All maps of the page follow at once, in the
browser; a moment later the server hears of it, for the address and the other pages."""

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from abn.plots.color_maps import COLOR_TABLES
from abn.ui.components.component import Component

_component = Component("look")


def color_table(colors: str) -> str:
    """The 256 colors of a color map, three bytes each, in base64."""
    return base64.b64encode(COLOR_TABLES[colors].tobytes()).decode()


def show_look(
    chosen: Mapping[str, Any], options: Mapping[str, Sequence[str]], *, key: str, on_change: Callable[[Any], object]
) -> None:
    """The controls, with what is chosen of "opacity" and "top" (percent), "colors", "cells" and "mark", and the options
    of the last three. `on_change` gets whatever the browser sends."""
    tables = {name: color_table(name) for name in options["colors"]}
    _component.show(key, {"chosen": dict(chosen), "options": dict(options), "tables": tables}, on_change)
