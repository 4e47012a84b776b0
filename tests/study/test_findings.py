"""The study put into words: every sentence follows the numbers in the files, and a broken file is one sentence."""

import csv
import io
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from study_results import change, make_results, set_comparison

from abn.errors import ABNError
from abn.study import findings
from abn.study.findings import METRICS, Finding, Spread
from abn.study.findings.comparisons import SAME
from abn.study.findings.map_polarity import inverted, upright
from abn.study.findings.study import CAM, UNTRAINED, Study
from abn.study.findings.words import CORRECTED, DECISIVE, UNCORRECTED, panels, word
from abn.vocabulary import ATTENTION_MECHANISMS

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """Additive is five points more accurate than all others on CIFAR-100; nothing else differs."""
    return make_results(tmp_path_factory.mktemp("study"), effects={("cifar100", "additive", "accuracy"): 0.05})


@pytest.fixture
def results(made, tmp_path) -> Path:
    """A copy of these result files, to change."""
    for file in made.glob("*.json"):
        shutil.copy(file, tmp_path)
    return tmp_path


def outcomes(finding: Finding) -> dict[str, list[str]]:
    """Panel → outcome of each of its rows."""
    return {panel: [row.outcome for row in rows] for panel, rows in finding.rows.items()}


# ---- numbers ----


def test_a_spread_is_mean_and_t_interval():
    from scipy import stats

    values = [0.1, 0.4, 0.2, 0.7]
    spread = findings.spread("x", dict(enumerate(values)))
    low, high = stats.t.interval(0.95, 3, loc=np.mean(values), scale=stats.sem(values))
    assert (spread.mean, spread.low, spread.high) == pytest.approx((np.mean(values), low, high), abs=1e-4)
    assert findings.spread("x", {}).mean is None and findings.spread("x", {3: 0.5}).low is None


def test_differences_are_seed_by_seed_and_have_the_interval_of_the_summary(results):
    study = findings.read_study(results)
    additive, baseline = (study.values("cifar100", arm, "accuracy") for arm in ("additive", "baseline"))
    row = study.difference("cifar100", "additive", "baseline", "accuracy")
    assert row.by_seed == pytest.approx({seed: additive[seed] - baseline[seed] for seed in range(1, 6)})
    key = ("dataset", "arm", "against", "metric")
    summary = {tuple(c[k] for k in key): c for c in json.loads((results / "summary.json").read_text())["comparisons"]}
    stored = summary["cifar100", "additive", "baseline", "accuracy"]
    assert (row.mean, row.low, row.high) == pytest.approx(
        tuple(100 * stored[part] for part in ("mean_difference", "ci_low", "ci_high"))
    )
    assert (row.p, row.p_holm, row.family) == (stored["p"], stored["p_holm"], 9)
    recomputed = findings.spread("", row.by_seed)
    assert (recomputed.low, recomputed.high) == pytest.approx((row.low, row.high), abs=1e-3)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ((1.234, 1), "1.2"),
        ((-1.25, 2), "−1.25"),
        ((-0.001, 1), "0.0"),
        ((0.0, 1, True), "±0.0"),
        ((-0.03, 1, True), "−0.03"),
        ((0.04, 1, True), "+0.04"),
        ((3.14, 1, True), "+3.1"),
    ],
)
def test_numbers_for_people(given, text):
    value, digits, *sign = given
    assert findings.number(value, digits, sign=bool(sign)) == text


# ---- does it help? ----


def test_an_effect_and_none_are_told_apart(results):
    finding = findings.compared(findings.read_study(results), "baseline")
    assert outcomes(finding) == {"CIFAR-100": ["higher", "none"], "Cluttered Fashion-MNIST": ["none", "none"]}
    assert list(finding.sentences) == list(finding.rows) and finding.effects == finding.rows
    row, cells = finding.rows["CIFAR-100"][0], findings.number_table(finding)[0]
    assert cells["mean"] == f"{findings.number(row.mean, 1, sign=True)} pt" and cells["p"] == f"{row.p:.2g}"
    assert cells["p, Holm"] == f"{row.p_holm:.2g}" and len(cells["seeds"].split(", ")) == 5


def test_a_column_of_the_table_that_holds_nothing_is_left_out(results):
    study = findings.read_study(results)
    assert {"p", "p, Holm", "95 % interval"}.isdisjoint(findings.number_table(findings.polarity(study))[0])
    assert "95 % interval" in findings.number_table(findings.accuracies(study))[0]


