"""A map to paint: tools, ready-made maps, predictions before and after, and the history of edits."""

import hashlib
from collections.abc import Sequence

import numpy as np
import streamlit as st
from PIL import Image

from abn.errors import ABNError
from abn.explanations import interventions
from abn.explanations.interventions import AttendedImage, Effect
from abn.images import samples
from abn.images.decode import open_picture
from abn.images.fit import upsample
from abn.plots import color_maps, numbers, overlay, theme
from abn.plots.class_bars import class_bars, likeliest, probabilities_in_words
from abn.ui import maps, predictions
from abn.ui.components.painter import TOOLS, painter
from abn.ui.components.strip import SIZE, Thumbnail, strip
from abn.ui.controls import selection
from abn.ui.controls.choice_bar import Choice
from abn.ui.controls.view_settings import View
from abn.ui.intervene import edit_history
from abn.ui.intervene.edit_history import History
from abn.ui.layout import escape_markdown
from abn.ui.runtime import inference
from abn.ui.state import state
from abn.variants.card import Card, class_names
from abn.vocabulary import AS_TRAINED

MAX_HISTORIES = 12  # of one session, the latest
GRAY = "#8a919b"
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
    of = f"{choice.chosen.picture.sha256} {card.id} {card.sha256} {choice.fit}"
    key = hashlib.sha256(of.encode()).hexdigest()
    histories = state.edits
    histories[key] = histories.pop(key) if key in histories else edit_history.start_history(subject.attention)
    for old in list(histories)[:-MAX_HISTORIES]:
        del histories[old]
    return key, histories[key]


def _set_history(key: str, history: History) -> None:
    state.edits[key] = history


def _add_edit(key: str, name: str, attention: np.ndarray, *, painted: bool = False) -> None:
    _set_history(key, state.edits[key].add(name, attention, painted=painted))


def choose_mechanism(card: Card) -> str:
    """Draw the choice of the mechanism that applies the map: the trained one, or another."""
    mechanism = st.segmented_control(
        "Apply the map",
        selection.MECHANISM_OPTIONS,
        default=AS_TRAINED,
        required=True,
        key="apply",
        persist_state="session",
        help="How the perception branch gets the map. It was trained with one mechanism and is used to that one.",
    )
    return card.mechanism if mechanism in (None, AS_TRAINED) else mechanism


def _choose_tool() -> tuple[str, float, int]:
    """Draw the toolbar; the tool, its strength and its width in cells."""
    tool = st.segmented_control(
        "Tool",
        list(TOOLS),
        default="Brush +",
        required=True,
        key="tool",
        help="\\+ raises M, − lowers it. Paint with the mouse or a finger. By keyboard: go to the map with Tab, move "
        "with the arrow keys, paint with space; a rectangle's first space sets one corner, the second the other.",
    )
    left, right = st.columns(2, gap="medium")
    with left:
        strength = st.slider("Strength", 0.05, 1.0, 0.4, 0.05, key="strength", help="What a stroke adds or takes away.")
    with right:
        size = st.slider("Brush, cells wide", 1, 7, 3, key="brush", disabled=not (tool or "").startswith("Brush"))
    return tool or "Brush +", strength, size


def show_board(choice: Choice, card: Card, subject: AttendedImage, key: str, history: History) -> None:
    """The map to paint on, its tools, and the buttons for undo, redo and reset."""
    view = choice.view
    tool, strength, size = _choose_tool()
    painter(
        history.current.attention,
        subject.fitted.image,
        tool=tool,
        strength=strength,
        size=size,
        version=f"{key} {history.redraws}",
        label=f"Attention map of {card.title} to paint on. Arrow keys move, space paints, Escape gives up.",
        key="painter",
        on_paint=lambda values: _add_edit(key, tool, values, painted=True),
        colors=color_maps.css_colors(view.colors),
        opacity=view.opacity,
    )
    maps.show_color_bar(view.colors, 0.0, 1.0)
    st.caption("By mouse or finger; by keyboard: Tab to the map, arrows, space to paint, Escape to give up.")
    reset = history.add(edit_history.OWN_MAP, subject.attention)
    last = history.index == len(history.edits) - 1
    with st.container(horizontal=True):
        for label, icon, target, disabled in (
            ("Undo", "undo", history.undo(), history.index == 0),
            ("Redo", "redo", history.redo(), last),
            ("Reset", "restart_alt", reset, reset is history),
        ):
            st.button(
                label,
                icon=f":material/{icon}:",
                on_click=_set_history,
                args=(key, target),
                disabled=disabled,
                key=label.lower(),
                width="content",
            )


