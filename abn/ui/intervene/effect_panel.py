"""The effect of an edit on the perception head, the mechanism that applies the edited map, and the files to export."""

from dataclasses import replace
from functools import partial

import streamlit as st

from abn.explanations import interventions
from abn.explanations.interventions import AttendedImage, Effect
from abn.export.archive import file_stems
from abn.export.edited_map import EditedMap, before_after_csv, figure_png
from abn.export.figures import npy_bytes
from abn.files import safe_stems
from abn.plots import theme
from abn.plots.class_bars import class_bars, likeliest, probabilities_in_words
from abn.ui import maps, predictions, url
from abn.ui.compare.export_panel import NPY_MIME, file_stem, save_button
from abn.ui.controls import selection
from abn.ui.controls.choice_bar import Choice
from abn.ui.elements import IN_SESSION, choose
from abn.ui.intervene import edit_panels, words
from abn.ui.intervene.edit_history import History
from abn.ui.layout import escape_markdown
from abn.ui.runtime import cached_inference
from abn.variants.card import Card, class_names
from abn.vocabulary import AS_TRAINED, MECHANISMS

CLASSES = 3  # likeliest of each prediction in the bars


def show_result(choice: Choice, card: Card, subject: AttendedImage, history: History) -> tuple[list[Effect], str]:
    """The effect of the applied edit, and below it the choice of the mechanism; the effect of each edit, and the
    mechanism applied."""
    headline = st.container()
    applied = choose_mechanism(card)
    effects = compute_effects(choice, card, history, applied)
    with headline:
        show_headline(card, effects[history.index], applied)
    show_bars(card, effects[history.index], subject)
    return effects, applied


def choose_mechanism(card: Card) -> str:
    """Draw the choice of the mechanism that applies the map: the trained one, or another."""
    mechanism = choose(words.MECHANISM, selection.MECHANISM_OPTIONS, "apply", help=words.MECHANISM_HELP, **IN_SESSION)
    return card.mechanism if mechanism == AS_TRAINED else mechanism


def compute_effects(choice: Choice, card: Card, history: History, applied: str) -> list[Effect]:
    """The effect of each edit, against the variant's own map applied with the same mechanism."""
    attention_maps = [edit.attention for edit in history.edits]
    predicted = cached_inference.predict(choice.chosen.picture, card, choice.fit, attention_maps, applied)
    return [
        Effect(edit.name, edit.attention, predicted[0], after)
        for edit, after in zip(history.edits, predicted, strict=True)
    ]


def show_headline(card: Card, effect: Effect, applied: str) -> None:
    """The prediction before → after the edit, Δp, and both mechanisms."""
    predictions.show_effect(effect, class_names(card), large=True)
    st.caption(f"{escape_markdown(card.title)} · {predictions.describe_mechanisms(card, applied, ' · ')}")
    if applied == "none":
        st.info(words.NO_MAP, icon=":material/info:")


def show_bars(card: Card, effect: Effect, subject: AttendedImage) -> None:
    """The perception head before and after the edit, and how the two maps differ."""
    labels, own_map, attention = class_names(card), subject.attention, effect.attention
    classes = likeliest([effect.before, effect.after], CLASSES)
    series = [
        (words.BEFORE, theme.LIGHT_GRAY, effect.before),
        (words.AFTER, theme.HEAD_COLORS["perception"], effect.after),
    ]
    before, after = (probabilities_in_words(p, labels, classes) for p in (effect.before, effect.after))
    alt = words.BARS.format(before=before, after=after)
    st.html(class_bars(series, labels, classes, legend=True, alt=alt))
    st.markdown(
        words.MAP_IN_PLACE.format(
            low=attention.min(),
            high=attention.max(),
            mean=attention.mean(),
            own_mean=own_map.mean(),
            correlation=maps.describe_correlation(own_map, attention),
        ),
        help=words.MAP_IN_PLACE_HELP,
    )


def describe_edit(choice: Choice, card: Card) -> tuple[str, dict[str, object]]:
    """The applied edit, as Python: a preset by its name, another map by the file that `export_row` saves."""
    mechanism, history = url.held("apply"), edit_panels.find_history(choice, card)
    applied = mechanism if mechanism in MECHANISMS else card.mechanism
    name = history.current.name if history else words.OWN_MAP
    if history and name not in interventions.PRESETS:
        return "edited map", {"applied": applied, "file": f"{_export_stem(choice, card, history)}.npy"}
    return "preset", {"applied": applied, "preset": name}


def _export_stem(choice: Choice, card: Card, history: History) -> str:
    return f"{file_stem(choice.chosen.picture.name)}--{file_stems([card])[0]}--{safe_stems([history.description])[0]}"


def export_row(
    choice: Choice, card: Card, subject: AttendedImage, history: History, effect: Effect, applied: str
) -> None:
    """The buttons that save the edit that is applied."""
    unedited = effect.name == words.OWN_MAP
    edited = EditedMap(
        card=card,
        fitted=subject.fitted,
        own_map=subject.attention,
        effect=replace(effect, name=history.description),
        applied=applied,
        style=replace(choice.view, scale="raw", top=0),
    )
    stem = _export_stem(choice, card, history)
    button = partial(save_button, disabled=unedited)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f"**{words.EXPORT}**", help=words.EXPORT_HELP, width="content")
        button(words.EXPORT_PNG, partial(figure_png, edited), f"{stem}.png", "image/png", "image")
        button(words.EXPORT_NPY, partial(npy_bytes, effect.attention), f"{stem}.npy", NPY_MIME, "grid_on")
        button(words.EXPORT_CSV, partial(before_after_csv, edited), f"{stem}.csv", "text/csv", "table")
        if unedited:
            st.caption(words.NO_EDIT, width="content")
