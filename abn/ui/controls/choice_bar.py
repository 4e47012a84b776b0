"""The bar of choices at the top of every page about a picture: the same picture, variants and view on all of them."""

from dataclasses import dataclass
from functools import partial

import streamlit as st

from abn.ui import layout, url
from abn.ui.controls import pickers, selection, uploads
from abn.ui.controls.pickers import Chosen, View
from abn.ui.runtime import loading, models
from abn.ui.state import state
from abn.variants.card import Card
from abn.variants.store import sibling
from abn.vocabulary import AS_TRAINED


@dataclass(frozen=True)
class Choice:
    """What a person has chosen, on whatever page."""

    chosen: Chosen
    cards: list[Card]  # all that could be
    picked: list[Card]  # those picked
    asked: selection.Ablation  # what the ablation toggle makes of them; without a toggle, each as it was trained
    fit: str
    view: View

    def sibling(self, card: Card, mechanism: str) -> Card | None:
        """The variant that was trained as this one, but with another mechanism."""
        return sibling(card, mechanism, among=self.cards)


def bar(*, ablation: bool = False) -> Choice:
    """Draw the strip of pictures and the choices below it; `ablation` draws the mechanism's toggle too."""
    chosen, lost = pickers.picture(), st.empty()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        if url.controls_hidden():
            st.button("Show the controls", icon=":material/tune:", on_click=_show, key="show_controls")
        else:
            uploads.add_pictures()
            if uploads.lost():  # known once the uploader stands
                lost.warning(uploads.LOST, icon=":material/restart_alt:")
        cards = models.list_cards()
        picked = pickers.variants(cards)
        mechanism = pickers.mechanism() if ablation else (AS_TRAINED, False)
        fit = pickers.fit()
        view = pickers.view()
    pickers.mind_the_kind(chosen, picked, cards)
    asked = selection.ablate(picked, *mechanism, partial(sibling, among=cards))
    return Choice(chosen, cards, picked, asked, fit, view)


def _show() -> None:
    state.controls_hidden = False


def need_variants(choice: Choice) -> None:
    """End the page with a sentence where there is nothing to ask."""
    if not choice.asked.cards:
        sentence = choice.asked.note or "Choose at least one variant that can be shown."
        st.info(layout.escape_markdown(sentence), icon=":material/arrow_upward:")
        loading.start_loading()
        st.stop()


def need_networks(choice: Choice) -> Choice:
    """End the page with a sentence while the networks load; else the choice, without those whose weights are broken."""
    need_variants(choice)
    loading.require_models()
    broken = models.find_broken(choice.asked.cards)
    for sentence in broken.values():
        st.warning(layout.escape_markdown(sentence), icon=":material/warning:")
    whole = tuple(card for card in choice.asked.cards if card.id not in broken)
    if not whole:
        st.stop()
    return Choice(
        choice.chosen,
        choice.cards,
        [card for card in choice.picked if card.id not in broken],
        selection.Ablation(whole, choice.asked.applied, choice.asked.note),
        choice.fit,
        choice.view,
    )
