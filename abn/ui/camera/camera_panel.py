"""The live camera on Camera: each frame is explained and let go of; a frozen one becomes the image of all pages."""

from typing import Any

import streamlit as st

from abn.errors import ABNError
from abn.explanations.explainer import explain
from abn.explanations.explanation import Explanation
from abn.export.figures import MapStyle
from abn.images.decode import open_picture
from abn.plots import numbers, theme
from abn.ui import maps
from abn.ui.camera import words
from abn.ui.components.camera import FREEZE, Frame, show_camera
from abn.ui.components.look import color_table
from abn.ui.controls import uploads
from abn.ui.layout import PAGES, fragment, guard_session
from abn.ui.runtime import models
from abn.ui.runtime.turns import page_turn
from abn.ui.state import state
from abn.variants.card import Card
from abn.vocabulary import HEADS

FIT = "squash"  # a frame is a square already
FOLLOW = ("app.py", "pages/Inside.py", "pages/Ablation.py", "pages/Intervene.py", "pages/Measure.py")


@fragment
def show_live(card: Card, view: MapStyle) -> None:
    """The camera, explained by one variant. A fragment, so that a frame draws nothing else."""
    show_camera(
        state.live_result,
        words.CAMERA,
        frozen=state.live_frozen,
        key="camera-live",
        on_frame=lambda frame: _receive(frame, card, view),
    )
    guard_session("unseen-live-guard")
    if state.live_frozen and state.live_frozen == state.photo:
        st.success(words.FROZEN, icon=":material/ac_unit:")
        with st.container(horizontal=True):
            for path in FOLLOW:
                st.page_link(path, label=PAGES[path][0], icon=PAGES[path][1])


def _receive(frame: Frame, card: Card, view: MapStyle) -> None:
    try:
        if frame.kind == FREEZE:
            uploads.adopt_picture(words.FRAME_NAME, frame.jpeg)
            state.live_frozen = state.photo
            return
        picture = open_picture(frame.jpeg, name="frame")
        with page_turn():
            (explanation,) = explain(picture, [card], fit=FIT, load=models.load_runner)
        state.live_result = {"number": frame.number, **_describe(explanation, card, view)}
    except ABNError as error:
        state.live_result = {"number": frame.number, "error": str(error)}


def _describe(explanation: Explanation, card: Card, view: MapStyle) -> dict[str, Any]:
    """The map and both heads' predictions, for the browser."""
    h, w = explanation.attention.shape
    heads = [
        {
            "head": HEADS[head],
            "color": theme.HEAD_COLORS[head],
            "label": numbers.short_label(first.label),
            "probability": numbers.percent(first.probability),
        }
        for head in HEADS
        for first in explanation.top(head, 1)
    ]
    return {
        "values": explanation.attention.astype(float).round(4).ravel().tolist(),
        "height": h,
        "width": w,
        "look": {"table": color_table(view.colors), "opacity": view.opacity, "smooth": view.smooth},
        "alt": maps.describe_map(explanation.attention, words.MAP_ALT.format(title=card.title)),
        "heads": heads,
    }