@pytest.mark.parametrize(
    ("low", "high", "seen"), [(-0.001, 0.05, "none"), (-0.05, -0.01, "lower"), (0.01, 0.05, "higher")]
)
def test_words_and_verdicts_follow_the_interval(results, low, high, seen):
    for arm in ATTENTION_MECHANISMS:
        change(results, set_comparison(arm, "matched", "accuracy", ci_low=low, ci_high=high))
    finding = findings.compared(findings.read_study(results), "matched")
    assert list(outcomes(finding).values()) == [[seen, seen]] * 2
    arms, control = "additive and multiplicative", "the parameter-matched baseline"
    clause = f"{arms} {seen} than {control} ({UNCORRECTED})"  # no corrected test decides
    if seen == "none":
        clause = f"no difference seen for {arms} against {control}"
    assert finding.sentences == {
        name: f"Accuracy of the perception head on {name} (5 seeds, 2,000 images): {clause}."
        for name in ("CIFAR-100", "Cluttered Fashion-MNIST")
    }


def test_two_mechanisms_are_compared_for_each_head(results):
    finding = findings.by_head(findings.read_study(results), "additive", "multiplicative")
    for rows in finding.rows.values():
        assert [row.name for row in rows] == ["perception head", "auxiliary head"]
        assert [row.label for row in rows] == [f"{row.name}: additive − multiplicative" for row in rows]
    assert outcomes(finding)["CIFAR-100"] == ["higher", "none"]
    assert "Accuracy of the auxiliary head" in finding.sentences["CIFAR-100"]


def test_of_errors_less_is_better(results):
    def seen(**values: float) -> Finding:
        for arm in ATTENTION_MECHANISMS:
            change(results, set_comparison(arm, "baseline", "calibration_error", "cifar100", **values))
        return findings.compared(findings.read_study(results), "baseline", "calibration_error")

    finding = seen(ci_low=-0.05, ci_high=-0.01)
    assert outcomes(finding)["CIFAR-100"] == ["lower", "lower"]
    clause = "additive and multiplicative {} than the baseline ({})"
    assert clause.format("lower", UNCORRECTED) in finding.sentences["CIFAR-100"]
    finding = seen(p_holm=0.01)
    assert clause.format("better", CORRECTED) in finding.sentences["CIFAR-100"]


@pytest.mark.parametrize(
    ("key", "low", "high", "p_holm", "expected"),
    [
        ("accuracy", 0.01, 0.05, None, "higher"),  # without a corrected test there is no "better"
        ("accuracy", 0.01, 0.05, DECISIVE, "higher"),
        ("accuracy", 0.01, 0.05, 0.049, "better"),
        ("accuracy", -0.05, -0.01, 0.049, "worse"),
        ("calibration_error", 0.01, 0.05, 0.049, "worse"),
        ("calibration_error", -0.05, -0.01, 0.049, "better"),
        ("accuracy", -0.01, 0.05, 0.049, "none"),  # the interval decides first
    ],
)
def test_better_and_worse_need_a_corrected_p(key, low, high, p_holm, expected):
    row = Spread("additive", dict.fromkeys(range(8), 0.02), "baseline", 0.02, low, high, p=0.001, p_holm=p_holm)
    assert word(row, METRICS[key]) == expected


@pytest.mark.parametrize(
    ("key", "metric", "images"),
    [
        ("accuracy", "Accuracy of the perception head", "2,000"),
        ("pointing", "Brightest cell on the object", "1,500"),
        ("deletion_below_random", "Deletion, area between the random-order curve and the brightest-first curve", "100"),
    ],
)
def test_a_sentence_names_metric_data_set_seeds_and_images(results, key, metric, images):
    def sentence() -> str:
        return findings.compared(findings.read_study(results), "baseline", key).sentences["CIFAR-100"]

    assert sentence().startswith(f"{metric} on CIFAR-100 (5 seeds, {images} images): ")
    change(results, lambda summary: [run.update(settings={}) for run in summary["runs"]])
    assert sentence().startswith(f"{metric} on CIFAR-100 (5 seeds): ")  # on how many images wasn't noted


# ---- what is missing ----


