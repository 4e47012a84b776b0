"""Polarity: whether bright lies on the object, seed by seed, and what turns a map upside down."""

from abn.study.findings.metric_texts import finite_metrics
from abn.study.findings.study import Spread, Study, spread
from abn.study.findings.words import Finding, Panels, Verdict, capital, in_numbers, listed, panels, per_panel, seeds
from abn.vocabulary import ATTENTION_MECHANISMS, NONE

AXIS = "polarity: −1 upside down, 1 upright"
MIN_POLARITY = 0.05  # absolute; below it a map is neither upright nor upside down
UPRIGHT = "upright in every seed"
TRIALS = {  # (folded, map head) → name; the first are the study's own runs
    (True, "usual"): "folded with the usual head",
    (True, "fast"): "folded with a fast head",
    (False, "usual"): "unfolded with the usual head",
    (False, "fast"): "unfolded with a fast head",
}


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


def polarity_trials(study: Study) -> Finding:
    """Does the way that training begins decide which way up a map comes out? The first row is the study's own runs."""
    rows, verdicts = {}, []
    directions: dict[str, dict[str, list[str]]] = {}  # orientation → mechanism → names of trials
    for mechanism in ATTENTION_MECHANISMS:
        by_setting: dict[tuple[bool, str], dict[int, float]] = {setting: {} for setting in TRIALS}
        by_setting[True, "usual"] = study.values("scenes", mechanism, "polarity")
        for trial in study.polarity:
            value = finite_metrics(trial.metrics).get("polarity")
            setting = trial.folded, trial.map_head
            if trial.mechanism == mechanism and setting in by_setting and value is not None:
                by_setting[setting][trial.seed] = value
        panel = [spread(name, by_setting[setting]) for setting, name in TRIALS.items()]
        rows[f"{mechanism.capitalize()}, on scenes"] = panel
        verdicts.append(_trial_verdict(mechanism.capitalize(), panel))
        for row in panel:
            if row.by_seed:
                directions.setdefault(orientation(row), {}).setdefault(mechanism, []).append(row.name)
    sentences = tuple(
        f"{capital(direction)}: {listed(f'{mechanism} ({listed(names)})' for mechanism, names in trials.items())}."
        for direction, trials in directions.items()
    )
    return _finding(sentences if study.polarity else ("No such trial has been run yet.",), rows, verdicts)


def _finding(sentences: tuple[str, ...], rows: Panels, verdicts: list[Verdict]) -> Finding:
    numbers = in_numbers(rows, "polarity", 2)
    return Finding(sentences, rows, AXIS, tuple(verdicts), numbers, reference=0, span=(-1, 1))


def _upright(row: Spread) -> int:
    return sum(value > MIN_POLARITY for value in row.by_seed.values())


def orientation(row: Spread) -> str:
    if row.by_seed and all(value < -MIN_POLARITY for value in row.by_seed.values()):
        return "upside down in every seed"
    return {len(row.by_seed): UPRIGHT, 0: "upright in no seed"}.get(_upright(row), "upright in some seeds only")


def _trial_verdict(mechanism: str, rows: list[Spread]) -> Verdict:
    measured = [row for row in rows[1:] if row.by_seed]
    turned = [
        f"{row.name} ({len(row.by_seed) - _upright(row)} of {seeds([row])})"
        for row in measured
        if _upright(row) < len(row.by_seed)
    ]
    words = listed(turned) if turned else "nothing that was tried" if measured else "not measured"
    return Verdict(mechanism, words, "seen" if turned else "open" if measured else "missing")
