"""ABN Explorer, and its first page, Compare: one photograph, several variants of one network, side by side.

`streamlit run` imports this file once, as the server starts, and runs it as the page for each person.
"""

import streamlit as st

from abn.plots import color_limits
from abn.ui import layout, url
from abn.ui.compare import details, panels, warm_up, words
from abn.ui.controls.choice_bar import choice_bar, require_networks
from abn.ui.live_class import changes
from abn.ui.present import deck
from abn.ui.python_code import code_menu
from abn.ui.runtime import cached_inference
from abn.ui.state import state


def show_page() -> None:
    """Choose, compute, show."""
    layout.begin(words.TITLE, words.PURPOSE, room="compare")
    choice = require_networks(choice_bar(ablation=True))
    chosen, view, applied = choice.chosen, choice.view, choice.selection.applied
    cards = choice.selection.cards
    code_menu.show_code(choice, cards, lambda: ("compare", {"mechanism": applied}))

    page = st.empty()
    inputs = (chosen.picture.sha256, tuple(card.sha256 for card in cards), applied, choice.fit)
    if state.shown != inputs:  # so that no old result stays while a new one is computed
        page.caption(words.RUNNING)
    explanations = cached_inference.explain_image(chosen.picture, cards, fit=choice.fit, mechanism=applied)
    state.shown = inputs

    shown = list(zip(explanations, cards, strict=True))
    with page.container():
        panels.show_note(choice.selection.note)
        limits = color_limits.limits([explanation.attention for explanation in explanations], view.scale)
        first, *columns = panels.create_columns(len(shown))
        with first:
            panels.show_input(shown, chosen, view, limits)
        for column, (explanation, card), span in zip(columns, shown, limits, strict=False):
            with column:
                panels.show_variant(explanation, card, view, span, beside=columns[-1] if len(shown) == 1 else None)
        panels.show_lessons(shown)
        if url.presenting():
            return
        panels.show_help(explanations[0], view)
        details.show_details(shown, choice, limits)


if __name__ == "__main__":
    page = layout.navigate()
    if url.presenting():
        deck.show_remote()
    with layout.stop_page_on_error():
        page.run() if page else show_page()
else:
    app = st.App(__file__, lifespan=warm_up.lifespan, routes=changes.routes())
