"""Comparisons of arms, orders and controls: a finding holds its figure's rows, sentences, and the same in numbers."""

from collections.abc import Sequence
from dataclasses import replace

from abn.study.findings.metrics import METRICS, Metric
from abn.study.findings.study import (
    CAM,
    UNTRAINED,
    Spread,
    Study,
    minus,
    spread,
)
from abn.study.findings.words import (
    Finding,
    better_or_worse,
    clauses,
    in_numbers,
    per_dataset,
    title,
    verdicts,
)
from abn.vocabulary import ATTENTION_MECHANISMS, BASELINE, MATCHED, NONE


def compared(
    study: Study, against: str, key: str = "accuracy", arms: Sequence[str] = ATTENTION_MECHANISMS, ahead: bool = False
) -> Finding:
    """Arms less another arm, seed by seed. `ahead`: the question is which of two, and not whether it helps."""
    metric = METRICS[key]
    rows = {dataset: [study.difference(dataset, arm, against, key) for arm in arms] for dataset in study.datasets}
    titled = _by_title(rows)
    same = _same_computation(study, key) if against == NONE else {}
    outcomes = ((f"{arms[0]} ahead", "seen"), (f"{against} ahead", "seen")) if ahead else better_or_worse(metric)
    unit = f" ({metric.step})" if metric.step else ""
    return Finding(
        _sentences(rows, metric) + tuple(same.values()),
        titled,
        f"difference in {metric.title}{unit.replace(' ', '<br>', 1)}",
        tuple(
            replace(verdict, words="the comparison with the baseline once more", tone="open")
            if verdict.where in same
            else verdict
            for verdict in verdicts(titled, *outcomes)
        ),
        in_numbers(titled, f"difference in {metric.title}{unit}", metric.digits),
        digits=metric.digits,
        reference=0,
    )


def _by_title(rows: dict[str, list[Spread]]) -> dict[str, list[Spread]]:
    return {title(dataset): panel for dataset, panel in rows.items()}


def _sentences(differences: dict[str, list[Spread]], metric: Metric) -> tuple[str, ...]:
    return per_dataset({dataset: clauses(panel, metric) for dataset, panel in differences.items()})


def _same_computation(study: Study, key: str) -> dict[str, str]:
    """A sentence for each data set where “none” and the baseline agree in every seed to the last digit: they are one
    computation, and no control."""
    where = [
        title(dataset)
        for dataset in study.datasets
        if (values := study.values(dataset, NONE, key)) and values == study.values(dataset, BASELINE, key)
    ]
    return {
        name: f"{name}: “none” and the baseline agree in every seed to the last digit: the feature extractor, the one "
        "part that both losses could change, is fixed. So this is the comparison with the baseline once more."
        for name in where
    }


ORDERS = (  # end of a metric's name, the order's own name, how it is drawn
    ("", "brightest first", "bright"),
    ("_random", "random order", "control"),
    ("_dark_first", "darkest first", "dark"),
)


def bright_first(study: Study, key: str = "deletion") -> Finding:
    """Does the answer suffer more, or with "insertion" gain more, when the map's bright cells go first?"""
    metric, differences, rows = METRICS[key], {}, {}
    sign = -1 if key == "deletion" else 1  # brightest first should leave less of the area, or bring more
    for dataset in study.datasets:
        values = {
            (arm, end): study.values(dataset, arm, key + end)
            for arm in (*ATTENTION_MECHANISMS, NONE)
            for end, *_ in ORDERS
        }
        effects = [
            minus(arm, values[arm, ""], name, values[arm, end])
            for end, name, _ in ORDERS[1:]
            for arm in ATTENTION_MECHANISMS
        ]
        differences[dataset] = [
            spread(row.name, {seed: sign * value for seed, value in row.by_seed.items()}, against=row.against)
            for row in effects
        ]
        rows[title(dataset)] = [
            spread(f"{arm}: {name}", values[arm, end], kind=kind)
            for arm in (*ATTENTION_MECHANISMS, NONE)
            for end, name, kind in ORDERS
        ]
    titled = _by_title(differences)
    quantity = f"area {'lost' if sign < 0 else 'gained'} with the brightest first"
    beyond = {dataset: _beyond_none(study, dataset, key, sign) for dataset in study.datasets}
    return Finding(
        _sentences(differences, metric) + _sentences(beyond, BEYOND),
        rows,
        f"{metric.title}<br>(mean probability of the answer, 0 to 1)",
        verdicts(
            _by_title(beyond),
            ("bright matters more than in “none”", "seen"),
            ("bright matters less than in “none”", "open"),
            none="bright matters no more than in “none”",
        ),
        in_numbers(titled, quantity, metric.digits),
        digits=metric.digits,
        one_scale=False,
    )


NEVER = "“none”, which never applies its map"
BEYOND = Metric(
    "area",
    "more sensitive to the brightest cells than",
    "less sensitive to the brightest cells than",
    "no difference seen between {who} and {control}",
)


def _beyond_none(study: Study, dataset: str, key: str, sign: int) -> list[Spread]:
    """How much more going by brightness tells than random order does, each mechanism less “none”."""

    def effect(arm: str) -> dict[int, float]:
        first = minus(arm, study.values(dataset, arm, key), "", study.values(dataset, arm, f"{key}_random"))
        return {seed: sign * value for seed, value in first.by_seed.items()}

    return [minus(arm, effect(arm), NEVER, effect(NONE)) for arm in ATTENTION_MECHANISMS]


def finds_object(study: Study, key: str = "pointing") -> Finding:
    """How well each map finds the object, against the map before training, one never applied, and CAM."""
    metric, differences, rows = METRICS[key], {}, {}
    for dataset in study.datasets:
        untrained = study.untrained(dataset, key)
        differences[dataset] = [
            *(
                minus(arm, study.values(dataset, arm, key), UNTRAINED, untrained.by_seed)
                for arm in ATTENTION_MECHANISMS
            ),
            *(study.difference(dataset, arm, NONE, key) for arm in ATTENTION_MECHANISMS),
            *(study.difference(dataset, arm, BASELINE, key, name=CAM) for arm in ATTENTION_MECHANISMS),
        ]
        rows[title(dataset)] = [
            *(study.spread(dataset, arm, key) for arm in ATTENTION_MECHANISMS),
            study.spread(dataset, NONE, key, kind="control"),
            untrained,
            study.spread(dataset, BASELINE, key, CAM, "control"),
            study.spread(dataset, MATCHED, key, "CAM of the matched", "control"),
        ]
    titled = _by_title(differences)
    unit = f" ({metric.unit})" if metric.unit else ""
    return Finding(
        _sentences(differences, metric),
        rows,
        f"{metric.title}{unit}",
        verdicts(titled, *better_or_worse(metric)),
        in_numbers(titled, f"difference in {metric.title}{f' ({metric.step})' if metric.step else ''}", metric.digits),
        digits=metric.digits,
        reference=metric.reference,
    )
