"""From the files of single runs to the summary that the page and the command line read."""

import json
from itertools import groupby
from pathlib import Path

from abn import files
from abn.study.findings import RESULTS
from abn.study.findings.metric_texts import finite_metrics
from abn.study.statistics import holm, paired
from abn.vocabulary import MATCHED

PAIRS = (  # (arm, against): the questions that the study asks
    ("additive", "baseline"),
    ("multiplicative", "baseline"),
    ("additive", MATCHED),
    ("multiplicative", MATCHED),
    ("additive", "none"),
    ("multiplicative", "none"),
    ("none", "baseline"),
    (MATCHED, "baseline"),
    ("additive", "multiplicative"),
)
METRICS = (
    *("accuracy", "accuracy_auxiliary", "calibration_error", "pointing", "energy_over_area", "roc_auc"),
    *("deletion_below_random", "insertion_above_random"),
)
RUN_KEYS = (
    *("dataset", "arm", "seed", "metrics", "map", "parameters"),
    *("seconds", "seconds_training", "settings", "bfloat16", "command"),
)


def summarize(results: Path = RESULTS) -> dict:
    """Every run, and every comparison that at least two seeds allow."""
    stored = [json.loads(path.read_text(encoding="utf-8")) for path in sorted((results / "runs").glob("*.json"))]
    runs = [{key: run[key] for key in RUN_KEYS if key in run} for run in stored]
    runs.sort(key=lambda run: (run["dataset"], run["seed"]))
    comparisons = []
    for dataset, group in groupby(runs, key=lambda run: run["dataset"]):
        values = {(run["arm"], run["seed"]): finite_metrics(run["metrics"]) for run in group}
        for metric in METRICS:
            comparisons += _compare(dataset, metric, values)
    return {"runs": runs, "comparisons": comparisons}


def write(results: Path = RESULTS) -> Path:
    """Write the summary beside the runs."""
    path = results / "summary.json"
    files.write_file(path, json.dumps(summarize(results), indent=1, allow_nan=False) + "\n")
    return path


def _compare(dataset: str, metric: str, values: dict[tuple[str, int], dict[str, float]]) -> list[dict]:
    """The comparisons of one data set and one metric, which are Holm's family; `values`: (arm, seed) → metrics.

    Arms that differ in no seed are one and the same computation, and no comparison.
    """
    rows: list[dict] = []
    for arm, against in PAIRS:
        seeds = sorted(seed for name, seed in values if name == arm and (against, seed) in values)
        pairs = [(values[arm, seed], values[against, seed]) for seed in seeds]
        pairs = [(first, second) for first, second in pairs if metric in first and metric in second]
        if len(pairs) >= 2:
            test = paired(*zip(*((first[metric], second[metric]) for first, second in pairs), strict=True))
            key = {"dataset": dataset, "arm": arm, "against": against, "metric": metric}
            rows.append({**key, **test._asdict(), "p_holm": 1.0})
    tested = [row for row in rows if (row["ci_low"], row["ci_high"]) != (0, 0)]
    for row, adjusted in zip(tested, holm([row["p"] for row in tested]), strict=True):
        row["p_holm"] = adjusted
    return rows
