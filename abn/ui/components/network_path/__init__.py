"""The network's drawing with live contents: each stage is a button, for mouse, touch and keyboard.

A wide page shows it from left to right, a narrow one from top to bottom.
"""

from collections.abc import Callable, Mapping

from abn.explanations.stages import STAGES
from abn.plots.network_diagram import Content, draw
from abn.ui.components.component import Component

_component = Component("network_path")


def show(
    contents: Mapping[str, Content],
    mechanism: str,
    chosen: str,
    *,
    label: str,
    key: str,
    on_pick: Callable[[str], None] | None = None,
) -> None:
    """Show both diagrams with the stages' contents, the chosen stage framed; `on_pick` gets the stage that a person
    picks, without it none can be."""
    pressable = on_pick is not None
    wide, narrow = (draw(contents, mechanism, narrow=narrow, pressable=pressable) for narrow in (False, True))
    data = {"wide": wide, "narrow": narrow, "chosen": chosen, "label": label}
    _component.show(key, data, lambda stage: on_pick(stage) if on_pick and stage in STAGES else None)
