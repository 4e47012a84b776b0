"""The raw runs as flat rows, and as a file to take along."""

import csv
import io
from typing import Any

from abn.study.findings.study import Study


def table(study: Study) -> list[dict[str, Any]]:
    """Every run as a flat row, all rows with the same keys."""
    keys = list(dict.fromkeys(key for run in study.runs for key in run.metrics))
    return [
        {"dataset": run.dataset, "arm": run.arm, "seed": run.seed, "parameters": run.parameters, "seconds": run.seconds}
        | {key: run.metrics.get(key) for key in keys}
        | {"command": run.command}
        for run in study.runs
    ]


def as_csv(study: Study) -> str:
    """The same as comma-separated values."""
    rows = table(study)
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()
