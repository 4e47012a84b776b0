"""The curves' figure: the numbers that it holds are those that were followed, and its words tell the areas."""

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
from abn.plots.curve_chart import VARIANT_STYLES, axis_top, curve_chart, curves_in_words, legend_entries

SHARES = np.linspace(0, 1, 3)


def followed(scores: list[float], order: str = BRIGHT, seed: int = 0, kind: str = DELETION) -> CurveResult:
    return CurveResult(CurveSpec(kind, order, seed, steps=2), 0, SHARES, np.array(scores), 1.0)


def row(kind: str = DELETION, dark: bool = False) -> CurveComparison:
    randoms = (followed([1, 0.8, 0], RANDOM, 0, kind), followed([1, 0.4, 0], RANDOM, 1, kind))
    return CurveComparison(
        followed([1, 0.2, 0], kind=kind), randoms, followed([1, 1, 0], DARK, 0, kind) if dark else None
    )


def test_every_line_holds_what_was_followed():
    figure = curve_chart({"A": row(dark=True), "C": None, "B": row()}, DELETION)
    lines = {trace.name: list(trace.y) for trace in figure.data if trace.name}
    assert lines["A, brightest first"] == [1, 0.2, 0] and lines["A, darkest first"] == [1, 1, 0]
    assert lines["A, random, mean of 2"] == pytest.approx([1, 0.6, 0]) and len(lines) == 5
    bands = [list(trace.y) for trace in figure.data if trace.fill]
    assert bands == [[1, 0.8, 0, 0, 0.4, 1]] * 2
    assert {trace.line.color for trace in figure.data if "B, " in (trace.name or "")} == {VARIANT_STYLES[2][0]}
    assert all(tuple(trace.x) == (0, 0.5, 1) for trace in figure.data if trace.name)


def test_a_name_is_only_text():
    (line,) = [
        trace for trace in curve_chart({"<b>A</b>": row()}, DELETION).data if trace.name and BRIGHT in trace.name
    ]
    assert line.hovertemplate.startswith("&lt;b>A&lt;/b>, brightest first<br>")


@pytest.mark.parametrize(("kind", "axis"), [(DELETION, "gone"), (INSERTION, "uncovered")])
def test_the_axis_says_what_happens(kind, axis):
    assert curve_chart({"A": row(kind)}, kind).layout.xaxis.title.text == f"share of the cells {axis}"


def test_the_areas_in_words():
    assert curves_in_words({"A": row(dark=True), "B": None}, DELETION) == (
        "Deletion curves, area under the probability. A: brightest first 0.350, random 0.550, darkest first 0.750."
    )


def test_the_legend_has_every_variant_and_every_order():
    result = legend_entries(["A", "B"], darkest=False)
    assert [text for text, *_ in result] == ["A", "B", "brightest first", "random, mean and range"]
    assert [color for _, color, _ in result[:2]] == [VARIANT_STYLES[0][0], VARIANT_STYLES[1][0]]
    assert legend_entries(["A"], darkest=True)[-1][0] == "darkest first"


def test_an_axis_ends_at_the_next_tenth_above_all_lines():
    low = CurveComparison(followed([0.41, 0.2, 0]), (followed([0.1, 0, 0], RANDOM),))
    assert axis_top([low, None]) == pytest.approx(0.5) and axis_top([low, row()]) == 1 and axis_top([]) == 1
    assert axis_top([CurveComparison(low.bright, low.random, followed([0.62, 0, 0], DARK))]) == pytest.approx(0.7)
    assert curve_chart({"A": low}, DELETION, top=0.5).layout.yaxis.range == pytest.approx((-0.01, 0.52))
