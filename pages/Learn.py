"""Learn: the guided lesson, ten short steps with a task each, and a summary."""

from abn.teaching.lessons import CLOSE, STEPS
from abn.ui import layout
from abn.ui.components import scroll_top
from abn.ui.learn import lesson_panels, words
from abn.ui.learn.lesson_basis import require_variants
from abn.ui.learn.lesson_steps import STEP_PANELS
from abn.ui.present import deck
from abn.ui.progress.kept_progress import keep_progress

layout.begin(words.TITLE, words.LINE, room="learn")
with layout.bar():
    deck.show_buttons()
keep_progress()
number = lesson_panels.choose_step()
scroll_top.scroll_to_top_on_change(number)
if number == CLOSE:
    lesson_panels.show_close()
else:
    step = STEPS[number - 1]
    text, shown = lesson_panels.places(step)
    with text:
        lesson_panels.show_text(step)
    require_variants()
    with shown:
        done = STEP_PANELS[step.key]()
    lesson_panels.show_task(step, done)
