"""Charts of the page Inside: what is drawn is what the numbers say, and so are the words."""

import re

import numpy as np
import pytest

from abn.plots import histogram, history_chart
from abn.variants.history import MapHistory


def bar_heights(values: np.ndarray) -> list[float]:
    return [float(height) for height in re.findall(r' height="([\d.]+)"', histogram.value_histogram(values))]


def test_a_histogram_counts_all_but_the_exact_zeros():
    values = np.concatenate([np.zeros(60), np.arange(1, 41), [40]])
    heights = bar_heights(values)
    assert len(heights) == histogram.BINS and heights == [0.5] * 39 + [1.0]
    assert histogram.value_range(values) == (1, 40)
    assert sum(bar_heights(np.zeros(5))) == 1 and histogram.value_range(np.zeros(5)) == (0, 0)
    words = histogram.histogram_in_words(values[:-1])
    assert words == (
        "Histogram of 40 values from 1 to 40; quartiles 10.8, 20.5, 30.2. Exact zeros, 60.0 % of all, are left out."
    )


@pytest.mark.parametrize(
    ("recorded", "drawn"),
    [
        (["accuracy", "pointing", "roc_auc"], ["pointing", "roc_auc"]),
        (["accuracy", "accuracy_auxiliary"], ["accuracy", "accuracy_auxiliary"]),
        (["loss"], []),
    ],
)
def test_a_history_is_drawn_with_what_it_holds_on_an_axis_to_scale(recorded, drawn):
    metrics = {name: np.array([0.1, 0.5, 0.9], np.float32) for name in recorded}
    history = MapHistory(np.zeros((3, 1, 2, 2), np.float32), np.array([0, 10, 40]), 40, ("a",), metrics)
    assert history_chart.history_metrics(history) == drawn
    assert history_chart.positions(history) == [0, 0.25, 1]
    chart = history_chart.history_chart(history)
    lines = re.findall(r'<polyline points="(.*?)"', chart)
    assert lines == ["0.0000,0.9000 0.2500,0.5000 1.0000,0.1000"] * len(drawn)
    assert all(history_chart.METRIC_STYLES[name][0] in chart for name in drawn)
    assert re.findall(r'<i style="left: ([\d.]+)%', chart) == ["0.00", "25.00", "100.00"]
    assert history_chart.history_in_words(history).startswith("At steps 0, 10, 40: ")


@pytest.mark.parametrize(
    ("total", "ticks"),
    [(575, [0, 200, 400, 575]), (937, [0, 200, 400, 600, 800, 937]), (1, [0, 1]), (40, [0, 10, 20, 30, 40])],
)
def test_the_time_axis_has_round_steps_and_its_end(total, ticks):
    history = MapHistory(np.zeros((1, 1, 2, 2), np.float32), np.array([0]), total, ("a",))
    assert history_chart.ticks_of(history) == ticks
