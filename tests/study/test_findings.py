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
from abn.study.findings import METRICS, Finding
from abn.study.findings.comparisons import BEYOND
from abn.study.findings.map_polarity import UPRIGHT, orientation
from abn.study.findings.study import CAM, UNTRAINED
from abn.vocabulary import ATTENTION_MECHANISMS

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """Additive is five points better than all others on scenes; nothing else differs."""
    return make_results(tmp_path_factory.mktemp("study"), effects={("scenes", "additive", "accuracy"): 0.05})


@pytest.fixture
def results(made, tmp_path) -> Path:
    """A copy of these result files, to change."""
    for file in made.glob("*.json"):
        shutil.copy(file, tmp_path)
    return tmp_path


def outcomes(finding: Finding) -> dict[str, list[str]]:
    """Panel → outcome of each of its rows."""
    return {panel: [row.outcome for row in rows] for panel, rows in finding.rows.items()}


def tones(finding: Finding) -> list[str]:
    return [verdict.tone for verdict in finding.verdicts]


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
    additive, baseline = (study.values("scenes", arm, "accuracy") for arm in ("additive", "baseline"))
    row = study.difference("scenes", "additive", "baseline", "accuracy")
    assert row.by_seed == pytest.approx({seed: additive[seed] - baseline[seed] for seed in range(1, 6)})
    key = ("dataset", "arm", "against", "metric")
    summary = {tuple(c[k] for k in key): c for c in json.loads((results / "summary.json").read_text())["comparisons"]}
    stored = summary["scenes", "additive", "baseline", "accuracy"]
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
    assert outcomes(finding) == {"Scenes": ["higher", "none"], "Cluttered Fashion-MNIST": ["none", "none"]}
    assert tones(finding) == ["open", "open"] and len(finding.sentences) == 2
    row = finding.rows["Scenes"][0]
    for number in (findings.number(row.mean, 1, sign=True), f"{row.p:.2g}", f"{row.p_holm:.2g}", findings.seeds([row])):
        assert number in finding.numbers[0]


@pytest.mark.parametrize(
    ("low", "high", "seen", "tone"),
    [(-0.001, 0.05, "none", "open"), (-0.05, -0.01, "lower", "open"), (0.01, 0.05, "higher", "seen")],
)
def test_words_and_verdicts_follow_the_interval(results, low, high, seen, tone):
    for arm in ATTENTION_MECHANISMS:
        change(results, set_comparison(arm, "matched", "accuracy", ci_low=low, ci_high=high))
    finding = findings.compared(findings.read_study(results), "matched")
    assert list(outcomes(finding).values()) == [[seen, seen]] * 2 and tones(finding) == [tone, tone]
    metric = METRICS["accuracy"]
    phrase = {"higher": metric.above, "lower": metric.below, "none": "no difference"}[seen]
    (sentence,) = finding.sentences  # one for both data sets, as both say the same
    assert phrase in sentence


def test_of_two_mechanisms_the_one_ahead_is_named(results):
    def leaders() -> list[str]:
        study = findings.read_study(results)
        finding = findings.compared(study, "multiplicative", arms=("additive",), ahead=True)
        return [verdict.words.split()[0] for verdict in finding.verdicts]

    assert leaders() == ["additive", "no"]
    change(results, set_comparison("additive", "multiplicative", "accuracy", ci_low=-0.09, ci_high=-0.02))
    assert leaders() == ["multiplicative", "multiplicative"]


def test_of_errors_less_is_better(results):
    for arm in ATTENTION_MECHANISMS:
        change(results, set_comparison(arm, "baseline", "calibration_error", "scenes", ci_low=-0.05, ci_high=-0.01))
    finding = findings.compared(findings.read_study(results), "baseline", "calibration_error")
    assert outcomes(finding)["Scenes"] == ["lower", "lower"] and tones(finding)[0] == "seen"
    assert METRICS["calibration_error"].below in finding.sentences[0]


# ---- what is missing ----


