"""Polarity: whether bright lies on the object, seed by seed, and what turns a map upside down."""

from abn.study.findings.study import Spread, Study, spread
from abn.study.findings.words import Finding, Verdict, capital, in_numbers, listed, per_dataset, seeds, title
from abn.vocabulary import ATTENTION_MECHANISMS, NONE

POLARITY = "polarity: −1 upside down, 1 upright"


def polarity(study: Study) -> Finding:
    """Does bright lie on the object, seed by seed?"""
    rows, clauses, verdicts = {}, {}, []
    for dataset in study.datasets:
        rows[title(dataset)] = panel = [
            *(study.spread(dataset, arm, "polarity") for arm in ATTENTION_MECHANISMS),
            study.spread(dataset, NONE, "polarity", kind="control"),
            study.untrained(dataset, "polarity"),
        ]
        counts: dict[str, list[str]] = {}
        for row in panel:
            counts.setdefault(f"{_upright(row)} of {seeds([row])}" if row.by_seed else "no seed", []).append(row.name)
        counted = listed(f"in {count} for {listed(names)}" for count, names in counts.items())
        clauses[dataset] = f"the map is bright on the object {counted}"
        ways = {orientation(row) for row in panel if row.name in ATTENTION_MECHANISMS and row.by_seed}
        words = ways.pop() if len(ways) == 1 else "mixed" if ways else "not measured"
        verdicts.append(Verdict(title(dataset), words, {UPRIGHT: "seen", "not measured": "missing"}.get(words, "open")))
    numbers = in_numbers(rows, "polarity", 2)
    return Finding(per_dataset(clauses), rows, POLARITY, tuple(verdicts), numbers, reference=0, span=(-1, 1))


UPRIGHT = "upright in every seed"


MIN_POLARITY = 0.05  # absolute; below it a map is neither upright nor upside down


def _upright(row: Spread) -> int:
    return sum(value > MIN_POLARITY for value in row.by_seed.values())


def orientation(row: Spread) -> str:
    if row.by_seed and all(value < -MIN_POLARITY for value in row.by_seed.values()):
        return "upside down in every seed"
    return {len(row.by_seed): UPRIGHT, 0: "upright in no seed"}.get(_upright(row), "upright in some seeds only")


TRIALS = (  # (folded, map head) and the name
    ((True, "usual"), "folded with the usual head"),
    ((True, "fast"), "folded with a fast head"),
    ((False, "usual"), "unfolded with the usual head"),
    ((False, "fast"), "unfolded with a fast head"),
)


def polarity_trials(study: Study) -> Finding:
    """Does the way that training begins decide which way up a map comes out? The first row is the study's own runs."""
    rows: dict[str, list[Spread]] = {}
    ways: dict[str, dict[str, list[str]]] = {}
    for mechanism in ATTENTION_MECHANISMS:
        by_setting = {TRIALS[0][0]: study.values("scenes", mechanism, "polarity")}
        for trial in study.trials:
            if trial.mechanism == mechanism and "polarity" in trial.metrics:
                by_setting.setdefault((trial.folded, trial.map_head), {})[trial.seed] = trial.metrics["polarity"]
        panel = [spread(name, by_setting.get(setting, {})) for setting, name in TRIALS]
        rows[f"{mechanism.capitalize()}, on scenes"] = panel
        for row in panel:
            if row.by_seed:
                ways.setdefault(orientation(row), {}).setdefault(mechanism, []).append(row.name)
    sentences = tuple(
        f"{capital(way)}: {listed(f'{mechanism} ({listed(names)})' for mechanism, names in by_mechanism.items())}."
        for way, by_mechanism in ways.items()
    )
    if not study.trials:
        sentences = ("No such trial has been run yet.",)
    numbers = in_numbers(rows, "polarity", 2)
    verdicts = tuple(
        _trial_verdict(mechanism.capitalize(), panel)
        for mechanism, panel in zip(ATTENTION_MECHANISMS, rows.values(), strict=True)
    )
    return Finding(sentences, rows, POLARITY, verdicts, numbers, reference=0, span=(-1, 1))


def _trial_verdict(mechanism: str, rows: list[Spread]) -> Verdict:
    measured = [row for row in rows[1:] if row.by_seed]
    turned = [
        f"{row.name} ({len(row.by_seed) - _upright(row)} of {seeds([row])})"
        for row in measured
        if _upright(row) < len(row.by_seed)
    ]
    words = listed(turned) if turned else "nothing that was tried" if measured else "not measured"
    return Verdict(mechanism, words, "seen" if turned else "open" if measured else "missing")
