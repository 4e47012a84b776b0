"""Compare: one photograph, several variants of one network, side by side."""

import streamlit as st

from abn.plots import class_bars, color_limits
from abn.ui import layout, maps, model_card, predictions
from abn.ui.compare import export_panel, panels
from abn.ui.controls import selection
from abn.ui.controls.choice_bar import choice_bar, require_variants
from abn.ui.runtime import cached_inference, models
from abn.ui.state import state

layout.begin("Compare", "Where does a network look, what do its two heads say, and what does its attention map change?")

choice = choice_bar(ablation=True)
require_variants(choice.selection)
chosen, view, applied = choice.chosen, choice.view, choice.selection.applied
cards = choice.selection.cards

page = st.empty()
inputs = (chosen.picture.sha256, tuple(card.sha256 for card in cards), applied, choice.fit)
if state.shown != inputs:  # so that no old result stays while a new one is computed
    page.caption("Asking the networks …")
explanations = cached_inference.explain_image(chosen.picture, cards, fit=choice.fit, mechanism=applied)
state.shown = inputs

by_id = {card.id: card for card in cards}
shown = [(explanation, by_id[explanation.variant]) for explanation in explanations]
with page.container():
    panels.show_notes(models.find_broken(cards), choice.selection.note, shown)
    if not shown:
        st.stop()

    limits = color_limits.limits([explanation.attention for explanation in explanations], view.scale)
    rows = max(len(class_bars.shared_classes(explanation)) for explanation in explanations)
    first, *columns = panels.create_columns(len(shown))
    with first:
        panels.show_input(shown, chosen)
        panels.show_help(explanations[0], view)
    for column, (explanation, card), span in zip(columns, shown, limits, strict=False):
        with column:
            predictions.show_heading(explanation, card)
            maps.show_explanation(explanation, card, view, span)
        with column if len(shown) > 1 else columns[-1]:
            predictions.show_predictions(explanation)
            predictions.show_bars(explanation, card, rows)

    st.markdown("##### On the whole photograph")
    first, *columns = panels.create_columns(len(shown))
    with first:
        panels.show_photograph(explanations[0], chosen)
    for column, (explanation, card), span in zip(columns, shown, limits, strict=False):
        with column:
            maps.show_map_on_photograph(explanation, card, chosen.display, view, span)

    pair = selection.difference_pair(shown[0][1], choice.sibling)
    known = {explanation.variant: explanation for explanation in explanations}  # M doesn't depend on the mechanism
    if pair and all(card.id in known for card in pair):
        trained = [known[card.id] for card in pair]
    else:
        trained = cached_inference.explain_image(chosen.picture, pair, fit=choice.fit) if pair else None
    if trained and len(trained) == 2:
        panels.show_difference(*trained, view, panels.create_columns(len(shown)))

    export_panel.export_row(shown, chosen, view, applied)
    for column, (_, card) in zip(st.columns(len(shown)), shown, strict=True):
        with column:
            model_card.show_card(card)
