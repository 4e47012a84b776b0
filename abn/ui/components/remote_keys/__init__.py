"""The keys that turn a deck of views, also after a press on the page.

Page Up and Page Down turn it, as a presenter's remote control sends them. After a press by mouse or finger on a map or
a control, the keyboard belongs to the deck again: arrow keys go to a map only if the Tab key led there. And the button
and the key F that fill the screen, which a browser allows in a press alone.
"""

import streamlit as st

from abn.ui import words
from abn.ui.components.component import Component

_component = Component("remote_keys")


def show_remote_keys() -> None:
    """Draw the button of the full screen, and listen as long as it stands on the page, beside "view_before" and
    "view_after"."""
    st.button(words.FULL_SCREEN, icon=":material/fullscreen:", type="tertiary", key="full-screen")
    _component.show("unseen-remote-keys", None)
