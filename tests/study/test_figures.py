"""Figures of the study: what is drawn is what was measured, and the words beside it say the same."""

import json
import re
from dataclasses import replace

import plotly.graph_objects as go
import pytest
from study_results import change, make_results, set_comparison

from abn.study import figures, findings
from abn.study.figures import forest
from abn.study.findings import Finding, Spread


@pytest.fixture
def results(tmp_path):
    return make_results(tmp_path, effects={("cifar100", "additive", "accuracy"): 0.05})


@pytest.fixture
def study(results):
    return findings.read_study(results)


def seeds(figure: go.Figure, label: str) -> dict[int, float]:
    """Seed → value, as the figure has it for a row."""
    traces = [trace for trace in figure.data if trace.name == "one seed"]
    points = [point for trace in traces for point in zip(trace.customdata, trace.x, strict=True)]
    return {int(seed): x for (name, seed), x in points if name == label}


def means(figure: go.Figure) -> dict[float, tuple[float, float, float, str]]:
    """Height of a row → mean, both ends of its bar, and its mark."""
    means_by_height = {}
    for trace in figure.data:
        if trace.name in ("mean", "mean and 95 % interval"):
            bars = zip(
                trace.x, trace.y, trace.error_x.arrayminus, trace.error_x.array, trace.marker.symbol, strict=True
            )
            means_by_height |= {y: (x, x - less, x + more, mark) for x, y, less, more, mark in bars}
    return dict(sorted(means_by_height.items()))


def texts(figure: go.Figure) -> list[str]:
    return [note.text for note in figure.layout.annotations]


def test_points_bars_and_numbers_are_those_of_the_study(study):
    finding = findings.compared(study, "baseline")
    for panel, rows in finding.rows.items():
        figure = figures.dots(finding, panel)
        for row, (mean, low, high, mark) in zip(rows, means(figure).values(), strict=True):
            assert seeds(figure, row.label) == pytest.approx(row.by_seed) and len(row.by_seed) == 5
            assert (mean, low, high) == pytest.approx((row.mean, row.low, row.high))
            assert mark == ("diamond-open" if row.low <= 0 <= row.high else "diamond")
            assert row.label in texts(figure)
            assert any(text.startswith(findings.number(row.mean, 1, sign=True)) for text in texts(figure))
    assert "percentage points" in figure.layout.xaxis.title.text


def test_a_mark_becomes_hollow_where_the_interval_comes_to_hold_zero(results, study):
    before = means(figures.dots(findings.compared(study, "baseline"), "CIFAR-100"))
    change(results, set_comparison("additive", "baseline", "accuracy", ci_low=-0.01))
    after = means(figures.dots(findings.compared(findings.read_study(results), "baseline"), "CIFAR-100"))
    assert [mark for *_, mark in before.values()] == ["diamond", "diamond-open"]
    assert [mark for *_, mark in after.values()] == ["diamond-open", "diamond-open"]


def test_every_finding_can_be_drawn_and_its_words_hold_every_seed(study):
    all_findings = [
        findings.accuracies(study),
        findings.compared(study, "none"),
        findings.by_head(study, "additive", "multiplicative"),
        findings.bright_first(study),
        findings.bright_first(study, "insertion"),
        findings.polarity(study),
        *(findings.finds_object(study, key) for key in ("pointing", "roc_auc", "energy_over_area")),
        findings.compared(study, "baseline", "calibration_error"),
    ]
    for finding in all_findings:
        for panel, rows in finding.rows.items():
            figure, words = figures.dots(finding, panel), figures.alt(finding, panel)
            assert words.startswith(panel) and "<br>" not in words
            low, high = figure.layout.xaxis.range
            for row in rows:
                assert seeds(figure, row.label) == pytest.approx(row.by_seed)
                shown = (*row.by_seed.values(), row.low, row.high)
                assert all(low < value < high for value in shown if value is not None)
                assert f"{row.label}: mean {findings.number(row.mean, finding.digits, sign=bool(row.against))}" in words
                assert all(findings.number(value, finding.digits) in words for value in row.by_seed.values())
            if finding.reference is not None:
                assert {shape.x0 for shape in figure.layout.shapes} == {finding.reference}
                assert low < finding.reference < high


def test_panels_share_a_scale_where_they_can_be_compared(study):
    def spans(finding: Finding) -> set[tuple[float, float]]:
        return {tuple(figures.dots(finding, panel).layout.xaxis.range) for panel in finding.rows}

    assert len(spans(findings.compared(study, "baseline"))) == 1
    assert len(spans(findings.accuracies(study))) == 2
    assert all(low < -1 and high > 1 for low, high in spans(findings.polarity(study)))


def test_what_was_not_measured_is_said_and_not_drawn():
    rows = {"P": [Spread("a", {}), findings.spread("<b>", {4: 0.25})]}
    finding = Finding({}, rows, "axis")
    figure = figures.dots(finding, "P")
    assert texts(figure) == ["a", "not measured", "&lt;b>", "0.25, one seed"]
    assert seeds(figure, "&lt;b>") == {4: 0.25} and len(means(figure)) == 1
    assert figures.alt(finding, "P") == "P, axis. a: not measured. <b>: 0.25, one seed; seeds 0.25."
    assert figures.dots(replace(finding, rows={"P": []}), "P").layout.xaxis.range == (-0.05, 1.05)


