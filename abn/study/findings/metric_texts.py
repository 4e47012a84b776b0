"""Metrics and how they are shown (metric_texts.toml): titles, units, and the images that each is measured on."""

import math
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Metric:
    """How a metric is shown."""

    title: str
    unit: str = ""  # of a value
    step: str = ""  # of a difference
    short_step: str = ""  # the same where there is little room
    factor: float = 1  # from the stored value to the one that is shown
    digits: int = 2
    higher_is_better: bool = True
    reference: float | None = None  # the value of an uninformative map
    counted: str = "test"  # the setting of a run that tells on how many images it is measured


METRICS = {
    key: Metric(**texts)
    for key, texts in tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")).items()
}


def base(key: str) -> str:
    """The metric that a key of a run's metrics is a kind of."""
    if key in METRICS:
        return key
    for end in ("_untrained", "_random", "_dark_first"):
        key = key.removesuffix(end)
    return key


def finite_metrics(metrics: dict[str, Any]) -> dict[str, float]:
    """The metrics of a run that are finite numbers; areas also against the same run's random order, as areas of
    deletion and insertion only count against it."""
    values = {key: float(v) for key, v in metrics.items() if type(v) in (int, float) and math.isfinite(v)}
    if {"deletion", "deletion_random"} <= values.keys():
        values["deletion_below_random"] = values["deletion_random"] - values["deletion"]
    if {"insertion", "insertion_random"} <= values.keys():
        values["insertion_above_random"] = values["insertion"] - values["insertion_random"]
    return values
