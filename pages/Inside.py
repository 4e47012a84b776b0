"""Inside: one picture in one network, from the picture to the answer, every stage with its numbers."""

import streamlit as st

from abn.ui import frame, inside_maps, live, pickers
from abn.ui import inside as session
from abn.ui import inside_panels as panels
from abn.ui.bar import bar, need_networks

frame.begin("Inside", "What happens between a picture and the answer? Every stage of one network, with its numbers.")

choice = need_networks(bar())
card = pickers.one_variant(choice.asked.cards)

page = st.empty()
question = ("inside", choice.chosen.picture.sha256, card.sha256, choice.fit)
if st.session_state.get("shown") != question:  # so that no old result stays while a new one is computed
    page.caption("Asking the network …")
inside = session.look(choice.chosen.picture, card, choice.fit)
st.session_state.shown = question

with page.container():
    if card.lesson:
        st.info(frame.plain(f"{card.title}: {card.lesson}"), icon=":material/school:")
    stage = panels.the_path(choice, card)
    panels.the_stage(inside, card, choice, stage)
    panels.one_cell(inside, card, choice)
    inside_maps.one_class(inside, card, choice)
    inside_maps.forming(inside, card, choice)
live.take_over()
