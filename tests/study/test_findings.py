"""The study put into words: every sentence follows the numbers in the files, and a broken file is one sentence."""

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest
from study_results import change, make_results, set_comparison

from abn.errors import ABNError
from abn.study import findings
from abn.study.findings import questions
from abn.vocabulary import ATTENTION_MECHANISMS

ROOT = Path(__file__).parents[2]


@pytest.fixture
def results(tmp_path) -> Path:
    """Additive is five points better than all others on scenes; nothing else differs."""
    return make_results(tmp_path, effects={("scenes", "additive", "accuracy"): 0.05})


# ---- numbers ----


def test_a_spread_is_mean_and_t_interval():
    from scipy import stats

    values = [0.1, 0.4, 0.2, 0.7]
    found = findings.spread("x", dict(enumerate(values)))
    low, high = stats.t.interval(0.95, 3, loc=np.mean(values), scale=stats.sem(values))
    assert (found.mean, found.low, found.high) == pytest.approx((np.mean(values), low, high), abs=1e-4)
    assert findings.spread("x", {}).mean is None and findings.spread("x", {3: 0.5}).low is None


def test_differences_are_seed_by_seed_and_have_the_interval_of_the_summary(results):
    study = findings.read_study(results)
    additive, baseline = (study.values("scenes", arm, "accuracy") for arm in ("additive", "baseline"))
    found = study.difference("scenes", "additive", "baseline", "accuracy")
    assert found.by_seed == pytest.approx({seed: additive[seed] - baseline[seed] for seed in range(1, 6)})
    (said,) = [
        one
        for one in json.loads((results / "summary.json").read_text())["comparisons"]
        if (one["dataset"], one["arm"], one["against"], one["metric"]) == ("scenes", "additive", "baseline", "accuracy")
    ]
    assert (
        found.mean == pytest.approx(100 * said["mean_difference"]) == pytest.approx(np.mean([*found.by_seed.values()]))
    )
    assert (found.low, found.high) == pytest.approx((100 * said["ci_low"], 100 * said["ci_high"]))
    assert (found.p, found.p_holm, found.family) == (said["p"], said["p_holm"], 9)
    again = findings.spread("", found.by_seed)
    assert (again.low, again.high) == pytest.approx((found.low, found.high), abs=1e-3)


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
    found = findings.compared(findings.read_study(results), "baseline")
    assert found.sentences == (
        "On scenes, additive is right more often than the baseline; no difference seen between the baseline and "
        "multiplicative.",
        "On cluttered Fashion-MNIST, no difference seen between the baseline and additive or multiplicative.",
    )
    assert [(one.words, one.tone) for one in found.verdicts] == [
        ("better in part", "open"),
        ("no difference seen", "open"),
    ]
    assert "Scenes, 5 seeds" in found.numbers[0] and "(percentage points)" in found.numbers[0]
    row = found.rows["Scenes"][0]
    assert f"additive against baseline {findings.number(row.mean, 1, sign=True)} (" in found.numbers[0]
    assert f"p {row.p:.2g}, Holm-adjusted {row.p_holm:.2g}" in found.numbers[0]


def test_where_the_interval_comes_to_hold_zero_no_difference_is_seen(results):
    change(results, set_comparison("additive", "baseline", "accuracy", ci_low=-0.001))
    found = findings.compared(findings.read_study(results), "baseline")
    assert found.sentences == (
        "On scenes and on cluttered Fashion-MNIST, no difference seen between the baseline and additive or "
        "multiplicative.",
    )
    assert {one.words for one in found.verdicts} == {"no difference seen"}
    assert "−0.1 to" in found.numbers[0]


def test_a_difference_may_go_the_other_way(results):
    for arm in ATTENTION_MECHANISMS:
        change(results, set_comparison(arm, "none", "accuracy", "scenes", ci_low=-0.05, ci_high=-0.01))
    found = findings.compared(findings.read_study(results), "none")
    assert found.sentences[0] == "On scenes, additive and multiplicative are right less often than “none”."
    assert (found.verdicts[0].words, found.verdicts[0].tone) == ("worse", "open")


def test_better_in_every_arm(results):
    for arm in ATTENTION_MECHANISMS:
        change(results, set_comparison(arm, "matched", "accuracy", ci_low=0.01, ci_high=0.05))
    found = findings.compared(findings.read_study(results), "matched")
    assert found.sentences == (
        "On scenes and on cluttered Fashion-MNIST, additive and multiplicative are right more often than the matched "
        "baseline.",
    )
    assert {(one.words, one.tone) for one in found.verdicts} == {("better", "seen")}


