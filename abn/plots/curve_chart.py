"""Deletion or insertion curves of one variant as an annotated chart, and the same in words.

The solid line is the map's order, brightest first; dots are the mean of the random orders, with the band that these
fill; dashes the map's order reversed. The legend above names the lines, so that no label crosses them. The area between
the first two is shaded, gray where the map's area lies within those of the random orders.
"""

from collections.abc import Iterable

import numpy as np

from abn.evaluation.deletion_insertion import BRIGHT, DARK, DELETION, INSERTION, RANDOM, CurveComparison
from abn.plots import numbers
from abn.plots.plotly_objects import go
from abn.plots.theme import GRAY, GREEN, VIOLET, layout

AXES = {DELETION: "cells deleted", INSERTION: "cells uncovered"}
LABELS = {BRIGHT: "brightest first", RANDOM: "random order", DARK: "darkest first"}
TITLE = "<b>{kind}</b>  area {area:.2f}, random {random:.2f}"
PROBABILITY = "probability"  # of the predicted class
HEIGHT, LEFT, TOP, LINE = 240, 72, 72, 20  # pixels: of the chart, beside and above its axes, and of the legend's lines


def curve_chart(comparison: CurveComparison, kind: str, *, top: float = 1.0) -> go.Figure:
    """One variant's curves of a kind, on an axis that ends at `top`."""
    figure = go.Figure()
    shares, random = comparison.bright.shares, comparison.random_scores
    mean, bright = random.mean(0), comparison.bright.scores
    color = VIOLET if comparison.outside_random_range else GRAY
    more = LINE if comparison.dark else 0
    _band(figure, shares, random.max(0), random.min(0), GRAY, 0.2)
    _band(figure, shares, mean, bright, color, 0.22)
    _line(figure, LABELS[RANDOM], shares, mean, {"color": GRAY, "width": 2, "dash": "dot"})
    if comparison.dark:
        _line(figure, LABELS[DARK], shares, comparison.dark.scores, {"color": GREEN, "width": 2, "dash": "dash"})
    _line(figure, LABELS[BRIGHT], shares, bright, {"color": color, "width": 3, "dash": "solid"})
    figure.update_layout(
        **layout(HEIGHT + more, (LEFT, 24, TOP + more, 44), AXES[kind], PROBABILITY) | {"showlegend": True},
        hovermode="x",
    )
    figure.update_xaxes(range=[-0.01, 1.01], tickformat=".0%", tickvals=[0, 0.5, 1])
    figure.update_yaxes(range=[-0.02 * top, 1.04 * top], tickformat=".0%", nticks=5, title_standoff=16)
    title = TITLE.format(kind=kind.capitalize(), area=comparison.bright.area, random=comparison.random_area)
    place = {"xref": "paper", "yref": "paper", "x": 0, "y": 1, "xanchor": "left", "yanchor": "bottom"}
    # above the legend, which has a line for each curve where there is little room
    figure.add_annotation(
        text=title, font={"size": 15}, showarrow=False, borderpad=0, xshift=-LEFT, yshift=44 + more, **place
    )
    return figure


def axis_top(comparisons: Iterable[CurveComparison | None]) -> float:
    """Where an axis for all of these ends: the next 10 % above the largest probability."""
    curves = [curve for c in comparisons if c for curve in (c.bright, c.dark or c.bright, *c.random)]
    return min(1.0, np.ceil(10 * max((curve.scores.max() for curve in curves), default=1.0)) / 10)


def _band(
    figure: go.Figure, shares: np.ndarray, above: np.ndarray, below: np.ndarray, color: str, alpha: float
) -> None:
    """The area between two curves."""
    figure.add_scatter(
        x=np.concatenate([shares, shares[::-1]]).tolist(),
        y=np.concatenate([above, below[::-1]]).tolist(),
        fill="toself",
        fillcolor=f"rgba({', '.join(map(str, bytes.fromhex(color[1:])))}, {alpha})",
        line={"width": 0},
        mode="lines",
        hoverinfo="skip",
        showlegend=False,
    )


def _line(figure: go.Figure, name: str, shares: np.ndarray, scores: np.ndarray, line: dict) -> None:
    figure.add_scatter(
        name=name,
        x=shares.tolist(),
        y=scores.tolist(),
        mode="lines",
        line=line,
        hovertemplate=f"{name}: %{{y:.1%}}<extra></extra>",
    )


def curves_in_words(title: str, comparison: CurveComparison, kind: str) -> str:
    """The areas in words."""
    areas = [(BRIGHT, comparison.bright.area), (RANDOM, comparison.random_area)]
    areas += [(DARK, comparison.dark.area)] if comparison.dark else []
    listed = ", ".join(f"{LABELS[order]} {numbers.fixed(area, 3)}" for order, area in areas)
    return f"{kind.capitalize()} curves of {title}, area under the probability: {listed}."
