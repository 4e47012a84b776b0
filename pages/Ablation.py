"""Ablation: one map under three mechanisms, against control maps, between variants, and on many images."""

import streamlit as st

from abn.ui import layout
from abn.ui.ablation import disagreement_panel, mechanism_panels, words
from abn.ui.controls import variant_picker
from abn.ui.controls.choice_bar import choice_bar, require_networks
from abn.ui.python_code import code_menu
from abn.ui.runtime import cached_inference

layout.begin(words.TITLE, words.LINE, room="ablation")
choice = require_networks(choice_bar())
cards = choice.selection.cards
mechanisms, controls, agreement, batch = st.tabs(words.TABS, key="ablation_tab", bind="query-params")

if mechanisms.open or controls.open:
    with layout.title_row():
        card = variant_picker.choose_one_variant(cards)
    describe = mechanism_panels.describe_strength if mechanisms.open else mechanism_panels.describe_controls
    code_menu.show_code(choice, [card], describe)
    subject = cached_inference.get_subject(choice.chosen.picture, card, choice.fit)
    with mechanisms if mechanisms.open else controls:
        show = mechanism_panels.show_mechanisms if mechanisms.open else mechanism_panels.show_control_maps
        show(choice, card, subject)
if agreement.open:
    code_menu.show_code(choice, cards, lambda: ("agreement of maps", {}))
    with agreement:
        explanations = cached_inference.explain_image(choice.chosen.picture, cards, fit=choice.fit)
        mechanism_panels.show_agreement(explanations, [card.title for card in cards])
if batch.open:
    with batch:
        disagreement_panel.show_batch(cards, choice.fit)