@pytest.mark.parametrize(
    ("keep", "expected"),
    [
        (lambda run: run["arm"] != "multiplicative", ["higher", "missing"]),
        (lambda run: run["arm"] == "none", []),
        (lambda run: run["seed"] <= 1, ["few", "few"]),
        (lambda run: run["seed"] <= 2, ["few", "few"]),
    ],
    ids=["no multiplicative", "only none", "one seed", "two seeds"],
)
def test_what_is_missing_is_no_finding(results, keep, expected):
    change(results, lambda s: s.update(runs=[run for run in s["runs"] if keep(run)], comparisons=[]))
    finding = findings.compared(findings.read_study(results), "baseline")
    assert outcomes(finding).get("CIFAR-100", []) == expected


def test_two_seeds_that_agree_by_rounding_are_no_finding():
    assert findings.spread("x", {1: 0.2, 2: 0.2}, against="y").outcome == "few"
    assert findings.spread("x", {1: 0.2, 2: 0.2, 3: 0.2}, against="y").outcome == "higher"


def test_a_missing_metric_is_not_measured_and_the_others_stand(results):
    def drop(summary: dict) -> None:
        for run in summary["runs"]:
            del run["metrics"]["calibration_error"]
            run["metrics"]["polarity"] = None
            run["metrics"]["pointing"] = float("nan")

    study = findings.read_study(change(results, drop))
    finding = findings.compared(study, "baseline", "calibration_error")
    assert finding.rows == finding.sentences == finding.effects == {}
    assert not any(row.by_seed for row in findings.polarity(study).rows["CIFAR-100"][:3])
    assert findings.finds_object(study).rows["CIFAR-100"][0].mean is None
    assert outcomes(findings.compared(study, "baseline"))["CIFAR-100"] == ["higher", "none"]


def test_a_data_set_without_the_metric_is_left_out(results):
    def drop(summary: dict) -> None:  # as where no masks are known
        for run in summary["runs"]:
            if run["dataset"] == "cifar100":
                for key in ("pointing", "pointing_untrained", "polarity", "polarity_untrained"):
                    del run["metrics"][key]

    study = findings.read_study(change(results, drop))
    for finding in (findings.finds_object(study), findings.polarity(study)):
        assert list(finding.rows) == ["Cluttered Fashion-MNIST"] == list(finding.sentences) == list(finding.effects)
    assert list(findings.compared(study, "baseline").rows) == ["CIFAR-100", "Cluttered Fashion-MNIST"]
    measured, missing = findings.spread("a", {1: 0.5}), findings.spread("b", {})
    rows = {"cifar100": [missing, missing], "cluttered-fashion": [measured, missing]}
    assert panels(study, rows.__getitem__) == {"Cluttered Fashion-MNIST": [measured, missing]}
    assert panels(Study((), ()), rows.__getitem__) == {}


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"runs": []}', '{"runs": [1], "comparisons": []}', "\x00"])
def test_a_broken_summary_is_one_plain_sentence(tmp_path, text):
    (tmp_path / "summary.json").write_text(text)
    with pytest.raises(ABNError, match=r"^These results can't be read \(summary.json\): python -m abn study report"):
        findings.read_study(tmp_path)


@pytest.mark.parametrize("key", ["dataset", "arm", "seed", "metrics", "parameters", "seconds", "settings", "command"])
def test_a_run_that_lacks_something_breaks_the_summary(results, key):
    change(results, lambda summary: summary["runs"][0].pop(key))
    with pytest.raises(ABNError, match="can't be read"):
        findings.read_study(results)


def test_a_file_is_parsed_again_only_where_it_changed(results):
    study = findings.read_study(results)
    assert findings.read_study(results) is study
    change(results, lambda summary: summary["runs"].pop())
    assert findings.read_study(results).runs == study.runs[:-1]


def test_missing_files_and_an_empty_study_say_what_to_do(tmp_path):
    for read, command in ((findings.read_study, "report"), (findings.read_costs, "cost")):
        with pytest.raises(ABNError, match=rf"are missing .*python -m abn study {command} makes them\.$"):
            read(tmp_path)
    (tmp_path / "summary.json").write_text('{"runs": [], "comparisons": []}')
    with pytest.raises(ABNError, match="holds no run yet: python -m abn study run"):
        findings.read_study(tmp_path)


# ---- is bright important? ----


