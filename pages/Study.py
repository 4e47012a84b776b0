"""Study: what our own runs over several seeds found, question by question; every number is read from a result file."""

import streamlit as st

from abn.study import findings
from abn.ui import layout
from abn.ui.study import cost_panels
from abn.ui.study import findings_panels as panels
from abn.ui.study.questions import all_questions

layout.begin("Study", "Does attention help, and is bright important? What our own runs over several seeds say.")

study = panels.read(findings.read_study)
if study:
    questions = all_questions(study)
    panels.show_introduction(study, questions)
    for question in questions:
        panels.show_question(question)
    panels.show_runs(study)

st.subheader("What does it cost?", anchor="cost")
costs = panels.read(findings.read_costs)
if costs:
    cost_panels.show_costs(costs)
cost_panels.measure_here(costs)

st.subheader("What did the authors report?", anchor="published")
published = panels.read(findings.read_published)
if published:
    panels.show_published(published)
