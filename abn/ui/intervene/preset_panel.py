"""Maps to put in place of the network's own: six made of it, another variant's, another picture's."""

from functools import partial

import streamlit as st

from abn.errors import ABNError
from abn.explanations import interventions
from abn.explanations.interventions import AttendedImage
from abn.images import samples
from abn.images.decode import open_picture
from abn.ui.controls.choice_bar import Choice
from abn.ui.intervene.edit_panels import add_edit
from abn.ui.layout import escape_markdown
from abn.ui.runtime import inference
from abn.ui.state import state
from abn.variants.card import Card

PRESETS = {  # name of a preset → its tooltip
    "zeros": "M = 0 everywhere. Not “attention off”: with the additive mechanism the mean gain goes too.",
    "ones": "M = 1 everywhere.",
    "constant mean": "The mean of M everywhere: a fair control, only the place is lost.",
    "shuffled": "The same values in other cells: a fair control, only the place is lost.",
    "inverted": "Bright becomes dark and dark bright, between the same least and greatest value.",
    "flipped": "Left and right change places.",
}


def show_presets(choice: Choice, card: Card, subject: AttendedImage, key: str) -> None:
    """Buttons that put another map in place: six made of this map, another variant's, another picture's."""
    st.markdown("**Put another map in its place**")
    if state.not_borrowed:
        st.warning(escape_markdown(state.not_borrowed), icon=":material/warning:")
        state.not_borrowed = ""
    borrow = partial(_borrow_map, key, choice, subject)
    with st.container(horizontal=True):
        for preset, tooltip in PRESETS.items():
            edited = interventions.PRESETS[preset](subject.attention)
            put = partial(add_edit, key, preset, edited)
            st.button(preset.capitalize(), on_click=put, help=tooltip, key=f"preset-{preset}", width="content")
        with st.popover("Another variant's", icon=":material/view_column:"):
            for other in choice.cards:
                if other.id != card.id and other.kind == card.kind:
                    title, name = escape_markdown(other.title), f"borrow-{other.id}"
                    st.button(title, on_click=borrow, args=(other,), key=name, width="stretch")
        with st.popover("Another picture's", icon=":material/photo_library:"):
            st.caption("The map that this variant makes of another photograph of the gallery.")
            for photo in samples.gallery().values():
                if photo.kind == card.kind and photo.id != state.photo:
                    title, name = escape_markdown(photo.title), f"borrow-{photo.id}"
                    st.button(title, on_click=borrow, args=(card, photo), key=name, width="stretch")


def _borrow_map(
    key: str, choice: Choice, subject: AttendedImage, card: Card, photo: samples.Photo | None = None
) -> None:
    """Put the map of another variant, or of another photograph, in place; an error is shown with the next run."""
    try:
        if photo:
            name, picture = f"map of “{photo.title}”", open_picture(photo.path.read_bytes(), name=photo.file)
        else:
            name, picture = f"map of {card.title}", choice.chosen.picture
        other = inference.get_subject(picture, card, choice.fit)
    except ABNError as error:
        state.not_borrowed = str(error)
        return
    add_edit(key, name, interventions.resize_map(other.attention, subject.attention.shape))