def test_polarity_is_shown_as_seeds_and_never_as_an_interval(results):
    """A t-interval of a value between −1 and 1 may leave that range."""
    finding = findings.polarity(findings.read_study(results))
    assert all(row.low is row.high is None and row.by_seed for rows in finding.rows.values() for row in rows)
    seeds = findings.number_table(finding)[0]["seeds"].split(", ")
    assert seeds == [findings.number(value, 2) for value in finding.rows["CIFAR-100"][0].by_seed.values()]


def test_polarity_is_counted_seed_by_seed(results):
    def turn(summary: dict) -> None:
        for run in summary["runs"]:
            if run["dataset"] == "cifar100" and run["arm"] == "multiplicative" and run["seed"] <= 2:
                run["metrics"]["polarity"] = -0.4
            if run["dataset"] == "cluttered-fashion" and run["arm"] in ATTENTION_MECHANISMS:
                run["metrics"]["polarity"] = -0.2

    finding = findings.polarity(findings.read_study(change(results, turn)))
    assert "3 of 5 seeds for multiplicative" in finding.sentences["CIFAR-100"]
    assert "0 of 5 seeds for additive and multiplicative" in finding.sentences["Cluttered Fashion-MNIST"]


@pytest.mark.parametrize(("key", "effect"), [("deletion", 0.3), ("insertion", -0.3)])
def test_brightest_first_is_set_against_random_and_darkest(results, tmp_path, key, effect):
    study = findings.read_study(results)
    finding = findings.bright_first(study, key)
    assert finding.rows["CIFAR-100"][0].by_seed == study.values("cifar100", "additive", key)
    curves = {
        "deletion": "the random-order curve and the brightest-first curve",
        "insertion": "the brightest-first curve and the random-order curve",
    }
    start = f"{key.capitalize()}, area between {curves[key]} on CIFAR-100 (5 seeds, 100 images): additive and "
    sentence = finding.sentences["CIFAR-100"]
    assert sentence.startswith(f"{start}multiplicative higher than 0 ({UNCORRECTED})")
    assert {row.outcome for row in finding.effects["CIFAR-100"]} == {"none"}  # no more than with “none”
    effects = {("cifar100", arm, key): effect for arm in ATTENTION_MECHANISMS}
    study = findings.read_study(make_results(tmp_path / "worse", effects=effects, datasets=("cifar100",)))
    finding = findings.bright_first(study, key)
    assert "multiplicative lower than 0 and “none” (" in finding.sentences["CIFAR-100"]
    for row in finding.effects["CIFAR-100"]:
        metric = {"deletion": "deletion_below_random", "insertion": "insertion_above_random"}[key]
        bright, none = (study.values("cifar100", arm, metric) for arm in (row.name, "none"))
        assert row.outcome == "lower" and row.p is not None
        assert row.by_seed == pytest.approx({seed: bright[seed] - none[seed] for seed in bright})


def test_where_two_arms_are_one_computation_that_is_said(results):
    study = findings.read_study(results)
    assert len(findings.compared(study, "none").sentences) == len(study.datasets)

    def same(summary: dict) -> None:
        runs = [run for run in summary["runs"] if run["dataset"] == "cifar100"]
        accuracy = {run["seed"]: run["metrics"]["accuracy"] for run in runs if run["arm"] == "baseline"}
        for run in runs:
            if run["arm"] == "none":
                run["metrics"]["accuracy"] = accuracy[run["seed"]]

    study = findings.read_study(change(results, same))
    finding = findings.compared(study, "none")
    assert finding.same == ("CIFAR-100",) and len(finding.sentences) == 2
    assert finding.sentences["CIFAR-100"] == SAME.format(dataset="CIFAR-100")
    assert findings.compared(study, "matched").same == ()


@pytest.mark.parametrize(
    ("values", "expected"), [((0.8, 0.01, -0.7), (1, 1)), ((-0.8, -0.3), (0, 2)), ((0.01, -0.3), (0, 1))]
)
def test_a_map_near_zero_polarity_is_neither_upright_nor_inverted(values, expected):
    row = findings.spread("additive", dict(enumerate(values)))
    assert (upright(row), inverted(row)) == expected


