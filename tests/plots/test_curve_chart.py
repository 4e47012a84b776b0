"""The curves' figure: it holds the numbers that were computed, and its words tell the areas."""

import numpy as np
import pytest

from abn.evaluation.deletion_insertion import (
    BRIGHT,
    DARK,
    DELETION,
    INSERTION,
    RANDOM,
    CurveComparison,
    CurveResult,
    CurveSpec,
)
from abn.plots.curve_chart import AXES, LABELS, PROBABILITY, axis_top, curve_chart, curves_in_words
from abn.plots.theme import BLUE, GRAY, ORANGE

SHARES = np.linspace(0, 1, 3)


def curve(scores: list[float], order: str = BRIGHT, seed: int = 0, kind: str = DELETION) -> CurveResult:
    return CurveResult(CurveSpec(kind, order, seed, steps=2), 0, SHARES, np.array(scores), 1.0)


def comparison(kind: str = DELETION, dark: bool = False, bright: float = 0.2) -> CurveComparison:
    randoms = (curve([1, 0.8, 0], RANDOM, 0, kind), curve([1, 0.4, 0], RANDOM, 1, kind))
    return CurveComparison(curve([1, bright, 0], kind=kind), randoms, curve([1, 1, 0], DARK, 0, kind) if dark else None)


def test_every_line_holds_what_was_computed():
    figure = curve_chart(comparison(dark=True), DELETION)
    lines = {trace.name: list(trace.y) for trace in figure.data if trace.name}
    assert lines == {
        LABELS[RANDOM]: pytest.approx([1, 0.6, 0]),
        LABELS[DARK]: [1, 1, 0],
        LABELS[BRIGHT]: [1, 0.2, 0],
    }
    bands = [list(trace.y) for trace in figure.data if trace.fill]
    assert bands == [[1, 0.8, 0, 0, 0.4, 1], pytest.approx([1, 0.6, 0, 0, 0.2, 1])]
    assert all(tuple(trace.x) == (0, 0.5, 1) for trace in figure.data if trace.name)


def test_the_legend_names_the_lines_and_no_label_crosses_them():
    figure = curve_chart(comparison(dark=True), DELETION)
    (title,) = figure.layout.annotations
    assert "0.35" in title.text and "0.55" in title.text and title.yref == "paper" and title.y >= 1
    named = {trace.name for trace in figure.data if trace.showlegend is not False}
    assert figure.layout.showlegend and named == set(LABELS.values())


def test_a_curve_within_the_random_orders_is_gray_and_none_has_a_color_of_the_heads():
    def color(figure) -> str:
        return next(trace.line.color for trace in figure.data if trace.name == LABELS[BRIGHT])

    inside, outside = (curve_chart(comparison(bright=bright), DELETION) for bright in (0.5, 0.2))
    assert color(inside) == GRAY != color(outside)
    assert not {BLUE, ORANGE} & {trace.line.color for figure in (inside, outside) for trace in figure.data}


@pytest.mark.parametrize("kind", [DELETION, INSERTION])
def test_the_axis_says_what_happens(kind):
    layout = curve_chart(comparison(kind), kind).layout
    assert (layout.xaxis.title.text, layout.yaxis.title.text) == (AXES[kind], PROBABILITY)


def test_the_areas_in_words():
    text = curves_in_words("A", comparison(dark=True), DELETION)
    assert text.startswith("Deletion curves of A, ")
    assert text.endswith("brightest first 0.350, random order 0.550, darkest first 0.750.")


def test_an_axis_ends_at_the_next_tenth_above_all_lines():
    low = CurveComparison(curve([0.41, 0.2, 0]), (curve([0.1, 0, 0], RANDOM),))
    assert axis_top([low, None]) == pytest.approx(0.5) and axis_top([low, comparison()]) == 1 and axis_top([]) == 1
    assert axis_top([CurveComparison(low.bright, low.random, curve([0.62, 0, 0], DARK))]) == pytest.approx(0.7)
    assert curve_chart(low, DELETION, top=0.5).layout.yaxis.range == pytest.approx((-0.01, 0.52))
