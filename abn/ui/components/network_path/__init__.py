"""The network's diagram with live contents: each stage is a button, for mouse, touch and keyboard.

From 700 pixels on it runs from left to right and scales with its container; on less it runs downwards. With `details`
a pressed stage opens beside the diagram (in the narrow one under its box), and Play walks along the network. Both
happen in the browser, which reports the stage afterwards.
"""

from collections.abc import Callable, Mapping
from typing import Any

from abn.explanations.stages import STAGES
from abn.plots.network_diagram import MAIN_PATH, Content, draw
from abn.ui.components.component import Component
from abn.vocabulary import MECHANISMS

SECONDS = 3.0  # for which Play shows a stage

_component = Component("network_path")


def show(
    contents: Mapping[str, Content],
    mechanism: str,
    chosen: str,
    *,
    label: str,
    key: str,
    on_pick: Callable[[str], None] | None = None,
    trained: bool = True,
    applied: str | None = None,
    on_apply: Callable[[str], None] | None = None,
    details: Mapping[str, str] | None = None,
    on_more: Callable[[str], None] | None = None,
    controls: Mapping[str, str] | None = None,
    note: str = "",
    alert: str = "",
) -> None:
    """Show the diagram of a network that was `trained` with `mechanism`, or only made with it, the `chosen` stage
    framed.

    `on_pick` gets the stage that a person picks, `on_apply` the mechanism picked in the diagram, `on_more` the stage
    whose button `data-more` was pressed in its details; without them none can be. `details` is safe HTML for each
    stage, and `controls` names the buttons: play, stop, previous, next, screen. The `alert`
    and the `note` stand below the diagram.
    """

    def report(value: Any) -> None:
        match value:
            case str(stage) | {"stage": str(stage)} if on_pick and stage in STAGES:
                on_pick(stage)
            case {"mechanism": str(name)} if on_apply and name in MECHANISMS:
                on_apply(name)
            case {"more": str(stage)} if on_more and stage in STAGES:
                on_more(stage)

    wide, narrow = (
        draw(
            contents,
            mechanism,
            narrow=narrow,
            pressable=on_pick is not None,
            applied=applied,
            switchable=on_apply is not None,
            trained=trained,
        )
        for narrow in (False, True)
    )
    data = {
        "wide": wide,
        "narrow": narrow,
        "chosen": chosen,
        "label": label,
        "details": dict(details or {}),
        "controls": dict(controls or {}),
        "note": note,
        "alert": alert,
        "stages": list(STAGES),
        "path": list(MAIN_PATH),
        "seconds": SECONDS,
    }
    _component.show(key, data, report)
