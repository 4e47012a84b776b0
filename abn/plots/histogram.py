"""A histogram of an array."""

import numpy as np
import plotly.graph_objects as go

from abn.plots.theme import GRAY, layout


def histogram(values: np.ndarray, span: tuple[float, float], *, axis: str, bins: int = 32) -> go.Figure:
    """How often which value occurs among `values` (N,), bins of equal width from one end of `span` to the other."""
    counts, edges = np.histogram(values, bins, span)
    figure = go.Figure()
    figure.add_bar(
        x=((edges[1:] + edges[:-1]) / 2).tolist(),
        y=counts.tolist(),
        width=(edges[1] - edges[0]) * 0.92,
        marker={"color": GRAY, "line": {"width": 0}},
        customdata=np.stack([edges[:-1], edges[1:]], 1),
        hovertemplate="%{customdata[0]:.2f} to %{customdata[1]:.2f}: %{y}<extra></extra>",
    )
    figure.update_layout(**layout(90, axis), showlegend=False, margin_t=4, bargap=0)
    figure.update_layout(height=150)
    figure.update_xaxes(range=list(span))
    return figure
