"""The camera in the browser: it sends one small frame at a time, and draws the map that comes back over the video."""

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from abn.ui.components.component import Component

FRAME, FREEZE = KINDS = ("frame", "freeze")
MAX_BYTES = {FRAME: 200_000, FREEZE: 3_000_000}  # of a JPEG

_component = Component("camera")


@dataclass(frozen=True)
class Frame:
    """What the camera sent."""

    kind: str  # FRAME: to explain and let go of; FREEZE: to keep
    number: int  # counts the frames
    jpeg: bytes


def show_camera(
    result: Mapping[str, Any] | None,
    words: Mapping[str, str],
    *,
    frozen: str | None = None,
    key: str,
    on_frame: Callable[[Frame], object],
) -> None:
    """The video with the latest `result` over it, and its buttons. `words` say what will be shown, that the camera is
    refused, that there is none, or that the address is not secure; `frozen` is the key of the frame that was kept last.
    `on_frame` gets each frame; what is none is ignored."""

    def receive(sent: Any) -> None:
        frame = read_frame(sent)
        if frame:
            on_frame(frame)

    _component.show(key, {"result": result, "words": dict(words), "frozen": frozen}, receive)


def read_frame(sent: Any) -> Frame | None:
    """What the browser sent as a frame; None where it is anything else."""
    match sent:
        case {"kind": "frame" | "freeze" as kind, "jpeg": str(text), **rest} if len(text) < 2 * MAX_BYTES[kind]:
            number = rest.get("number", 0)
            try:
                jpeg = base64.b64decode(text, validate=True)
            except (binascii.Error, ValueError):
                return None
            if isinstance(number, int) and len(jpeg) <= MAX_BYTES[kind]:
                return Frame(kind, number, jpeg)
    return None
