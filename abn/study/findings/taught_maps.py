"""What the study of taught maps found, in sentences."""

from pathlib import Path
from typing import Any

from abn.plots.numbers import fixed, signed
from abn.study.findings import result_files

COMMAND = "python -m abn teach-study"
MAP = (
    "{taught} photographs with object masks were taught, {measured} others measured ({seeds} seeds): the ROC-AUC of "
    "the map goes from {before} to {after}, and to {control} in the control without these maps."
)
ACCURACY = (
    "Perception top-1 on {count} labeled photographs: {before} before, {after} taught, {control} in the control. The "
    "95 % interval of the difference of taught and control is {low} to {high}: {outcome}."
)
DIFFERENCE, NO_DIFFERENCE = "a difference is seen", "no difference is seen"


def taught_sentences(results: Path | None = None) -> dict[str, list[str]]:
    """For each variant of the study: does its map carry over to other images, and does accuracy follow? Raises
    `ABNError` where the results are missing."""
    return result_files.load("map_teaching.json", COMMAND, results, _describe)


def _describe(data: dict[str, Any]) -> dict[str, list[str]]:
    variants = dict.fromkeys(row["variant"] for row in data["comparisons"])
    return {variant: _sentences(variant, data) for variant in variants}


def _sentences(variant: str, data: dict[str, Any]) -> list[str]:
    run = next(run for run in data["runs"] if run["variant"] == variant)
    rows = {(row["against"], row["metric"]): row for row in data["comparisons"]
            if (row["variant"], row["network"]) == (variant, "taught")}  # fmt: skip

    def means(metric: str) -> dict[str, str]:
        (after, before), (_, control) = (rows[against, metric]["means"] for against in ("before", "control"))
        return {"before": fixed(before, 2), "after": fixed(after, 2), "control": fixed(control, 2)}

    accuracy = rows["control", "perception_top1"]
    low, high = accuracy["ci_low"], accuracy["ci_high"]
    return [
        MAP.format(taught=run["taught"], measured=run["measured"], seeds=accuracy["seeds"], **means("roc_auc")),
        ACCURACY.format(
            count=run["networks"]["before"]["count"],
            low=signed(low, 3),
            high=signed(high, 3),
            outcome=NO_DIFFERENCE if low <= 0 <= high else DIFFERENCE,
            **means("perception_top1"),
        ),
    ]
