"""The study's questions, one by one: each answer holds its figure's rows, sentences, and the same in numbers."""

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
    Verdict,
    better_or_worse,
    capital,
    clauses,
    in_numbers,
    listed,
    per_dataset,
    seeds,
    title,
    verdicts,
)
from abn.vocabulary import ADDITIVE, ARMS, ATTENTION_MECHANISMS, BASELINE, MATCHED, NONE

DECISIVE = 0.05  # p below which a test is said to decide


def exact_test(study: Study, key: str = "accuracy") -> list[str]:
    """The smallest p that the exact test can give with so many seeds, and a caution about multiple comparisons."""
    families: dict[int, int] = {}
    for dataset, arm, against, metric in study.comparisons:
        if metric == key:
            row = study.difference(dataset, arm, against, metric)
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
        "An interval is about the mean over seeds on the same test pictures: another seed, other pictures, other "
        "objects or a longer training may differ by more."
    )
    return sentences


SIZES = {  # what a setting of a run is called
    "pictures": "{:,} pictures to learn from",
    "samples": "{:,} samples to learn from, each seen once",
    "epochs": "{:g} passes over them",
    "batch": "batches of {}",
    "test": "{:,} other pictures to measure on",
    "deleted": "{:,} of these for deletion and insertion",
}


def sizes(study: Study, dataset: str) -> str:
    """How large a data set and its training were, from the settings of its runs; and whether all ran with the same."""
    runs = study.of(dataset)
    settings = runs[0].settings
    sizes = [text.format(settings[key]) for key, text in SIZES.items() if type(settings.get(key)) in (int, float)]
    sentence = f"{capital(', '.join(sizes) or 'no size is noted')}."
    steps = settings.get("samples") or settings.get("pictures", 0) * settings.get("epochs", 0)
    if steps and settings.get("batch"):
        sentence += f" That is {int(steps / settings['batch'])} steps: a short training, not carried to its end."
    if any(run.settings != settings for run in runs):
        sentence += " Not all runs had the same settings: read the differences with care."
    return sentence


def accuracies(study: Study) -> Finding:
    """What share of the pictures each arm answers rightly; and how much was run."""
    metric, counts = METRICS["accuracy"], []
    rows = {
        title(dataset): [
            study.spread(dataset, arm, "accuracy", kind="arm" if arm in ATTENTION_MECHANISMS else "control")
            for arm in ARMS
        ]
        for dataset in study.datasets
    }
    for dataset in study.datasets:
        arms = [{run.seed: 0.0 for run in study.of(dataset, arm)} for arm in ARMS]
        name = title(dataset)
        counts.append(
            f"{len(study.of(dataset))} on {name[:1].lower()}{name[1:]} ({seeds(spread('', a) for a in arms)})"
        )
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
