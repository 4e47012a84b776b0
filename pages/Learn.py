"""Learn: the guided lesson, ten short steps with a task each."""

import streamlit as st

from abn.ui import layout
from abn.ui.components import scroll_top
from abn.ui.learn import lesson_panels
from abn.ui.learn.lesson_steps import STEP_PANELS, require_variants

layout.begin("Learn", "Ten short steps: what an attention branch is, what its map shows, and what no map can tell.")
step = lesson_panels.choose_step()
scroll_top.scroll_to_top_on_change(step.key)
left, right = st.columns([2, 3], gap="large")
with left:
    lesson_panels.show_text(step)
    below = st.container()
require_variants()
with right:
    done = STEP_PANELS[step.key]()
with below:
    lesson_panels.show_outcome(step, done)
