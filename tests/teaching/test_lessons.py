"""The lesson: short steps, each with a task, a live part and a page with more; what it shows is computed or tested."""

import numpy as np
import pytest

from abn.evaluation.metrics import rank_correlation
from abn.explanations.explainer import explain
from abn.images.decode import open_picture
from abn.images.samples import gallery
from abn.teaching import lessons
from abn.teaching.lessons import STATEMENTS, STEPS
from abn.ui.layout import PAGES
from abn.ui.learn import lesson_basis, lesson_experiments, lesson_steps, words
from abn.variants.store import find_variant

MAX_WORDS = 120  # of a step's text
PICTURE = open_picture(gallery()[lesson_basis.PHOTO].path.read_bytes())


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.key)
def test_each_step_is_short_and_whole(step):
    assert len(step.text.split()) <= MAX_WORDS and step.task and step.notice and step.title
    assert 0 < len(step.summary.split()) <= 25
    assert step.page in PAGES and (step.page == "app.py" or step.page.startswith("pages/"))


def test_every_step_has_its_live_part_and_no_other():
    assert list(lesson_steps.STEP_PANELS) == [step.key for step in STEPS] and 8 <= len(STEPS) <= 10
    assert {true for _, true, _ in STATEMENTS} == {True, False} and len(STEPS) + 1 == lessons.CLOSE


def test_the_engineered_variant_has_an_inverted_map(runner):
    inverted = lesson_basis.find_inverted()
    upright, other = explain(PICTURE, [lesson_basis.UPRIGHT, inverted.id], load=runner)
    assert rank_correlation(upright.attention, other.attention) < -0.3
    (text,) = [step.text for step in STEPS if step.key == "bright"]
    assert "engineered" in text and words.ENGINEERED


def test_heads_disagree_on_an_image_that_is_offered(runner):
    photos = lesson_basis.list_head_photos()
    shown = [explain(open_picture(p.path.read_bytes()), [lesson_basis.UPRIGHT], load=runner)[0] for p in photos]
    disagreeing = [photo.id for photo, explanation in zip(photos, shown, strict=True) if not explanation.heads_agree]
    assert 0 < len(disagreeing) < len(photos)


def test_some_cells_are_bright_enough_for_the_task(runner):
    attention = explain(PICTURE, [lesson_basis.UPRIGHT], load=runner)[0].attention
    assert attention.size * lesson_steps.TOP_SHARE >= 10 and np.ptp(attention) > 0.1


def test_the_map_of_the_control_finds_objects_as_its_statement_says():
    measured = find_variant(lesson_basis.CONTROL).measured["scenes"]
    assert measured["roc_auc"] > 0.6
    assert f"{measured['roc_auc']:.2f}" in lesson_experiments.describe_control()


def test_each_mechanism_has_a_panel_of_the_equations():
    assert list(words.PANELS) == ["none", "multiplicative", "additive"]
