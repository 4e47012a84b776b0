"""Bring your own: a checkpoint of a person's own, or any CNN with random weights, beside the shipped variants."""

import streamlit as st

from abn.ui import layout
from abn.ui.own.new_variant_panels import show_random_weights, show_upload
from abn.ui.own.variants_panel import show_variants

layout.begin(
    "Bring your own", "A variant of yours, or any CNN with random weights: its shapes, its card, then Compare."
)

st.caption(
    "What you bring is yours alone: it lives in this session, joins your list in Compare when you add it, never enters "
    "the address bar, and is gone when you close the page."
)
left, right = st.columns(2, gap="large")
shapes = st.container()  # a wide diagram
below = st.container()  # drawn last, when both have added their variants
with left:
    show_upload()
with right:
    show_random_weights(shapes)
with below:
    show_variants()
