"""Ablation: one network under three mechanisms, its map against fair controls, and variants against each other."""

import streamlit as st

from abn.ui import layout
from abn.ui.ablation import disagreement_panel, mechanism_panels
from abn.ui.controls import variant_picker
from abn.ui.controls.choice_bar import choice_bar, require_networks
from abn.ui.runtime import cached_inference

layout.begin("Ablation", "The same weights and the same map under three mechanisms: what does the mechanism change?")
choice = require_networks(choice_bar())
cards = choice.selection.cards
card = variant_picker.choose_one_variant(cards)
subject = cached_inference.get_subject(choice.chosen.picture, card, choice.fit)

strength = mechanism_panels.choose_strength()
mechanism_panels.show_mechanisms(choice, card, subject, strength)

st.subheader("The place, or only the gain?", anchor="controls")
mechanism_panels.show_fair_controls(choice, card, subject)

st.subheader("Do the variants' maps agree?", anchor="agreement")
explanations = cached_inference.explain_image(choice.chosen.picture, cards, fit=choice.fit)
mechanism_panels.show_agreement(explanations, [card.title for card in cards])

st.subheader("Where do they part? A batch", anchor="batch")
disagreement_panel.show_batch(cards, choice.fit)
