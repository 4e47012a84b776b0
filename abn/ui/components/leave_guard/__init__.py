"""The browser asks before it leaves or reloads the app, where that would lose what only the session holds."""

from abn.ui.components.component import Component

_component = Component("leave_guard")


def show_guard(key: str, unsaved: bool) -> None:
    """Whether the session holds something that a reload loses, such as uploads; the guard drawn last decides."""
    _component.show(key, unsaved)