def test_finding_the_object_is_set_against_its_controls(tmp_path):
    effects = {("cifar100", arm, "pointing"): 0.1 for arm in ATTENTION_MECHANISMS}
    effects |= {("cluttered-fashion", arm, "pointing"): -0.2 for arm in (*ATTENTION_MECHANISMS, "none")}
    study = findings.read_study(make_results(tmp_path, effects=effects))
    for control, name in ((UNTRAINED, "before training"), ("none", "“none”"), (CAM, "the CAM of the baseline")):
        finding = findings.finds_object(study, control=control)
        assert f"additive and multiplicative higher than {name}" in finding.sentences["CIFAR-100"]
        lower = f"multiplicative lower than {name}" in finding.sentences["Cluttered Fashion-MNIST"]
        assert lower == (control == CAM)
        assert [row.name for row in finding.effects["CIFAR-100"]] == list(ATTENTION_MECHANISMS)
    names = [row.name for row in finding.rows["CIFAR-100"]]
    assert names == ["additive", "multiplicative", "none", UNTRAINED, CAM, "CAM of the parameter-matched baseline"]
    assert finding.rows["CIFAR-100"][3].by_seed == study.values("cifar100", "none", "pointing_untrained")
    assert findings.finds_object(study, "roc_auc").reference == 0.5


# ---- how much there is ----


@pytest.mark.parametrize(
    ("seeds", "least", "adjusted", "message"),
    [
        (5, "2/2^5 = 0.0625", "0.56", True),
        (8, "2/2^8 = 0.007812", "0.07", True),
        (10, "2/2^10 = 0.001953", "0.018", False),
    ],
)
def test_the_least_p_is_stated(tmp_path, seeds, least, adjusted, message):
    study = findings.read_study(make_results(tmp_path, seeds=seeds, datasets=("cifar100",)))
    text = findings.exact_test(study)[0]
    assert (
        f"With {seeds} seeds" in text and least in text and f"for 9 comparisons raises it to {adjusted} at best" in text
    )
    assert ("no comparison can pass 0.05" in text) == message


def test_intervals_are_counted_over_differences_alone(results):
    study = findings.read_study(results)
    assert findings.count_intervals([findings.compared(study, "baseline"), findings.polarity(study)]) == (1, 4)
    assert findings.count_intervals([findings.polarity(study)]) == (0, 0)


def test_sizes_come_from_the_settings(results):
    study = findings.read_study(results)
    sizes = findings.sizes(study, "cifar100")
    assert all(number in sizes for number in ("12,000", "2 epochs", "batches of 64", "2,000", "375 steps."))
    text = findings.parameters(study, "cifar100")
    assert all(
        number in text for number in ("baseline 1,000", "parameter-matched baseline 1,990", "additive 2,000", "100 %")
    )
    overview = findings.count_runs(study)
    assert all(number in overview for number in ("50 networks", "25 on CIFAR-100 (5 seeds)"))

    def to_a_flat_end(summary: dict) -> None:
        for run in summary["runs"]:
            run["settings"].update(schedule="one-cycle", views=4, device="cuda")

    sizes = findings.sizes(findings.read_study(change(results, to_a_flat_end)), "cifar100")
    assert "4 random crops of each" in sizes and "Trained on a GPU." in sizes
    assert "1,500 steps, until the learning rate reaches 0." in sizes
    change(results, lambda summary: summary["runs"][3]["settings"].update(batch=32))
    dataset = json.loads((results / "summary.json").read_text())["runs"][3]["dataset"]
    assert "Settings differ" in findings.sizes(findings.read_study(results), dataset) and "Settings differ" not in sizes


def test_an_unknown_data_set_has_its_own_name(tmp_path):
    study = findings.read_study(make_results(tmp_path, datasets=("shapes", "cifar100")))
    assert study.datasets == ["cifar100", "shapes"]
    assert list(findings.compared(study, "baseline").rows) == ["CIFAR-100", "shapes"]


def test_the_table_holds_every_run_and_number(results):
    study = findings.read_study(results)
    rows = list(csv.DictReader(io.StringIO(findings.as_csv(study))))
    assert len(rows) == len(study.runs) == 50
    for row, run in zip(rows, study.runs, strict=True):
        assert (row["dataset"], row["arm"], int(row["seed"])) == (run.dataset, run.arm, run.seed)
        assert float(row["accuracy"]) == run.values["accuracy"] and row["command"] == run.command
    assert {row["accuracy_auxiliary"] for row in rows if row["arm"] == "baseline"} == {""}


