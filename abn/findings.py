"""What the study found: its result files, read and put into words (no torch, no scipy).

Every sentence is made of the numbers in the files and changes with them. Where an interval holds zero, it says "no
difference seen". Values are as people read them: percent and percentage points where the metric says so.
"""

import csv
import io
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from abn.errors import ABNError

RESULTS = Path(__file__).parent / "study" / "results"
REPORT = "python -m abn study report"
COST = "python -m abn study cost"
PUBLISHED = "git checkout abn/study/results/published.json"

BASELINE, MATCHED, NONE = "baseline", "matched", "none"
MECHANISMS = ("additive", "multiplicative")
ARMS = (BASELINE, MATCHED, NONE, *MECHANISMS)
DATASETS = {"scenes": "Scenes", "cluttered-fashion": "Cluttered Fashion-MNIST"}
UNTRAINED, CAM = "before training", "CAM of the baseline"
IN_A_SENTENCE = {BASELINE: "the baseline", MATCHED: "the matched baseline", NONE: "“none”", CAM: f"the {CAM}"}
DECISIVE = 0.05  # p below which a test is said to decide
ENOUGH = 3  # seeds from which a difference is spoken of: two may agree by rounding alone

T95 = (  # 97.5 % quantiles of Student's t for 1, 2, … degrees of freedom; beyond, the last, which is a little too wide
    12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281,
    2.2010, 2.1788, 2.1604, 2.1448, 2.1314, 2.1199, 2.1098, 2.1009, 2.0930, 2.0860,
)  # fmt: skip


@dataclass(frozen=True)
class Metric:
    """How a metric is shown, and what it means where one arm lies above another."""

    title: str
    above: str  # "is … the baseline", where it is higher
    below: str
    same: str = "no difference seen between {control} and {who}"
    unit: str = ""  # of a value
    step: str = ""  # of a difference
    times: float = 1
    digits: int = 2
    higher_is_better: bool = True
    reference: float | None = None  # the value of a map that says nothing


def _percent(title: str, above: str, below: str, **more: Any) -> Metric:
    return Metric(title, above, below, unit="%", step="percentage points", times=100, digits=1, **more)


METRICS = {
    "accuracy": _percent("right answers, perception head", "right more often than", "right less often than"),
    "accuracy_auxiliary": _percent("right answers, auxiliary head", "right more often than", "right less often than"),
    "calibration_error": _percent(
        "calibration error, perception head", "worse calibrated than", "better calibrated than", higher_is_better=False
    ),
    "pointing": _percent("brightest cell on the object", "better at pointing than", "worse at pointing than"),
    "roc_auc": Metric(
        "ROC-AUC of the map against the mask",
        "better at telling object from ground than",
        "worse at telling object from ground than",
        digits=3,
        reference=0.5,
    ),
    "energy_over_area": Metric(
        "share of the map on the object ÷ its area",
        "more on the object than",
        "less on the object than",
        reference=1,
    ),
    "polarity": Metric("polarity of the map", "more upright than", "less upright than", reference=0),
    "deletion": Metric(
        "area under the deletion curve",
        "hurt more with the brightest cells first than with",
        "hurt less with the brightest cells first than with",
        "no difference seen between brightest first and {control} for {who}",
        digits=3,
    ),
    "insertion": Metric(
        "area under the insertion curve",
        "helped more with the brightest cells first than with",
        "helped less with the brightest cells first than with",
        "no difference seen between brightest first and {control} for {who}",
        digits=3,
    ),
    "deletion_below_random": Metric(
        "area that deletion loses, brightest first against random order", "loses more than", "loses less than", digits=3
    ),
    "insertion_above_random": Metric(
        "area that insertion gains, brightest first against random order",
        "gains more than",
        "gains less than",
        digits=3,
    ),
}


