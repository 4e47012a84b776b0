"""Findings as dots: for each row small circles for the seeds, and a mark with a bar for mean and interval."""

from abn.plots.plotly_objects import go
from abn.plots.theme import GRAY, GREEN, VIOLET, escape
from abn.study.figures.rows import MEAN_Y, SEEDS_Y, lay_out_rows
from abn.study.findings import Finding, Spread, number

STYLES = {  # kind of a row → color and symbol of its mean
    "arm": (VIOLET, "diamond"),
    "null": (GRAY, "diamond"),  # a difference whose interval includes zero
    "control": (GRAY, "square"),
    "bright": (VIOLET, "triangle-up"),
    "dark": (GREEN, "triangle-down"),
}


def dots(finding: Finding, panel: str, *, narrow: bool = False) -> go.Figure:
    """One panel of a finding; its panels share one scale if they can be compared."""
    rows, figure = finding.rows[panel], go.Figure()
    measured = [(place, row) for place, row in enumerate(rows) if row.by_seed]
    for order, kind in enumerate(dict.fromkeys(_kind(row) for _, row in measured)):
        _add_rows(figure, finding, [pair for pair in measured if _kind(pair[1]) == kind], *STYLES[kind], order == 0)
    texts = ((escape(row.label), _mean_text(row, finding.digits, short=True)) for row in rows)
    line = None if finding.reference is None else {"x": finding.reference, "layer": "below"}
    lay_out_rows(figure, texts, finding.axis, line=line, narrow=narrow)
    return figure.update_xaxes(range=_x_range(finding, panel))


def _add_rows(
    figure: go.Figure, finding: Finding, rows: list[tuple[int, Spread]], color: str, symbol: str, in_legend: bool
) -> None:
    figure.add_scatter(
        name="one seed",
        x=[value for _, row in rows for value in row.by_seed.values()],
        y=[place + SEEDS_Y for place, row in rows for _ in row.by_seed],
        customdata=[[escape(row.label), seed] for _, row in rows for seed in row.by_seed],
        hovertemplate=f"%{{customdata[0]}}<br>seed %{{customdata[1]}}: %{{x:.{finding.digits}f}}<extra></extra>",
        mode="markers",
        marker={"color": color, "size": 8, "opacity": 0.8, "line": {"width": 0}},
        showlegend=in_legend,
    )
    figure.add_scatter(
        name="mean and 95 % interval" if any(row.low is not None for _, row in rows) else "mean",
        x=[row.mean for _, row in rows],
        y=[place + MEAN_Y for place, _ in rows],
        error_x={
            "array": [_length(row.mean, row.high) for _, row in rows],
            "arrayminus": [_length(row.low, row.mean) for _, row in rows],
            "symmetric": False,
            "color": color,
            "thickness": 4,
            "width": 0,
        },
        customdata=[escape(f"{row.label}: {_mean_text(row, finding.digits)}") for _, row in rows],
        hovertemplate="%{customdata}<extra></extra>",
        mode="markers",
        marker={
            "color": color,
            "size": 13,
            "symbol": [f"{symbol}-open" if _kind(row) == "null" else symbol for _, row in rows],
            "line": {"width": 2, "color": color},
        },
        showlegend=in_legend,
    )


def _kind(row: Spread) -> str:
    return "null" if row.against and row.outcome not in ("higher", "lower") else row.kind


def _length(start: float | None, end: float | None) -> float:
    return 0 if start is None or end is None else end - start


def _x_range(finding: Finding, panel: str) -> tuple[float, float]:
    """Wide enough for all seeds, intervals and the reference, with 5 % more at both ends."""
    panels = finding.rows if finding.one_scale else [panel]
    rows = [row for name in panels for row in finding.rows[name] if row.by_seed]
    candidates = [value for row in rows for value in (*row.by_seed.values(), row.low, row.high)]
    candidates += [finding.reference, *(finding.span or ())]
    values = [value for value in candidates if value is not None] or [0.0, 1.0]
    room = 0.05 * (max(values) - min(values)) or 1.0
    return min(values) - room, max(values) + room


def alt(finding: Finding, panel: str) -> str:
    """A panel in words: every row with its mean, interval and seeds."""
    rows = []
    for row in finding.rows[panel]:
        seeds = ", ".join(number(value, finding.digits) for value in row.by_seed.values())
        rows.append(f"{row.label}: {_mean_text(row, finding.digits)}" + (f"; seeds {seeds}" if seeds else ""))
    return f"{panel}, {finding.axis.replace('<br>', ' ')}. {'. '.join(rows)}."


def _mean_text(row: Spread, digits: int, *, short: bool = False) -> str:
    if row.mean is None:
        return "not measured"
    mean, low, high = (
        None if value is None else number(value, digits, sign=bool(row.against))
        for value in (row.mean, row.low, row.high)
    )
    if low is None or high is None:
        return f"{mean}, one seed" if len(row.by_seed) == 1 else f"mean {mean}"
    return f"{mean} [{low}, {high}]" if short else f"mean {mean}, 95 % interval {low} to {high}"
