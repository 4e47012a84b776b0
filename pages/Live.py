"""Live: the camera's video with one variant's map over it, and both heads' predictions."""

import streamlit as st

from abn.ui import layout
from abn.ui.controls import variant_picker, view_settings
from abn.ui.controls.choice_bar import NO_VARIANT
from abn.ui.live.camera_panel import show_live
from abn.ui.runtime import models

layout.begin("Live", "The attention map and both heads' predictions for the camera's frames, several times a second.")
with st.container(horizontal=True, vertical_alignment="bottom"):
    picked = variant_picker.choose_variants(models.list_cards())
    view = view_settings.choose_view()
broken = models.find_broken(picked)
for sentence in broken.values():
    st.warning(layout.escape_markdown(sentence), icon=":material/warning:")
usable = [card for card in picked if card.id not in broken]
if usable:
    show_live(variant_picker.choose_one_variant(usable), view)
else:
    st.info(NO_VARIANT, icon=":material/arrow_upward:")
st.caption(
    "One small frame at a time goes to the server, is explained there and is not kept. The map is that of the frame "
    "that was sent, so it lags behind the video."
)
