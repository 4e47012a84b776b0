"""Inside: one image in one network, from the image to the prediction, every stage with its numbers."""

import streamlit as st

from abn.ui import layout
from abn.ui.controls import variant_picker
from abn.ui.controls.choice_bar import choice_bar, require_networks
from abn.ui.inside import map_panels, stage_panels, traces, words
from abn.ui.python_code import code_menu
from abn.ui.state import state

layout.begin(words.TITLE, words.LINE, room="inside")

choice = require_networks(choice_bar())
with layout.title_row():
    card = variant_picker.choose_one_variant(choice.selection.cards)
applied = stage_panels.choose_applied(card)
code_menu.show_code(choice, [card], lambda: ("inside", {"applied": applied}))

page = st.empty()
inputs = ("inside", choice.chosen.picture.sha256, card.sha256, choice.fit)
if state.shown != inputs:  # so that no old result stays while a new one is computed
    page.caption(words.RUNNING)
trained = traces.get_trace(choice.chosen.picture, card, choice.fit)
trace = traces.get_trace(choice.chosen.picture, card, choice.fit, applied)
state.shown = inputs

with page.container():
    if card.lesson:
        lesson = words.LESSON.format(title=card.title, lesson=card.lesson)
        st.info(layout.escape_markdown(lesson), icon=":material/school:")
    stage_panels.show_network(trace, card, choice)
    stage_panels.show_cell(trace, card, choice)
    map_panels.show_class_maps(trained, card, choice)
    map_panels.show_history(trained, card, choice)
