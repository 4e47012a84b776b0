"""The button beside “Present” that shows a view as Python, to copy or to save as a notebook."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import streamlit as st

from abn.export.notebook import notebook
from abn.export.python_code import python_code
from abn.images import samples
from abn.ui import layout, url
from abn.ui.compare.export_panel import file_stem
from abn.ui.controls.choice_bar import Choice
from abn.ui.present import deck
from abn.ui.python_code import words
from abn.variants.card import Card
from abn.variants.own import is_drawn

MIME = "application/x-ipynb+json"

# A key of `python_code.PROGRAMS`, and what it depends on besides the choices, or in their place: `images`, `fit`
Program = tuple[str, dict[str, Any]]


def show_code(choice: Choice, cards: Sequence[Card], describe: Callable[[], Program]) -> None:
    """Draw the button for a view of these variants; none on a projector, nor where a teacher's link hides the controls.

    `describe` is called again whenever the menu is opened: what a fragment of the page has changed is in the code.
    """
    if not url.presenting() and not url.controls_hidden():
        with layout.bar(), st.container(width="content", key="code"):
            _show_menu(choice, cards, describe)


@layout.fragment
def _show_menu(choice: Choice, cards: Sequence[Card], describe: Callable[[], Program]) -> None:
    with st.popover(words.COPY, icon=":material/code:", help=words.COPY, key="code-popover", on_change="rerun"):
        if any(is_drawn(card) for card in cards):
            st.caption(words.NO_FILE)
            return
        (view, values), picture = describe(), choice.chosen.picture
        values = {"images": [find_path(picture.sha256, picture.name)], "fit": choice.fit} | values
        code = python_code(view, variants=[card.id for card in cards], **values)
        st.download_button(
            words.NOTEBOOK,
            partial(notebook, code, deck.view_address()),
            f"{file_stem(values['images'][0])}--{view.replace(' ', '-')}.ipynb",
            MIME,
            on_click="ignore",
            icon=":material/download:",
            key="code-notebook",
        )
        st.code(code, language="python")


def find_path(sha256: str, name: str) -> str:
    """The path in the repository of an image of the gallery; the name of any other, a person's own file."""
    photo = samples.gallery_by_sha256().get(sha256)
    return f"abn/samples/{photo.file}" if photo else name
