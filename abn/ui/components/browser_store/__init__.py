"""A text that the browser keeps in its localStorage, under this app's own address: it outlives a reload of the page.

It is private to the browser's profile. The page asks for it once; a mark in sessionStorage tells whether the same tab
has kept it (a reload), or an earlier visit, which may have been another person's. Storage is refused in some browsers:
then there is nothing to read, and nothing is kept.
"""

from collections.abc import Callable
from typing import Any

from abn.ui.components.component import Component

MAX_CHARACTERS = 20_000  # of a text that is read

_component = Component("browser_store", "read")


def show_store(
    name: str, *, ask: str, write: str | None, key: str, on_read: Callable[[str, bool], object] | None = None
) -> None:
    """Write a text under a name, "" to delete it, None to leave it. `ask`, another for each session, makes the browser
    report what it keeps: `on_read` gets the text, "" for none, and whether this tab wrote it."""

    def receive(sent: Any) -> None:
        if on_read:
            on_read(*check_report(sent))

    data = {"name": name, "ask": ask, "write": write, "limit": MAX_CHARACTERS}
    _component.show(key, data, receive if on_read else None)


def check_report(sent: object) -> tuple[str, bool]:
    """The text that the browser reported, and whether the same tab wrote it; ("", False) for anything else."""
    match sent:
        case {"text": str(text), "same": bool(same)} if len(text) <= MAX_CHARACTERS:
            return text, same
    return "", False
