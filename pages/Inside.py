"""Inside: one image in one network, from the image to the prediction, every stage with its numbers."""

import streamlit as st

from abn.ui import layout
from abn.ui.controls import variant_picker
from abn.ui.controls.choice_bar import choice_bar, require_networks
from abn.ui.inside import map_panels, stage_panels, traces
from abn.ui.state import state

layout.begin("Inside", "What happens between a picture and the answer? Every stage of one network, with its numbers.")

choice = require_networks(choice_bar())
card = variant_picker.choose_one_variant(choice.selection.cards)

page = st.empty()
inputs = ("inside", choice.chosen.picture.sha256, card.sha256, choice.fit)
if state.shown != inputs:  # so that no old result stays while a new one is computed
    page.caption("Asking the network …")
trace = traces.get_trace(choice.chosen.picture, card, choice.fit)
state.shown = inputs

with page.container():
    if card.lesson:
        st.info(layout.escape_markdown(f"{card.title}: {card.lesson}"), icon=":material/school:")
    stage = stage_panels.show_diagram(choice, card)
    stage_panels.show_stage(trace, card, choice, stage)
    stage_panels.show_cell(trace, card, choice)
    map_panels.show_class_maps(trace, card, choice)
    map_panels.show_history(trace, card, choice)
