"""Histograms of an array, and the same in words."""

import numpy as np
import plotly.graph_objects as go

from abn.plots.numbers import percent
from abn.plots.theme import BLUE, GRAY, layout


def histogram(values: np.ndarray, span: tuple[float, float], *, axis: str) -> go.Figure:
    """Histogram of `values` (N,) in 32 bins over `span`."""
    figure = _bars(values, 32, span, GRAY, ".2f")
    figure.update_layout(**layout(150, (8, 8, 4, 52), axis), bargap=0.08)
    figure.update_xaxes(range=list(span), nticks=7, automargin=False)
    figure.update_yaxes(visible=False)
    return figure


def value_histogram(values: np.ndarray) -> go.Figure:
    """Histogram without exact zeros, which would hide everything else; the page states their share."""
    figure = _bars(_nonzero(values), 40, None, BLUE, ".3g")
    figure.update_layout(**layout(210, (8, 8, 8, 8), "value; the height says how many have it"), bargap=0)
    return figure


def histogram_in_words(values: np.ndarray) -> str:
    """The chart in words, for screen readers."""
    zeros, kept = float(np.mean(values == 0)), _nonzero(values)
    quartiles = ", ".join(f"{value:.3g}" for value in np.quantile(kept, (0.25, 0.5, 0.75)))
    left_out = f" Exact zeros, {percent(zeros)} of all, are left out." if 0 < zeros < 1 else ""
    return (
        f"Histogram of {kept.size} values from {kept.min():.3g} to {kept.max():.3g}; quartiles {quartiles}.{left_out}"
    )


def _bars(values: np.ndarray, bins: int, span: tuple[float, float] | None, color: str, digits: str) -> go.Figure:
    counts, edges = np.histogram(values, bins, span)
    figure = go.Figure()
    figure.add_bar(
        x=((edges[1:] + edges[:-1]) / 2).tolist(),
        y=counts.tolist(),
        marker={"color": color, "line": {"width": 0}},
        customdata=np.stack([edges[:-1], edges[1:]], 1).tolist(),
        hovertemplate=f"%{{customdata[0]:{digits}}} to %{{customdata[1]:{digits}}}: %{{y}}<extra></extra>",
    )
    return figure


def _nonzero(values: np.ndarray) -> np.ndarray:
    kept = values[values != 0]
    return kept if kept.size else values.ravel()