@dataclass(frozen=True)
class Spread:
    """What the seeds say of one thing: a value for each, their mean and its 95 % t-interval (None for one seed)."""

    name: str
    by_seed: dict[int, float]
    against: str = ""  # of a difference: what was taken away
    mean: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    p_holm: float | None = None
    family: int = 0  # comparisons among which p was adjusted
    kind: str = "arm"  # how it is drawn: "arm", "control", "bright" or "dark"

    @property
    def label(self) -> str:
        return f"{self.name} − {self.against}" if self.against else self.name

    @property
    def seen(self) -> str:
        """Of a difference, what may be said: "higher", "lower", "none", "few" (seeds) or "missing"."""
        if not self.by_seed or self.mean is None:
            return "missing"
        if self.low is None or self.high is None or len(self.by_seed) < ENOUGH:
            return "few"
        return "higher" if self.low > 0 else "lower" if self.high < 0 else "none"


@dataclass(frozen=True)
class Verdict:
    """A word or three on one data set."""

    where: str
    words: str
    tone: str  # "seen", "open" or "missing"


@dataclass(frozen=True)
class Finding:
    """One question's answer and what its figure shows."""

    sentences: tuple[str, ...]
    rows: dict[str, list[Spread]]  # title of a panel → its rows
    axis: str
    verdicts: tuple[Verdict, ...] = ()
    numbers: tuple[str, ...] = ()  # the same in numbers, a sentence each
    digits: int = 2
    reference: float | None = None  # where a line stands
    span: tuple[float, float] | None = None  # what the axis must show
    one_scale: bool = True  # its panels can be compared


@dataclass(frozen=True)
class Run:
    """One arm trained for one seed."""

    dataset: str
    arm: str
    seed: int
    metrics: dict[str, float]  # without those that are missing
    parameters: int
    seconds: float
    settings: dict[str, Any] = field(default_factory=dict)
    command: str = ""


@dataclass(frozen=True)
class Trial:
    """One trial on polarity."""

    mechanism: str
    folded: bool
    map_head: str
    seed: int
    metrics: dict[str, float]


@dataclass(frozen=True)
class Study:
    """The summary, checked."""

    runs: tuple[Run, ...]
    trials: tuple[Trial, ...]
    comparisons: dict[tuple[str, str, str, str], dict[str, float]]  # (dataset, arm, against, metric)

    @cached_property
    def datasets(self) -> list[str]:
        return sorted({run.dataset for run in self.runs}, key=lambda name: (name not in DATASETS, name != "scenes"))

    def of(self, dataset: str, arm: str | None = None) -> list[Run]:
        """The runs of a data set, or of one arm on it."""
        return [run for run in self.runs if run.dataset == dataset and arm in (None, run.arm)]

    def values(self, dataset: str, arm: str | None, key: str) -> dict[int, float]:
        """Seed → value, for the runs that have it."""
        times = METRICS[_base(key)].times
        return {run.seed: times * run.metrics[key] for run in self.of(dataset, arm) if key in run.metrics}

    def spread(self, dataset: str, arm: str, key: str, name: str = "", kind: str = "arm") -> Spread:
        """An arm's values."""
        return spread(name or arm, self.values(dataset, arm, key), kind=kind)

    def untrained(self, dataset: str, key: str) -> Spread:
        """The control: the network before any training, which all arms of a seed share."""
        return spread(UNTRAINED, self.values(dataset, None, f"{key}_untrained"), kind="control")

    def difference(self, dataset: str, arm: str, against: str, key: str, name: str = "") -> Spread:
        """`arm` − `against`, seed by seed; interval and p are those of the summary where it has them."""
        first, second = (self.values(dataset, one, key) for one in (arm, against))
        found = _minus(arm, first, name or against, second)
        said = self.comparisons.get((dataset, arm, against, key))
        if said is None or not found.by_seed:
            return found
        times = METRICS[key].times
        family = sum((one[0], one[3]) == (dataset, key) for one in self.comparisons)
        bounds = [times * said[part] for part in ("mean_difference", "ci_low", "ci_high")]
        return Spread(arm, found.by_seed, found.against, *bounds, said["p"], said["p_holm"], family)


def spread(name: str, by_seed: dict[int, float], **more: Any) -> Spread:
    """Values with their mean and its 95 % t-interval, which takes two seeds at least."""
    values = list(by_seed.values())
    if not values:
        return Spread(name, {}, **more)
    mean = math.fsum(values) / len(values)
    if len(values) == 1:
        return Spread(name, by_seed, mean=mean, **more)
    variance = math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1)
    half = T95[min(len(values) - 1, len(T95)) - 1] * math.sqrt(variance / len(values))
    return Spread(name, by_seed, mean=mean, low=mean - half, high=mean + half, **more)


