"""Inside: one picture in one network, from the picture to the answer, every stage with its numbers."""

import streamlit as st

from abn.ui import layout
from abn.ui.controls import variant_picker
from abn.ui.controls.choice_bar import choice_bar, require_networks
from abn.ui.inside import map_panels
from abn.ui.inside import stage_panels as panels
from abn.ui.inside import traces as session
from abn.ui.runtime import loading
from abn.ui.state import state

layout.begin("Inside", "What happens between a picture and the answer? Every stage of one network, with its numbers.")

choice = require_networks(choice_bar())
card = variant_picker.choose_one_variant(choice.selection.cards)

page = st.empty()
question = ("inside", choice.chosen.picture.sha256, card.sha256, choice.fit)
if state.shown != question:  # so that no old result stays while a new one is computed
    page.caption("Asking the network …")
inside = session.look(choice.chosen.picture, card, choice.fit)
state.shown = question

with page.container():
    if card.lesson:
        st.info(layout.escape_markdown(f"{card.title}: {card.lesson}"), icon=":material/school:")
    stage = panels.the_path(choice, card)
    panels.the_stage(inside, card, choice, stage)
    panels.one_cell(inside, card, choice)
    map_panels.one_class(inside, card, choice)
    map_panels.forming(inside, card, choice)
loading.start_loading()
