"""Intervene: change the map, or the picture, and see what the network makes of it."""

import streamlit as st

from abn.ui import layout
from abn.ui.controls import variant_picker
from abn.ui.controls.choice_bar import choice_bar, require_networks
from abn.ui.intervene import cover_panel, export_edit, map_ablation_panel
from abn.ui.intervene import edit_panels as panels
from abn.ui.runtime import inference, jobs, loading

layout.begin("Intervene", "Change the map and ask the perception branch again: does the answer depend on it?")
choice = require_networks(choice_bar())
picture, fit = choice.chosen.picture, choice.fit
card = variant_picker.choose_one_variant(choice.selection.cards)
subject = inference.get_subjects(picture, choice.selection.cards, fit)[choice.selection.cards.index(card)]


def change_the_map() -> None:
    """A part of its own, so that a stroke draws nothing else anew."""
    name, past = panels.edits(choice, card, subject)
    left, right = st.columns(2, gap="large")
    with right:
        applied = panels.mechanism(card)
        done = panels.effects(choice, card, past, applied)
        panels.answer(card, done[past.at], subject.attention, applied)
    with left:
        panels.board(choice, card, subject, name, past)
    panels.presets(choice, card, subject, name)
    panels.past_strip(subject, choice.view, name, past, done)
    export_edit.export_row(choice, card, subject, past, done[past.at], applied)


def cover_the_picture() -> None:
    """The same for the picture: all of the network runs again."""
    first, *rest = st.columns(len(choice.selection.cards) + 1, gap="medium")
    with first:
        hidden = cover_panel.cover(choice, subject)
    before = inference.explain_image(picture, choice.selection.cards, fit=fit)
    after = inference.explain_image(hidden, choice.selection.cards, fit=fit)
    for place, *pair, one in zip(rest, before, after, choice.selection.cards, strict=True):
        with place:
            cover_panel.follow(*pair, one, choice)


jobs.fragment_unless_busy(change_the_map)()

st.subheader("Which variant needs its map?", anchor="needs")
map_ablation_panel.needs(choice)
over_gallery = map_ablation_panel.over_gallery(choice)

st.subheader("Cover a part of the picture", anchor="cover")
jobs.fragment_unless_busy(cover_the_picture)()
loading.start_loading()
if over_gallery:
    jobs.run_jobs(over_gallery)
