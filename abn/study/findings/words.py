"""The study in words: sentences and numbers, all computed from the seeds' values."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from abn.plots.numbers import fixed, signed
from abn.study.findings.metric_texts import Metric
from abn.study.findings.study import CAM, DATASETS, Spread, Study
from abn.vocabulary import BASELINE, MATCHED, NONE

EMPTY = "–"  # a cell of a table
DECISIVE = 0.05  # p below which a test is said to decide
CORRECTED = "95 % interval excludes 0, also after Holm's correction"
UNCORRECTED = "95 % interval excludes 0, uncorrected"
IN_A_SENTENCE = {  # what is subtracted → how a sentence names it
    BASELINE: "the baseline",
    MATCHED: "the parameter-matched baseline",
    NONE: "“none”",
    CAM: f"the {CAM}",
}
Panels = dict[str, list[Spread]]  # title → rows


@dataclass(frozen=True)
class Finding:
    """The results for one question: what its figure shows, and what the matrix of all questions shows of it."""

    sentences: dict[str, str]  # title of a panel → its result
    rows: Panels  # of the figure
    axis: str
    effects: Panels = field(default_factory=dict)  # of the matrix: differences, or with `by_seed` values of seeds
    unit: str = ""  # of an effect
    same: tuple[str, ...] = ()  # panels in which “none” is the same computation as the baseline
    digits: int = 2
    reference: float | None = None  # where a line stands
    span: tuple[float, float] | None = None  # what the axis must show
    one_scale: bool = True  # its panels can be compared


def title(dataset: str) -> str:
    """A data set's name for people."""
    return DATASETS.get(dataset, dataset)


def panels(study: Study, rows: Callable[[str], list[Spread]]) -> Panels:
    """`rows(dataset)` of each data set where anything of it was measured, under its title."""
    all_panels = {title(dataset): rows(dataset) for dataset in study.datasets}
    return {name: panel for name, panel in all_panels.items() if any(row.by_seed for row in panel)}


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


def differences(study: Study, rows: Panels, metric: Metric) -> dict[str, str]:
    """For each panel its differences in words, with metric, data set and numbers of seeds and images:
    "Accuracy of the perception head on CIFAR-100 (5 seeds, 10,000 images): additive higher than the baseline (95 %
    interval excludes 0, uncorrected)." """
    sentences = {}
    for dataset in study.datasets:
        panel = rows.get(title(dataset), [])
        if panel:
            images = study.of(dataset)[0].settings.get(metric.counted)
            count = seeds(panel) + (f", {images:,} images" if isinstance(images, int) else "")
            sentences[title(dataset)] = (
                f"{capital(metric.title)} on {title(dataset)} ({count}): {_clauses(panel, metric)}."
            )
    return sentences


def _clauses(rows: Sequence[Spread], metric: Metric) -> str:
    """The differences of a panel, those with the same outcome together."""
    groups: dict[tuple[str, bool, tuple[str, ...]], list[str]] = {}
    for against in dict.fromkeys(row.against for row in rows):
        outcomes: dict[tuple[str, bool], list[str]] = {}
        for row in rows:
            if row.against == against:
                outcomes.setdefault((word(row, metric), decided(row)), []).append(row.name)
        for kind, names in outcomes.items():
            groups.setdefault((*kind, tuple(names)), []).append(IN_A_SENTENCE.get(against, against))
    parts = []
    for (outcome, corrected, arms), controls in groups.items():
        subject, control = listed(arms), listed(controls)
        if outcome == "none":
            parts.append(f"no difference seen for {subject} against {control}")
        elif outcome == "few":
            parts.append(f"too few seeds to compare {subject} with {control}")
        elif outcome == "missing":
            parts.append(f"{subject} against {control} not measured")
        else:
            parts.append(f"{subject} {outcome} than {control} ({CORRECTED if corrected else UNCORRECTED})")
    return "; ".join(parts)


def word(row: Spread, metric: Metric) -> str:
    """The outcome of a difference; "better" or "worse" only where the corrected test says so."""
    if row.outcome in ("higher", "lower") and decided(row):
        return "better" if (row.outcome == "higher") == metric.higher_is_better else "worse"
    return row.outcome


def decided(row: Spread) -> bool:
    """Whether the corrected test decides."""
    return row.p_holm is not None and row.p_holm < DECISIVE


def number_table(finding: Finding) -> list[dict[str, Any]]:
    """Every effect of a finding in numbers: a row for each panel and comparison, or arm."""
    table = [_number_row(panel, row, finding) for panel, rows in finding.effects.items() for row in rows]
    used = {name for row in table for name, value in row.items() if value != EMPTY}
    return [{name: value for name, value in row.items() if name in used} for row in table]


def _number_row(panel: str, row: Spread, finding: Finding) -> dict[str, Any]:
    texts = [
        "" if value is None else number(value, finding.digits, sign=bool(row.against))
        for value in (row.mean, row.low, row.high)
    ]
    mean, low, high = texts
    return {
        "data set": panel,
        "comparison": row.label,
        "mean": f"{mean} {finding.unit}".strip() or "not measured",
        "95 % interval": f"{low} to {high}" if low and high else EMPTY,
        "seeds": ", ".join(number(v, finding.digits, sign=bool(row.against)) for v in row.by_seed.values()),
        "p": EMPTY if row.p is None else f"{row.p:.2g}",
        "p, Holm": EMPTY if row.p_holm is None else f"{row.p_holm:.2g}",
    }
