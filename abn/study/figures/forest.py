"""The matrix of questions and data sets: a small forest plot and its numbers in each cell, as HTML.

A cell has a line for each effect: label, plot, numbers. The plot holds the line of zero, the interval and the mean, or
the seeds where no interval is shown. Effects whose interval includes zero are gray and hollow. Where nothing was
measured, a cell has the labels of another data set, since one column of labels serves all. `study.css` lays it out.
"""

import html
from collections.abc import Mapping

from abn.study.findings import Finding, Spread, arm_title, decided, inverted, number, upright

NOT_MEASURED = "not measured"
SAME = "“none” is the baseline here"
SEEDS = "{dataset} · {count} seeds"
COUNT = "n = {count}"  # of an effect with other numbers of seeds than its data set
UPRIGHT, INVERTED = "bright in {count} of {seeds}", "dark in {count} of {seeds}"
CORRECTED = "†"  # marks an effect that Holm's correction leaves
LOWER, HIGHER = "← lower", "higher →"
ROOM = 0.06  # of the scale, beyond the outermost value


def forest_header(seeds: Mapping[str, int]) -> str:
    """The heads of the columns, one for each data set and its number of seeds, with the directions of its plots."""
    axis = f"<span>{LOWER}</span><span>0</span><span>{HIGHER}</span>"
    line = f'<div class="abn-forest-line"><span></span><div class="abn-forest-axis">{axis}</div><span></span></div>'
    cells = "".join(
        f'<div class="abn-forest-cell"><div class="abn-forest-heading">{_heading(title, count)}</div>{line}</div>'
        for title, count in seeds.items()
    )
    return f'<div class="abn-forest abn-forest-header" style="--columns: {len(seeds)}" aria-hidden="true">{cells}</div>'


def _heading(title: str, count: int) -> str:
    return SEEDS.format(dataset=html.escape(title), count=count)


def forest_row(finding: Finding, seeds: Mapping[str, int]) -> str:
    """The cells of one question, one for each data set and its number of seeds, all on one scale."""
    reach = _reach(finding)
    labels = next(([row.name for row in panel] for panel in finding.effects.values()), [])
    cells = ""
    for title, count in seeds.items():
        lines = "".join(_line(row, finding, reach, count) for row in finding.effects.get(title, []))
        lines = lines or "".join(map(_empty_line, labels))
        if title in finding.same:
            lines = f'<div class="abn-forest-empty abn-forest-null">{SAME}</div>'
        cells += (
            f'<div class="abn-forest-cell" role="group" aria-label="{html.escape(title)}">'
            f'<div class="abn-forest-title" aria-hidden="true">{_heading(title, count)}</div>'
            f'{lines or f"""<div class="abn-forest-empty abn-forest-null">{NOT_MEASURED}</div>"""}</div>'
        )
    return f'<div class="abn-forest" style="--columns: {len(seeds)}">{cells}</div>'


def _reach(finding: Finding) -> float:
    """How far the scale goes to both sides of zero, which stands in the middle for every question."""
    rows = [row for name, panel in finding.effects.items() if name not in finding.same for row in panel]
    values = [*(finding.span or ()), *(value for row in rows for value in _drawn(row))]
    return (1 + ROOM) * max(map(abs, values), default=0.0) or 1.0


def _drawn(row: Spread) -> list[float]:
    """What is drawn of an effect: mean and interval, or its seeds."""
    if row.against and row.low is not None and row.high is not None:
        return [row.low, row.mean or 0.0, row.high]
    return list(row.by_seed.values())


def _line(row: Spread, finding: Finding, reach: float, seeds: int) -> str:
    def percent(value: float) -> str:
        return f"{50 + 50 * value / reach:.2f}%"

    drawn = _drawn(row)
    marks = f'<i class="abn-forest-zero" style="left: {percent(0)}"></i>'
    if row.against and len(drawn) == 3 and row.low is not None:
        width = f"{50 * (drawn[2] - drawn[0]) / reach:.2f}%"
        marks += f'<i class="abn-forest-interval" style="left: {percent(drawn[0])}; width: {width}"></i>'
        marks += f'<i class="abn-forest-mean" style="left: {percent(drawn[1])}"></i>'
    else:
        marks += "".join(f'<i class="abn-forest-seed" style="left: {percent(value)}"></i>' for value in drawn)
    kind = "" if _is_effect(row) else " abn-forest-null"
    plot = f'<div class="abn-forest-plot" aria-hidden="true">{marks}</div>'
    label, numbers = html.escape(arm_title(row.name)), _numbers(row, finding, seeds)
    return f'<div class="abn-forest-line{kind}"><span>{label}</span>{plot}<span>{numbers}</span></div>'


def _empty_line(name: str) -> str:
    label = html.escape(arm_title(name))
    return f'<div class="abn-forest-line abn-forest-null"><span>{label}</span><i></i><span>{NOT_MEASURED}</span></div>'


def _is_effect(row: Spread) -> bool:
    if row.against:
        return row.outcome in ("higher", "lower")
    return bool(row.by_seed) and len(row.by_seed) in (upright(row), inverted(row))


def _numbers(row: Spread, finding: Finding, seeds: int) -> str:
    """Effect and interval; and n, where it isn't `seeds`."""
    count = len(row.by_seed)
    if row.mean is None:
        return NOT_MEASURED
    if not row.against:
        most = max((UPRIGHT, upright(row)), (INVERTED, inverted(row)), key=lambda pair: pair[1])
        return most[0].format(count=most[1], seeds=count)
    mean, *bounds = (number(x, finding.digits, sign=True) for x in (row.mean, row.low, row.high) if x is not None)
    unit = f" {finding.unit}" if finding.unit else ""
    interval = f" <span>[{', '.join(bounds)}]</span>" if len(bounds) == 2 else ""
    mark = CORRECTED if decided(row) else ""
    return f"<b>{mean}{unit}</b>{mark}{interval}" + (f" {COUNT.format(count=count)}" if count != seeds else "")
