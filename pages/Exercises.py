"""Exercises: predict first, then compare; the same questions for everybody who opens the same set."""

import streamlit as st

from abn.ui import layout, url
from abn.ui.components import scroll_top
from abn.ui.exercises import session_attempts as attempts
from abn.ui.exercises import words
from abn.ui.exercises.exercise_panels import show_question
from abn.ui.exercises.summary import show_summary
from abn.ui.present import deck
from abn.ui.progress.kept_progress import keep_progress

layout.begin(words.TITLE, words.LINE, room="exercises")
with layout.bar():
    deck.show_buttons()

seed = attempts.choose_set()
material, questions = attempts.load_questions(seed)
attempt = attempts.get_attempt(seed, material, questions)
keep_progress()
attempts.show_progress(seed, questions, attempt)
scroll_top.scroll_to_top_on_change(f"{seed} {attempt.index} {len(attempt.answers)}")

# on a projector the images get the place of the list
main, side = (st.container(), None) if url.presenting() else st.columns([4, 1], gap="large")
with main:
    if attempt.index < len(questions):
        show_question(material, questions[attempt.index], attempt)
    else:
        show_summary(seed, material, questions, attempt)
if side:
    with side:
        attempts.show_set(seed, questions, attempt)