def show_presets(choice: Choice, card: Card, subject: AttendedImage, key: str) -> None:
    """Buttons that put another map in place: six made of this map, another variant's, another picture's."""
    st.markdown("**Put another map in its place**")
    if state.not_borrowed:
        st.warning(escape_markdown(state.not_borrowed), icon=":material/warning:")
        state.not_borrowed = ""
    with st.container(horizontal=True):
        for preset, tooltip in PRESETS.items():
            st.button(
                preset.capitalize(),
                on_click=_add_edit,
                args=(key, preset, interventions.PRESETS[preset](subject.attention)),
                help=tooltip,
                key=f"preset-{preset}",
                width="content",
            )
        with st.popover("Another variant's", icon=":material/view_column:"):
            for other in choice.cards:
                if other.id != card.id and other.kind == card.kind:
                    st.button(
                        escape_markdown(other.title),
                        on_click=_borrow_map,
                        args=(key, choice, other, subject),
                        key=f"borrow-{other.id}",
                        width="stretch",
                    )
        with st.popover("Another picture's", icon=":material/photo_library:"):
            st.caption("The map that this variant makes of another photograph of the gallery.")
            for photo in samples.gallery().values():
                if photo.kind == card.kind and photo.id != state.photo:
                    st.button(
                        escape_markdown(photo.title),
                        on_click=_borrow_map,
                        args=(key, choice, card, subject, photo),
                        key=f"borrow-{photo.id}",
                        width="stretch",
                    )


def _borrow_map(
    key: str, choice: Choice, card: Card, subject: AttendedImage, photo: samples.Photo | None = None
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
    _add_edit(key, name, interventions.resize_map(other.attention, subject.attention.shape))


def compute_effects(choice: Choice, card: Card, history: History, applied: str) -> list[Effect]:
    """The effect of each edit, against the network's own map applied with the same mechanism."""
    attention_maps = [edit.attention for edit in history.edits]
    predicted = inference.predict(choice.chosen.picture, card, choice.fit, attention_maps, applied)
    return [
        Effect(edit.name, edit.attention, predicted[0], after)
        for edit, after in zip(history.edits, predicted, strict=True)
    ]


def show_effect(card: Card, effect: Effect, own_map: np.ndarray, applied: str) -> None:
    """The perception head before and after the edit, and how the two maps differ."""
    labels = class_names(card)
    st.caption(f"{escape_markdown(card.title)} · {predictions.describe_mechanisms(card, applied, ' · ')}")
    if applied == "none":
        st.info(
            "With the mechanism “none” the perception branch never gets the map, so no edit can change its answer. "
            "Apply the map by another mechanism to see one.",
            icon=":material/info:",
        )
    predictions.show_effect(effect, labels)
    classes = likeliest([effect.before, effect.after])
    series = [
        ("before, own map", GRAY, effect.before),
        ("after the edit", theme.HEAD_COLORS["perception"], effect.after),
    ]
    before, after = (probabilities_in_words(p, labels, classes) for p in (effect.before, effect.after))
    alt = f"Perception head before: {before}. After: {after}."
    st.html(class_bars(series, labels, classes, legend=True, alt=alt))
    attention = effect.attention
    st.caption(
        f"The map in place: M from {attention.min():.2f} to {attention.max():.2f}, mean {attention.mean():.2f} (own "
        f"map: {own_map.mean():.2f}); rank correlation with the own map: "
        f"{maps.describe_correlation(own_map, attention)}. Only the perception branch ran again: the "
        "auxiliary head comes before the map is applied, so nothing here can change it."
    )


def show_history(subject: AttendedImage, view: View, key: str, history: History, effects: Sequence[Effect]) -> None:
    """Every edit as a thumbnail of its map with its Δp; a pick applies that edit."""
    st.markdown("**History**, each step with its Δp: pick one to go back to it")
    changes = [numbers.points(effect.change) for effect in effects]
    labels = edit_history.label_steps(history, changes)
    items = [
        Thumbnail(
            str(i),
            labels[i],
            _overlay_url(subject, edit.attention, view),
            f"{_shorten(edit.name)}: {changes[i]}",
        )
        for i, edit in enumerate(history.edits)
    ]
    strip(
        items,
        str(history.index),
        label="History of edits",
        key="history",
        on_pick=lambda item: _set_history(key, history.go_to(int(item))) if item.isdigit() else None,
    )


def _shorten(name: str, length: int = 20) -> str:
    return name if len(name) <= length else f"{name[: length - 1]}…"


def _overlay_url(subject: AttendedImage, attention: np.ndarray, view: View) -> str:
    image = subject.fitted.image.resize(SIZE, Image.Resampling.BILINEAR)
    values = upsample(attention, SIZE, view.smooth)
    return overlay.data_url(overlay.overlay(image, values, opacity=view.opacity, color_map=view.colors), quality=80)
