"""The study in words: sentences, verdicts and numbers, all computed from the seeds' values."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from abn.plots.numbers import fixed, signed
from abn.study.findings.metric_texts import Metric
from abn.study.findings.study import CAM, DATASETS, Spread, Study
from abn.vocabulary import BASELINE, MATCHED, NONE

DECISIVE = 0.05  # p below which a test is said to decide
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


def panels(study: Study, rows: Callable[[str], list[Spread]]) -> Panels:
    """`rows(dataset)` of each data set where anything of it was measured, under its title."""
    found = {title(dataset): rows(dataset) for dataset in study.datasets}
    return {name: panel for name, panel in found.items() if any(row.by_seed for row in panel)}


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
        groups.setdefault(clause, []).append(name)
    return tuple(f"On {listed(where)}, {clause}." for clause, where in groups.items())


def differences(study: Study, rows: Panels, metric: Metric, quantity: str = "") -> tuple[str, ...]:
    """Differences in words, with metric (or `quantity`), data set and numbers of seeds and images: "Accuracy of the
    perception head on CIFAR-100 (5 seeds, 10,000 images): additive higher than the baseline." """
    sentences = []
    for dataset in study.datasets:
        panel = rows.get(title(dataset), [])
        if panel:
            images = study.of(dataset)[0].settings.get(metric.counted)
            count = seeds(panel) + (f", {images:,} images" if isinstance(images, int) else "")
            what = capital(quantity or metric.title)
            sentences.append(f"{what} on {title(dataset)} ({count}): {_clauses(panel, metric)}.")
    return tuple(sentences)


def _clauses(rows: Sequence[Spread], metric: Metric) -> str:
    """The differences of a panel, those with the same outcome together."""
    groups: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for against in dict.fromkeys(row.against for row in rows):
        outcomes: dict[str, list[str]] = {}
        for row in rows:
            if row.against == against:
                outcomes.setdefault(word(row, metric), []).append(row.name)
        for outcome, names in outcomes.items():
            groups.setdefault((outcome, tuple(names)), []).append(IN_A_SENTENCE.get(against, against))
    parts = []
    for (outcome, arms), controls in groups.items():
        subject, control = listed(arms), listed(controls)
        if outcome == "none":
            parts.append(f"no difference seen for {subject} against {control}")
        elif outcome == "few":
            parts.append(f"too few seeds to tell {subject} from {control}")
        elif outcome == "missing":
            parts.append(f"nothing was measured of {subject} against {control}")
        else:
            parts.append(f"{subject} {outcome} than {control}")
    return "; ".join(parts)


def word(row: Spread, metric: Metric) -> str:
    """The outcome of a difference; "better" or "worse" only where the corrected test says so."""
    if row.outcome in ("higher", "lower") and decided(row):
        return "better" if (row.outcome == "higher") == metric.higher_is_better else "worse"
    return row.outcome


def decided(row: Spread) -> bool:
    """Whether the corrected test decides."""
    return row.p_holm is not None and row.p_holm < DECISIVE


def verdicts(
    rows: Panels,
    metric: Metric,
    *,
    above: str = "",
    below: str = "",
    none: str = "no difference seen",
    either_way: bool = False,
) -> tuple[Verdict, ...]:
    """A verdict on each panel's differences: their common outcome or none; `above` and `below` replace its words.
    `either_way`: a difference is a finding in either direction."""
    verdicts = []
    for name, panel in rows.items():
        outcomes = {row.outcome for row in panel} - {"missing"}
        words = {word(row, metric) for row in panel if row.outcome in ("higher", "lower")}
        if not outcomes or outcomes == {"few"}:
            verdicts.append(Verdict(name, "too few seeds" if outcomes else "not measured", "missing"))
        elif outcomes == {"none"}:
            verdicts.append(Verdict(name, none, "open"))
        elif outcomes >= {"higher", "lower"} or "few" in outcomes:
            verdicts.append(Verdict(name, "mixed", "open"))
        else:
            higher = "higher" in outcomes
            plain = words.pop() if len(words) == 1 else "higher" if higher else "lower"
            said = (above if higher else below) or plain
            part = " in part" if "none" in outcomes else ""
            corrected = all(decided(row) for row in panel if row.outcome in ("higher", "lower"))
            wanted = corrected and not part and (either_way or higher == metric.higher_is_better)
            limit = "" if corrected else ", uncorrected"
            verdicts.append(Verdict(name, said + part + limit, "seen" if wanted else "open"))
    return tuple(verdicts)


def in_numbers(rows: Panels, quantity: str, digits: int, what: str = "mean and 95 % interval") -> tuple[str, ...]:
    """For each panel a sentence with every mean, interval and p, or what else its rows hold."""
    return tuple(
        f"{name}, {seeds(panel)}, {quantity}, {what}: {'; '.join(_row_numbers(row, digits) for row in panel)}."
        for name, panel in rows.items()
    )


def _row_numbers(row: Spread, digits: int) -> str:
    name, signed = (f"{row.name} against {row.against}", True) if row.against else (row.name, False)
    if row.mean is None:
        return f"{name} not measured"
    mean, *bounds = (number(x, digits, sign=signed) for x in (row.mean, row.low, row.high) if x is not None)
    p = "" if row.p is None else f", p {row.p:.2g}, Holm-adjusted {row.p_holm:.2g}"
    if len(bounds) == 2:
        return f"{name} {mean} ({' to '.join(bounds)}{p})"
    values = ", ".join(number(value, digits, sign=signed) for value in row.by_seed.values())
    return f"{name} {mean} ({'one seed' if len(row.by_seed) == 1 else values})"
