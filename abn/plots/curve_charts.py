"""Deletion and insertion curves → Plotly figures, drawn alike on light and dark ground, and the same in words.

A variant has one color: solid with marks is its map's order, brightest first; thin dots the mean of its random orders,
with the band that these fill; dashes its map's order turned round.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from abn.evaluation.deletion_insertion import BRIGHT, DARK, DELETION, INSERTION, RANDOM, CurveComparison
from abn.plots.theme import BLUE, GRAY, ORANGE

LOOKS = ((BLUE, "circle"), (ORANGE, "diamond"), ("#259672", "square"), ("#c2528b", "triangle-up"))  # one a variant
AXES = {DELETION: "share of the cells gone", INSERTION: "share of the cells uncovered"}
HEIGHT = 330  # pixels
MARKS = 8  # on a line

_STROKE = '<path d="M0 7h28" stroke-width="{}" stroke-dasharray="{}"/>'
_SHAPES = {
    "circle": '<circle cx="14" cy="7" r="4.5"/>',
    "diamond": '<path d="M14 1.5 19.5 7 14 12.5 8.5 7z"/>',
    "square": '<path d="M10 3h8v8h-8z"/>',
    "triangle-up": '<path d="M14 1.5 19.5 11h-11z"/>',
}


def curves(rows: Mapping[str, CurveComparison | None], kind: str, *, top: float = 1.0) -> go.Figure:
    """Title of a variant → its curves, all of one kind, on one axis that ends at `top`; None for one that is not known
    yet."""
    figure = go.Figure()
    for (title, one), (color, mark) in zip(rows.items(), LOOKS, strict=False):
        if one is None:  # its color stays its own
            continue
        _band(figure, one, color)
        _line(figure, title, f"{RANDOM}, mean of {len(one.random)}", one, one.random_scores.mean(0), color, dash="dot")
        if one.dark:
            _line(figure, title, DARK, one, one.dark.scores, color, dash="dash")
        _line(figure, title, BRIGHT, one, one.bright.scores, color, mark=mark)
    axis = {"fixedrange": True, "zeroline": False, "gridcolor": "rgba(128,128,128,.25)", "tickfont": {"size": 13}}
    title = {"font": {"size": 14}, "standoff": 8}
    figure.update_layout(
        height=HEIGHT,
        margin={"l": 58, "r": 12, "t": 8, "b": 52},
        showlegend=False,
        xaxis={**axis, "range": [-0.01, 1.01], "tickformat": ".0%", "title": {**title, "text": AXES[kind]}},
        yaxis={
            **axis,
            "range": [-0.02 * top, 1.04 * top],
            "tickformat": ".0%",
            "title": {**title, "text": "probability"},
        },
        hoverlabel={"align": "left"},
        hovermode="closest",
        dragmode=False,
    )
    return figure


def top(rows: Iterable[CurveComparison | None]) -> float:
    """Where an axis for all of these ends: the next 10 % above the greatest probability."""
    lines = [line for one in rows if one for line in (one.bright, one.dark, *one.random) if line]
    return min(1.0, np.ceil(10 * max((line.scores.max() for line in lines), default=1.0)) / 10)


def _band(figure: go.Figure, one: CurveComparison, color: str) -> None:
    """From the least to the greatest that any random order has."""
    shares, scores = one.bright.shares, one.random_scores
    figure.add_scatter(
        x=np.concatenate([shares, shares[::-1]]).tolist(),
        y=np.concatenate([scores.max(0), scores.min(0)[::-1]]).tolist(),
        fill="toself",
        fillcolor=f"rgba({', '.join(str(int(color[i : i + 2], 16)) for i in (1, 3, 5))}, .16)",
        line={"width": 0},
        mode="lines",
        hoverinfo="skip",
    )


def _line(
    figure: go.Figure,
    title: str,
    order: str,
    one: CurveComparison,
    scores: np.ndarray,
    color: str,
    *,
    dash: str = "solid",
    mark: str = "",
) -> None:
    shares = one.bright.shares
    every = max(1, (len(shares) - 1) // MARKS)
    figure.add_scatter(
        name=f"{title}, {order}",
        x=shares.tolist(),
        y=scores.tolist(),
        mode="lines+markers" if mark else "lines",
        line={"color": color, "width": 3 if mark else 2, "dash": dash},
        marker={"symbol": mark or "circle", "size": [9 if i % every == 0 else 0 for i in range(len(shares))]},
        hovertemplate=f"{_plain(title)}, {order}<br>%{{x:.0%}} of the cells: %{{y:.1%}}<extra></extra>",
    )


def samples(titles: Sequence[str], *, darkest: bool) -> list[tuple[str, str, str]]:
    """What the lines are, for a legend: (text, color, inside of an SVG of 28 × 14), each variant and each order."""
    found = [(title, *look) for title, look in zip(titles, LOOKS, strict=False)]
    ways = [(BRIGHT, ""), (f"{RANDOM}, mean and range", "2 3"), *([(DARK, "7 4")] if darkest else [])]
    return [(title, color, _STROKE.format(3, "") + _SHAPES[mark]) for title, color, mark in found] + [
        (text, GRAY, _STROKE.format(2 if dashes else 3, dashes)) for text, dashes in ways
    ]


def alt(rows: Mapping[str, CurveComparison | None], kind: str) -> str:
    """The areas in words."""
    told = []
    for title, one in rows.items():
        if one is None:
            continue
        dark = f", {DARK} {one.dark.area:.3f}" if one.dark else ""
        told.append(f"{title}: {BRIGHT} {one.bright.area:.3f}, {RANDOM} {one.random_area:.3f}{dark}")
    return f"{kind.capitalize()} curves, area under the probability. {'; '.join(told)}."


def _plain(text: str) -> str:
    """Plotly reads a few HTML tags in texts; a name is only text."""
    return text.replace("&", "&amp;").replace("<", "&lt;")