def test_of_two_mechanisms_the_one_ahead_is_named(results):
    def ask():
        return findings.compared(findings.read_study(results), "multiplicative", arms=("additive",), ahead=True)

    assert [one.words for one in ask().verdicts] == ["additive ahead", "no difference seen"]
    change(results, set_comparison("additive", "multiplicative", "accuracy", ci_low=-0.09, ci_high=-0.02))
    assert {one.words for one in ask().verdicts} == {"multiplicative ahead"}
    assert ask().sentences == (
        "On scenes and on cluttered Fashion-MNIST, additive is right less often than multiplicative.",
    )


def test_of_errors_less_is_better(results):
    change(results, set_comparison("additive", "baseline", "calibration_error", "scenes", ci_low=-0.05, ci_high=-0.01))
    change(
        results,
        set_comparison("multiplicative", "baseline", "calibration_error", "scenes", ci_low=-0.04, ci_high=-0.01),
    )
    found = findings.compared(findings.read_study(results), "baseline", "calibration_error")
    assert found.sentences[0] == "On scenes, additive and multiplicative are better calibrated than the baseline."
    assert (found.verdicts[0].words, found.verdicts[0].tone) == ("better", "seen")


# ---- what is missing ----


def test_an_arm_without_runs_is_not_measured(results):
    change(results, lambda s: s.update(runs=[run for run in s["runs"] if run["arm"] != "multiplicative"]))
    found = findings.compared(findings.read_study(results), "baseline")
    assert "nothing was measured of multiplicative against the baseline" in found.sentences[0]
    assert found.rows["Scenes"][1].mean is None and found.verdicts[0].words == "better"


def test_no_seed_of_an_arm_at_all(results):
    change(results, lambda s: s.update(runs=[run for run in s["runs"] if run["arm"] == "none"], comparisons=[]))
    found = findings.compared(findings.read_study(results), "baseline")
    assert found.sentences == (
        "On scenes and on cluttered Fashion-MNIST, nothing was measured of additive and multiplicative against the "
        "baseline.",
    )
    assert {(one.words, one.tone) for one in found.verdicts} == {("not measured", "missing")}
    assert found.numbers[0].startswith("Scenes, 0 seeds")


@pytest.mark.parametrize("count", [1, 2])
def test_one_or_two_seeds_say_nothing_of_a_difference(results, count):
    change(results, lambda s: s.update(runs=[run for run in s["runs"] if run["seed"] <= count], comparisons=[]))
    found = findings.compared(findings.read_study(results), "baseline")
    assert "too few seeds to tell additive and multiplicative from the baseline" in found.sentences[0]
    assert {(one.words, one.tone) for one in found.verdicts} == {("too few seeds", "missing")}
    assert ("(one seed)" in found.numbers[0]) == (count == 1)


def test_two_seeds_that_agree_by_rounding_are_no_finding():
    assert findings.spread("x", {1: 0.2, 2: 0.2}, against="y").seen == "few"
    assert findings.spread("x", {1: 0.2, 2: 0.2, 3: 0.2}, against="y").seen == "higher"


def test_a_missing_metric_is_not_measured_and_the_others_stand(results):
    def drop(summary: dict) -> None:
        for run in summary["runs"]:
            del run["metrics"]["calibration_error"]
            run["metrics"]["polarity"] = None
            run["metrics"]["pointing"] = float("nan")

    study = findings.read_study(change(results, drop))
    assert "nothing was measured" in findings.compared(study, "baseline", "calibration_error").sentences[0]
    assert "no seed for additive" in findings.polarity(study).sentences[0]
    assert findings.finds_object(study).rows["Scenes"][0].mean is None
    assert findings.compared(study, "baseline").verdicts[0].words == "better in part"


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

    found = findings.polarity(findings.read_study(change(results, turn)))
    assert found.sentences == (
        "On scenes, the map is bright on the object in 5 of 5 seeds for additive, none and before training and in "
        "3 of 5 seeds for multiplicative.",
        "On cluttered Fashion-MNIST, the map is bright on the object in 0 of 5 seeds for additive and multiplicative "
        "and in 5 of 5 seeds for none and before training.",
    )
    assert [one.words for one in found.verdicts] == ["mixed", "upside down in every seed"]
    assert findings.polarity(findings.read_study(make_results(results))).verdicts[0].words == "upright in every seed"


