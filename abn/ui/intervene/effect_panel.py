"""The effect of an edit on the perception head, the mechanism that applies the edited map, and the files to keep."""

from dataclasses import replace
from functools import partial

import numpy as np
import streamlit as st

from abn.explanations.interventions import AttendedImage, Effect
from abn.export.archive import file_stems
from abn.export.edited_map import EditedMap, before_after_csv, figure_png
from abn.export.figures import npy_bytes
from abn.files import safe_stems
from abn.plots import theme
from abn.plots.class_bars import class_bars, likeliest, probabilities_in_words
from abn.ui import maps, predictions
from abn.ui.compare.export_panel import NPY_MIME, PRIVACY, file_stem, save_button
from abn.ui.controls import selection
from abn.ui.controls.choice_bar import Choice
from abn.ui.elements import IN_SESSION, choose
from abn.ui.intervene import edit_history
from abn.ui.intervene.edit_history import History
from abn.ui.layout import escape_markdown
from abn.ui.runtime import cached_inference
from abn.variants.card import Card, class_names
from abn.vocabulary import AS_TRAINED

NOT_YET = "As soon as the map is edited, this can be kept."


def choose_mechanism(card: Card) -> str:
    """Draw the choice of the mechanism that applies the map: the trained one, or another."""
    mechanism = choose(
        "Apply the map",
        selection.MECHANISM_OPTIONS,
        "apply",
        help="How the perception branch gets the map. It was trained with one mechanism and is used to that one.",
        **IN_SESSION,
    )
    return card.mechanism if mechanism == AS_TRAINED else mechanism


def compute_effects(choice: Choice, card: Card, history: History, applied: str) -> list[Effect]:
    """The effect of each edit, against the network's own map applied with the same mechanism."""
    attention_maps = [edit.attention for edit in history.edits]
    predicted = cached_inference.predict(choice.chosen.picture, card, choice.fit, attention_maps, applied)
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
        ("before, own map", theme.LIGHT_GRAY, effect.before),
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
