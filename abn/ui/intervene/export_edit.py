"""The export row of Intervene: the edited map beside the network's own, as it is applied.

A file is made only when somebody presses its button, as on Compare.
"""

from dataclasses import replace
from functools import partial

import streamlit as st

from abn.explanations.interventions import AttendedImage, Effect
from abn.export.archive import file_stems
from abn.export.edited_map import EditedMap, before_after_csv, figure_png
from abn.export.figures import npy_bytes
from abn.files import safe_stems
from abn.ui.compare.export_panel import NPY_MIME, PRIVACY, file_stem, save_button
from abn.ui.controls.choice_bar import Choice
from abn.ui.intervene import edit_history
from abn.ui.intervene.edit_history import History
from abn.variants.card import Card

NOT_YET = "As soon as the map is edited, this can be kept."


def export_row(
    choice: Choice, card: Card, subject: AttendedImage, history: History, effect: Effect, applied: str
) -> None:
    """The buttons that save the edit that is applied."""
    unedited = effect.name == edit_history.OWN_MAP
    edited = EditedMap(
        card=card,
        fitted=subject.fitted,
        own_map=subject.attention,
        effect=replace(effect, name=history.description),
        applied=applied,
        style=replace(choice.view, scale="raw", top=0),
    )
    stem = f"{file_stem(choice.chosen)}--{file_stems([card])[0]}--{safe_stems([history.description])[0]}"
    button = partial(save_button, disabled=unedited)
    st.markdown("##### Keep this edit", help=PRIVACY)
    with st.container(horizontal=True, vertical_alignment="center"):
        button("Both maps (PNG)", partial(figure_png, edited), f"{stem}.png", "image/png", "image")
        button("Edited map (npy)", partial(npy_bytes, effect.attention), f"{stem}.npy", NPY_MIME, "grid_on")
        button("Before and after (CSV)", partial(before_after_csv, edited), f"{stem}.csv", "text/csv", "table")
    if unedited:
        st.caption(NOT_YET)