@pytest.mark.parametrize(
    ("keep", "scenes"),
    [
        (lambda run: run["arm"] != "multiplicative", ["higher", "missing"]),
        (lambda run: run["arm"] == "none", ["missing", "missing"]),
        (lambda run: run["seed"] <= 1, ["few", "few"]),
        (lambda run: run["seed"] <= 2, ["few", "few"]),
    ],
    ids=["no multiplicative", "only none", "one seed", "two seeds"],
)
def test_what_is_missing_is_no_finding(results, keep, scenes):
    change(results, lambda s: s.update(runs=[run for run in s["runs"] if keep(run)], comparisons=[]))
    finding = findings.compared(findings.read_study(results), "baseline")
    assert outcomes(finding)["Scenes"] == scenes
    assert tones(finding)[0] == ("seen" if "higher" in scenes else "missing")


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
    assert outcomes(findings.compared(study, "baseline", "calibration_error"))["Scenes"] == ["missing", "missing"]
    assert not any(row.by_seed for row in findings.polarity(study).rows["Scenes"][:3])
    assert findings.finds_object(study).rows["Scenes"][0].mean is None
    assert outcomes(findings.compared(study, "baseline"))["Scenes"] == ["higher", "none"]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"runs": []}', '{"runs": [1], "comparisons": [], "polarity": []}', "\x00"]
)
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
    (tmp_path / "summary.json").write_text('{"runs": [], "comparisons": [], "polarity": []}')
    with pytest.raises(ABNError, match="holds no run yet: python -m abn study run"):
        findings.read_study(tmp_path)


# ---- is bright important? ----


def test_polarity_is_counted_seed_by_seed(results):
    def turn(summary: dict) -> None:
        for run in summary["runs"]:
            if run["dataset"] == "scenes" and run["arm"] == "multiplicative" and run["seed"] <= 2:
                run["metrics"]["polarity"] = -0.4
            if run["dataset"] == "cluttered-fashion" and run["arm"] in ATTENTION_MECHANISMS:
                run["metrics"]["polarity"] = -0.2

    finding = findings.polarity(findings.read_study(change(results, turn)))
    assert "3 of 5 seeds for multiplicative" in finding.sentences[0]
    assert "0 of 5 seeds for additive and multiplicative" in finding.sentences[1]
    assert tones(finding) == ["open", "open"]


def test_maps_upright_in_every_seed_are_a_finding(results):
    finding = findings.polarity(findings.read_study(results))
    assert finding.verdicts[0].words == UPRIGHT and tones(finding) == ["seen", "seen"]


def test_trials_say_what_turned_the_map(results):
    study = findings.read_study(results)
    finding = findings.polarity_trials(study)
    assert finding.verdicts[0].words == "unfolded with a fast head (5 of 5 seeds)"
    assert len(finding.rows) == 2 and [len(row.by_seed) for row in finding.rows["Additive, on scenes"]] == [5] * 4

    def upright(summary: dict) -> None:
        for trial in summary["polarity"]:
            trial["metrics"]["polarity"] = 0.3 if trial["seed"] > 1 or not trial["folded"] else -0.3

    finding = findings.polarity_trials(findings.read_study(change(results, upright)))
    assert finding.verdicts[0].words == "folded with a fast head (1 of 5 seeds)"
    change(results, lambda summary: summary.update(polarity=[]))
    assert tones(findings.polarity_trials(findings.read_study(results))) == ["missing", "missing"]


def test_a_trial_of_an_unknown_head_is_ignored(results):
    rows = findings.polarity_trials(findings.read_study(results)).rows
    change(results, lambda summary: summary["polarity"].append({**summary["polarity"][0], "map_head": "unknown"}))
    assert findings.polarity_trials(findings.read_study(results)).rows == rows


@pytest.mark.parametrize(("key", "effect"), [("deletion", 0.3), ("insertion", -0.3)])
def test_brightest_first_is_set_against_random_and_darkest(results, tmp_path, key, effect):
    study, metric = findings.read_study(results), METRICS[key]
    finding = findings.bright_first(study, key)
    assert finding.rows["Scenes"][0].by_seed == study.values("scenes", "additive", key)
    assert f"{metric.above} random order" in finding.sentences[0]
    assert tones(finding) == ["open", "open"]  # no more than with “none”, which never applies its map
    effects = {("scenes", arm, key): effect for arm in ATTENTION_MECHANISMS}
    study = findings.read_study(make_results(tmp_path / "worse", effects=effects, datasets=("scenes",)))
    finding = findings.bright_first(study, key)
    assert f"{metric.below} random order" in finding.sentences[0] and BEYOND.below in finding.sentences[1]