def test_controls_are_drawn_apart_by_mark_and_color(study):
    figure = figures.dots(findings.finds_object(study), "CIFAR-100")
    marks = [mark for *_, mark in means(figure).values()]
    assert marks == ["diamond", "diamond", "square", "square", "square", "square"]
    assert len({trace.marker.color for trace in figure.data}) == 2
    assert sum(bool(trace.showlegend) for trace in figure.data) == 2


def test_cost_bars_stand_on_one_another_up_to_the_whole(results):
    (cost,) = findings.read_costs(results).families
    figure = figures.cost_bars(cost)
    bars = {trace.name: list(trace.x) for trace in figure.data}
    assert bars["feature extractor"] == pytest.approx([25, 50, 50, 50])
    assert bars["perception branch"] == pytest.approx([75, 50, 50, 50])
    assert bars["attention branch"] == pytest.approx([75, 75, 75, 75])
    assert bars["whole network (peaks don't add up)"] == pytest.approx([150, 150])
    assert texts(figure)[:4] == ["parameters", "× 1.75", "FLOPs", "× 1.75"]
    assert texts(figure)[-2:] == ["peak memory, 32 images at once", "× 1.50"]
    assert {shape.x0 for shape in figure.layout.shapes} == {100} and figure.layout.barmode == "stack"
    assert "FLOPs: 1.75 times the baseline; time, 1 image at once: 1.75" in figures.cost_alt(cost)


def test_published_figures_are_drawn_as_given():
    published = findings.read_published()
    figure, results = figures.published_dots(published, "CIFAR-100"), published.by_dataset["CIFAR-100"]
    drawn = {trace.name: dict(zip(trace.customdata, trace.x, strict=True)) for trace in figure.data}
    assert drawn["attention branch, by its authors"] == {result.backbone: result.abn for result in results}
    assert drawn["baseline, by the same authors"] == {result.backbone: result.plain for result in results}
    assert drawn["attention branch, by others"] == {"ResNet110": 24.46}
    assert drawn["baseline, by others"] == {"ResNet110": 24.65, "Wide ResNet": 18.14, "ResNeXt": 17.38}
    assert "ResNet50: 23.1 with attention branch, 24.1 without" in figures.published_alt(published, "ImageNet")
    json.loads(figure.to_json())


# ---- the matrix ----


def lines(markup: str) -> list[str]:
    return re.findall(r'<div class="abn-forest-line.*?</span></div>', markup)


def test_each_cell_of_the_matrix_holds_effect_interval_and_n(study):
    finding = findings.compared(study, "baseline")
    markup = figures.forest_row(finding, {"CIFAR-100": 5, "Cluttered Fashion-MNIST": 6})
    rows = [row for panel in finding.effects.values() for row in panel]
    assert "CIFAR-100 · 5 seeds" in markup and ["n = 5" in line for line in lines(markup)] == [False, False, True, True]
    assert len(lines(markup)) == len(rows) == 4
    for line, row in zip(lines(markup), rows, strict=True):
        mean, low, high = (findings.number(value, 1, sign=True) for value in (row.mean, row.low, row.high))
        assert all(text in line for text in (f"<span>{row.name}<", f"{mean} pt", f"[{low}, {high}]"))
        assert ("abn-forest-null" in line) == (row.low <= 0 <= row.high)
        assert forest.CORRECTED not in line


def test_marks_of_the_matrix_stand_where_the_values_are(study):
    finding = findings.compared(study, "baseline")
    markup = figures.forest_row(finding, dict.fromkeys(finding.rows, 5))

    def places(kind: str) -> list[float]:
        return [float(left) for left in re.findall(rf'abn-forest-{kind}" style="left: ([\d.]+)%', markup)]

    (zero,), means = set(places("zero")), places("mean")
    rows = [row for panel in finding.effects.values() for row in panel]
    scale = (means[0] - zero) / rows[0].mean
    assert [zero + scale * row.mean for row in rows] == pytest.approx(means, abs=0.05)
    assert [zero + scale * row.low for row in rows] == pytest.approx(places("interval"), abs=0.05)
    assert all(0 < place < 100 for place in (zero, *means))


def test_the_matrix_shows_seeds_of_polarity_and_what_is_missing(study, results):
    finding = findings.polarity(study)
    markup = figures.forest_row(finding, dict.fromkeys([*finding.rows, "<Other>"], 5))
    assert markup.count("abn-forest-seed") == 20 and "abn-forest-interval" not in markup
    assert forest.UPRIGHT.format(count=5, seeds=5) in markup
    assert forest.NOT_MEASURED in markup and "&lt;Other&gt;" in markup and "<Other>" not in markup
    assert figures.forest_header({"<a>": 5}).count("&lt;a&gt;") == 1
    change(results, set_comparison("additive", "baseline", "accuracy", "cifar100", p_holm=0.01))
    corrected = findings.compared(findings.read_study(results), "baseline")
    assert forest.CORRECTED in lines(figures.forest_row(corrected, {"CIFAR-100": 5}))[0]
    same = replace(finding, same=("CIFAR-100",))
    assert forest.SAME in figures.forest_row(same, {"CIFAR-100": 5})
