"""Which changes of the address the browser's Back undoes: those of what a page shows, and not of how it draws it."""

from collections.abc import Sequence

from abn.ui.components.component import Component

_component = Component("history")


def replace_entries(names: Sequence[str]) -> None:
    """A change of these query parameters alone replaces the entry in the browser's history."""
    _component.show("unseen-history", list(names))
