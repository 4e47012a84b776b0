"""Comparisons of arms, orders and controls: a finding holds its figure's rows, its sentences and its effects."""

from collections.abc import Sequence
from dataclasses import replace

from abn.study.findings.metric_texts import METRICS
from abn.study.findings.study import CAM, UNTRAINED, Spread, Study, arm_title, minus, spread
from abn.study.findings.words import Finding, Panels, differences, panels, title
from abn.vocabulary import ATTENTION_MECHANISMS, BASELINE, MATCHED, NONE

SAME = (
    "On {dataset}, “none” and the baseline have identical results in every seed: the feature extractor is fixed, so "
    "L_att can't change the perception branch. This comparison equals the one with the baseline."
)


def compared(study: Study, against: str, key: str = "accuracy", arms: Sequence[str] = ATTENTION_MECHANISMS) -> Finding:
    """Arms less another arm, seed by seed."""
    metric = METRICS[key]
    rows = panels(study, lambda dataset: [study.difference(dataset, arm, against, key) for arm in arms])
    same = _same_computation(study, key) if against == NONE else ()
    unit = f" ({metric.step})" if metric.step else ""
    return Finding(
        differences(study, rows, metric) | {name: SAME.format(dataset=name) for name in same},
        rows,
        f"difference in {metric.title}{unit.replace(' ', '<br>', 1)}",
        effects=rows,
        unit=metric.short_step,
        same=same,
        digits=metric.digits,
        reference=0,
    )


def _same_computation(study: Study, key: str) -> tuple[str, ...]:
    """Titles of the data sets where “none” and the baseline agree in every seed: one computation, and no control."""
    return tuple(
        title(dataset)
        for dataset in study.datasets
        if (values := study.values(dataset, NONE, key)) and values == study.values(dataset, BASELINE, key)
    )


def by_head(study: Study, arm: str, against: str) -> Finding:
    """The accuracy of two arms compared, for each head."""
    keys = {"perception head": "accuracy", "auxiliary head": "accuracy_auxiliary"}
    heads = {head: compared(study, against, key, (arm,)) for head, key in keys.items()}
    first, *_ = heads.values()
    rows: Panels = {}
    sentences: dict[str, str] = {}
    for panel in first.rows:
        here = {head: finding for head, finding in heads.items() if panel in finding.rows}
        rows[panel] = [
            replace(row, name=head, caption=f"{head}: {arm} − {against}")
            for head, finding in here.items()
            for row in finding.rows[panel]
        ]
        sentences[panel] = " ".join(finding.sentences[panel] for finding in here.values())
    axis = "difference in accuracy<br>(percentage points)"
    return replace(first, sentences=sentences, rows=rows, axis=axis, effects=rows)


ORDERS = (  # end of a metric's name, the order's own name, how it is drawn
    ("", "brightest first", "bright"),
    ("_random", "random order", "control"),
    ("_dark_first", "darkest first", "dark"),
)
EFFECTS = {"deletion": "deletion_below_random", "insertion": "insertion_above_random"}  # the metric of each effect


def bright_first(study: Study, key: str = "deletion") -> Finding:
    """Does the predicted class lose more probability, or with "insertion" gain more, when the map's bright cells go
    first than when as many random cells do, and is this more than with “none”, which never applies its map?"""
    metric = METRICS[key]

    def effects(dataset: str) -> list[Spread]:
        return [
            *(spread(arm, study.values(dataset, arm, EFFECTS[key]), against="0") for arm in ATTENTION_MECHANISMS),
            *(study.difference(dataset, arm, NONE, EFFECTS[key]) for arm in ATTENTION_MECHANISMS),
        ]

    rows = panels(study, effects)
    return Finding(
        differences(study, rows, METRICS[EFFECTS[key]]),
        panels(
            study,
            lambda dataset: [
                study.spread(dataset, arm, key + end, f"{arm}: {name}", kind)
                for arm in (*ATTENTION_MECHANISMS, NONE)
                for end, name, kind in ORDERS
            ],
        ),
        f"{metric.title}<br>(mean probability of the predicted class, 0 to 1)",
        effects={name: [row for row in panel if row.against == NONE] for name, panel in rows.items()},
        digits=metric.digits,
        one_scale=False,
    )


CONTROLS = (UNTRAINED, NONE, CAM)  # of a map that lies on the object


def finds_object(study: Study, key: str = "pointing", control: str = UNTRAINED) -> Finding:
    """How well each map finds the object, against one of `CONTROLS`; the figure holds them all."""
    metric = METRICS[key]

    def against_control(dataset: str) -> list[Spread]:
        if control == UNTRAINED:
            untrained = study.untrained(dataset, key).by_seed
            return [minus(arm, study.values(dataset, arm, key), UNTRAINED, untrained) for arm in ATTENTION_MECHANISMS]
        arm_of_control = BASELINE if control == CAM else control
        return [study.difference(dataset, arm, arm_of_control, key, control) for arm in ATTENTION_MECHANISMS]

    effects = panels(study, against_control)
    return Finding(
        differences(study, effects, metric),
        panels(
            study,
            lambda dataset: [
                *(study.spread(dataset, arm, key) for arm in ATTENTION_MECHANISMS),
                study.spread(dataset, NONE, key, kind="control"),
                study.untrained(dataset, key),
                study.spread(dataset, BASELINE, key, CAM, "control"),
                study.spread(dataset, MATCHED, key, f"CAM of the {arm_title(MATCHED)}", "control"),
            ],
        ),
        f"{metric.title}{f' ({metric.unit})' if metric.unit else ''}",
        effects=effects,
        unit=metric.short_step,
        digits=metric.digits,
        reference=metric.reference,
    )
