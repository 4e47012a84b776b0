"""How images are fitted to the networks, and how all maps are drawn: the same on every page, and in the address."""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import streamlit as st

from abn.export.figures import MapStyle
from abn.images.fit import FITS
from abn.plots.color_maps import COLOR_MAPS, DEFAULT_COLORS
from abn.plots.overlay import MARKS
from abn.ui import url
from abn.ui.components.look import show_look
from abn.ui.controls import words

SCALES = {"raw 0–1": "raw", "min–max per map": "each", "shared by the variants": "shared"}
CELLS = ("smooth", "raw grid")


def choose_fit() -> str:
    """How the image is fitted to the network's square input."""
    with (
        nullcontext()
        if url.controls_hidden()
        else st.popover(words.FIT_MENU, icon=":material/crop:", key="fit-popover")
    ):
        return url.shared_widget(
            st.segmented_control,
            words.FIT,
            FITS,
            key="fit",
            legal=FITS,
            default=FITS[0],
            required=True,
            help=words.FIT_HELP,
        )


def choose_view() -> MapStyle:
    """How all maps are drawn, behind one button."""
    options = {"colors": list(COLOR_MAPS), "cells": CELLS, "mark": MARKS}
    legal: dict[str, Sequence] = {"opacity": range(0, 101, 5), "top": range(0, 51, 5), **options}
    defaults = {"opacity": 55, "colors": DEFAULT_COLORS, "cells": CELLS[0], "top": 0, "mark": MARKS[0]}

    def take(sent: Any) -> None:
        for name, value in sent.items() if isinstance(sent, dict) else ():
            if name in legal and value in legal[name] and type(value) is type(defaults[name]):  # False equals 0
                url.set_shared(name, value)

    chosen = {name: url.shared_value(name, legal[name], default) for name, default in defaults.items()}
    hidden = url.controls_hidden()
    with nullcontext() if hidden else st.popover(words.VIEW_MENU, icon=":material/palette:", key="view-popover"):
        if not hidden:
            show_look(chosen, options, key="look", on_change=take)
        scale = url.shared_widget(
            st.segmented_control,
            words.SCALE,
            list(SCALES),
            key="scale",
            legal=list(SCALES),
            default=next(iter(SCALES)),
            required=True,
            help=words.SCALE_HELP,
        )
    smooth = chosen["cells"] == CELLS[0]
    return MapStyle(chosen["opacity"] / 100, chosen["colors"], SCALES[scale], smooth, chosen["top"], chosen["mark"])
