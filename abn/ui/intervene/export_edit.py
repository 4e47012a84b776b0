"""Keep an edit of the map as it is applied, and open a kept map: it becomes one more edit, so that its numbers come
back.

A file is made only when somebody asks for it, as on Compare.
"""

from dataclasses import replace
from functools import partial

import streamlit as st

from abn.errors import ABNError
from abn.explanations.interventions import Effect, Subject
from abn.export import edited_map
from abn.export.archive import file_names
from abn.export.edited_map import EditedMap
from abn.export.figures import Drawing, npy_of
from abn.files import safe_stems
from abn.ui.compare.export_panel import BINARY, PRIVATE, save_button, stem_of
from abn.ui.controls import uploads
from abn.ui.controls.choice_bar import Choice
from abn.ui.intervene import edit_history, edit_panels
from abn.ui.intervene.edit_history import History
from abn.ui.layout import escape_markdown
from abn.ui.state import state
from abn.variants.card import Card

OPENED = "kept map"  # what the edit is called


def keep(choice: Choice, card: Card, subject: Subject, name: str, past: History, effect: Effect, applied: str) -> None:
    """The row of files of the edit that is applied, and the way back into the history of that name."""
    view, nothing, effect = choice.view, effect.name == edit_history.OWN, replace(effect, name=past.told)
    drawing = Drawing(view.opacity, view.colors, smooth=view.smooth)
    made = EditedMap(card, subject.fitted, subject.attention, effect, applied, drawing)
    stem = f"{stem_of(choice.chosen)}--{file_names([card])[0]}--{safe_stems([effect.name])[0]}"
    button = partial(save_button, disabled=nothing)

    st.markdown("##### Keep this edit", help=PRIVATE)
    with st.container(horizontal=True, vertical_alignment="center"):
        button("Both maps (PNG)", partial(edited_map.panel, made), f"{stem}.png", "image/png", "image")
        button("Edited map (npy)", partial(npy_of, effect.attention), f"{stem}.npy", BINARY, "grid_on")
        button("Before and after (CSV)", partial(_table, made), f"{stem}.csv", "text/csv", "table")
        with st.popover("Open a kept map", icon=":material/folder_open:"):
            key = f"kept-map-{state.kept_maps}"
            st.file_uploader(
                "A map as an .npy file",
                type=["npy"],
                key=key,
                on_change=_open,
                args=(key, name, subject.attention.shape),
                max_upload_size=edited_map.MAX_BYTES // 10**6,
                help="Puts the map in place of this one, as one more edit. For the same numbers choose the picture, "
                "the variant and the mechanism that it was kept with.",
            )
            if state.not_opened:
                st.warning(escape_markdown(state.not_opened), icon=":material/warning:")
                state.not_opened = ""
    if nothing:
        st.caption("As soon as the map is edited, this can be kept.")


def _table(made: EditedMap) -> bytes:
    return edited_map.table(made).encode("utf-8-sig")


def _open(key: str, name: str, shape: tuple[int, int]) -> None:
    """Put a map that was given back in place; the uploader begins anew, so that the same file can come again."""
    files = uploads.uploaded_files(key)
    if not files:
        return
    state.kept_maps += 1
    try:
        edit_panels.put(name, OPENED, edited_map.read_map(files[0].getvalue(), shape))
    except ABNError as error:
        state.not_opened = str(error)
