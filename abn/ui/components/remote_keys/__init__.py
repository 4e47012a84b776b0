"""The keys that turn a deck of views, also after a press on the page.

Page Up and Page Down turn it, as a presenter's remote control sends them. After a press by mouse or finger on a map or
a control, the keyboard belongs to the deck again: arrow keys go to a map only if the Tab key led there.
"""

from abn.ui.components.component import Component

_component = Component("remote_keys")


def show_remote_keys() -> None:
    """Listen as long as this stands on the page, beside the buttons "view_before" and "view_after"."""
    _component.show("unseen-remote-keys", None)
