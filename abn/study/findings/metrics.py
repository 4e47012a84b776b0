"""What is measured, and how it is put: titles, units, and words for where one arm lies above another."""

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Metric:
    """How a metric is shown, and what it means where one arm lies above another."""

    title: str
    above: str  # "is … the baseline", where it is higher
    below: str
    same: str = "no difference seen between {control} and {arms}"
    unit: str = ""  # of a value
    step: str = ""  # of a difference
    factor: float = 1  # from the stored value to the one that is shown
    digits: int = 2
    higher_is_better: bool = True
    reference: float | None = None  # the value of a map that says nothing


def _percent(title: str, above: str, below: str, **more: Any) -> Metric:
    return Metric(title, above, below, unit="%", step="percentage points", factor=100, digits=1, **more)


METRICS = {
    "accuracy": _percent("right answers, perception head", "right more often than", "right less often than"),
    "accuracy_auxiliary": _percent("right answers, auxiliary head", "right more often than", "right less often than"),
    "calibration_error": _percent(
        "calibration error, perception head", "worse calibrated than", "better calibrated than", higher_is_better=False
    ),
    "pointing": _percent("brightest cell on the object", "better at pointing than", "worse at pointing than"),
    "roc_auc": Metric(
        "ROC-AUC of the map against the mask",
        "better at telling object from ground than",
        "worse at telling object from ground than",
        digits=3,
        reference=0.5,
    ),
    "energy_over_area": Metric(
        "share of the map on the object ÷ its area",
        "more on the object than",
        "less on the object than",
        reference=1,
    ),
    "polarity": Metric("polarity of the map", "more upright than", "less upright than", reference=0),
    "deletion": Metric(
        "area under the deletion curve",
        "hurt more with the brightest cells first than with",
        "hurt less with the brightest cells first than with",
        "no difference seen between brightest first and {control} for {arms}",
        digits=3,
    ),
    "insertion": Metric(
        "area under the insertion curve",
        "helped more with the brightest cells first than with",
        "helped less with the brightest cells first than with",
        "no difference seen between brightest first and {control} for {arms}",
        digits=3,
    ),
    "deletion_below_random": Metric(
        "area that deletion loses, brightest first against random order", "loses more than", "loses less than", digits=3
    ),
    "insertion_above_random": Metric(
        "area that insertion gains, brightest first against random order",
        "gains more than",
        "gains less than",
        digits=3,
    ),
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