# ---- cost and what was published ----


def test_cost_is_read_as_ratios(results):
    costs = findings.read_costs(results)
    (cost,) = costs.families
    assert cost.ratio("parameters") == 1.75 and cost.ratio("seconds", 32) == pytest.approx(1.75)
    assert cost.ratio("peak_bytes", 1) == 1.5 and cost.batches == [1, 32]
    assert "1.75 times the parameters" in findings.cost_sentence(costs.families)
    assert costs.seconds_to_measure("tiny", [1]) == pytest.approx(0.7)
    assert costs.seconds_to_measure("other", [1]) is None

    def double(costs: dict) -> None:
        again = json.loads(json.dumps(costs["families"][0]))
        again["family"], again["parts"][-1]["parameters"] = "other", 8000
        costs["families"].append(again)

    families = findings.read_costs(change(results, double, "cost.json")).families
    assert "takes 1.75 to 2.00 times the parameters" in findings.cost_sentence(families)
    assert "over 2 networks" in findings.cost_sentence(families)


def test_the_parts_are_those_that_are_measured():
    from abn.evaluation import cost
    from abn.vocabulary import PARTS

    assert tuple(findings.PARTS) == (*PARTS, cost.PLAIN, cost.WHOLE)


@pytest.mark.parametrize(
    "how",
    [
        lambda costs: costs["families"][0]["parts"].pop(),
        lambda costs: costs["families"][0]["parts"][3].update(parameters=0),
        lambda costs: costs["families"][0]["parts"][3].update(seconds={"1": 0.1}),
        lambda costs: costs["families"][0].pop("family"),
        lambda costs: costs.pop("threads"),
    ],
)
def test_broken_costs_are_one_plain_sentence(results, how):
    with pytest.raises(ABNError, match=r"^These results can't be read \(cost.json\)"):
        findings.read_costs(change(results, how, "cost.json"))


def test_the_published_figures_follow_their_file(results):
    published = findings.read_published(results)
    assert published == findings.read_published()
    assert vars(published.by_dataset["CIFAR-100"][0]) == {
        "dataset": "CIFAR-100", "backbone": "ResNet110", "abn": 22.5, "plain": 24.1}  # fmt: skip
    assert len(published.by_dataset["ImageNet"]) == 3
    assert [(dispute.backbone, dispute.abn, dispute.plain) for dispute in published.disputes] == [
        ("ResNet110", 24.46, 24.65), ("Wide ResNet", None, 18.14), ("ResNeXt", None, 17.38)]  # fmt: skip
    assert "7 of 7 pairs, by 0.6 to 1.6 percentage points" in findings.published_sentence(published)
    change(results, lambda published: published["results"][0].update(abn=25.0), "published.json")
    assert "in 6 of 7 pairs, by −0.9 to" in findings.published_sentence(findings.read_published(results))


@pytest.mark.parametrize(
    "how",
    [
        lambda published: published["disputes"][0].update(source="nowhere"),
        lambda published: published["review"].update(source="nowhere"),
        lambda published: published["review"].pop("quote"),
        lambda published: published["review"].pop("source"),
        lambda published: published["sources"]["review"].pop("name"),
    ],
)
def test_broken_published_figures_are_one_plain_sentence(results, how):
    with pytest.raises(ABNError, match=r"^These results can't be read \(published\.json\)"):
        findings.read_published(change(results, how, "published.json"))


def test_taught_maps_are_told_from_the_stored_results():
    data = json.loads((findings.RESULTS / "map_teaching.json").read_text(encoding="utf-8"))
    told = findings.taught_sentences()
    assert list(told) == list(dict.fromkeys(run["variant"] for run in data["runs"]))
    for variant, (on_maps, on_accuracy) in told.items():
        networks = [run["networks"] for run in data["runs"] if run["variant"] == variant]
        for name in ("before", "taught", "control"):
            assert f"{np.mean([row[name]['roc_auc'] for row in networks]):.2f}" in on_maps
            assert f"{np.mean([row[name]['perception_top1'] for row in networks]):.2f}" in on_accuracy


def test_missing_results_of_taught_maps_are_one_sentence(tmp_path):
    with pytest.raises(ABNError, match=r"^These results are missing \(map_teaching\.json\)"):
        findings.taught_sentences(tmp_path)
