"""Exercises: predict first, then see; the same questions for everybody who opens the same set."""

import streamlit as st

from abn.ui import layout
from abn.ui.components import scroll_top
from abn.ui.exercises import exercise_panels as panels
from abn.ui.exercises import sitting as sittings
from abn.ui.exercises import summary

layout.begin("Exercises", "Predict first, then see: what does the attention map do, and what doesn't it tell?")

seed = sittings.chosen_set()
bank, asked = sittings.material(seed)
sitting = sittings.sitting(seed)
sittings.progress(seed, asked, sitting)
scroll_top.scroll_to_top_on_change(f"{seed} {sitting.at}")

if sitting.at >= len(asked):
    summary.finish(seed, bank, asked, sitting)
    st.stop()

question = asked[sitting.at]
given = sitting.answers.get(question.number)
panels.heading(question)
if question.kind == "where":
    panels.where(bank, question, sitting, given)
elif question.kind == "head":
    panels.head(bank, question, sitting, given)
elif question.kind == "mechanism":
    panels.mechanism(bank, question, sitting, given)
else:
    panels.flip(bank, question, sitting, given)
panels.credit(bank, question, given)
