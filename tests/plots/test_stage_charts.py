"""Figures of a look inside: what is drawn is what the numbers say, and so are the words."""

import numpy as np
import pytest

from abn.plots import histogram, history_chart, logit_bars
from abn.variants.history import MapHistory


def test_a_histogram_counts_all_but_the_exact_zeros():
    values = np.concatenate([np.zeros(60), np.arange(1, 41)])
    bars = histogram.value_histogram(values).data[0]
    assert sum(bars.y) == 40 and list(bars.y) == [1] * 40
    assert sum(histogram.value_histogram(np.zeros(5)).data[0].y) == 5
    words = histogram.histogram_in_words(values)
    assert words == (
        "Histogram of 40 values from 1 to 40; quartiles 10.8, 20.5, 30.2. Exact zeros, 60.0 % of all, are left out."
    )


def test_answers_are_drawn_in_their_order_and_names_are_only_text():
    result = [("tabby, tabby cat", 3.0, 0.9), ("<b>x</b> & y", -1.5, 0.0001)]
    figure = logit_bars.logit_bars(result, "auxiliary")
    assert list(figure.data[0].x) == [3, -1.5]
    assert [note.text for note in figure.layout.annotations] == [
        "tabby", "3.00 · 90.0 %", "&lt;b>x&lt;/b> &amp; y", "−1.50 · < 0.1 %",
    ]  # fmt: skip
    low, high = figure.layout.xaxis.range
    assert low < -1.5 and high > 3
    assert "tabby 3.00 (90.0 %)" in logit_bars.logits_in_words(result, "auxiliary")


@pytest.mark.parametrize(
    ("recorded", "drawn"),
    [
        (["accuracy", "pointing", "roc_auc"], ["pointing", "roc_auc"]),
        (["accuracy", "accuracy_auxiliary"], ["accuracy", "accuracy_auxiliary"]),
        (["loss"], []),
    ],
)
def test_a_life_is_followed_by_what_it_holds(recorded, drawn):
    metrics = {name: np.array([0.1, 0.5, 0.9], np.float32) for name in recorded}
    life = MapHistory(np.zeros((3, 1, 2, 2), np.float32), np.array([0, 10, 40]), 40, ("a",), metrics)
    assert history_chart.history_metrics(life) == drawn
    figure = history_chart.history_chart(life, 1)
    assert [trace.name for trace in figure.data] == [history_chart.METRIC_STYLES[name][0] for name in drawn]
    for trace in figure.data:
        assert list(trace.y) == pytest.approx([0.1, 0.5, 0.9])
        assert list(trace.marker.size) == [7, 14, 7]
    assert list(figure.layout.xaxis.ticktext) == ["0", "10", "40"]
    assert history_chart.history_in_words(life, 1).endswith("Marked: step 10.")
