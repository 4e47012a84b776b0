"""Intervene: edit the attention map or cover part of the image, and compare the predictions."""

import streamlit as st

from abn.ui import layout, url
from abn.ui.controls import variant_picker
from abn.ui.controls.choice_bar import choice_bar, require_networks
from abn.ui.intervene import cover_panel, edit_panels, effect_panel, map_ablation_panel, words
from abn.ui.python_code import code_menu
from abn.ui.runtime import cached_inference, jobs

layout.begin(words.TITLE, words.LINE, room="intervene")
choice = require_networks(choice_bar())
picture, cards = choice.chosen.picture, choice.selection.cards
paint, cover, sensitivity = st.tabs(words.TABS, key="intervene_tab", bind="query-params")  # only the open one runs


@layout.fragment
def edit_map() -> None:
    """A fragment, so that a stroke redraws nothing else."""
    key, history = edit_panels.get_history(choice, card, subject)
    with st.container(key="cockpit"):
        tools, canvas, result = st.columns([5, 7, 8], gap="medium")
    with tools:
        tool = edit_panels.show_tools()
        edit_panels.show_undo(subject, key, history)
        edit_panels.show_presets(choice, card, subject, key)
    with canvas:
        edit_panels.show_canvas(choice, card, subject, key, history, tool)
    with result:
        effects, applied = effect_panel.show_result(choice, card, subject, history)
    layout.guard_session("unseen-edit-guard")
    with canvas if url.presenting() else st.container():
        edit_panels.show_history(subject, choice.view, key, history, effects)
    if not url.presenting():
        effect_panel.export_row(choice, card, subject, history, effects[history.index], applied)


@layout.fragment
def cover_image() -> None:
    """The same for the image: each variant runs again."""
    with st.container(key="pairs-cover"):
        first, *columns = st.columns(len(cards) + 1, gap="medium")
    with first:
        covered = cover_panel.cover_image(choice, cached_inference.get_subject(picture, cards[0], choice.fit))
    before = cached_inference.explain_image(picture, cards, fit=choice.fit)
    after = cached_inference.explain_image(covered, cards, fit=choice.fit)
    for column, *pair, variant in zip(columns, before, after, cards, strict=True):
        with column:
            cover_panel.show_covered(*pair, variant, choice)


if paint.open:
    with layout.title_row():
        card = variant_picker.choose_one_variant(cards)
    code_menu.show_code(choice, [card], lambda: effect_panel.describe_edit(choice, card))
    with paint:
        subject = cached_inference.get_subject(picture, card, choice.fit)
        edit_map()
if cover.open:
    code_menu.show_code(choice, cards, lambda: cover_panel.describe_cover(choice, cards[0]))
    with cover:
        cover_image()
if sensitivity.open:
    code_menu.show_code(choice, cards, lambda: ("sensitivity", {}))
    with sensitivity:
        map_ablation_panel.show_dependence(choice)
        gallery_job = map_ablation_panel.show_gallery_dependence(choice)
    if gallery_job:
        jobs.run_jobs(gallery_job)
