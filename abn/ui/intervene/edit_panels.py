"""The edits of a map: tools, the board to paint on, maps to put in its place, undo and redo, history as thumbnails."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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
from abn.plots import color_maps, map_words, numbers, overlay
from abn.ui import maps
from abn.ui.components.painter import TOOLS, show_painter
from abn.ui.components.strip import SIZE, Thumbnail, show_strip
from abn.ui.controls.choice_bar import Choice
from abn.ui.elements import choose
from abn.ui.intervene import edit_history, words
from abn.ui.intervene.edit_history import History
from abn.ui.layout import escape_markdown
from abn.ui.runtime import cached_inference
from abn.ui.state import state
from abn.variants.card import Card

MAX_HISTORIES = 12  # of one session, the latest
MAX_NAME = 20  # characters of an edit's name below its thumbnail


@dataclass(frozen=True)
class Tool:
    """What a stroke does."""

    name: str  # of painter.TOOLS
    strength: float  # change of M, 0 to 1
    size: int  # width of the brush in cells


def get_history(choice: Choice, card: Card, subject: AttendedImage) -> tuple[str, History]:
    """The key under which the session keeps the edits of this image's map in this variant, and their history."""
    key, histories = _history_key(choice, card), state.edits
    histories[key] = histories.pop(key) if key in histories else edit_history.start_history(subject.attention)
    for old in list(histories)[:-MAX_HISTORIES]:
        del histories[old]
    return key, histories[key]


def _history_key(choice: Choice, card: Card) -> str:
    identity = f"{choice.chosen.picture.sha256} {card.id} {card.sha256} {choice.fit}"
    return hashlib.sha256(identity.encode()).hexdigest()


def find_history(choice: Choice, card: Card) -> History | None:
    """The edits of this image's map in this variant; None as long as the page has not shown it."""
    return state.edits.get(_history_key(choice, card))


def _change_history(key: str, change: Callable[[History], History]) -> None:
    """Change the history as it is at the press: strokes may have come since the button was drawn."""
    state.edits[key] = change(state.edits[key])


def add_edit(key: str, name: str, attention: np.ndarray, *, painted: bool = False) -> None:
    _change_history(key, lambda history: history.add(name, attention, painted=painted))


def show_tools() -> Tool:
    """Draw the toolbar."""
    name = choose(words.TOOL, list(TOOLS), "tool", help=words.TOOL_HELP)
    left, right = st.columns(2, gap="medium", wrap=False)
    strength = left.slider(words.STRENGTH, 0.05, 1.0, 0.4, 0.05, key="strength", help=words.STRENGTH_HELP)
    size = right.slider(words.BRUSH, 1, 7, 3, key="brush", disabled=not name.startswith("Brush"))
    return Tool(name, strength, size)


def show_canvas(choice: Choice, card: Card, subject: AttendedImage, key: str, history: History, tool: Tool) -> None:
    """The map to paint on, over the model's input, with its color bar."""
    view, attention = choice.view, history.current.attention
    low, high, place = float(attention.min()), float(attention.max()), map_words.brightest_place(attention)
    show_painter(
        attention,
        maps.encode_once(subject.fitted.image),
        tool=tool.name,
        strength=tool.strength,
        size=tool.size,
        version=f"{key} {history.redraws}",
        label=words.BOARD.format(title=card.title, low=low, high=high, place=place),
        key="painter",
        on_paint=lambda values: add_edit(key, tool.name, values, painted=True),
        colors=color_maps.css_colors(view.colors),
        opacity=view.opacity,
    )
    with st.container(key="painter-colors"):
        maps.show_color_bar(view.colors, 0.0, 1.0)


def show_undo(subject: AttendedImage, key: str, history: History) -> None:
    """The buttons for undo, redo and reset."""

    def reset(history: History) -> History:
        return history.add(words.OWN_MAP, subject.attention)

    last = history.index == len(history.edits) - 1
    with st.container(horizontal=True, gap="xsmall"):
        for name, label, icon, change, disabled in (
            ("undo", words.UNDO, "undo", History.undo, history.index == 0),
            ("redo", words.REDO, "redo", History.redo, last),
            ("reset", words.RESET, "restart_alt", reset, reset(history) is history),
        ):
            st.button(
                label,
                icon=f":material/{icon}:",
                on_click=_change_history,
                args=(key, change),
                disabled=disabled,
                key=name,
                width="content",
            )


