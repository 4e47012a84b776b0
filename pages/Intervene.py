"""Intervene: change the map, or the picture, and see what the network makes of it."""

import streamlit as st

from abn.ui import layout
from abn.ui.controls import variant_picker
from abn.ui.controls.choice_bar import choice_bar, require_networks
from abn.ui.intervene import cover_panel, edit_panels, effect_panel, map_ablation_panel
from abn.ui.runtime import cached_inference, jobs

layout.begin("Intervene", "Change the map and ask the perception branch again: does the answer depend on it?")
choice = require_networks(choice_bar())
picture, fit = choice.chosen.picture, choice.fit
card = variant_picker.choose_one_variant(choice.selection.cards)
subject = cached_inference.get_subjects(picture, choice.selection.cards, fit)[choice.selection.cards.index(card)]


def change_the_map() -> None:
    """A fragment, so that a stroke redraws nothing else."""
    key, history = edit_panels.get_history(choice, card, subject)
    left, right = st.columns(2, gap="large")
    with right:
        applied = effect_panel.choose_mechanism(card)
        effects = effect_panel.compute_effects(choice, card, history, applied)
        effect_panel.show_effect(card, effects[history.index], subject.attention, applied)
    with left:
        edit_panels.show_board(choice, card, subject, key, history)
    edit_panels.show_presets(choice, card, subject, key)
    edit_panels.show_history(subject, choice.view, key, history, effects)
    effect_panel.export_row(choice, card, subject, history, effects[history.index], applied)


def cover_the_picture() -> None:
    """The same for the picture: all of the network runs again."""
    first, *columns = st.columns(len(choice.selection.cards) + 1, gap="medium")
    with first:
        covered = cover_panel.cover_picture(choice, subject)
    before = cached_inference.explain_image(picture, choice.selection.cards, fit=fit)
    after = cached_inference.explain_image(covered, choice.selection.cards, fit=fit)
    for column, *pair, variant in zip(columns, before, after, choice.selection.cards, strict=True):
        with column:
            cover_panel.show_covered(*pair, variant, choice)


jobs.fragment_unless_busy(change_the_map)()

st.subheader("Which variant needs its map?", anchor="needs")
map_ablation_panel.show_dependence(choice)
gallery_job = map_ablation_panel.show_gallery_dependence(choice)

st.subheader("Cover a part of the picture", anchor="cover")
jobs.fragment_unless_busy(cover_the_picture)()
if gallery_job:
    jobs.run_jobs(gallery_job)
