"""A time axis with its chart, on which one of several recorded maps is chosen by mouse, touch or arrow keys, or played.

All maps are in the browser: a `map_view` that follows this timeline redraws itself at each step. The server hears of a
step when a person has chosen it or Play has stopped.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from abn.ui.components.component import Component
from abn.ui.components.map_view import DIGITS

SECONDS = 1.0  # for which Play shows a map

_component = Component("timeline")


@dataclass(frozen=True, eq=False)
class Moment:
    """One recorded map."""

    step: int
    position: float  # on the axis, 0 to 1
    attention: np.ndarray  # (h, w)
    alt: str  # of the map
    value: str  # the step in words
    text: str  # shown beside the axis


def show(
    moments: Sequence[Moment],
    chosen: int,
    chart: str,
    *,
    name: str,
    label: str,
    alt: str,
    axis: str,
    controls: Mapping[str, str],
    key: str,
    on_pick: Callable[[int], None],
) -> None:
    """Show a time axis; `chosen` is an index of `moments`, and `on_pick` gets the index that a person picks. `chart` is
    safe HTML, `name` the one that a map follows, and `controls` names the buttons: play, stop."""

    def report(value: Any) -> None:
        if isinstance(value, int) and 0 <= value < len(moments):
            on_pick(value)

    data = {
        "moments": [
            {
                "step": moment.step,
                "position": moment.position,
                "values": np.round(moment.attention.astype(float), DIGITS).ravel().tolist(),
                "alt": moment.alt,
                "value": moment.value,
                "text": moment.text,
            }
            for moment in moments
        ],
        "chosen": chosen,
        "chart": chart,
        "name": name,
        "label": label,
        "alt": alt,
        "axis": axis,
        "controls": dict(controls),
        "seconds": SECONDS,
    }
    _component.show(key, data, report)
