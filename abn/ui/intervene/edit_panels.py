"""The edits of a map: the board to paint on, maps to put in its place, undo and redo, and the history as thumbnails."""

import hashlib
from collections.abc import Sequence
from functools import partial

import numpy as np
import streamlit as st
from PIL import Image

from abn.errors import ABNError
from abn.explanations import interventions
from abn.explanations.interventions import AttendedImage, Effect
from abn.export.figures import MapStyle
from abn.images import samples
from abn.images.decode import open_picture
from abn.images.fit import upsample
from abn.plots import color_maps, numbers, overlay
from abn.ui import maps
from abn.ui.components.painter import TOOLS, show_painter
from abn.ui.components.strip import SIZE, Thumbnail, show_strip
from abn.ui.controls.choice_bar import Choice
from abn.ui.elements import choose
from abn.ui.intervene import edit_history
from abn.ui.intervene.edit_history import History
from abn.ui.layout import escape_markdown
from abn.ui.runtime import cached_inference
from abn.ui.state import state
from abn.variants.card import Card

MAX_HISTORIES = 12  # of one session, the latest
MAX_NAME = 20  # characters of an edit's name below its thumbnail
PRESETS = {  # name of a preset → its tooltip
    "zeros": "M = 0 everywhere. Not “attention off”: with the additive mechanism the mean gain goes too.",
    "ones": "M = 1 everywhere.",
    "constant mean": "The mean of M everywhere: a fair control, only the place is lost.",
    "shuffled": "The same values in other cells: a fair control, only the place is lost.",
    "inverted": "Bright becomes dark and dark bright, between the same least and greatest value.",
    "flipped": "Left and right change places.",
}


def get_history(choice: Choice, card: Card, subject: AttendedImage) -> tuple[str, History]:
    """The key under which the session keeps the edits of this picture's map in this variant, and their history."""
    identity = f"{choice.chosen.picture.sha256} {card.id} {card.sha256} {choice.fit}"
    key = hashlib.sha256(identity.encode()).hexdigest()
    histories = state.edits
    histories[key] = histories.pop(key) if key in histories else edit_history.start_history(subject.attention)
    for old in list(histories)[:-MAX_HISTORIES]:
        del histories[old]
    return key, histories[key]


def _set_history(key: str, history: History) -> None:
    state.edits[key] = history


def add_edit(key: str, name: str, attention: np.ndarray, *, painted: bool = False) -> None:
    _set_history(key, state.edits[key].add(name, attention, painted=painted))


def _choose_tool() -> tuple[str, float, int]:
    """Draw the toolbar; the tool, its strength and its width in cells."""
    tool = choose(
        "Tool",
        list(TOOLS),
        "tool",
        help="\\+ raises M, − lowers it. Paint with the mouse or a finger. By keyboard: go to the map with Tab, move "
        "with the arrow keys, paint with space; a rectangle's first space sets one corner, the second the other.",
    )
    left, right = st.columns(2, gap="medium")
    strength = left.slider("Strength", 0.05, 1.0, 0.4, 0.05, key="strength", help="What a stroke adds or takes away.")
    size = right.slider("Brush, cells wide", 1, 7, 3, key="brush", disabled=not tool.startswith("Brush"))
    return tool, strength, size


def show_board(choice: Choice, card: Card, subject: AttendedImage, key: str, history: History) -> None:
    """The map to paint on, its tools, and the buttons for undo, redo and reset."""
    view = choice.view
    tool, strength, size = _choose_tool()
    show_painter(
        history.current.attention,
        subject.fitted.image,
        tool=tool,
        strength=strength,
        size=size,
        version=f"{key} {history.redraws}",
        label=f"Attention map of {card.title} to paint on. Arrow keys move, space paints, Escape gives up.",
        key="painter",
        on_paint=lambda values: add_edit(key, tool, values, painted=True),
        colors=color_maps.css_colors(view.colors),
        opacity=view.opacity,
    )
    maps.show_color_bar(view.colors, 0.0, 1.0)
    st.caption("By mouse or finger; by keyboard: Tab to the map, arrows, space to paint, Escape to give up.")
    reset = history.add(edit_history.OWN_MAP, subject.attention)
    last = history.index == len(history.edits) - 1
    with st.container(horizontal=True):
        for name, label, icon, target, disabled in (
            ("undo", "Undo", "undo", history.undo(), history.index == 0),
            ("redo", "Redo", "redo", history.redo(), last),
            ("reset", "Reset", "restart_alt", reset, reset is history),
        ):
            st.button(
                label,
                icon=f":material/{icon}:",
                on_click=_set_history,
                args=(key, target),
                disabled=disabled,
                key=name,
                width="content",
            )


def show_history(subject: AttendedImage, view: MapStyle, key: str, history: History, effects: Sequence[Effect]) -> None:
    """Every edit as a thumbnail of its map with its Δp; a pick applies that edit."""
    st.markdown("**History**, each step with its Δp: pick one to go back to it")
    items = []
    for i, (edit, effect) in enumerate(zip(history.edits, effects, strict=True)):
        image, change = subject.fitted.image.resize(SIZE, Image.Resampling.BILINEAR), numbers.points(effect.change)
        values = upsample(edit.attention, SIZE, view.smooth)
        drawn = overlay.overlay(image, values, opacity=view.opacity, color_map=view.colors)
        name = edit.name if len(edit.name) <= MAX_NAME else f"{edit.name[: MAX_NAME - 1]}…"
        title = f"{i}. {edit.name}, Δp {change}"
        items.append(Thumbnail(str(i), title, overlay.data_url(drawn, quality=80), f"{name}: {change}"))

    def pick(item: str) -> None:
        if item.isdigit():
            _set_history(key, history.go_to(int(item)))

    show_strip(items, str(history.index), label="History of edits", key="history", on_pick=pick)


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
        with st.popover("Another variant's", icon=":material/view_column:", key="variants-maps-popover"):
            for other in choice.cards:
                if other.id != card.id and other.kind == card.kind:
                    title, name = escape_markdown(other.title), f"borrow-{other.id}"
                    st.button(title, on_click=borrow, args=(other,), key=name, width="stretch")
        with st.popover("Another picture's", icon=":material/photo_library:", key="pictures-maps-popover"):
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
        other = cached_inference.get_subject(picture, card, choice.fit)
    except ABNError as error:
        state.not_borrowed = str(error)
        return
    add_edit(key, name, interventions.resize_map(other.attention, subject.attention.shape))
