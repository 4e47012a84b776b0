"""Measure: does the answer hang on the bright cells, is the map learned, and does it find the object?"""

import streamlit as st

from abn.ui import layout
from abn.ui.controls.choice_bar import choice_bar, require_networks
from abn.ui.measure import deletion_insertion_panel, localization_panel, randomization_panel
from abn.ui.runtime import jobs

layout.begin("Measure", "Three ways to put a number on a map, and what each of them can and can't say.")
choice = require_networks(choice_bar())

st.subheader("Does the answer hang on the bright cells?", anchor="cells")
st.markdown(
    "Take the picture's cells away one after the other, those that the map calls bright first, and watch the "
    "probability of the class that the network named. Then do the same in random order."
)
specs = deletion_insertion_panel.choose_curves()
curves = deletion_insertion_panel.show_curves(choice, specs)
with st.container():
    jobs.fragment_unless_busy(deletion_insertion_panel.show_partly_deleted)(choice, specs)

st.subheader("Is the map made by what the network learned?", anchor="learned")
st.markdown(
    "Make one part of the network forget what it learned, and look at the map again. A map that doesn't change never "
    "showed what that part had learned."
)
randomization = randomization_panel.show_randomization(choice)

st.subheader("Does the map find the object?", anchor="object")
st.markdown(
    "The app ships scenes whose object is known to the pixel. Compare where each map is bright with where the object "
    "is, and with maps that know nothing."
)
localization = localization_panel.show_localization(choice)

jobs.run_jobs(curves, randomization, localization)