def _minus(name: str, first: dict[int, float], against: str, second: dict[int, float]) -> Spread:
    return spread(name, {seed: first[seed] - second[seed] for seed in sorted(first.keys() & second)}, against=against)


def _base(key: str) -> str:
    """The metric that a key of a run's metrics is a kind of."""
    if key in METRICS:
        return key
    for end in ("_untrained", "_random", "_dark_first"):
        key = key.removesuffix(end)
    return key


# ---- reading ----


def read_summary(results: Path | None = None) -> dict:
    """The summary as it stands: {"runs", "comparisons", "polarity"}; `ABNError` where it is missing or broken."""
    return _read("summary.json", REPORT, results)


def _read(name: str, command: str, results: Path | None) -> dict:
    try:
        found = json.loads(((results or RESULTS) / name).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ABNError(f"These results are missing ({name}): {command} makes them.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise _broken(name, command) from error
    if not isinstance(found, dict):
        raise _broken(name, command)
    return found


def _broken(name: str, command: str) -> ABNError:
    return ABNError(f"These results can't be read ({name}): {command} makes them anew.")


def _numbers(metrics: dict) -> dict[str, float]:
    """What is a finite number among the metrics of a run; areas also against the same run's random order."""
    found = {key: float(v) for key, v in metrics.items() if type(v) in (int, float) and math.isfinite(v)}
    if {"deletion", "deletion_random"} <= found.keys():
        found["deletion_below_random"] = found["deletion_random"] - found["deletion"]
    if {"insertion", "insertion_random"} <= found.keys():
        found["insertion_above_random"] = found["insertion"] - found["insertion_random"]
    return found


def read_study(results: Path | None = None) -> Study:
    """The study's summary, checked; `ABNError` where it is missing, broken or without a run."""
    found = read_summary(results)
    try:
        runs = [
            Run(
                dataset=str(one["dataset"]),
                arm=str(one["arm"]),
                seed=int(one["seed"]),
                metrics=_numbers(one["metrics"]),
                parameters=int(one["parameters"]),
                seconds=float(one["seconds"]),
                settings=dict(one["settings"]),
                command=str(one["command"]),
            )
            for one in found["runs"]
        ]
        trials = [
            Trial(str(t["mechanism"]), bool(t["folded"]), str(t["map_head"]), int(t["seed"]), _numbers(t["metrics"]))
            for t in found["polarity"]
        ]
        parts = ("mean_difference", "ci_low", "ci_high", "p", "p_holm")
        comparisons = {
            tuple(str(one[key]) for key in ("dataset", "arm", "against", "metric")): {p: float(one[p]) for p in parts}
            for one in found["comparisons"]
        }
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _broken("summary.json", REPORT) from error
    if not runs:
        raise ABNError(f"The study holds no run yet: python -m abn study run makes them, then {REPORT}.")
    return Study(tuple(runs), tuple(trials), comparisons)


# ---- words ----


def title(dataset: str) -> str:
    """A data set's name for people."""
    return DATASETS.get(dataset, dataset)


def number(value: float, digits: int = 2, *, sign: bool = False) -> str:
    """A number with a real minus. With `sign` it has one, and two more decimals at most where it would seem zero."""
    texts = [f"{value:{'+' if sign else ''}.{places}f}" for places in range(digits, digits + (3 if sign else 1))]
    text = next((text for text in texts if text.strip("+-0.")), texts[0].lstrip("+-"))
    return text.replace("-", "−")


def listed(names: Iterable[str]) -> str:
    """a, b and c."""
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def seeds(rows: Iterable[Spread]) -> str:
    """How many there are: 5 seeds; 4 to 5 seeds."""
    counts = sorted({len(row.by_seed) for row in rows} - {0}) or [0]
    return f"{' to '.join(map(str, dict.fromkeys((counts[0], counts[-1]))))} seed{'' if counts[-1] == 1 else 's'}"


def _per_dataset(clauses: dict[str, str]) -> tuple[str, ...]:
    """A sentence for each data set; those of which the same is true share one."""
    groups: dict[str, list[str]] = {}
    for dataset, clause in clauses.items():
        name = title(dataset)
        groups.setdefault(clause, []).append(f"on {name[:1].lower()}{name[1:]}")
    return tuple(f"{_capital(listed(where))}, {clause}." for clause, where in groups.items())


def _clauses(rows: Sequence[Spread], metric: Metric) -> str:
    """What differences come to, those with one outcome together: "additive is right more often than the baseline"."""
    groups: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for against in dict.fromkeys(row.against for row in rows):
        outcomes: dict[str, list[str]] = {}
        for row in rows:
            if row.against == against:
                outcomes.setdefault(row.seen, []).append(row.name)
        for outcome, names in outcomes.items():
            groups.setdefault((outcome, tuple(names)), []).append(IN_A_SENTENCE.get(against, against))
    parts = []
    for (outcome, names), controls in groups.items():
        who, control, verb = listed(names), listed(controls), "are" if len(names) > 1 else "is"
        if outcome in ("higher", "lower"):
            phrase = metric.above if outcome == "higher" else metric.below
            parts.append(f"{who} {verb} {phrase} {f' and {phrase.split()[-1]} '.join(controls)}")
        elif outcome == "none":
            parts.append(metric.same.format(control=" or ".join(controls), who=" or ".join(names)))
        elif outcome == "few":
            parts.append(f"too few seeds to tell {who} from {control}")
        else:
            parts.append(f"nothing was measured of {who} against {control}")
    return "; ".join(parts)


def _verdicts(rows: dict[str, list[Spread]], above: tuple[str, str], below: tuple[str, str]) -> tuple[Verdict, ...]:
    """A word on each panel's differences: what they share, or that they differ; `above`, `below`: (words, tone)."""
    known = {
        (): ("not measured", "missing"),
        ("few",): ("too few seeds", "missing"),
        ("none",): ("no difference seen", "open"),
        ("higher",): above,
        ("lower",): below,
        ("higher", "none"): (f"{above[0]} in part", "open"),
        ("lower", "none"): (f"{below[0]} in part", "open"),
    }
    outcomes = {where: tuple(sorted({row.seen for row in some} - {"missing"})) for where, some in rows.items()}
    return tuple(Verdict(where, *known.get(seen, ("mixed", "open"))) for where, seen in outcomes.items())


def _better_or_worse(metric: Metric) -> tuple[tuple[str, str], tuple[str, str]]:
    pair = ("better", "seen"), ("worse", "open")
    return pair if metric.higher_is_better else pair[::-1]


def _in_numbers(rows: dict[str, list[Spread]], what: str, digits: int) -> tuple[str, ...]:
    """For each panel a sentence with every mean, interval and p."""
    return tuple(
        f"{where}, {seeds(some)}, {what}, mean and 95 % interval: {'; '.join(_one(row, digits) for row in some)}."
        for where, some in rows.items()
    )


def _one(row: Spread, digits: int) -> str:
    name, signed = (f"{row.name} against {row.against}", True) if row.against else (row.name, False)
    if row.mean is None:
        return f"{name} not measured"
    mean, *bounds = (None if x is None else number(x, digits, sign=signed) for x in (row.mean, row.low, row.high))
    p = "" if row.p is None else f", p {row.p:.2g}, Holm-adjusted {row.p_holm:.2g}"
    return f"{name} {mean} ({' to '.join(bounds)}{p})" if None not in bounds else f"{name} {mean} (one seed)"


def exact_test(study: Study, key: str = "accuracy") -> list[str]:
    """What the exact test can say at best with so many seeds, and of how many comparisons one must beware."""
    families: dict[int, int] = {}
    for dataset, arm, against, metric in study.comparisons:
        if metric == key:
            row = study.difference(dataset, arm, against, metric)
            families[len(row.by_seed)] = max(row.family, families.get(len(row.by_seed), 0))
    sentences = []
    for count, family in sorted(families.items()):
        least = 2 / 2**count
        adjusted = min(1, least * family)
        message = ", so the interval and not p carries the message" if adjusted >= DECISIVE else ""
        sentences.append(
            f"With {count} seeds the exact test can't give a p below 2/2^{count} = {least:.4g}, and Holm's adjustment "
            f"for {family} comparisons makes {adjusted:.2g} of that{message}."
        )
    if study.comparisons:
        sentences.append(
            f"Intervals are not adjusted: of {len(study.comparisons)} comparisons without any effect, about "
            f"{max(1, round(len(study.comparisons) / 20))} would seem to have one if they were independent."
        )
    sentences.append(
        "An interval says what other seeds would give on the same test pictures: other pictures, other objects or a "
        "longer training may differ by more."
    )
    return sentences


# ---- the questions ----

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
    said = [text.format(settings[key]) for key, text in SIZES.items() if type(settings.get(key)) in (int, float)]
    sentence = f"{_capital(', '.join(said) or 'no size is noted')}."
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
            study.spread(dataset, arm, "accuracy", kind="arm" if arm in MECHANISMS else "control") for arm in ARMS
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
    numbers = _in_numbers(rows, axis, metric.digits)
    return Finding((sentence,), rows, axis, numbers=numbers, digits=metric.digits, one_scale=False)


def parameters(study: Study, dataset: str) -> str:
    """Every arm's parameters, and how far the matched baseline matches."""
    counts = {arm: runs[0].parameters for arm in ARMS if (runs := study.of(dataset, arm))}
    sentence = f"Parameters: {', '.join(f'{arm} {count:,}' for arm, count in counts.items())}."
    if MATCHED in counts and MECHANISMS[0] in counts:
        share = counts[MATCHED] / counts[MECHANISMS[0]]
        sentence += f" The matched baseline has {100 * share:.0f} % of the Attention Branch Network's."
    return sentence


def compared(
    study: Study, against: str, key: str = "accuracy", arms: Sequence[str] = MECHANISMS, ahead: bool = False
) -> Finding:
    """Arms less another arm, seed by seed. `ahead`: the question is which of two, and not whether it helps."""
    metric = METRICS[key]
    found = {dataset: [study.difference(dataset, arm, against, key) for arm in arms] for dataset in study.datasets}
    rows = {title(dataset): some for dataset, some in found.items()}
    which = ((f"{arms[0]} ahead", "seen"), (f"{against} ahead", "seen"))
    unit = f" ({metric.step})" if metric.step else ""
    said = _per_dataset({dataset: _clauses(some, metric) for dataset, some in found.items()})
    return Finding(
        said + (_same_computation(study, key) if against == NONE else ()),
        rows,
        f"difference in {metric.title}{unit.replace(' ', '<br>', 1)}",
        _verdicts(rows, *(which if ahead else _better_or_worse(metric))),
        _in_numbers(rows, f"difference in {metric.title}{unit}", metric.digits),
        digits=metric.digits,
        reference=0,
    )


def _same_computation(study: Study, key: str) -> tuple[str, ...]:
    """Where “none” and the baseline agree in every seed to the last digit: they are one computation, and no control."""
    where = [
        title(dataset)
        for dataset in study.datasets
        if (values := study.values(dataset, NONE, key)) and values == study.values(dataset, BASELINE, key)
    ]
    return tuple(
        f"{name}: “none” and the baseline agree in every seed to the last digit: the feature extractor, the one part "
        "that both losses could change, is fixed. So this repeats the first question."
        for name in where
    )


POLARITY = "polarity: −1 upside down, 1 upright"


def polarity(study: Study) -> Finding:
    """Does bright lie on the object, seed by seed?"""
    rows, clauses, verdicts = {}, {}, []
    for dataset in study.datasets:
        rows[title(dataset)] = some = [
            *(study.spread(dataset, arm, "polarity") for arm in MECHANISMS),
            study.spread(dataset, NONE, "polarity", kind="control"),
            study.untrained(dataset, "polarity"),
        ]
        counts: dict[str, list[str]] = {}
        for row in some:
            counts.setdefault(f"{_upright(row)} of {seeds([row])}" if row.by_seed else "no seed", []).append(row.name)
        counted = listed(f"in {count} for {listed(names)}" for count, names in counts.items())
        clauses[dataset] = f"the map is bright on the object {counted}"
        ways = {_way(row) for row in some if row.name in MECHANISMS and row.by_seed}
        words = ways.pop() if len(ways) == 1 else "mixed" if ways else "not measured"
        verdicts.append(Verdict(title(dataset), words, {UPRIGHT: "seen", "not measured": "missing"}.get(words, "open")))
    numbers = _in_numbers(rows, "polarity", 2)
    return Finding(_per_dataset(clauses), rows, POLARITY, tuple(verdicts), numbers, reference=0, span=(-1, 1))


UPRIGHT = "upright in every seed"


EVEN = 0.05  # polarity below which a map is neither way up


def _upright(row: Spread) -> int:
    return sum(value > EVEN for value in row.by_seed.values())


def _way(row: Spread) -> str:
    if row.by_seed and all(value < -EVEN for value in row.by_seed.values()):
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
    rows, ways = {}, {}
    for mechanism in MECHANISMS:
        found = {TRIALS[0][0]: study.values("scenes", mechanism, "polarity")}
        for trial in study.trials:
            if trial.mechanism == mechanism and "polarity" in trial.metrics:
                found.setdefault((trial.folded, trial.map_head), {})[trial.seed] = trial.metrics["polarity"]
        rows[f"{mechanism.capitalize()}, on scenes"] = some = [spread(name, found.get(how, {})) for how, name in TRIALS]
        for row in some:
            if row.by_seed:
                ways.setdefault(_way(row), {}).setdefault(mechanism, []).append(row.name)
    sentences = tuple(
        f"{_capital(way)}: {listed(f'{mechanism} ({listed(names)})' for mechanism, names in found.items())}."
        for way, found in ways.items()
    )
    if not study.trials:
        sentences = ("No such trial has been run yet.",)
    numbers = _in_numbers(rows, "polarity", 2)
    verdicts = tuple(
        _trial_verdict(mechanism.capitalize(), some) for mechanism, some in zip(MECHANISMS, rows.values(), strict=True)
    )
    return Finding(sentences, rows, POLARITY, verdicts, numbers, reference=0, span=(-1, 1))


def _trial_verdict(mechanism: str, rows: list[Spread]) -> Verdict:
    found = [row for row in rows[1:] if row.by_seed]
    turned = [
        f"{row.name} ({len(row.by_seed) - _upright(row)} of {seeds([row])})"
        for row in found
        if _upright(row) < len(row.by_seed)
    ]
    words = listed(turned) if turned else "nothing that was tried" if found else "not measured"
    return Verdict(mechanism, words, "seen" if turned else "open" if found else "missing")


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
            (arm, end): study.values(dataset, arm, key + end) for arm in (*MECHANISMS, NONE) for end, *_ in ORDERS
        }
        effects = [
            _minus(arm, values[arm, ""], name, values[arm, end]) for end, name, _ in ORDERS[1:] for arm in MECHANISMS
        ]
        differences[dataset] = [
            spread(one.name, {seed: sign * value for seed, value in one.by_seed.items()}, against=one.against)
            for one in effects
        ]
        rows[title(dataset)] = [
            spread(f"{arm}: {name}", values[arm, end], kind=kind)
            for arm in (*MECHANISMS, NONE)
            for end, name, kind in ORDERS
        ]
    titled = {title(dataset): some for dataset, some in differences.items()}
    what = f"area {'lost' if sign < 0 else 'gained'} with the brightest first"
    beyond = {dataset: _beyond_none(study, dataset, key, sign) for dataset in study.datasets}
    return Finding(
        _per_dataset({dataset: _clauses(some, metric) for dataset, some in differences.items()})
        + _per_dataset({dataset: _clauses(some, BEYOND) for dataset, some in beyond.items()}),
        rows,
        f"{metric.title}<br>(mean probability of the answer, 0 to 1)",
        _verdicts(
            {title(dataset): some for dataset, some in beyond.items()},
            ("bright matters more than in “none”", "seen"),
            ("bright matters less than in “none”", "open"),
        ),
        _in_numbers(titled, what, metric.digits),
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
        first = _minus(arm, study.values(dataset, arm, key), "", study.values(dataset, arm, f"{key}_random"))
        return {seed: sign * value for seed, value in first.by_seed.items()}

    return [_minus(arm, effect(arm), NEVER, effect(NONE)) for arm in MECHANISMS]


def finds_object(study: Study, key: str = "pointing") -> Finding:
    """How well each map finds the object, against the map before training, one never applied, and CAM."""
    metric, differences, rows = METRICS[key], {}, {}
    for dataset in study.datasets:
        untrained = study.untrained(dataset, key)
        differences[dataset] = [
            *(_minus(arm, study.values(dataset, arm, key), UNTRAINED, untrained.by_seed) for arm in MECHANISMS),
            *(study.difference(dataset, arm, NONE, key) for arm in MECHANISMS),
            *(study.difference(dataset, arm, BASELINE, key, name=CAM) for arm in MECHANISMS),
        ]
        rows[title(dataset)] = [
            *(study.spread(dataset, arm, key) for arm in MECHANISMS),
            study.spread(dataset, NONE, key, kind="control"),
            untrained,
            study.spread(dataset, BASELINE, key, CAM, "control"),
            study.spread(dataset, MATCHED, key, "CAM of the matched", "control"),
        ]
    titled = {title(dataset): some for dataset, some in differences.items()}
    unit = f" ({metric.unit})" if metric.unit else ""
    return Finding(
        _per_dataset({dataset: _clauses(some, metric) for dataset, some in differences.items()}),
        rows,
        f"{metric.title}{unit}",
        _verdicts(titled, *_better_or_worse(metric)),
        _in_numbers(titled, f"difference in {metric.title}{f' ({metric.step})' if metric.step else ''}", metric.digits),
        digits=metric.digits,
        reference=metric.reference,
    )


# ---- what it costs ----

PARTS = {
    "extractor": "feature extractor",
    "attention_branch": "attention branch",
    "perception_branch": "perception branch",
    "plain_cnn": "plain CNN",
    "whole": "whole network",
}
SINGLE = ("extractor", "perception_branch", "attention_branch")  # as bars stand on one another
PEAKS = 3  # forward passes of each batch that a measurement takes beside its rounds


@dataclass(frozen=True)
class Part:
    """What a part of a network costs; by images at once where it depends on them."""

    parameters: int
    flops: int  # one image
    seconds: dict[int, float]
    peak_bytes: dict[int, int]


@dataclass(frozen=True)
class Cost:
    """What a network costs, part by part."""

    family: str
    input_size: int  # pixels
    parts: dict[str, Part]
    variant: str = ""

    @property
    def batches(self) -> list[int]:
        return sorted(self.parts["whole"].seconds)

    def ratio(self, what: str, batch: int | None = None) -> float:
        """The whole network over the plain CNN: "parameters", "flops", "seconds" or "peak_bytes"."""
        whole, plain = (getattr(self.parts[name], what) for name in ("whole", "plain_cnn"))
        return whole / plain if batch is None else whole[batch] / plain[batch]


@dataclass(frozen=True)
class Costs:
    """All networks measured in one run."""

    networks: tuple[Cost, ...]
    threads: int
    rounds: int
    command: str

    def seconds_to_measure(self, family: str, batches: Iterable[int]) -> float | None:
        """How long a measurement of a network takes where these were taken; None for a network that isn't there."""
        whole = next((one.parts["whole"] for one in self.networks if one.family == family), None)
        return whole and (self.rounds + PEAKS) * sum(whole.seconds.get(batch, 0.0) for batch in batches)


def read_costs(results: Path | None = None) -> Costs:
    """What the study measured of cost, checked; `ABNError` where it is missing or broken."""
    found = _read("cost.json", COST, results)
    try:
        networks = tuple(
            cost_of(one["family"], one["input_size"], one["parts"], variant=one.get("variant", ""))
            for one in found["families"]
        )
        costs = Costs(networks, int(found["threads"]), int(found["rounds"]), str(found["command"]))
    except (KeyError, TypeError, ValueError, AttributeError, ZeroDivisionError) as error:
        raise _broken("cost.json", COST) from error
    if not networks:
        raise ABNError(f"No cost has been measured yet: {COST} does.")
    return costs


def cost_of(family: str, input_size: int, parts: Iterable[dict], *, variant: str = "") -> Cost:
    """A cost from plain data; raises what Python raises where something is missing or nothing."""
    known = {
        one["part"]: Part(
            int(one["parameters"]),
            int(one["flops"]),
            {int(batch): float(value) for batch, value in one["seconds"].items()},
            {int(batch): int(value) for batch, value in one["peak_bytes"].items()},
        )
        for one in parts
    }
    cost = Cost(str(family), int(input_size), {name: known[name] for name in PARTS}, str(variant))
    for batch in cost.batches:
        cost.ratio("seconds", batch), cost.ratio("peak_bytes", batch)
    cost.ratio("parameters"), cost.ratio("flops")
    return cost


def cost_sentence(networks: Sequence[Cost]) -> str:
    """What attention costs, as ratios, in one sentence."""
    spans = {
        "the parameters": [one.ratio("parameters") for one in networks],
        "the FLOPs": [one.ratio("flops") for one in networks],
        "the time": [one.ratio("seconds", 1) for one in networks],
        "the peak memory": [one.ratio("peak_bytes", 1) for one in networks],
    }
    said = [f"{_between(values)} times {what}" for what, values in spans.items()]
    which = f"over {len(networks)} networks" if len(networks) > 1 else f"for {networks[0].family}"
    return f"The whole network takes {listed(said)} of the plain CNN that it is built on, {which}, one image at a time."


def _between(values: Sequence[float]) -> str:
    return " to ".join(dict.fromkeys(f"{value:.2f}" for value in (min(values), max(values))))


# ---- what was published ----


@dataclass(frozen=True)
class Dispute:
    """What somebody else measured; top-1 error in %."""

    dataset: str
    backbone: str
    plain: float
    abn: float | None
    said: str
    source: str
    url: str


@dataclass(frozen=True)
class Published:
    """The authors' own figures, what disputes them and what they leave out."""

    rows: dict[str, list[tuple[str, float, float]]]  # data set → (backbone, ABN, plain), top-1 error in %
    disputes: list[Dispute]
    missing: list[str]
    quote: str  # what a review says, as a sentence


def read_published(results: Path | None = None) -> Published:
    """The published figures; `ABNError` where the file is missing or broken."""
    found = _read("published.json", PUBLISHED, results)
    try:
        rows: dict[str, list[tuple[str, float, float]]] = {}
        for one in found["results"]:
            rows.setdefault(str(one["dataset"]), []).append(
                (str(one["backbone"]), float(one["abn"]), float(one["plain"]))
            )
        sources = {name: (str(one["name"]), str(one["url"])) for name, one in found["sources"].items()}
        disputes = [
            Dispute(
                str(one["dataset"]),
                str(one["backbone"]),
                float(one["plain"]),
                None if one.get("abn") is None else float(one["abn"]),
                str(one["said"]),
                *sources[one["source"]],
            )
            for one in found["disputes"]
        ]
        review = found["review"]
        quote = f"{review['said']}, {sources[review['source']][0]} says “{review['quote']}”."
        return Published(rows, disputes, [str(one) for one in found["not_given"]], quote)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _broken("published.json", PUBLISHED) from error


def published_sentence(published: Published) -> str:
    """What the authors report, in one sentence."""
    gains = [plain - abn for rows in published.rows.values() for _, abn, plain in rows]
    better = sum(gain > 0 for gain in gains)
    return (
        f"By its authors' figures, the Attention Branch Network errs less than the plain CNN in {better} of "
        f"{len(gains)} pairs, by {number(min(gains), 1)} to {number(max(gains), 1)} percentage points; they give no "
        f"{', no '.join(published.missing)}."
    )


# ---- the raw runs ----


def table(study: Study) -> list[dict[str, Any]]:
    """Every run as a flat row, all rows with the same keys."""
    keys = list(dict.fromkeys(key for run in study.runs for key in run.metrics))
    return [
        {"dataset": run.dataset, "arm": run.arm, "seed": run.seed, "parameters": run.parameters, "seconds": run.seconds}
        | {key: run.metrics.get(key) for key in keys}
        | {"command": run.command}
        for run in study.runs
    ]


def as_csv(study: Study) -> str:
    """The same as comma-separated values."""
    rows = table(study)
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue()
