"""A map to paint: its tools, ready-made maps, the answer before and after, and the history of edits."""

import hashlib
from collections.abc import Sequence

import numpy as np
import streamlit as st
from PIL import Image

from abn.errors import ABNError
from abn.explanations import interventions
from abn.explanations.interventions import AttendedImage, Effect
from abn.images import samples
from abn.images.decode import Picture, open_picture
from abn.images.fit import upsample
from abn.plots import color_maps, numbers, overlay, theme
from abn.plots.class_bars import class_bars, likeliest, probabilities_in_words
from abn.ui import maps, predictions
from abn.ui.components.painter import TOOLS, painter
from abn.ui.components.strip import SIZE, Thumbnail, strip
from abn.ui.controls import selection
from abn.ui.controls.choice_bar import Choice
from abn.ui.intervene import edit_history
from abn.ui.intervene.edit_history import History
from abn.ui.layout import escape_markdown
from abn.ui.runtime import inference
from abn.ui.state import state
from abn.variants.card import Card, class_names
from abn.vocabulary import AS_TRAINED

HISTORIES = 12  # of one session, the latest
GRAY = "#8a919b"
PRESETS = {  # the name of a preset → what it tells
    "zeros": "M = 0 everywhere. Not “attention off”: with the additive mechanism the mean gain goes too.",
    "ones": "M = 1 everywhere.",
    "constant mean": "The mean of M everywhere: a fair control, only the place is lost.",
    "shuffled": "The same values in other cells: a fair control, only the place is lost.",
    "inverted": "Bright becomes dark and dark bright, between the same least and greatest value.",
    "flipped": "Left and right change places.",
}


def edits(choice: Choice, card: Card, subject: AttendedImage) -> tuple[str, History]:
    """The history of this picture's map in this variant, and the name under which the session keeps it."""
    name = hashlib.sha256(f"{choice.chosen.picture.sha256} {card.id} {card.sha256} {choice.fit}".encode()).hexdigest()
    kept = state.edits
    kept[name] = kept.pop(name, None) or edit_history.begun(subject.attention)
    for old in list(kept)[:-HISTORIES]:
        del kept[old]
    return name, kept[name]


def _set(name: str, to: History) -> None:
    state.edits[name] = to


def put(name: str, what: str, attention: np.ndarray, *, on_the_board: bool = False) -> None:
    """One edit more in the history of that name, unless the map is as it was."""
    _set(name, edit_history.changed(state.edits[name], what, attention, on_the_board=on_the_board))


def mechanism(card: Card) -> str:
    """Which mechanism applies the edited map: the trained one, or another."""
    chosen = st.segmented_control(
        "Apply the map",
        selection.MECHANISM_OPTIONS,
        default=AS_TRAINED,
        required=True,
        key="apply",
        persist_state="session",
        help="How the perception branch gets the map. It was trained with one mechanism and is used to that one.",
    )
    return card.mechanism if chosen in (None, AS_TRAINED) else chosen


def tools() -> dict:
    """What to paint with."""
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
    return {"tool": tool or "Brush +", "strength": strength, "size": size}


def board(choice: Choice, card: Card, subject: AttendedImage, name: str, past: History) -> None:
    """The map to be painted, and the buttons around it."""
    view, chosen = choice.view, tools()
    painter(
        past.now.attention,
        subject.fitted.image,
        **chosen,
        version=f"{name} {past.turn}",
        label=f"Attention map of {card.title} to paint on. Arrow keys move, space paints, Escape gives up.",
        key="painter",
        on_paint=lambda values: put(name, chosen["tool"], values, on_the_board=True),
        colors=color_maps.css_colors(view.colors),
        opacity=view.opacity,
    )
    maps.show_color_bar(view.colors, 0.0, 1.0)
    st.caption("By mouse or finger; by keyboard: Tab to the map, arrows, space to paint, Escape to give up.")
    with st.container(horizontal=True):
        step = {"on_click": _set, "width": "content"}
        st.button("Undo", icon=":material/undo:", disabled=past.at == 0, args=(name, past.undo()), key="undo", **step)
        last = past.at == len(past.edits) - 1
        st.button("Redo", icon=":material/redo:", disabled=last, args=(name, past.redo()), key="redo", **step)
        own = edit_history.changed(past, edit_history.OWN, subject.attention)
        st.button("Reset", icon=":material/restart_alt:", disabled=own is past, args=(name, own), key="reset", **step)


