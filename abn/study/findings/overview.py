"""What was run: data sets, sizes, parameters and accuracies, the smallest p that so many seeds allow, every run."""

from collections.abc import Iterable
from typing import Any

from abn.study.findings.metric_texts import METRICS
from abn.study.findings.study import Study, arm_title, spread
from abn.study.findings.words import DECISIVE, Finding, capital, listed, panels, seeds, title
from abn.vocabulary import ADDITIVE, ARMS, ATTENTION_MECHANISMS, MATCHED


def exact_test(study: Study, key: str = "accuracy") -> list[str]:
    """The smallest p that the exact test can give with so many seeds, and after Holm's correction."""
    families: dict[int, int] = {}
    for stored in study.comparisons:
        if stored.metric == key:
            row = study.difference(stored.dataset, stored.arm, stored.against, key)
            families[len(row.by_seed)] = max(row.family, families.get(len(row.by_seed), 0))
    sentences = []
    for count, family in sorted(families.items()):
        smallest = 2 / 2**count
        adjusted = min(1, smallest * family)
        message = ", so no comparison can pass 0.05" if adjusted >= DECISIVE else ""
        sentences.append(
            f"With {count} seeds the exact permutation test can't give a p below 2/2^{count} = {smallest:.4g}. "
            f"Holm's correction for {family} comparisons raises it to {adjusted:.2g} at best{message}."
        )
    return sentences


def count_intervals(all_findings: Iterable[Finding]) -> tuple[int, int]:
    """How many intervals of the findings' effects exclude zero, and how many there are."""
    rows = [row for finding in all_findings for panel in finding.effects.values() for row in panel if row.against]
    outcomes = [row.outcome for row in rows if row.outcome not in ("few", "missing")]
    return sum(outcome != "none" for outcome in outcomes), len(outcomes)


SIZES = {  # what a setting of a run is called
    "pictures": "{:,} training images",
    "views": "{} random crops of each",
    "epochs": "{:g} epochs",
    "batch": "batches of {}",
    "test": "{:,} test images",
    "deleted": "{:,} of these for deletion and insertion",
    "located": "{:,} images with masks for the map",
}


def sizes(study: Study, dataset: str) -> str:
    """How large a data set and its training were, from the settings of its runs; and whether all ran with the same."""
    runs = study.of(dataset)
    settings = runs[0].settings
    sizes = [text.format(settings[key]) for key, text in SIZES.items() if type(settings.get(key)) in (int, float)]
    sentence = f"{capital(', '.join(sizes) or 'no size recorded')}."
    seen = settings.get("pictures", 0) * settings.get("views", 1) * settings.get("epochs", 0)
    if seen and settings.get("batch"):
        sentence += f" That is {int(seen / settings['batch']):,} steps"
        flat = settings.get("schedule") == "one-cycle"
        sentence += ", until the learning rate reaches 0." if flat else "."
    if settings.get("device") == "cuda":
        sentence += " Trained on a GPU."
    if any(run.settings != settings for run in runs):
        sentence += " Settings differ between runs, so differences may be due to them."
    return sentence


def accuracies(study: Study) -> Finding:
    """The accuracy of each arm."""
    metric = METRICS["accuracy"]
    rows = panels(
        study,
        lambda dataset: [
            study.spread(dataset, arm, "accuracy", kind="arm" if arm in ATTENTION_MECHANISMS else "control")
            for arm in ARMS
        ],
    )
    axis = f"{metric.title} ({metric.unit})"
    return Finding({}, rows, axis, rows, metric.unit, digits=metric.digits, one_scale=False)


def count_runs(study: Study) -> str:
    """How much was run, in one sentence."""
    counts = []
    for dataset in study.datasets:
        arms = [spread(arm, {run.seed: 0.0 for run in study.of(dataset, arm)}) for arm in ARMS]
        counts.append(f"{len(study.of(dataset))} on {title(dataset)} ({seeds(arms)})")
    return f"{len(study.runs)} networks trained and measured, {listed(counts)}."


def parameters(study: Study, dataset: str) -> str:
    """Every arm's parameters, and how near the parameter-matched baseline comes."""
    counts = {arm: runs[0].parameters for arm in ARMS if (runs := study.of(dataset, arm))}
    sentence = f"Parameters: {', '.join(f'{arm_title(arm)} {count:,}' for arm, count in counts.items())}"
    if MATCHED in counts and ADDITIVE in counts:
        sentence += f" ({100 * counts[MATCHED] / counts[ADDITIVE]:.0f} % of additive)"
    return f"{sentence}."


def table(study: Study) -> list[dict[str, Any]]:
    """Every run as a flat row, all rows with the same keys."""
    keys = list(dict.fromkeys(key for run in study.runs for key in run.values))
    return [
        {"dataset": run.dataset, "arm": run.arm, "seed": run.seed, "parameters": run.parameters, "seconds": run.seconds}
        | {key: run.values.get(key) for key in keys}
        | {"command": run.command}
        for run in study.runs
    ]


def as_csv(study: Study) -> str:
    """The same as comma-separated values."""
    from pandas import DataFrame  # not at the head: the command line needs none

    return DataFrame(table(study)).to_csv(index=False, lineterminator="\n")
