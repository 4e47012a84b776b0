"""Histograms of an array, and the same in words."""

import numpy as np

from abn.plots.numbers import percent
from abn.plots.plotly_objects import go
from abn.plots.theme import GRAY, layout

BINS = 40  # of a stage's values


def histogram(values: np.ndarray, span: tuple[float, float], *, axis: str) -> go.Figure:
    """Histogram of `values` (N,) in 32 bins over `span`."""
    counts, edges = np.histogram(values, 32, span)
    figure = go.Figure()
    figure.add_bar(
        x=((edges[1:] + edges[:-1]) / 2).tolist(),
        y=counts.tolist(),
        marker={"color": GRAY, "line": {"width": 0}},
        customdata=np.stack([edges[:-1], edges[1:]], 1).tolist(),
        hovertemplate="%{customdata[0]:.2f} to %{customdata[1]:.2f}: %{y}<extra></extra>",
    )
    figure.update_layout(**layout(150, (8, 8, 4, 52), axis), bargap=0.08)
    figure.update_xaxes(range=list(span), nticks=7, automargin=False)
    figure.update_yaxes(visible=False)
    return figure


def value_histogram(values: np.ndarray) -> str:
    """Histogram as SVG that takes any width, without exact zeros, which would hide everything else."""
    counts, _ = np.histogram(_nonzero(values), BINS)
    bars = "".join(
        f'<rect x="{place}" y="{1 - share:.3f}" width="0.9" height="{share:.3f}"/>'
        for place, share in enumerate(counts / counts.max())
    )
    return f'<svg viewBox="0 0 {BINS} 1" preserveAspectRatio="none" aria-hidden="true">{bars}</svg>'


def histogram_in_words(values: np.ndarray) -> str:
    """The chart in words, for screen readers."""
    zeros, kept = float(np.mean(values == 0)), _nonzero(values)
    quartiles = ", ".join(f"{value:.3g}" for value in np.quantile(kept, (0.25, 0.5, 0.75)))
    left_out = f" Exact zeros, {percent(zeros)} of all, are left out." if 0 < zeros < 1 else ""
    return (
        f"Histogram of {kept.size} values from {kept.min():.3g} to {kept.max():.3g}; quartiles {quartiles}.{left_out}"
    )


def value_range(values: np.ndarray) -> tuple[float, float]:
    """The ends of the histogram's axis."""
    kept = _nonzero(values)
    return float(kept.min()), float(kept.max())


def _nonzero(values: np.ndarray) -> np.ndarray:
    kept = values[values != 0]
    return kept if kept.size else values.ravel()