def presets(choice: Choice, card: Card, subject: AttendedImage, name: str) -> None:
    """Ready-made maps, each really run: six of this map, another variant's, another picture's."""
    st.markdown("**Put another map in its place**")
    if state.not_borrowed:
        st.warning(escape_markdown(state.not_borrowed), icon=":material/warning:")
        state.not_borrowed = ""
    with st.container(horizontal=True):
        for preset, says in PRESETS.items():
            st.button(
                preset.capitalize(),
                on_click=put,
                args=(name, preset, interventions.PRESETS[preset](subject.attention)),
                help=says,
                key=f"preset-{preset}",
                width="content",
            )
        others = [one for one in choice.cards if one.id != card.id and one.kind == card.kind]
        with st.popover("Another variant's", icon=":material/view_column:"):
            for one in others:
                st.button(
                    escape_markdown(one.title),
                    on_click=_borrow,
                    args=(name, f"map of {one.title}", choice, one, subject),
                    key=f"borrow-{one.id}",
                    width="stretch",
                )
        with st.popover("Another picture's", icon=":material/photo_library:"):
            st.caption("The map that this variant makes of another photograph of the gallery.")
            here = state.photo
            photos = [p for p in samples.gallery().values() if p.kind == card.kind and p.id != here]
            for photo in photos:
                st.button(
                    escape_markdown(photo.title),
                    on_click=_borrow_of,
                    args=(name, photo, choice, card, subject),
                    key=f"borrow-{photo.id}",
                    width="stretch",
                )


def _borrow(name: str, what: str, choice: Choice, card: Card, subject: AttendedImage) -> None:
    _take(name, what, choice.chosen.picture, card, choice.fit, subject)


def _borrow_of(name: str, photo: samples.Photo, choice: Choice, card: Card, subject: AttendedImage) -> None:
    picture = open_picture(photo.path.read_bytes(), name=photo.file)
    _take(name, f"map of “{photo.title}”", picture, card, choice.fit, subject)


def _take(name: str, what: str, picture: Picture, card: Card, fit: str, subject: AttendedImage) -> None:
    """Put the map that a variant makes of a picture in place; what stands in the way is told beside the buttons."""
    try:
        other = inference.get_subject(picture, card, fit)
    except ABNError as error:
        state.not_borrowed = str(error)
        return
    put(name, what, interventions.resize_map(other.attention, subject.attention.shape))


def effects(choice: Choice, card: Card, past: History, applied: str) -> list[Effect]:
    """What each edit does to the answer, against the network's own map applied in the same way."""
    attention_maps = [edit.attention for edit in past.edits]
    answers = inference.predict(choice.chosen.picture, card, choice.fit, attention_maps, applied)
    return [Effect(e.name, e.attention, answers[0], after) for e, after in zip(past.edits, answers, strict=True)]


def answer(card: Card, now: Effect, own: np.ndarray, applied: str) -> None:
    """The perception head before and after, and how the maps differ."""
    labels = class_names(card)
    st.caption(f"{escape_markdown(card.title)} · {predictions.describe_mechanisms(card, applied, ' · ')}")
    if applied == "none":
        st.info(
            "With the mechanism “none” the perception branch never gets the map, so no edit can change its answer. "
            "Apply the map by another mechanism to see one.",
            icon=":material/info:",
        )
    predictions.show_effect(now, labels)
    classes = likeliest([now.before, now.after])
    series = [("before, own map", GRAY, now.before), ("after the edit", theme.HEAD_COLORS["perception"], now.after)]
    before, after = (probabilities_in_words(answer, labels, classes) for answer in (now.before, now.after))
    alt = f"Perception head before: {before}. After: {after}."
    st.html(class_bars(series, labels, classes, legend=True, alt=alt))
    st.caption(
        f"The map in place: M from {now.attention.min():.2f} to {now.attention.max():.2f}, mean "
        f"{now.attention.mean():.2f} (own map: {own.mean():.2f}); rank "
        f"correlation with the own map: {maps.describe_correlation(own, now.attention)}. Only the perception branch ran again: the "
        "auxiliary head comes before the map is applied, so nothing here can change it."
    )


def past_strip(subject: AttendedImage, view, name: str, past: History, done: Sequence[Effect]) -> None:
    """Every edit as a small map with its Δp; picking one goes back or forth to it."""
    st.markdown("**History**, each step with its Δp: pick one to go back to it")
    changes = [numbers.points(effect.change) for effect in done]
    said = edit_history.labels(past, changes)
    items = [
        Thumbnail(str(i), said[i], _small(subject, edit.attention, view), f"{_shortened(edit.name)}: {changes[i]}")
        for i, edit in enumerate(past.edits)
    ]
    strip(
        items,
        str(past.at),
        label="History of edits",
        key="history",
        on_pick=lambda chosen: _set(name, past.step(int(chosen))) if chosen.isdigit() else None,
    )


def _shortened(name: str, most: int = 20) -> str:
    return name if len(name) <= most else f"{name[: most - 1]}…"


def _small(subject: AttendedImage, attention: np.ndarray, view) -> str:
    image = subject.fitted.image.resize(SIZE, Image.Resampling.BILINEAR)
    values = upsample(attention, SIZE, view.smooth)
    return overlay.data_url(overlay.overlay(image, values, opacity=view.opacity, color_map=view.colors), quality=80)
