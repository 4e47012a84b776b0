"""A changed prediction in HTML: both classes with their own Δp, and names that stay text."""

import re

import numpy as np

from abn.explanations.interventions import Effect
from abn.plots.prediction_change import UNCHANGED, prediction_change

LABELS = ("binoculars, field glasses", "space shuttle", "<b>bold</b>")


def effect(before: list[float], after: list[float]) -> Effect:
    return Effect("", np.zeros((2, 2), np.float32), np.array(before, np.float32), np.array(after, np.float32))


def changes(drawn: str) -> list[str]:
    return re.findall(r'data-points="(.*?)"', drawn)


def test_a_changed_prediction_names_both_classes_with_their_changes():
    drawn = prediction_change(effect([0.5, 0.3, 0.2], [0.25, 0.64, 0.11]), LABELS)
    assert "<p>binoculars → space shuttle <span>(64.0 %)</span></p>" in drawn
    assert changes(drawn) == ["−25.0", "+34.0"] and UNCHANGED not in drawn and "role" not in drawn


def test_an_unchanged_prediction_is_one_class():
    drawn = prediction_change(effect([0.5, 0.3, 0.2], [0.4, 0.35, 0.25]), LABELS, large=True)
    assert "<p>binoculars <span>(40.0 %)</span></p>" in drawn and 'role="status"' in drawn
    assert changes(drawn) == ["−10.0"] and UNCHANGED in drawn


def test_names_are_only_text():
    drawn = prediction_change(effect([0.5, 0.3, 0.2], [0.1, 0.2, 0.7]), LABELS)
    assert "&lt;b&gt;bold" in drawn and "<b>bold" not in drawn


def test_a_head_is_named():
    drawn = prediction_change(effect([0.5, 0.3, 0.2], [0.1, 0.2, 0.7]), LABELS, head="auxiliary")
    assert re.search(r"<i class=\"abn-head\" style=\"--head: #\w+\">Auxiliary</i>", drawn)
