"""Polarity: whether bright lies on the object, seed by seed."""

from dataclasses import replace

from abn.study.findings.study import Spread, Study
from abn.study.findings.words import Finding, Panels, Verdict, in_numbers, listed, panels, per_panel, seeds
from abn.vocabulary import ATTENTION_MECHANISMS, NONE

AXIS = "polarity: −1 inverted, 1 upright"
MIN_POLARITY = 0.05  # absolute; below it a map is neither upright nor inverted
UPRIGHT = "upright in every seed"


def polarity(study: Study) -> Finding:
    """Does bright lie on the object, seed by seed?"""
    rows = panels(
        study,
        lambda dataset: [
            *(study.spread(dataset, arm, "polarity") for arm in ATTENTION_MECHANISMS),
            study.spread(dataset, NONE, "polarity", kind="control"),
            study.untrained(dataset, "polarity"),
        ],
    )
    clauses, verdicts = {}, []
    for name, panel in rows.items():
        counts: dict[str, list[str]] = {}
        for row in panel:
            counts.setdefault(f"{_upright(row)} of {seeds([row])}" if row.by_seed else "no seed", []).append(row.name)
        counted = listed(f"in {count} for {listed(names)}" for count, names in counts.items())
        clauses[name] = f"the map is bright on the object {counted}"
        directions = {orientation(row) for row in panel if row.name in ATTENTION_MECHANISMS and row.by_seed}
        words = directions.pop() if len(directions) == 1 else "mixed" if directions else "not measured"
        verdicts.append(Verdict(name, words, {UPRIGHT: "seen", "not measured": "missing"}.get(words, "open")))
    return _finding(per_panel(clauses), rows, verdicts)


def _finding(sentences: tuple[str, ...], rows: Panels, verdicts: list[Verdict]) -> Finding:
    rows = {name: [replace(row, low=None, high=None) for row in panel] for name, panel in rows.items()}
    numbers = in_numbers(rows, "polarity", 2, "mean and seeds")  # a t-interval would leave −1 … 1
    return Finding(sentences, rows, AXIS, tuple(verdicts), numbers, reference=0, span=(-1, 1))


def _upright(row: Spread) -> int:
    return sum(value > MIN_POLARITY for value in row.by_seed.values())


def orientation(row: Spread) -> str:
    if row.by_seed and all(value < -MIN_POLARITY for value in row.by_seed.values()):
        return "inverted in every seed"
    return {len(row.by_seed): UPRIGHT, 0: "upright in no seed"}.get(_upright(row), "upright in some seeds only")
