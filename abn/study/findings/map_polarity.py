"""Polarity: whether bright lies on the object, seed by seed."""

from dataclasses import replace

from abn.study.findings.study import Spread, Study
from abn.study.findings.words import Finding, listed, panels, seeds
from abn.vocabulary import ATTENTION_MECHANISMS, NONE

AXIS = "polarity: −1 inverted, 1 upright"
MIN_POLARITY = 0.05  # absolute; below it a map is neither upright nor inverted
SENTENCE = "On {dataset}, the map is bright on the object (polarity above {limit}) {counts}."


def polarity(study: Study) -> Finding:
    """Does bright lie on the object, seed by seed? No interval: a t-interval would leave −1 … 1."""
    rows = panels(
        study,
        lambda dataset: [
            *(_without_interval(study.spread(dataset, arm, "polarity")) for arm in ATTENTION_MECHANISMS),
            _without_interval(study.spread(dataset, NONE, "polarity", kind="control")),
            _without_interval(study.untrained(dataset, "polarity")),
        ],
    )
    effects = {name: [row for row in panel if row.name in ATTENTION_MECHANISMS] for name, panel in rows.items()}
    sentences = {name: _sentence(name, panel) for name, panel in rows.items()}
    return Finding(sentences, rows, AXIS, effects, reference=0, span=(-1, 1))


def _without_interval(row: Spread) -> Spread:
    return replace(row, low=None, high=None)


def _sentence(dataset: str, rows: list[Spread]) -> str:
    counts: dict[str, list[str]] = {}
    for row in rows:
        count = f"{upright(row)} of {seeds([row])}" if row.by_seed else "no measured seed"
        counts.setdefault(count, []).append(row.name)
    clauses = listed(f"in {count} for {listed(names)}" for count, names in counts.items())
    return SENTENCE.format(dataset=dataset, limit=MIN_POLARITY, counts=clauses)


def upright(row: Spread) -> int:
    """The seeds whose map is bright on the object."""
    return sum(value > MIN_POLARITY for value in row.by_seed.values())


def inverted(row: Spread) -> int:
    """The seeds whose map is dark on the object."""
    return sum(value < -MIN_POLARITY for value in row.by_seed.values())
