"""Deletion and insertion curves of several variants as one chart, and the same in words.

A variant has one color: solid with marks is its map's order, brightest first; thin dots the mean of its random orders,
with the band that these fill; dashes its map's order reversed.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from abn.evaluation.deletion_insertion import BRIGHT, DARK, DELETION, INSERTION, RANDOM, CurveComparison
from abn.plots.theme import BLUE, GRAY, ORANGE, escape, layout

VARIANT_STYLES = ((BLUE, "circle"), (ORANGE, "diamond"), ("#259672", "square"), ("#c2528b", "triangle-up"))
AXES = {DELETION: "share of the cells gone", INSERTION: "share of the cells uncovered"}
MARKS = 8  # on a line

_STROKE = '<path d="M0 7h28" stroke-width="{}" stroke-dasharray="{}"/>'
_SHAPES = {
    "circle": '<circle cx="14" cy="7" r="4.5"/>',
    "diamond": '<path d="M14 1.5 19.5 7 14 12.5 8.5 7z"/>',
    "square": '<path d="M10 3h8v8h-8z"/>',
    "triangle-up": '<path d="M14 1.5 19.5 11h-11z"/>',
}


def curve_chart(comparisons: Mapping[str, CurveComparison | None], kind: str, *, top: float = 1.0) -> go.Figure:
    """Title of a variant → its curves, all of one kind, on one axis that ends at `top`; None: not computed yet."""
    figure = go.Figure()
    for (title, comparison), (color, mark) in zip(comparisons.items(), VARIANT_STYLES, strict=False):
        if comparison is None:  # its color stays its own
            continue
        shares, random = comparison.bright.shares, comparison.random_scores
        _band(figure, shares, random, color)
        name = f"{title}, {RANDOM}, mean of {len(comparison.random)}"
        _line(figure, name, shares, random.mean(0), {"color": color, "width": 2, "dash": "dot"})
        if comparison.dark:
            line = {"color": color, "width": 2, "dash": "dash"}
            _line(figure, f"{title}, {DARK}", shares, comparison.dark.scores, line)
        line = {"color": color, "width": 3, "dash": "solid"}
        _line(figure, f"{title}, {BRIGHT}", shares, comparison.bright.scores, line, mark)
    figure.update_layout(**layout(330, (58, 12, 8, 52), AXES[kind], "probability"), hovermode="closest")
    figure.update_xaxes(range=[-0.01, 1.01], tickformat=".0%")
    figure.update_yaxes(range=[-0.02 * top, 1.04 * top], tickformat=".0%")
    return figure


def axis_top(comparisons: Iterable[CurveComparison | None]) -> float:
    """Where an axis for all of these ends: the next 10 % above the greatest probability."""
    curves = [curve for c in comparisons if c for curve in (c.bright, c.dark or c.bright, *c.random)]
    return min(1.0, np.ceil(10 * max((curve.scores.max() for curve in curves), default=1.0)) / 10)


def _band(figure: go.Figure, shares: np.ndarray, scores: np.ndarray, color: str) -> None:
    """From the minimum to the maximum over the random orders."""
    figure.add_scatter(
        x=np.concatenate([shares, shares[::-1]]).tolist(),
        y=np.concatenate([scores.max(0), scores.min(0)[::-1]]).tolist(),
        fill="toself",
        fillcolor=f"rgba({', '.join(map(str, bytes.fromhex(color[1:])))}, .16)",
        line={"width": 0},
        mode="lines",
        hoverinfo="skip",
    )


def _line(figure: go.Figure, name: str, shares: np.ndarray, scores: np.ndarray, line: dict, mark: str = "") -> None:
    every = max(1, (len(shares) - 1) // MARKS)
    figure.add_scatter(
        name=name,
        x=shares.tolist(),
        y=scores.tolist(),
        mode="lines+markers" if mark else "lines",
        line=line,
        marker={"symbol": mark or "circle", "size": [9 if i % every == 0 else 0 for i in range(len(shares))]},
        hovertemplate=f"{escape(name.partition(', mean of')[0])}<br>%{{x:.0%}} of the cells: %{{y:.1%}}<extra></extra>",
    )


def legend_entries(titles: Sequence[str], *, darkest: bool) -> list[tuple[str, str, str]]:
    """A legend of each variant and each order: (text, color, inside of an SVG of 28 × 14)."""
    variants = [(title, *style) for title, style in zip(titles, VARIANT_STYLES, strict=False)]
    orders = [(BRIGHT, ""), (f"{RANDOM}, mean and range", "2 3"), *([(DARK, "7 4")] if darkest else [])]
    return [(title, color, _STROKE.format(3, "") + _SHAPES[mark]) for title, color, mark in variants] + [
        (text, GRAY, _STROKE.format(2 if dashes else 3, dashes)) for text, dashes in orders
    ]


def curves_in_words(comparisons: Mapping[str, CurveComparison | None], kind: str) -> str:
    """The areas in words."""
    parts = []
    for title, comparison in comparisons.items():
        if comparison is None:
            continue
        dark = f", {DARK} {comparison.dark.area:.3f}" if comparison.dark else ""
        parts.append(f"{title}: {BRIGHT} {comparison.bright.area:.3f}, {RANDOM} {comparison.random_area:.3f}{dark}")
    return f"{kind.capitalize()} curves, area under the probability. {'; '.join(parts)}."
