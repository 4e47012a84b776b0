"""Asks the server in short intervals whether a room has changed, without a run of the page; a change makes one run.

Not a fragment with `run_every`: each of its runs costs ten times as much. And Streamlit drops the end of a run when the
timer's message arrives just as that run ends (`AppSession` ignores events of a runner that was replaced); of sixty
phones a few then stayed blank, without their timer.
"""

from abn.ui.components.component import Component

_component = Component("room_watch", "changed")


def show_watch(address: str, scene: int | None, *, counter: str = "", key: str) -> None:
    """Ask at `address`, relative to the page, which replies {"scene", "counter"}; another scene than that of this run
    runs the page again. With a `counter`, its text is shown and follows the replies, and that is all."""
    _component.show(key, {"address": address, "scene": scene, "counter": counter}, lambda _scene: None)
