"""From the files of single runs to the summary that the page and the command line read."""

import json
from itertools import groupby
from pathlib import Path

from abn import files
from abn.study.findings import RESULTS
from abn.study.statistics import holm, paired

PAIRS = (  # (arm, against): the questions that the study asks
    ("additive", "baseline"),
    ("multiplicative", "baseline"),
    ("additive", "matched"),
    ("multiplicative", "matched"),
    ("additive", "none"),
    ("multiplicative", "none"),
    ("none", "baseline"),
    ("matched", "baseline"),
    ("additive", "multiplicative"),
)
METRICS = (
    "accuracy",
    "accuracy_auxiliary",
    "calibration_error",
    "pointing",
    "energy_over_area",
    "roc_auc",
    "deletion_below_random",
    "insertion_above_random",
)
RUN_KEYS = (
    *("dataset", "arm", "seed", "metrics", "map", "parameters"),
    *("seconds", "seconds_training", "settings", "bfloat16", "command"),
)


def summarize(results: Path = RESULTS) -> dict:
    """Every run, every comparison that at least two seeds allow, and every trial on polarity.

    Holm's family is all comparisons of one data set and one metric; where two arms differ in no seed they are one and
    the same computation, and no comparison.
    """
    files = [json.loads(path.read_text(encoding="utf-8")) for path in sorted((results / "runs").glob("*.json"))]
    runs = [{key: file[key] for key in RUN_KEYS if key in file} for file in files if "arm" in file]
    trials = [file for file in files if "mechanism" in file]
    runs.sort(key=lambda run: (run["dataset"], run["seed"]))
    comparisons = []
    for dataset, group in groupby(runs, key=lambda run: run["dataset"]):
        of_dataset = list(group)
        for metric in METRICS:
            comparisons += _family(dataset, metric, of_dataset)
    return {"runs": runs, "comparisons": comparisons, "polarity": trials}


def write(results: Path = RESULTS) -> Path:
    """Write the summary beside the runs."""
    path = results / "summary.json"
    files.write_file(path, json.dumps(summarize(results), indent=1, allow_nan=False) + "\n")
    return path


def _family(dataset: str, metric: str, runs: list[dict]) -> list[dict]:
    values = {(run["arm"], run["seed"]): _value(run["metrics"], metric) for run in runs}
    seeds = sorted({run["seed"] for run in runs})
    comparisons: list[dict] = []
    for arm, against in PAIRS:
        both = [(values.get((arm, seed)), values.get((against, seed))) for seed in seeds]
        both = [pair for pair in both if None not in pair]
        if len(both) >= 2:
            test = vars(paired(*zip(*both, strict=True)))
            key = {"dataset": dataset, "arm": arm, "against": against, "metric": metric}
            comparisons.append({**key, **test, "p_holm": 1.0})
    tested = [row for row in comparisons if (row["ci_low"], row["ci_high"]) != (0, 0)]
    for comparison, adjusted in zip(tested, holm([row["p"] for row in tested]), strict=True):
        comparison["p_holm"] = adjusted
    return comparisons


def _value(metrics: dict[str, float | None], metric: str) -> float | None:
    """A metric of a run; areas of deletion and insertion only count against the same run's random order."""
    curve, _, against = metric.partition("_")
    if against not in ("below_random", "above_random"):
        return metrics.get(metric)
    area, random = metrics.get(curve), metrics.get(f"{curve}_random")
    if area is None or random is None:
        return None
    return random - area if against == "below_random" else area - random
