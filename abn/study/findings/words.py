"""The study in words: sentences, verdicts and numbers, all computed from the seeds' values."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from abn.plots.numbers import fixed, signed
from abn.study.findings.metric_texts import Metric
from abn.study.findings.study import CAM, DATASETS, Spread, Study
from abn.vocabulary import BASELINE, MATCHED, NONE

IN_A_SENTENCE = {BASELINE: "the baseline", MATCHED: "the matched baseline", NONE: "“none”", CAM: f"the {CAM}"}
Panels = dict[str, list[Spread]]  # title → rows


@dataclass(frozen=True)
class Verdict:
    """A short verdict on one data set."""

    where: str
    words: str
    tone: str  # "seen", "open" or "missing"


@dataclass(frozen=True)
class Finding:
    """One question's answer and what its figure shows."""

    sentences: tuple[str, ...]
    rows: Panels
    axis: str
    verdicts: tuple[Verdict, ...] = ()
    numbers: tuple[str, ...] = ()  # the same in numbers, a sentence each
    digits: int = 2
    reference: float | None = None  # where a line stands
    span: tuple[float, float] | None = None  # what the axis must show
    one_scale: bool = True  # its panels can be compared


def title(dataset: str) -> str:
    """A data set's name for people."""
    return DATASETS.get(dataset, dataset)


def on(title: str) -> str:
    """on scenes."""
    return f"on {title[:1].lower()}{title[1:]}"


def panels(study: Study, rows: Callable[[str], list[Spread]]) -> Panels:
    """`rows(dataset)` of each data set, under its title."""
    return {title(dataset): rows(dataset) for dataset in study.datasets}


def number(value: float, digits: int = 2, *, sign: bool = False) -> str:
    """A number; with `sign` a difference, which gets two more decimals at most where it would seem zero."""
    if not sign:
        return fixed(value, digits)
    return signed(value, next((more for more in range(digits, digits + 3) if round(value, more)), digits))


def listed(names: Iterable[str]) -> str:
    """a, b and c."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def seeds(rows: Iterable[Spread]) -> str:
    """How many there are: 5 seeds; 4 to 5 seeds."""
    counts = sorted({len(row.by_seed) for row in rows} - {0}) or [0]
    return f"{' to '.join(map(str, dict.fromkeys((counts[0], counts[-1]))))} seed{'' if counts[-1] == 1 else 's'}"


def per_panel(clauses: dict[str, str]) -> tuple[str, ...]:
    """A sentence for each panel; those of which the same is true share one."""
    groups: dict[str, list[str]] = {}
    for name, clause in clauses.items():
        groups.setdefault(clause, []).append(on(name))
    return tuple(f"{capital(listed(where))}, {clause}." for clause, where in groups.items())


def differences(rows: Panels, metric: Metric) -> tuple[str, ...]:
    """Differences in words: "On scenes, additive is right more often than the baseline." """
    return per_panel({name: _clauses(panel, metric) for name, panel in rows.items()})


def _clauses(rows: Sequence[Spread], metric: Metric) -> str:
    """The differences of a panel, those with the same outcome together."""
    groups: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for against in dict.fromkeys(row.against for row in rows):
        outcomes: dict[str, list[str]] = {}
        for row in rows:
            if row.against == against:
                outcomes.setdefault(row.outcome, []).append(row.name)
        for outcome, names in outcomes.items():
            groups.setdefault((outcome, tuple(names)), []).append(IN_A_SENTENCE.get(against, against))
    parts = []
    for (outcome, arms), controls in groups.items():
        subject, control, verb = listed(arms), listed(controls), "are" if len(arms) > 1 else "is"
        if outcome in ("higher", "lower"):
            phrase = metric.above if outcome == "higher" else metric.below
            parts.append(f"{subject} {verb} {phrase} {f' and {phrase.split()[-1]} '.join(controls)}")
        elif outcome == "none":
            parts.append(metric.same.format(control=" or ".join(controls), arms=" or ".join(arms)))
        elif outcome == "few":
            parts.append(f"too few seeds to tell {subject} from {control}")
        else:
            parts.append(f"nothing was measured of {subject} against {control}")
    return "; ".join(parts)


def verdicts(
    rows: Panels, above: tuple[str, str], below: tuple[str, str], none: str = "no difference seen"
) -> tuple[Verdict, ...]:
    """A verdict on each panel's differences: their common outcome or none; `above`, `below`: (words, tone)."""
    known = {
        (): ("not measured", "missing"),
        ("few",): ("too few seeds", "missing"),
        ("none",): (none, "open"),
        ("higher",): above,
        ("lower",): below,
        ("higher", "none"): (f"{above[0]} in part", "open"),
        ("lower", "none"): (f"{below[0]} in part", "open"),
    }
    outcomes = {name: tuple(sorted({row.outcome for row in panel} - {"missing"})) for name, panel in rows.items()}
    return tuple(Verdict(name, *known.get(outcome, ("mixed", "open"))) for name, outcome in outcomes.items())


def better_or_worse(metric: Metric) -> tuple[tuple[str, str], tuple[str, str]]:
    pair = ("better", "seen"), ("worse", "open")
    return pair if metric.higher_is_better else pair[::-1]


def in_numbers(rows: Panels, quantity: str, digits: int) -> tuple[str, ...]:
    """For each panel a sentence with every mean, interval and p."""
    return tuple(
        f"{name}, {seeds(panel)}, {quantity}, mean and 95 % interval: "
        f"{'; '.join(_row_numbers(row, digits) for row in panel)}."
        for name, panel in rows.items()
    )


def _row_numbers(row: Spread, digits: int) -> str:
    name, signed = (f"{row.name} against {row.against}", True) if row.against else (row.name, False)
    if row.mean is None:
        return f"{name} not measured"
    mean, *bounds = (number(x, digits, sign=signed) for x in (row.mean, row.low, row.high) if x is not None)
    p = "" if row.p is None else f", p {row.p:.2g}, Holm-adjusted {row.p_holm:.2g}"
    return f"{name} {mean} ({' to '.join(bounds)}{p})" if len(bounds) == 2 else f"{name} {mean} (one seed)"
