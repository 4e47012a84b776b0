"""Compare: one photograph, several variants of one network, side by side."""

import streamlit as st

from abn.plots import class_bars, color_limits
from abn.ui import layout, maps, model_card, predictions
from abn.ui.compare import export_panel, panels
from abn.ui.controls import selection
from abn.ui.controls.choice_bar import choice_bar, require_variants
from abn.ui.runtime import inference, loading, models
from abn.ui.runtime.engine import get_engine
from abn.ui.state import state

layout.begin("Compare", "Where does a network look, what do its two heads say, and what does its attention map change?")

choice = choice_bar(ablation=True)
require_variants(choice)
chosen, asked, fit, view = choice.chosen, choice.selection, choice.fit, choice.view

page = st.empty()
question = (chosen.picture.sha256, tuple(card.sha256 for card in asked.cards), asked.applied, fit)
if state.shown != question:  # so that no old result stays while a new one is computed
    page.caption("Asking the networks …")
found = inference.explain_image(chosen.picture, asked.cards, fit=fit, mechanism=asked.applied)
if found is None:
    with page:
        loading.show_status()
    loading.start_loading()
    st.stop()
state.shown = question

by_id = {card.id: card for card in asked.cards}
shown = [(explanation, by_id[explanation.variant]) for explanation in found]
with page.container():
    panels.show_notes(models.find_broken(asked.cards), asked.note, shown)
    if not shown:
        st.stop()

    spans = color_limits.limits([explanation.attention for explanation in found], view.scale)
    rows = max(len(class_bars.shared_classes(explanation)) for explanation in found)
    room = panels.create_columns(len(shown))
    with room[0]:
        panels.show_input(shown, chosen)
        panels.show_help(found[0], view)
    for place, (explanation, card), span in zip(room[1:], shown, spans, strict=False):
        with place:
            predictions.show_heading(explanation, card)
            maps.show_attention(explanation, card, view, span, live=get_engine().ready)
        with place if len(shown) > 1 else room[-1]:
            predictions.show_predictions(explanation)
            predictions.show_bars(explanation, card, rows)

    st.markdown("##### On the whole photograph")
    room = panels.create_columns(len(shown))
    with room[0]:
        panels.show_photograph(found[0], chosen)
    for place, (explanation, card), span in zip(room[1:], shown, spans, strict=False):
        with place:
            maps.show_map_on_photograph(explanation, card, chosen.display, view, span)
            st.caption(layout.escape_markdown(card.title))

    pair = selection.difference_pair(shown[0][1], choice.sibling)
    known = {explanation.variant: explanation for explanation in found}  # the map is made before the mechanism
    if pair and all(card.id in known for card in pair):
        both = [known[card.id] for card in pair]
    else:
        both = inference.explain_image(chosen.picture, pair, fit=fit) if pair else None
    if both and len(both) == 2:
        panels.show_difference(*both, view, panels.create_columns(len(shown)))

    export_panel.export_row(shown, chosen, view, asked.applied)
    for place, (_, card) in zip(st.columns(len(shown)), shown, strict=True):
        with place:
            model_card.show_card(card)
loading.start_loading()
