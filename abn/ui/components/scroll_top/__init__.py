"""Back to the top of the page when what it shows has become another thing: the next step, the next question."""

import streamlit as st

from abn.ui.components.component import Component

_component = Component("scroll_top")


def scroll_to_top_on_change(what: str | int) -> None:
    """Scroll to the top of the page if `what` is another than the last time this page was drawn."""
    _component.show("unseen-top", what)
