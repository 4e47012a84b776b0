"""On a phone, the menu of pages closes once a page was chosen: Streamlit leaves it open over the page."""

from abn.ui.components.component import Component

_component = Component("menu")


def close_menu_on_choice() -> None:
    """From now on, in this browser's window."""
    _component.show("unseen-menu", None)
