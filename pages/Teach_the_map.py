"""Teach the map: edit the maps of a few images, fine-tune a variant with them, and measure what changed."""

from functools import partial

import streamlit as st

from abn.ui import layout, url
from abn.ui.controls import variant_picker
from abn.ui.controls.choice_bar import choice_bar, require_networks
from abn.ui.python_code import code_menu
from abn.ui.runtime import cached_inference, jobs
from abn.ui.teach_map import example_panel, result_panel, teaching, teaching_panel, words

layout.begin(words.TITLE, words.LINE, room="teach_map", guest="intervene")
choice = require_networks(choice_bar())
with layout.title_row():
    card = variant_picker.choose_one_variant(choice.selection.cards)
    if not url.presenting():
        with st.container(key="workflow"):
            st.markdown(words.WORKFLOW)
subject = cached_inference.get_subject(choice.chosen.picture, card, choice.fit)

with st.container(key="teaching"):
    board, side = st.columns([12, 8], gap="medium")
with board:
    jobs.fragment_unless_busy(example_panel.edit_map)(choice, card, subject)
with side:
    before = st.container()
    example_panel.show_new_example(choice, card, subject)
    example_panel.show_examples(choice, card)
    taught = teaching_panel.is_running() or teaching.latest_result()  # then progress and result stay where they are
    with before if taught else st.container():
        job = teaching_panel.show_teaching(choice, card)
if result := teaching.latest_result():
    code_menu.show_code(choice, [result.plan.card], partial(result_panel.describe_result, result))
    result_panel.show_result(choice, result)
jobs.run_jobs(job)
