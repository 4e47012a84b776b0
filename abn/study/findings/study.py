"""The study's summary, checked, and values over seeds with their intervals."""

import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from abn.errors import ABNError
from abn.study.findings import files
from abn.study.findings.metrics import METRICS, base

DATASETS = {"scenes": "Scenes", "cluttered-fashion": "Cluttered Fashion-MNIST"}
UNTRAINED, CAM = "before training", "CAM of the baseline"
MIN_SEEDS = 3  # for a statement about a difference: two may agree by rounding alone


@dataclass(frozen=True)
class Spread:
    """A value for each seed, their mean and its 95 % t-interval (None for one seed)."""

    name: str
    by_seed: dict[int, float]
    against: str = ""  # of a difference: the subtrahend
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    p_holm: float | None = None
    family: int = 0  # comparisons among which p was adjusted
    kind: str = "arm"  # how it is drawn: "arm", "control", "bright" or "dark"

    @property
    def label(self) -> str:
        return f"{self.name} − {self.against}" if self.against else self.name

    @property
    def seen(self) -> str:
        """The outcome of a difference: "higher", "lower", "none", "few" (seeds) or "missing"."""
        if not self.by_seed or self.mean is None:
            return "missing"
        if self.low is None or self.high is None or len(self.by_seed) < MIN_SEEDS:
            return "few"
        return "higher" if self.low > 0 else "lower" if self.high < 0 else "none"


@dataclass(frozen=True)
class Run:
    """One arm trained for one seed."""

    dataset: str
    arm: str
    seed: int
    metrics: dict[str, float]  # without those that are missing
    parameters: int
    seconds: float
    settings: dict[str, Any] = field(default_factory=dict)
    command: str = ""


@dataclass(frozen=True)
class Trial:
    """One trial on polarity."""

    mechanism: str
    folded: bool
    map_head: str
    seed: int
    metrics: dict[str, float]


@dataclass(frozen=True)
class Study:
    """The summary, checked."""

    runs: tuple[Run, ...]
    trials: tuple[Trial, ...]
    comparisons: dict[tuple[str, str, str, str], dict[str, float]]  # (dataset, arm, against, metric)

    @cached_property
    def datasets(self) -> list[str]:
        return sorted({run.dataset for run in self.runs}, key=lambda name: (name not in DATASETS, name != "scenes"))

    def of(self, dataset: str, arm: str | None = None) -> list[Run]:
        """The runs of a data set, or of one arm on it."""
        return [run for run in self.runs if run.dataset == dataset and arm in (None, run.arm)]

    def values(self, dataset: str, arm: str | None, key: str) -> dict[int, float]:
        """Seed → value, for the runs that have it."""
        times = METRICS[base(key)].times
        return {run.seed: times * run.metrics[key] for run in self.of(dataset, arm) if key in run.metrics}

    def spread(self, dataset: str, arm: str, key: str, name: str = "", kind: str = "arm") -> Spread:
        """An arm's values."""
        return spread(name or arm, self.values(dataset, arm, key), kind=kind)

    def untrained(self, dataset: str, key: str) -> Spread:
        """The control: the network before any training, which all arms of a seed share."""
        return spread(UNTRAINED, self.values(dataset, None, f"{key}_untrained"), kind="control")

    def difference(self, dataset: str, arm: str, against: str, key: str, name: str = "") -> Spread:
        """`arm` − `against`, seed by seed; interval and p are those of the summary where it has them."""
        row = minus(arm, self.values(dataset, arm, key), name or against, self.values(dataset, against, key))
        comparison = self.comparisons.get((dataset, arm, against, key))
        if comparison is None or not row.by_seed:
            return row
        mean, low, high = (METRICS[key].times * comparison[part] for part in ("mean_difference", "ci_low", "ci_high"))
        family = sum(other[0] == dataset and other[3] == key for other in self.comparisons)
        p, p_holm = comparison["p"], comparison["p_holm"]
        return replace(row, mean=mean, low=low, high=high, p=p, p_holm=p_holm, family=family)


def spread(name: str, by_seed: dict[int, float], **more: Any) -> Spread:
    """Values with their mean and its 95 % t-interval, which takes two seeds at least."""
    from scipy.special import stdtrit  # not at the head: who draws no figure of the study needs no scipy

    values = list(by_seed.values())
    if not values:
        return Spread(name, {}, **more)
    mean = math.fsum(values) / len(values)
    if len(values) == 1:
        return Spread(name, by_seed, mean=mean, **more)
    variance = math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)
    half = float(stdtrit(len(values) - 1, 0.975)) * math.sqrt(variance / len(values))
    return Spread(name, by_seed, mean=mean, low=mean - half, high=mean + half, **more)


def minus(name: str, first: dict[int, float], against: str, second: dict[int, float]) -> Spread:
    """`first` less `second`, for the seeds that both have."""
    return spread(name, {seed: first[seed] - second[seed] for seed in sorted(first.keys() & second)}, against=against)


# ---- reading ----


def read_summary(results: Path | None = None) -> dict:
    """The summary as it stands: {"runs", "comparisons", "polarity"}; `ABNError` where it is missing or broken."""
    return files.read("summary.json", files.REPORT, results)


def _numbers(metrics: dict) -> dict[str, float]:
    """The metrics of a run that are finite numbers; areas also against the same run's random order."""
    numbers = {key: float(v) for key, v in metrics.items() if type(v) in (int, float) and math.isfinite(v)}
    if {"deletion", "deletion_random"} <= numbers.keys():
        numbers["deletion_below_random"] = numbers["deletion_random"] - numbers["deletion"]
    if {"insertion", "insertion_random"} <= numbers.keys():
        numbers["insertion_above_random"] = numbers["insertion"] - numbers["insertion_random"]
    return numbers


def read_study(results: Path | None = None) -> Study:
    """The study's summary, checked; `ABNError` where it is missing, broken or without a run."""
    summary = read_summary(results)
    try:
        runs = [
            Run(
                dataset=str(run["dataset"]),
                arm=str(run["arm"]),
                seed=int(run["seed"]),
                metrics=_numbers(run["metrics"]),
                parameters=int(run["parameters"]),
                seconds=float(run["seconds"]),
                settings=dict(run["settings"]),
                command=str(run["command"]),
            )
            for run in summary["runs"]
        ]
        trials = [
            Trial(str(t["mechanism"]), bool(t["folded"]), str(t["map_head"]), int(t["seed"]), _numbers(t["metrics"]))
            for t in summary["polarity"]
        ]
        parts = ("mean_difference", "ci_low", "ci_high", "p", "p_holm")
        comparisons = {
            (str(row["dataset"]), str(row["arm"]), str(row["against"]), str(row["metric"])): {
                part: float(row[part]) for part in parts
            }
            for row in summary["comparisons"]
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise files.broken("summary.json", files.REPORT) from error
    if not runs:
        raise ABNError(f"The study holds no run yet: python -m abn study run makes them, then {files.REPORT}.")
    return Study(tuple(runs), tuple(trials), comparisons)
