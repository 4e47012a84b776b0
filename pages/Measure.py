"""Measure: do predictions depend on bright cells, does the map depend on learned weights, does it find the object?"""

import streamlit as st

from abn.ui import layout
from abn.ui.controls.choice_bar import choice_bar, require_networks
from abn.ui.measure import deletion_insertion_panel, localization_panel, randomization_panel, words
from abn.ui.python_code import code_menu
from abn.ui.runtime import jobs

layout.begin(words.TITLE, words.LINE, room="measure")
choice = require_networks(choice_bar())

curves = deletion_insertion_panel.show_curves(choice)
code_menu.show_code(choice, choice.selection.cards, lambda: deletion_insertion_panel.describe_curves(curves))
with st.expander(words.ALONG, icon=":material/photo_library:"):
    jobs.fragment_unless_busy(deletion_insertion_panel.show_partly_deleted)(choice, curves.specs)

randomization = randomization_panel.show_randomization(choice)
localization = localization_panel.show_localization(choice)

jobs.run_jobs(curves.job, randomization, localization)
