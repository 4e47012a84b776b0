"""What was run: data sets, sizes, parameters and accuracies, the smallest p that so many seeds allow, every run."""

from typing import Any

from abn.study.findings.metric_texts import METRICS
from abn.study.findings.study import Study, spread
from abn.study.findings.words import DECISIVE, Finding, capital, in_numbers, listed, panels, seeds, title
from abn.vocabulary import ADDITIVE, ARMS, ATTENTION_MECHANISMS, MATCHED


def exact_test(study: Study, key: str = "accuracy") -> list[str]:
    """The smallest p that the exact test can give with so many seeds, and a caution about multiple comparisons."""
    families: dict[int, int] = {}
    for stored in study.comparisons:
        if stored.metric == key:
            row = study.difference(stored.dataset, stored.arm, stored.against, key)
            families[len(row.by_seed)] = max(row.family, families.get(len(row.by_seed), 0))
    sentences = []
    for count, family in sorted(families.items()):
        smallest = 2 / 2**count
        adjusted = min(1, smallest * family)
        message = ", so the interval and not p carries the message" if adjusted >= DECISIVE else ""
        sentences.append(
            f"With {count} seeds the exact test can't give a p below 2/2^{count} = {smallest:.4g}, and Holm's "
            f"adjustment for up to {family} comparisons makes up to {adjusted:.2g} of that{message}."
        )
    if study.comparisons:
        sentences.append(
            f"Intervals are not adjusted: of {len(study.comparisons)} comparisons without any effect, about "
            f"{max(1, round(len(study.comparisons) / 20))} would seem to have one if they were independent."
        )
    sentences.append(
        "An interval is about the mean over seeds on the same test images: another seed, other images, other "
        "objects or a longer training may differ by more."
    )
    return sentences


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
    sentence = f"{capital(', '.join(sizes) or 'no size is noted')}."
    seen = settings.get("pictures", 0) * settings.get("views", 1) * settings.get("epochs", 0)
    if seen and settings.get("batch"):
        sentence += f" That is {int(seen / settings['batch']):,} steps"
        flat = settings.get("schedule") == "one-cycle"
        sentence += ", to a flat end: the learning rate falls to nothing." if flat else "."
    if any(run.settings != settings for run in runs):
        sentence += " Not all runs had the same settings: read the differences with care."
    return sentence


def accuracies(study: Study) -> Finding:
    """The accuracy of each arm; and how much was run."""
    metric = METRICS["accuracy"]
    rows = panels(
        study,
        lambda dataset: [
            study.spread(dataset, arm, "accuracy", kind="arm" if arm in ATTENTION_MECHANISMS else "control")
            for arm in ARMS
        ],
    )
    counts = []
    for dataset in study.datasets:
        arms = [spread(arm, {run.seed: 0.0 for run in study.of(dataset, arm)}) for arm in ARMS]
        counts.append(f"{len(study.of(dataset))} on {title(dataset)} ({seeds(arms)})")
    minutes = sum(run.seconds for run in study.runs) / 60
    sentence = f"{len(study.runs)} networks trained and measured, {listed(counts)}, in {minutes:,.0f} minutes."
    axis = f"{metric.title} ({metric.unit})"
    numbers = in_numbers(rows, axis, metric.digits)
    return Finding((sentence,), rows, axis, numbers=numbers, digits=metric.digits, one_scale=False)


def parameters(study: Study, dataset: str) -> str:
    """Every arm's parameters, and how far the matched baseline matches."""
    counts = {arm: runs[0].parameters for arm in ARMS if (runs := study.of(dataset, arm))}
    sentence = f"Parameters: {', '.join(f'{arm} {count:,}' for arm, count in counts.items())}."
    if MATCHED in counts and ADDITIVE in counts:
        share = counts[MATCHED] / counts[ADDITIVE]
        sentence += f" The matched baseline has {100 * share:.0f} % of the Attention Branch Network's."
    return sentence


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
