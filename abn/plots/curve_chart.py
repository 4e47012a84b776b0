"""Deletion or insertion curves of one variant as an annotated chart, and the same in words.

The solid line is the map's order, brightest first; dots are the mean of the random orders, with the band that these
fill; dashes the map's order reversed. Each line has its label where it is far from the random orders. The area between
the first two is shaded, gray where the map's area lies within those of the random orders.
"""

from collections.abc import Iterable

import numpy as np
import plotly.graph_objects as go

from abn.evaluation.deletion_insertion import BRIGHT, DARK, DELETION, INSERTION, RANDOM, CurveComparison
from abn.plots import numbers
from abn.plots.theme import GRAY, GREEN, VIOLET, layout

AXES = {DELETION: "cells deleted", INSERTION: "cells uncovered"}
LABELS = {BRIGHT: "brightest first", RANDOM: "random order", DARK: "darkest first"}
TITLE = "<b>{kind}</b>  area {area:.2f}, random {random:.2f}"
HEIGHT = 216  # pixels


def curve_chart(comparison: CurveComparison, kind: str, *, top: float = 1.0) -> go.Figure:
    """One variant's curves of a kind, on an axis that ends at `top`."""
    figure = go.Figure()
    shares, random = comparison.bright.shares, comparison.random_scores
    mean, bright = random.mean(0), comparison.bright.scores
    color = VIOLET if comparison.outside_random_range else GRAY
    _band(figure, shares, random.max(0), random.min(0), GRAY, 0.2)
    _band(figure, shares, mean, bright, color, 0.22)
    _line(figure, LABELS[RANDOM], shares, mean, {"color": GRAY, "width": 2, "dash": "dot"})
    if comparison.dark:
        _line(figure, LABELS[DARK], shares, comparison.dark.scores, {"color": GREEN, "width": 2, "dash": "dash"})
    _line(figure, LABELS[BRIGHT], shares, bright, {"color": color, "width": 3, "dash": "solid"})
    figure.update_layout(**layout(HEIGHT, (44, 24, 32, 44), AXES[kind]), hovermode="x")
    figure.update_xaxes(range=[-0.01, 1.01], tickformat=".0%", tickvals=[0, 0.25, 0.5, 0.75, 1])
    figure.update_yaxes(range=[-0.02 * top, 1.04 * top], tickformat=".0%", nticks=5)
    _annotate(figure, comparison, kind, top)
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


def _annotate(figure: go.Figure, comparison: CurveComparison, kind: str, top: float) -> None:
    """The areas as a title, and a label on each line where it is farthest from the random orders."""
    mean, shares = comparison.random_scores.mean(0), comparison.bright.shares
    title = TITLE.format(kind=kind.capitalize(), area=comparison.bright.area, random=comparison.random_area)
    place = {"xref": "paper", "yref": "paper", "x": 0, "y": 1, "xanchor": "left", "yanchor": "bottom"}
    figure.add_annotation(text=title, font={"size": 15}, showarrow=False, yshift=6, **place)
    bright = comparison.bright.scores - mean
    at = int(np.abs(bright).argmax())
    curves = [(LABELS[BRIGHT], comparison.bright.scores, at, bright[at]), (LABELS[RANDOM], mean, at, -bright[at])]
    if comparison.dark:
        dark = comparison.dark.scores - mean
        farthest = int(np.abs(dark).argmax())
        curves.append((LABELS[DARK], comparison.dark.scores, farthest, dark[farthest]))
    for label, scores, index, distance in curves:
        left = shares[index] > 0.5
        above = (distance > 0 and scores[index] < 0.88 * top) or scores[index] < 0.12 * top
        figure.add_annotation(
            text=label,
            x=float(shares[index]),
            y=float(scores[index]),
            xanchor="right" if left else "left",
            yanchor="bottom" if above else "top",
            showarrow=False,
            font={"size": 14},
        )


def curves_in_words(title: str, comparison: CurveComparison, kind: str) -> str:
    """The areas in words."""
    areas = [(BRIGHT, comparison.bright.area), (RANDOM, comparison.random_area)]
    areas += [(DARK, comparison.dark.area)] if comparison.dark else []
    listed = ", ".join(f"{LABELS[order]} {numbers.fixed(area, 3)}" for order, area in areas)
    return f"{kind.capitalize()} curves of {title}, area under the probability: {listed}."
