"""What Compare shows below the maps, one tab at a time: only the open one is computed and sent."""

from collections.abc import Callable

import streamlit as st

from abn.ui import layout, model_card
from abn.ui.compare import difference_panel, export_panel, panels, second_image_panel, words
from abn.ui.compare.panels import Limits, Shown
from abn.ui.controls.choice_bar import Choice


@layout.fragment
def show_details(shown: Shown, choice: Choice, limits: Limits) -> None:
    """The tabs; a fragment, so that another tab redraws nothing else."""
    view, chosen = choice.view, choice.chosen
    panels_of_tabs: tuple[Callable[[], None], ...] = (  # in the order of TABS
        lambda: panels.show_top_classes(shown),
        lambda: difference_panel.show_difference(shown, view),
        lambda: second_image_panel.show_second_image(shown, choice),
        lambda: panels.show_whole_image(shown, chosen, view, limits),
        lambda: export_panel.export_row(shown, chosen, view, choice.selection.applied),
        lambda: _show_cards(shown),
    )
    for tab, show in zip(st.tabs(words.TABS, key="compare_tab", bind="query-params"), panels_of_tabs, strict=True):
        if tab.open:
            with tab:
                show()


def _show_cards(shown: Shown) -> None:
    for column, (_, card) in zip(st.columns(len(shown)), shown, strict=True):
        with column:
            model_card.show_card(card, opened=True)