def test_trials_say_what_turned_the_map(results):
    found = findings.polarity_trials(findings.read_study(results))
    assert found.sentences[1] == (
        "Upside down in every seed: additive (unfolded with a fast head) and multiplicative (unfolded with a fast "
        "head)."
    )
    assert found.verdicts[0].words == "unfolded with a fast head (5 of 5 seeds)"
    assert len(found.rows) == 2 and [len(row.by_seed) for row in found.rows["Additive, on scenes"]] == [5] * 4

    def upright(summary: dict) -> None:
        for trial in summary["polarity"]:
            trial["metrics"]["polarity"] = 0.3 if trial["seed"] > 1 or not trial["folded"] else -0.3

    found = findings.polarity_trials(findings.read_study(change(results, upright)))
    assert "Upright in some seeds only: additive (folded with a fast head)" in found.sentences[1]
    assert found.verdicts[0].words == "folded with a fast head (1 of 5 seeds)"
    change(results, lambda summary: summary.update(polarity=[]))
    found = findings.polarity_trials(findings.read_study(results))
    assert found.sentences == ("No such trial has been run yet.",) and found.verdicts[0].tone == "missing"


def test_brightest_first_is_set_against_random_and_darkest(results):
    study = findings.read_study(results)
    for key, word in (("deletion", "hurt"), ("insertion", "helped")):
        found = findings.bright_first(study, key)
        assert found.sentences == (
            f"On scenes and on cluttered Fashion-MNIST, additive and multiplicative are {word} more with the brightest "
            "cells first than with random order and with darkest first.",
            "On scenes and on cluttered Fashion-MNIST, no difference seen between additive or multiplicative and "
            "“none”, which never applies its map.",
        )
        assert {(one.words, one.tone) for one in found.verdicts} == {("bright matters no more than in “none”", "open")}
        assert found.rows["Scenes"][0].by_seed == study.values("scenes", "additive", key)
        assert "additive against random order +0.1" in found.numbers[0]


def test_where_brightest_first_does_no_more_than_chance_that_is_said(tmp_path):
    effects = {("scenes", arm, "deletion"): 0.1 for arm in ATTENTION_MECHANISMS}
    effects |= {("cluttered-fashion", arm, "deletion"): 0.3 for arm in ATTENTION_MECHANISMS}
    found = findings.bright_first(findings.read_study(make_results(tmp_path, effects=effects)))
    assert found.sentences == (
        "On scenes, no difference seen between brightest first and random order for additive or multiplicative; "
        "additive and multiplicative are hurt more with the brightest cells first than with darkest first.",
        "On cluttered Fashion-MNIST, additive and multiplicative are hurt less with the brightest cells first than "
        "with random order and with darkest first.",
        "On scenes and on cluttered Fashion-MNIST, additive and multiplicative are less sensitive to the brightest "
        "cells than “none”, which never applies its map.",
    )
    assert {one.words for one in found.verdicts} == {"bright matters less than in “none”"}


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
    ("values", "orientation"),
    [
        ((0.8, 0.01, -0.7), "upright in some seeds only"),
        ((-0.8, -0.3), "upside down in every seed"),
        ((0.01, -0.3), "upright in no seed"),
        ((0.8, 0.3), questions.UPRIGHT),
    ],
)
def test_a_map_near_zero_polarity_is_not_counted_as_upright(values, orientation):
    assert questions.orientation(findings.spread("additive", dict(enumerate(values)))) == orientation


def test_finding_the_object_is_set_against_its_controls(tmp_path):
    effects = {("scenes", arm, "pointing"): 0.1 for arm in ATTENTION_MECHANISMS}
    effects |= {("cluttered-fashion", arm, "pointing"): -0.2 for arm in (*ATTENTION_MECHANISMS, "none")}
    study = findings.read_study(make_results(tmp_path, effects=effects))
    found = findings.finds_object(study)
    assert found.sentences == (
        "On scenes, additive and multiplicative are better at pointing than before training and than “none” and than "
        "the CAM of the baseline.",
        "On cluttered Fashion-MNIST, additive and multiplicative are better at pointing than before training; no "
        "difference seen between “none” and additive or multiplicative; additive and multiplicative are worse at "
        "pointing than the CAM of the baseline.",
    )
    assert [one.words for one in found.verdicts] == ["better", "mixed"]
    names = [row.name for row in found.rows["Scenes"]]
    assert names == [
        "additive",
        "multiplicative",
        "none",
        "before training",
        "CAM of the baseline",
        "CAM of the matched",
    ]
    assert found.rows["Scenes"][3].by_seed == study.values("scenes", "none", "pointing_untrained")
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
    assert findings.sizes(study, "scenes") == (
        "12,000 pictures to learn from, 2 passes over them, batches of 64, 2,000 other pictures to measure on. "
        "That is 375 steps: a short training, not carried to its end."
    )
    assert findings.parameters(study, "scenes") == (
        "Parameters: baseline 1,000, matched 1,990, none 2,000, additive 2,000, multiplicative 2,000. "
        "The matched baseline has 100 % of the Attention Branch Network's."
    )
    overview = findings.accuracies(study)
    assert overview.sentences[0] == (
        "50 networks trained and measured, 25 on scenes (5 seeds) and 25 on cluttered Fashion-MNIST (5 seeds), in 50 "
        "minutes."
    )
    change(results, lambda summary: summary["runs"][3]["settings"].update(batch=32))
    dataset = json.loads((results / "summary.json").read_text())["runs"][3]["dataset"]
    assert "Not all runs had the same settings" in findings.sizes(findings.read_study(results), dataset)


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
        assert float(row["accuracy"]) == run.metrics["accuracy"] and row["command"] == run.command
    assert {row["accuracy_auxiliary"] for row in rows if row["arm"] == "baseline"} == {""}


