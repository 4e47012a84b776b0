"""The network's drawing with live contents: each stage is a button, for mouse, touch and keyboard.

A wide page shows it from left to right, a narrow one from top to bottom.
"""

from collections.abc import Callable

import streamlit as st

from abn.explanations.stages import STAGES
from abn.ui.components.component import Component

_component = Component("network_path")


def show(
    wide: str, narrow: str, chosen: str, *, label: str, key: str, on_pick: Callable[[str], None] = lambda stage: None
) -> None:
    """Show both diagrams (SVG of abn.plots.network_diagram), the chosen stage framed; `on_pick` gets the stage that a
    person picks."""

    data = {"wide": wide, "narrow": narrow, "chosen": chosen, "label": label}
    _component.show(key, data, lambda stage: on_pick(stage) if stage in STAGES else None)
