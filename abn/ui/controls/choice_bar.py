"""The bar of choices at the top of every page about a picture: the same picture, variants and view on all of them."""

from dataclasses import dataclass
from functools import partial

import streamlit as st

from abn.export.figures import MapStyle
from abn.ui import layout, url
from abn.ui.controls import image_picker, selection, uploads, variant_picker, view_settings
from abn.ui.controls.image_picker import ChosenImage
from abn.ui.controls.selection import Selection
from abn.ui.runtime import models
from abn.ui.state import state
from abn.variants.card import Card
from abn.variants.store import find_sibling
from abn.vocabulary import AS_TRAINED

NO_VARIANT = "Choose at least one variant that can be shown."


@dataclass(frozen=True)
class Choice:
    """What a person has chosen, on whatever page."""

    chosen: ChosenImage
    cards: list[Card]  # all that could be
    picked: list[Card]  # those picked
    selection: Selection  # what the ablation toggle makes of them; without a toggle, each as it was trained
    fit: str
    view: MapStyle

    def sibling(self, card: Card, mechanism: str) -> Card | None:
        """The variant that was trained as this one, but with another mechanism."""
        return find_sibling(card, mechanism, among=self.cards)


def choice_bar(*, ablation: bool = False) -> Choice:
    """Draw the strip of pictures and the choices below it; `ablation` draws the mechanism's toggle too."""
    chosen, lost = image_picker.choose_image(), st.empty()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if url.controls_hidden():
            st.button("Show the controls", icon=":material/tune:", on_click=_show, key="show_controls")
        else:
            uploads.show_uploaders()
            if uploads.are_files_lost():  # known once the uploader stands
                lost.warning(uploads.LOST, icon=":material/restart_alt:")
        cards = models.list_cards()
        picked = variant_picker.choose_variants(cards)
        mechanism = variant_picker.choose_mechanism() if ablation else (AS_TRAINED, False)
        fit = view_settings.choose_fit()
        view = view_settings.choose_view()
    variant_picker.warn_of_other_kind(chosen.kind, picked, cards)
    applied = selection.apply_mechanism(picked, *mechanism, partial(find_sibling, among=cards))
    return Choice(chosen, cards, picked, applied, fit, view)


def _show() -> None:
    state.controls_hidden = False


def require_variants(chosen: Selection) -> None:
    """End the page with a sentence where no variant is left to run."""
    if not chosen.cards:
        sentence = chosen.note or NO_VARIANT
        st.info(layout.escape_markdown(sentence), icon=":material/arrow_upward:")
        st.stop()


def require_networks(choice: Choice) -> Choice:
    """The choice without variants whose weights are broken; ends the page with a sentence where none is left."""
    require_variants(choice.selection)
    broken = models.find_broken(choice.selection.cards)
    for sentence in broken.values():
        st.warning(layout.escape_markdown(sentence), icon=":material/warning:")
    whole = tuple(card for card in choice.selection.cards if card.id not in broken)
    if not whole:
        st.stop()
    return Choice(
        choice.chosen,
        choice.cards,
        [card for card in choice.picked if card.id not in broken],
        selection.Selection(whole, choice.selection.applied, choice.selection.note),
        choice.fit,
        choice.view,
    )
