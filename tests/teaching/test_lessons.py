"""The lesson's words: short, each step with a task, a live part and a page to go on to; true where a test can tell."""

import numpy as np
import pytest

from abn.evaluation.metrics import cell_order
from abn.explanations import interventions
from abn.explanations.explainer import explain
from abn.images.decode import open_picture
from abn.images.samples import gallery
from abn.teaching import lessons
from abn.teaching.lessons import STATEMENTS, STEPS
from abn.ui.layout import PAGES
from abn.ui.learn import lesson_steps

PICTURE = open_picture(gallery()[lesson_steps.PHOTO].path.read_bytes())


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.key)
def test_each_step_is_short_and_whole(step):
    assert len(step.text.split()) <= lessons.WORDS and step.task and step.notice and step.title
    assert step.page in PAGES and (step.page == "app.py" or step.page.startswith("pages/"))


def test_every_step_has_its_live_part_and_no_other():
    assert list(lesson_steps.STEP_PANELS) == [step.key for step in STEPS] and 8 <= len(STEPS) <= 10
    assert {true for _, true, _ in STATEMENTS} == {True, False}


def covered_change(runner, variant: str, *, brightest: bool) -> float:
    """Δp of the network's answer when a fifth of the cells is covered."""
    result = explain(PICTURE, [variant], load=runner)[0]
    cells = np.zeros(result.attention.size, bool)
    order = cell_order(result.attention, brightest_first=brightest)
    cells[order[: round(lesson_steps.FIFTH * cells.size)]] = True
    hidden = interventions.cover_cells(PICTURE, result.fitted, cells.reshape(result.attention.shape))
    named = int(result.perception.argmax())
    return float(explain(hidden, [variant], load=runner)[0].perception[named] - result.perception[named])


def test_what_the_step_on_bright_says_is_so(runner):
    up, down = lesson_steps.UPRIGHT, lesson_steps.INVERTED
    assert covered_change(runner, up, brightest=True) < covered_change(runner, up, brightest=False) - 0.2
    assert covered_change(runner, down, brightest=False) < covered_change(runner, down, brightest=True) - 0.2


def test_there_is_a_cell_beyond_the_gain_that_is_asked_for_and_not_everywhere(runner):
    gain = 1 + explain(PICTURE, [lesson_steps.UPRIGHT], load=runner)[0].attention
    assert 0 < (gain > lesson_steps.GAIN).mean() < 0.3


def test_heads_disagree_on_some_photograph(runner):
    photos = [photo for photo in gallery().values() if photo.kind == "photograph"]
    result = [explain(open_picture(p.path.read_bytes()), [lesson_steps.UPRIGHT], load=runner)[0] for p in photos]
    apart = {photo.id: item for photo, item in zip(photos, result, strict=True) if not item.heads_agree}
    assert set(apart) == {"space-shuttle", "toucan"}  # of which the notice tells
    right = {photo.id: photo.classes for photo in photos}
    heads = ("auxiliary", "perception")
    words = {key: [item.top(h, 1)[0].index in right[key] for h in heads] for key, item in apart.items()}
    assert words == {"space-shuttle": [True, False], "toucan": [False, False]}
