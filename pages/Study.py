"""Study: what our own runs over several seeds show, question by question; every number is read from a result file."""

import streamlit as st

from abn.study import findings
from abn.ui import layout
from abn.ui.present import deck
from abn.ui.study import cost_panels, words
from abn.ui.study import findings_panels as panels
from abn.ui.study.questions import all_questions

layout.begin(words.TITLE, words.LINE, room="study")
with layout.bar():
    deck.show_buttons()

study = panels.read(findings.read_study)
if study:
    questions = all_questions(study)
    panels.show_headline(questions)
    panels.show_matrix(study, questions)
    panels.show_methods(study)
panels.show_metrics()

with st.expander(words.COST, icon=":material/timer:", key="cost-opened", on_change="rerun") as cost:
    if cost.open:
        costs = panels.read(findings.read_costs)
        if costs:
            cost_panels.show_costs(costs)
        cost_panels.measure_here(costs)

with st.expander(words.PUBLISHED, icon=":material/history_edu:", key="published-opened", on_change="rerun") as figures:
    if figures.open:
        published = panels.read(findings.read_published)
        if published:
            panels.show_published(published)

if study:
    panels.show_runs(study)
