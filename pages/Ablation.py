"""Ablation: one network under three mechanisms, its map against fair controls, and variants against each other."""

import streamlit as st

from abn.ui import layout
from abn.ui.ablation import disagreement_panel
from abn.ui.ablation import mechanism_panels as panels
from abn.ui.controls import variant_picker
from abn.ui.controls.choice_bar import choice_bar, require_networks
from abn.ui.runtime import inference, loading

layout.begin("Ablation", "The same weights and the same map under three mechanisms: what does the mechanism change?")
choice = require_networks(choice_bar())
card = variant_picker.choose_one_variant(choice.selection.cards)
subject = inference.get_subject(choice.chosen.picture, card, choice.fit)

how = panels.strength()
panels.triptych(choice.chosen, card, subject, choice.fit, choice.view, how)

st.subheader("The place, or only the gain?", anchor="controls")
panels.fair_controls(choice.chosen, card, subject, choice.fit)

st.subheader("Do the variants' maps agree?", anchor="agreement")
found = inference.explain_image(choice.chosen.picture, choice.selection.cards, fit=choice.fit)
panels.agreement(found, [card.title for card in choice.selection.cards])

st.subheader("Where do they part? A batch", anchor="batch")
disagreement_panel.show(choice.selection.cards, choice.fit)
loading.start_loading()
