"""Scrolls an element into sight when what it shows has changed, as far as needed and no further."""

from abn.ui.components.component import Component

_component = Component("scroll_into_view")


def scroll_into_view_on_change(target: str, what: str, *, key: str, at_first: bool = False) -> None:
    """Scroll to the element of the CSS selector `target` if `what` is another than the last time this was drawn;
    `at_first`: the first time too."""
    _component.show(f"unseen-{key}", {"target": target, "what": what, "at_first": at_first})