# ---- cost and what was published ----


def test_cost_is_read_as_ratios(results):
    costs = findings.read_costs(results)
    (cost,) = costs.networks
    assert cost.ratio("parameters") == 1.75 and cost.ratio("seconds", 32) == pytest.approx(1.75)
    assert cost.ratio("peak_bytes", 1) == 1.5 and cost.batches == [1, 32]
    assert findings.cost_sentence(costs.networks) == (
        "The whole network takes 1.75 times the parameters, 1.75 times the FLOPs, 1.75 times the time and 1.50 times "
        "the peak memory of the plain CNN that it is built on, for tiny, one image at a time."
    )
    assert costs.seconds_to_measure("tiny", [1]) == pytest.approx(0.7)
    assert costs.seconds_to_measure("other", [1]) is None

    def double(found: dict) -> None:
        again = json.loads(json.dumps(found["families"][0]))
        again["family"], again["parts"][-1]["parameters"] = "other", 8000
        found["families"].append(again)

    networks = findings.read_costs(change(results, double, "cost.json")).networks
    assert "takes 1.75 to 2.00 times the parameters" in findings.cost_sentence(networks)
    assert "over 2 networks" in findings.cost_sentence(networks)


def test_the_parts_are_those_that_are_measured():
    from abn.evaluation import cost
    from abn.vocabulary import PARTS

    assert tuple(findings.PARTS) == (*PARTS, cost.PLAIN, cost.WHOLE)


@pytest.mark.parametrize(
    "how",
    [
        lambda found: found["families"][0]["parts"].pop(),
        lambda found: found["families"][0]["parts"][3].update(parameters=0),
        lambda found: found["families"][0]["parts"][3].update(seconds={"1": 0.1}),
        lambda found: found["families"][0].pop("family"),
        lambda found: found.pop("threads"),
    ],
)
def test_broken_costs_are_one_plain_sentence(results, how):
    with pytest.raises(ABNError, match=r"^These results can't be read \(cost.json\)"):
        findings.read_costs(change(results, how, "cost.json"))


def test_the_published_figures_follow_their_file(results):
    published = findings.read_published(results)
    assert published == findings.read_published()
    assert published.rows["CIFAR-100"][0] == ("ResNet110", 22.5, 24.1) and len(published.rows["ImageNet"]) == 3
    assert [(one.backbone, one.abn, one.plain) for one in published.disputes] == [
        ("ResNet110", 24.46, 24.65), ("Wide ResNet", None, 18.14), ("ResNeXt", None, 17.38)]  # fmt: skip
    assert findings.published_sentence(published) == (
        "By its authors' figures, the Attention Branch Network errs less than the plain CNN in 7 of 7 pairs, by 0.6 to "
        "1.6 percentage points; they give no repeated runs, no baseline with as many parameters, no cost in time or "
        "memory."
    )
    change(results, lambda found: found["results"][0].update(abn=25.0), "published.json")
    assert "in 6 of 7 pairs, by −0.9 to" in findings.published_sentence(findings.read_published(results))
    change(results, lambda found: found["disputes"][0].update(source="nowhere"), "published.json")
    with pytest.raises(ABNError, match=r"published\.json"):
        findings.read_published(results)


def test_where_none_is_the_baseline_the_verdict_says_so():
    study = findings.read_study()  # as shipped: on scenes the extractor is fixed, so both are one computation
    found = {one.where: one.words for one in findings.compared(study, "none").verdicts}
    assert found["Scenes"] == "the comparison with the baseline once more" != found["Cluttered Fashion-MNIST"]
    assert "the comparison with the baseline once more" not in {
        one.words for one in findings.compared(study, "matched").verdicts
    }
