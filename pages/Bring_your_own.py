"""Bring your own: a checkpoint of a person's own, or a CNN with random weights, beside the shipped variants."""

import streamlit as st

from abn.ui import layout
from abn.ui.own import words
from abn.ui.own.new_variant_panels import show_random_weights, show_upload
from abn.ui.own.variants_panel import show_variants

layout.begin(words.TITLE, words.LINE)

random_weights, upload = st.tabs([words.TAB_RANDOM, words.TAB_UPLOAD])
with random_weights:
    show_random_weights()
with upload:
    show_upload()
show_variants()
