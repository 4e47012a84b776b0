"""Runs that resume, and the summary of the shipped ones."""

import functools
import json
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import nn

from abn.__main__ import main
from abn.errors import ABNError
from abn.files import lock_file
from abn.study import arm_measures, runs
from abn.study.arms import from_scratch
from abn.study.experiments import EXPERIMENTS, Place
from abn.study.findings import DATASETS, read_summary
from abn.study.report import summarize
from abn.study.runs import UNTRAINED, Job, perform, plan
from abn.training.measures import MaskedImages
from abn.vocabulary import ARMS


class FakeExperiment:
    """An experiment whose networks are built and not trained; lists what it was to train."""

    trained_arms: ClassVar[list[str]] = []
    settings: ClassVar[dict] = {"pictures": 4}
    options = ""

    def __init__(self, place, masked=True):
        masks = np.zeros((2, 16, 16), bool)
        masks[:, 4:10, 4:10] = True
        images = torch.rand(2, 3, 16, 16)
        maps = MaskedImages(images, [*masks]) if masked else None
        self.test = arm_measures.EvaluationImages(images, np.arange(2), images[:1], maps)

    def untrained(self, seed):
        return untrained_arm("none", seed)

    def trained(self, arm, seed, path, **_):
        self.trained_arms.append(f"{arm}-{seed}")
        path.write_text("steps done")
        return untrained_arm(arm, seed)


@functools.cache
def untrained_arm(arm: str, seed: int) -> nn.Module:
    return from_scratch(arm, backbone="cifar-resnet20", num_classes=10, seed=seed).eval()


@pytest.fixture
def fake(monkeypatch):
    monkeypatch.setattr(FakeExperiment, "trained_arms", [])
    without = functools.partial(FakeExperiment, masked=False)
    monkeypatch.setattr(runs, "EXPERIMENTS", {"cifar100": without, "cluttered-fashion": FakeExperiment})
    return FakeExperiment


def test_a_run_that_another_process_performs_is_refused(fake, tmp_path):
    place = Place(tmp_path, tmp_path / "work")
    (job,) = plan(["cifar100"], ["none"], [1])
    place.work.mkdir()
    with (place.work / f"{job.name}.lock").open("w") as other:
        lock_file(other, "")
        with pytest.raises(ABNError) as error:
            perform([job], place, again=False, results=tmp_path)
        assert str(error.value) == runs.IN_USE.format(name=job.name) and fake.trained_arms == []
    perform([job], place, again=False, results=tmp_path)
    assert fake.trained_arms == ["none-1"]


def test_a_study_resumes_run_by_run_and_sums_up(fake, tmp_path):
    place = Place(tmp_path, tmp_path / "work")
    jobs = plan(["cifar100"], list(ARMS), [1, 2])
    assert [job.seed for job in jobs] == [1] * 5 + [2] * 5
    perform(jobs[:3], place, again=False, results=tmp_path)
    (tmp_path / "runs" / "cifar100-none-2.part").write_text("{half")  # what a killed run may leave
    perform(jobs, place, again=False, results=tmp_path)
    assert fake.trained_arms == [f"{job.arm}-{job.seed}" for job in jobs]
    assert not list((tmp_path / "work").glob("*.pt"))
    summary = summarize(tmp_path)
    assert len(summary["runs"]) == 10
    by_key = {(row["arm"], row["against"], row["metric"]): row for row in summary["comparisons"]}
    values = {(r["arm"], r["seed"]): r["metrics"]["accuracy"] for r in summary["runs"]}
    expected = np.mean([values["none", seed] - values["baseline", seed] for seed in (1, 2)])
    assert by_key["none", "baseline", "accuracy"]["mean_difference"] == pytest.approx(expected)
    assert not any(metric == "accuracy_auxiliary" and "baseline" in pair for *pair, metric in by_key)
    family = [row for (*_, metric), row in by_key.items() if metric == "deletion_below_random"]
    assert len(family) == 9 and all(row["p_holm"] >= row["p"] for row in family)
    perform(jobs[:1], place, again=True, results=tmp_path)
    assert fake.trained_arms[-1] == "baseline-1" and len(fake.trained_arms) == 11


def test_a_run_file_says_how_to_make_it_again(fake, tmp_path, monkeypatch):
    monkeypatch.setattr(fake, "options", " --device cuda")
    place = Place(tmp_path, tmp_path / "work")
    perform([Job("cluttered-fashion", "additive", 3)], place, again=False, results=tmp_path)
    made = json.loads((tmp_path / "runs" / "cluttered-fashion-additive-3.json").read_text())
    command = "python -m abn study run --dataset cluttered-fashion --arm additive --seed 3"
    assert made["command"] == f"{command} --device cuda"
    assert made["parameters"] == 479_150 and made["seconds"] >= made["seconds_training"]
    assert {"accuracy", "roc_auc_untrained", "deletion_random"} <= made["metrics"].keys()
    monkeypatch.setattr(fake, "options", "")
    perform([Job("cifar100", "none", 3)], place, again=False, results=tmp_path)
    made = json.loads((tmp_path / "runs" / "cifar100-none-3.json").read_text())
    assert made["command"] == "python -m abn study run --dataset cifar100 --arm none --seed 3"
    assert not {"pointing", *(f"{name}_untrained" for name in UNTRAINED)} & made["metrics"].keys()  # no masks


def test_short_runs_never_stand_among_the_others(fake, tmp_path, capsys):
    assert main(["study", "run", "--dataset", "cifar100", "--short"]) == 1
    assert "--results" in capsys.readouterr().err and not fake.trained_arms
    folders = ["--results", str(tmp_path), "--work", str(tmp_path / "work")]
    assert main(["study", "run", "--dataset", "cifar100", "--short", "--seed", "1", "--arm", "none", *folders]) == 0
    assert fake.trained_arms == ["none-1"]


def test_the_command_prints_the_summary(fake, tmp_path, capsys):
    perform(
        plan(["cifar100"], ["none", "additive"], [1, 2]), Place(tmp_path, tmp_path / "w"), again=False, results=tmp_path
    )
    assert main(["study", "report", "--results", str(tmp_path)]) == 0
    assert "additive − none" in capsys.readouterr().out
    assert main(["study", "--json", "--results", str(tmp_path)]) == 0
    printed = json.loads(capsys.readouterr().out)
    keys = {"dataset", "arm", "against", "metric", "mean_difference", "ci_low", "ci_high", "p", "p_holm"}
    assert keys == printed["comparisons"][0].keys()
    assert {"dataset", "arm", "seed", "metrics", "seconds", "command"} <= printed["runs"][0].keys()
    assert main(["study", "--json", "--results", str(tmp_path / "nowhere")]) == 1
    assert "study report" in capsys.readouterr().err


def test_the_shipped_summary_is_that_of_the_shipped_runs_and_whole():
    summary = read_summary()
    assert json.loads(json.dumps(summarize())) == summary
    shipped = {run["dataset"] for run in summary["runs"]}
    assert shipped and shipped <= DATASETS.keys() == EXPERIMENTS.keys()
    for dataset in shipped:
        runs = [run for run in summary["runs"] if run["dataset"] == dataset]
        seeds = {arm: {run["seed"] for run in runs if run["arm"] == arm} for arm in ARMS}
        assert all(len(trained) >= 5 and trained == seeds["baseline"] for trained in seeds.values())
        assert len({json.dumps(run["settings"]) for run in runs}) == 1
        numbers = [value for run in runs for value in run["metrics"].values() if value is not None]
        assert np.isfinite(numbers).all()