def test_where_two_arms_are_one_computation_that_is_said(tmp_path):
    make_results(tmp_path)
    assert len(findings.compared(findings.read_study(tmp_path), "none").sentences) == 1

    def same(summary):
        runs = [run for run in summary["runs"] if run["dataset"] == "scenes"]
        right = {run["seed"]: run["metrics"]["accuracy"] for run in runs if run["arm"] == "baseline"}
        for run in runs:
            if run["arm"] == "none":
                run["metrics"]["accuracy"] = right[run["seed"]]

    change(tmp_path, same)
    study = findings.read_study(tmp_path)
    assert "agree in every seed" in findings.compared(study, "none").sentences[-1]
    assert len(findings.compared(study, "matched").sentences) == 1


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((0.8, 0.01, -0.7), "upright in some seeds only"),
        ((-0.8, -0.3), "upside down in every seed"),
        ((0.01, -0.3), "upright in no seed"),
        ((0.8, 0.3), UPRIGHT),
    ],
)
def test_a_map_near_zero_polarity_is_not_counted_as_upright(values, expected):
    assert orientation(findings.spread("additive", dict(enumerate(values)))) == expected


def test_finding_the_object_is_set_against_its_controls(tmp_path):
    effects = {("scenes", arm, "pointing"): 0.1 for arm in ATTENTION_MECHANISMS}
    effects |= {("cluttered-fashion", arm, "pointing"): -0.2 for arm in (*ATTENTION_MECHANISMS, "none")}
    study = findings.read_study(make_results(tmp_path, effects=effects))
    finding = findings.finds_object(study)
    assert f"{METRICS['pointing'].above} before training" in finding.sentences[0]
    assert f"{METRICS['pointing'].below} the CAM of the baseline" in finding.sentences[1]
    assert tones(finding) == ["seen", "open"]
    names = [row.name for row in finding.rows["Scenes"]]
    assert names == ["additive", "multiplicative", "none", UNTRAINED, CAM, "CAM of the matched"]
    assert finding.rows["Scenes"][3].by_seed == study.values("scenes", "none", "pointing_untrained")
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
    study = findings.read_study(make_results(tmp_path, seeds=seeds, datasets=("scenes",)))
    text = findings.exact_test(study)[0]
    assert (
        f"With {seeds} seeds" in text
        and least in text
        and f"for up to 9 comparisons makes up to {adjusted} of that" in text
    )
    assert ("the interval and not p carries the message" in text) == message
    assert f"of {len(study.comparisons)} comparisons" in findings.exact_test(study)[1]
    assert "same test pictures" in findings.exact_test(study)[-1]


def test_sizes_come_from_the_settings(results):
    study = findings.read_study(results)
    sizes = findings.sizes(study, "scenes")
    assert all(number in sizes for number in ("12,000", "2 passes", "batches of 64", "2,000", "375 steps"))
    text = findings.parameters(study, "scenes")
    assert all(number in text for number in ("baseline 1,000", "matched 1,990", "additive 2,000", "100 %"))
    (overview,) = findings.accuracies(study).sentences
    assert all(number in overview for number in ("50 networks", "25 on scenes (5 seeds)", "50 minutes"))
    change(results, lambda summary: summary["runs"][3]["settings"].update(batch=32))
    dataset = json.loads((results / "summary.json").read_text())["runs"][3]["dataset"]
    assert "same settings" in findings.sizes(findings.read_study(results), dataset) and "same settings" not in sizes


def test_an_unknown_data_set_has_its_own_name(tmp_path):
    study = findings.read_study(make_results(tmp_path, datasets=("shapes", "scenes")))
    assert study.datasets == ["scenes", "shapes"]
    assert list(findings.compared(study, "baseline").rows) == ["Scenes", "shapes"]


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


def test_where_none_is_the_baseline_the_verdict_says_so():
    study = findings.read_study()  # as shipped: on scenes the extractor is fixed, so both are one computation
    verdicts = {verdict.where: verdict.words for verdict in findings.compared(study, "none").verdicts}
    assert verdicts["Scenes"] == "the comparison with the baseline once more" != verdicts["Cluttered Fashion-MNIST"]
    assert "the comparison with the baseline once more" not in {
        verdict.words for verdict in findings.compared(study, "matched").verdicts
    }