def show_history(subject: AttendedImage, view: MapStyle, key: str, history: History, effects: Sequence[Effect]) -> None:
    """Every edit as a thumbnail of its map with its Δp; a pick applies that edit."""
    items = []
    for i, (edit, effect) in enumerate(zip(history.edits, effects, strict=True)):
        change = numbers.points(effect.change)
        name = edit.name if len(edit.name) <= MAX_NAME else f"{edit.name[: MAX_NAME - 1]}…"
        title = words.HISTORY_STEP.format(number=i, name=edit.name, change=change)
        caption = words.HISTORY_CAPTION.format(name=name, change=change)
        thumbnail = _draw_thumbnail(key, subject.fitted.image, edit.attention, view.smooth, view.opacity, view.colors)
        items.append(Thumbnail(str(i), title, thumbnail, caption))

    def pick(item: str) -> None:
        _change_history(key, lambda history: history.go_to(int(item)))

    show_strip(items, str(history.index), label=words.HISTORY, key="history", on_pick=pick)


@st.cache_data(show_spinner=False, max_entries=2 * edit_history.MAX_EDITS, scope="session")
def _draw_thumbnail(
    key: str, _image: Image.Image, attention: np.ndarray, smooth: bool, opacity: float, colors: str
) -> str:
    """A map over the image of the history of this key, as a data: URL; drawn once."""
    image = _image.resize(SIZE, Image.Resampling.BILINEAR)
    drawn = overlay.overlay(image, upsample(attention, SIZE, smooth), opacity=opacity, color_map=colors)
    return overlay.data_url(drawn, quality=80)


def show_presets(choice: Choice, card: Card, subject: AttendedImage, key: str) -> None:
    """Buttons that put another map in place: six made of this map, another variant's, another image's."""
    st.markdown(words.PRESETS_HEADING)
    if state.not_borrowed:
        st.warning(escape_markdown(state.not_borrowed), icon=":material/warning:")
        state.not_borrowed = ""
    borrow = partial(_borrow_map, key, choice, subject)
    with st.container(horizontal=True, gap="xsmall", key="presets"):
        for preset, tooltip in words.PRESETS.items():
            edited = interventions.PRESETS[preset](subject.attention)
            put = partial(add_edit, key, preset, edited)
            st.button(preset.capitalize(), on_click=put, help=tooltip, key=f"preset-{preset}", width="content")
        with st.popover(words.OTHER_VARIANT, key="variants-maps-popover", width="content"):
            for other in choice.cards:
                if other.id != card.id and other.kind == card.kind:
                    title, name = escape_markdown(other.title), f"borrow-{other.id}"
                    st.button(title, on_click=borrow, args=(other,), key=name, width="stretch")
        with st.popover(words.OTHER_IMAGE, key="images-maps-popover", width="content"):
            st.caption(words.OTHER_IMAGE_HELP)
            for photo in samples.gallery().values():
                if photo.kind == card.kind and photo.id != state.photo:
                    title, name = escape_markdown(photo.title), f"borrow-{photo.id}"
                    st.button(title, on_click=borrow, args=(card, photo), key=name, width="stretch")


def _borrow_map(
    key: str, choice: Choice, subject: AttendedImage, card: Card, photo: samples.Photo | None = None
) -> None:
    """Put the map of another variant, or of another photo, in place; an error is shown with the next run."""
    try:
        if photo:
            name = words.IMAGE_MAP.format(title=photo.title)
            picture = open_picture(photo.path.read_bytes(), name=photo.file)
        else:
            name, picture = words.VARIANT_MAP.format(title=card.title), choice.chosen.picture
        other = cached_inference.get_subject(picture, card, choice.fit)
    except ABNError as error:
        state.not_borrowed = str(error)
        return
    add_edit(key, name, interventions.resize_map(other.attention, subject.attention.shape))
