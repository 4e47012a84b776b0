"""Camera: the camera's video with one variant's map over it, and both heads' predictions."""

import streamlit as st

from abn.ui import layout
from abn.ui.camera import words
from abn.ui.camera.camera_panel import show_live
from abn.ui.controls import variant_picker, view_settings
from abn.ui.controls.choice_bar import show_way_back
from abn.ui.controls.words import NO_VARIANT
from abn.ui.present import deck
from abn.ui.runtime import models

layout.begin(words.TITLE, words.PURPOSE)
with layout.bar():
    show_way_back()
    picked = variant_picker.choose_variants(models.list_cards())
    view = view_settings.choose_view()
    deck.show_buttons()
broken = models.find_broken(picked)
for sentence in broken.values():
    st.warning(layout.escape_markdown(sentence), icon=":material/warning:")
usable = [card for card in picked if card.id not in broken]
if usable:
    with layout.title_row():
        card = variant_picker.choose_one_variant(usable)
    show_live(card, view)
else:
    st.info(NO_VARIANT, icon=":material/arrow_upward:")
st.caption(words.PRIVACY)
