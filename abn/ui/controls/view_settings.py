"""How images are fitted to the networks, and how all maps are drawn: the same on every page, and in the address."""

from collections.abc import Sequence

import streamlit as st

from abn.export.figures import MapStyle
from abn.images.fit import FITS
from abn.plots.color_maps import COLOR_MAPS, DEFAULT_COLORS
from abn.plots.overlay import MARKS
from abn.ui import url

SCALES = {"raw 0–1": "raw", "min–max per map": "each", "shared by the variants": "shared"}
CELLS = ("smooth", "raw grid")


def choose_fit() -> str:
    """How the image is fitted to the network's square input."""
    return url.shared_widget(
        st.segmented_control,
        "Fit to the input",
        FITS,
        key="fit",
        legal=FITS,
        default=FITS[0],
        required=True,
        help="Crop: the center, as the network is usually fed. Squash: all of it, out of proportion. "
        "Pad: all of it in proportion, on a plain ground.",
    )


def choose_view() -> MapStyle:
    """How all maps are drawn, behind one button."""

    def one_of(label: str, options: Sequence[str], default: str, key: str, says: str | None = None) -> str:
        return url.shared_widget(
            st.segmented_control, label, options, key=key, legal=options, default=default, required=True, help=says
        )

    def percent(label: str, most: int, default: int, key: str, says: str | None = None) -> int:
        steps = range(0, most + 1, 5)
        return url.shared_widget(
            st.slider, label, 0, most, step=5, format="%d %%", key=key, legal=steps, default=default, help=says
        )

    with st.container() if url.controls_hidden() else st.popover("View", icon=":material/palette:", key="view-popover"):
        opacity = percent("Opacity of the map", 100, 55, "opacity")
        colors = one_of(
            "Colors",
            list(COLOR_MAPS),
            DEFAULT_COLORS,
            "colors",
            "Inferno and viridis are uniform: equal steps of M look equally large. JET, which the paper uses, "
            "draws borders where there are none.",
        )
        scale = one_of(
            "Scale of the colors",
            list(SCALES),
            next(iter(SCALES)),
            "scale",
            "Raw shows M as it is. Min–max stretches each map to the whole color bar, so colors of different "
            "maps can't be compared; shared stretches all maps alike, so they can.",
        )
        cells = one_of(
            "Cells",
            CELLS,
            CELLS[0],
            "cells",
            "The map has few cells. Smooth blends between their centers; the raw grid shows them as they are.",
        )
        top = percent(
            "Mark the brightest",
            50,
            0,
            "top",
            "Which part of the picture the brightest cells make up: 0 marks nothing. The caption below each map says "
            "from which M on a cell belongs to it.",
        )
        mark = one_of("Mark it by", MARKS, MARKS[0], "mark")
    return MapStyle(opacity / 100, colors, SCALES[scale], cells == CELLS[0], top, mark)
