"""Comparisons of arms, orders and controls: a finding holds its figure's rows, sentences, and the same in numbers."""

from collections.abc import Sequence
from dataclasses import replace

from abn.study.findings.metric_texts import METRICS
from abn.study.findings.study import CAM, UNTRAINED, Spread, Study, minus, spread
from abn.study.findings.words import Finding, differences, in_numbers, panels, title, verdicts
from abn.vocabulary import ATTENTION_MECHANISMS, BASELINE, MATCHED, NONE


def compared(
    study: Study, against: str, key: str = "accuracy", arms: Sequence[str] = ATTENTION_MECHANISMS, ahead: bool = False
) -> Finding:
    """Arms less another arm, seed by seed. `ahead`: the question is which of two, and not whether it helps."""
    metric = METRICS[key]
    rows = panels(study, lambda dataset: [study.difference(dataset, arm, against, key) for arm in arms])
    same = _same_computation(study, key) if against == NONE else []
    above, below = (f"{arms[0]} ahead", f"{against} ahead") if ahead else ("", "")
    unit = f" ({metric.step})" if metric.step else ""
    return Finding(
        differences(study, rows, metric)
        + tuple(
            f"{name}: “none” and the baseline agree in every seed to the last digit: the feature extractor, the one "
            "part that both losses could change, is fixed. So this is the comparison with the baseline once more."
            for name in same
        ),
        rows,
        f"difference in {metric.title}{unit.replace(' ', '<br>', 1)}",
        tuple(
            replace(verdict, words="the comparison with the baseline once more", tone="open")
            if verdict.where in same
            else verdict
            for verdict in verdicts(rows, metric, above=above, below=below, either_way=ahead)
        ),
        in_numbers(rows, f"difference in {metric.title}{unit}", metric.digits),
        digits=metric.digits,
        reference=0,
    )


def _same_computation(study: Study, key: str) -> list[str]:
    """Titles of the data sets where “none” and the baseline agree in every seed: one computation, and no control."""
    return [
        title(dataset)
        for dataset in study.datasets
        if (values := study.values(dataset, NONE, key)) and values == study.values(dataset, BASELINE, key)
    ]


ORDERS = (  # end of a metric's name, the order's own name, how it is drawn
    ("", "brightest first", "bright"),
    ("_random", "random order", "control"),
    ("_dark_first", "darkest first", "dark"),
)
NEVER = "“none”, which never applies its map"
EFFECTS = {"deletion": "deletion_below_random", "insertion": "insertion_above_random"}  # the metric of each effect


def bright_first(study: Study, key: str = "deletion") -> Finding:
    """Does the predicted class lose more, or with "insertion" gain more, when the map's bright cells go first?"""
    metric, effect_metric = METRICS[key], METRICS[EFFECTS[key]]
    sign = -1 if key == "deletion" else 1  # brightest first should leave less of the area, or bring more
    verb = "takes" if sign < 0 else "brings"

    def effect(dataset: str, arm: str, end: str) -> dict[int, float]:
        """Seed → how much more brightest first does than another order."""
        bright, other = study.values(dataset, arm, key), study.values(dataset, arm, key + end)
        return {seed: sign * value for seed, value in minus(arm, bright, "", other).by_seed.items()}

    effects = panels(
        study,
        lambda dataset: [
            spread(arm, effect(dataset, arm, end), against=name)
            for end, name, _ in ORDERS[1:]
            for arm in ATTENTION_MECHANISMS
        ],
    )
    beyond = panels(
        study,
        lambda dataset: [
            minus(arm, effect(dataset, arm, "_random"), NEVER, effect(dataset, NONE, "_random"))
            for arm in ATTENTION_MECHANISMS
        ],
    )
    return Finding(
        differences(study, effects, effect_metric, f"area that {key} {verb} with the brightest cells first")
        + differences(study, beyond, effect_metric, f"the same less what random order {verb}"),
        panels(
            study,
            lambda dataset: [
                study.spread(dataset, arm, key + end, f"{arm}: {name}", kind)
                for arm in (*ATTENTION_MECHANISMS, NONE)
                for end, name, kind in ORDERS
            ],
        ),
        f"{metric.title}<br>(mean probability of the predicted class, 0 to 1)",
        verdicts(
            beyond,
            effect_metric,
            above="bright matters more",
            below="bright matters less",
            none="bright matters no more",
        ),
        in_numbers(effects, f"area {'lost' if sign < 0 else 'gained'} with the brightest first", metric.digits),
        digits=metric.digits,
        one_scale=False,
    )


def finds_object(study: Study, key: str = "pointing") -> Finding:
    """How well each map finds the object, against the map before training, one never applied, and CAM."""
    metric = METRICS[key]

    def against_controls(dataset: str) -> list[Spread]:
        untrained = study.untrained(dataset, key).by_seed
        return [
            *(minus(arm, study.values(dataset, arm, key), UNTRAINED, untrained) for arm in ATTENTION_MECHANISMS),
            *(study.difference(dataset, arm, NONE, key) for arm in ATTENTION_MECHANISMS),
            *(study.difference(dataset, arm, BASELINE, key, name=CAM) for arm in ATTENTION_MECHANISMS),
        ]

    rows = panels(study, against_controls)
    return Finding(
        differences(study, rows, metric),
        panels(
            study,
            lambda dataset: [
                *(study.spread(dataset, arm, key) for arm in ATTENTION_MECHANISMS),
                study.spread(dataset, NONE, key, kind="control"),
                study.untrained(dataset, key),
                study.spread(dataset, BASELINE, key, CAM, "control"),
                study.spread(dataset, MATCHED, key, "CAM of the matched", "control"),
            ],
        ),
        f"{metric.title}{f' ({metric.unit})' if metric.unit else ''}",
        verdicts(rows, metric),
        in_numbers(rows, f"difference in {metric.title}{f' ({metric.step})' if metric.step else ''}", metric.digits),
        digits=metric.digits,
        reference=metric.reference,
    )
