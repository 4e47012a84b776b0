"""The bar of choices at the top of every page about an image: the same image, variants and view on all of them."""

from dataclasses import dataclass, replace
from functools import partial

import streamlit as st

from abn.export.figures import MapStyle
from abn.ui import layout, url
from abn.ui.controls import image_picker, selection, uploads, variant_picker, view_settings, words
from abn.ui.controls.image_picker import ChosenImage
from abn.ui.controls.selection import Selection
from abn.ui.present import deck
from abn.ui.runtime import models
from abn.ui.state import state
from abn.variants.card import Card
from abn.variants.store import find_sibling
from abn.vocabulary import AS_TRAINED


@dataclass(frozen=True)
class Choice:
    """What a person has chosen, on whatever page."""

    chosen: ChosenImage
    cards: list[Card]  # all that could be
    selection: Selection  # what the ablation toggle makes of those picked; without a toggle, each as it was trained
    fit: str
    view: MapStyle


def choice_bar(*, ablation: bool = False) -> Choice:
    """Draw the choices into the bar of the page and the strip of images below it; `ablation` draws the mechanism's
    toggle too."""
    lost = st.empty()
    chosen = image_picker.choose_image()
    with layout.bar():
        show_way_back()
        if not url.controls_hidden():
            image_picker.show_image_menu()
            if uploads.are_files_lost():  # known once the uploader stands
                lost.warning(words.LOST, icon=":material/restart_alt:")
        cards = models.list_cards()
        picked = variant_picker.choose_variants(cards)
        fit = view_settings.choose_fit()
        view = view_settings.choose_view()
        deck.show_buttons()
    with layout.title_row():
        mechanism = variant_picker.choose_mechanism() if ablation else (AS_TRAINED, False)
    variant_picker.warn_of_other_kind(chosen.kind, picked, cards)
    applied = selection.apply_mechanism(picked, *mechanism, partial(find_sibling, among=cards))
    return Choice(chosen, cards, applied, fit, view)


def show_way_back() -> None:
    """Where a teacher's link hides the controls: the button that shows them again."""
    if url.controls_hidden():
        st.button(words.SHOW_CONTROLS, icon=":material/tune:", on_click=_show, key="show_controls")


def _show() -> None:
    state.controls_hidden = False


def require_networks(choice: Choice) -> Choice:
    """The choice without variants whose weights are broken; ends the page with a sentence where none is left."""
    if not choice.selection.cards:
        sentence = choice.selection.note or words.NO_VARIANT
        st.info(layout.escape_markdown(sentence), icon=":material/arrow_upward:")
        st.stop()
    broken = models.find_broken(choice.selection.cards)
    for sentence in broken.values():
        st.warning(layout.escape_markdown(sentence), icon=":material/warning:")
    whole = tuple(card for card in choice.selection.cards if card.id not in broken)
    if not whole:
        st.stop()
    return replace(choice, selection=replace(choice.selection, cards=whole))
