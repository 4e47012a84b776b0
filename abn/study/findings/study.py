"""The study's summary, and values over seeds with their intervals."""

from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from abn.errors import ABNError
from abn.study.findings import result_files
from abn.study.findings.metric_texts import METRICS, base, finite_metrics
from abn.study.statistics import mean_interval
from abn.vocabulary import MATCHED

DATASETS = {"cifar100": "CIFAR-100", "caltech101": "Caltech-101", "cluttered-fashion": "Cluttered Fashion-MNIST"}
UNTRAINED, CAM = "before training", "CAM of the baseline"
ARM_TITLES = {MATCHED: "parameter-matched baseline"}  # arm → what people read, where it differs
MIN_SEEDS = 3  # for a statement about a difference: two may agree by rounding alone


def arm_title(arm: str) -> str:
    """An arm's name for people."""
    return ARM_TITLES.get(arm, arm)


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
    caption: str = ""  # what people read, where it isn't the arm or the difference of two

    @property
    def label(self) -> str:
        """What people read: the arm, or the difference of two."""
        if self.caption:
            return self.caption
        return f"{arm_title(self.name)} − {arm_title(self.against)}" if self.against else arm_title(self.name)

    @property
    def outcome(self) -> str:
        """Of a difference: "higher", "lower", "none", "few" (seeds) or "missing"."""
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
    metrics: dict[str, Any]  # as stored
    parameters: int
    seconds: float
    settings: dict[str, Any]
    command: str

    @cached_property
    def values(self) -> dict[str, float]:
        """Its `finite_metrics`."""
        return finite_metrics(self.metrics)


@dataclass(frozen=True)
class Comparison:
    """`arm` − `against` over the seeds that both have."""

    dataset: str
    arm: str
    against: str
    metric: str
    mean_difference: float
    ci_low: float
    ci_high: float
    p: float
    p_holm: float


@dataclass(frozen=True)
class Study:
    """The summary, as its file holds it."""

    runs: tuple[Run, ...]
    comparisons: tuple[Comparison, ...]

    @cached_property
    def datasets(self) -> list[str]:
        order = [*DATASETS]
        present = {run.dataset for run in self.runs}
        return [name for name in order if name in present] + sorted(present - DATASETS.keys())

    @cached_property
    def _stored(self) -> dict[tuple[str, str, str, str], Comparison]:
        return {(row.dataset, row.arm, row.against, row.metric): row for row in self.comparisons}

    @cached_property
    def _families(self) -> Counter[tuple[str, str]]:
        return Counter((row.dataset, row.metric) for row in self.comparisons)

    def of(self, dataset: str, arm: str | None = None) -> list[Run]:
        """The runs of a data set, or of one arm on it."""
        return [run for run in self.runs if run.dataset == dataset and arm in (None, run.arm)]

    def values(self, dataset: str, arm: str | None, key: str) -> dict[int, float]:
        """Seed → value, for the runs that have it."""
        factor = METRICS[base(key)].factor
        return {run.seed: factor * run.values[key] for run in self.of(dataset, arm) if key in run.values}

    def spread(self, dataset: str, arm: str, key: str, name: str = "", kind: str = "arm") -> Spread:
        """An arm's values."""
        return spread(name or arm, self.values(dataset, arm, key), kind=kind)

    def untrained(self, dataset: str, key: str) -> Spread:
        """The control: the network before any training, which all arms of a seed share."""
        return spread(UNTRAINED, self.values(dataset, None, f"{key}_untrained"), kind="control")

    def difference(self, dataset: str, arm: str, against: str, key: str, name: str = "") -> Spread:
        """`arm` − `against`, seed by seed; interval and p are those of the summary where it has them."""
        row = minus(arm, self.values(dataset, arm, key), name or against, self.values(dataset, against, key))
        stored = self._stored.get((dataset, arm, against, key))
        if stored is None or not row.by_seed:
            return row
        mean, low, high = (
            METRICS[key].factor * value for value in (stored.mean_difference, stored.ci_low, stored.ci_high)
        )
        family = self._families[dataset, key]
        return replace(row, mean=mean, low=low, high=high, p=stored.p, p_holm=stored.p_holm, family=family)


def spread(name: str, by_seed: dict[int, float], **more: Any) -> Spread:
    """Values with their mean and its 95 % t-interval, which takes two seeds at least."""
    values = [*by_seed.values()]
    if len(values) < 2:
        return Spread(name, by_seed, mean=values[0] if values else None, **more)
    mean, low, high = mean_interval(values)
    return Spread(name, by_seed, mean=mean, low=low, high=high, **more)


def minus(name: str, first: dict[int, float], against: str, second: dict[int, float]) -> Spread:
    """`first` less `second`, for the seeds that both have."""
    return spread(name, {seed: first[seed] - second[seed] for seed in sorted(first.keys() & second)}, against=against)


def read_summary(results: Path | None = None) -> dict:
    """The summary as plain data: {"runs", "comparisons"}; `ABNError` where it is missing or broken."""
    return result_files.load("summary.json", result_files.REPORT, results, dict)


def read_study(results: Path | None = None) -> Study:
    """The study's summary; `ABNError` where it is missing, broken or without a run."""
    study = result_files.load("summary.json", result_files.REPORT, results, _parse)
    if not study.runs:
        raise ABNError(f"The study holds no run yet: python -m abn study run makes them, then {result_files.REPORT}.")
    return study


def _parse(stored: Any) -> Study:
    return result_files.from_json(Study, stored)
