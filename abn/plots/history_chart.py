"""How a map developed during training, as a chart and in words."""

from collections.abc import Sequence

import plotly.graph_objects as go

from abn.plots.theme import BLUE, DOTTED, ORANGE, layout
from abn.variants.history import MapHistory

METRIC_STYLES = {  # metric → title, color, dash and mark
    "pointing": ("pointing", BLUE, "solid", "circle"),
    "roc_auc": ("ROC-AUC", ORANGE, "dash", "diamond"),
    "accuracy": ("perception head right", BLUE, "solid", "circle"),
    "accuracy_auxiliary": ("auxiliary head right", ORANGE, "dash", "diamond"),
}


def history_metrics(history: MapHistory) -> Sequence[str]:
    """Which metrics are drawn: whether the map finds the object, or else whether the heads are right."""
    on_object = [name for name in ("pointing", "roc_auc") if name in history.metrics]
    return on_object or [name for name in ("accuracy", "accuracy_auxiliary") if name in history.metrics]


def history_chart(history: MapHistory, moment: int) -> go.Figure:
    """Metrics from moment to moment, equally spaced as on the slider; the one shown is marked."""
    figure, places = go.Figure(), list(range(len(history.steps)))
    for name in history_metrics(history):
        title, color, dash, mark = METRIC_STYLES[name]
        figure.add_scatter(
            name=title,
            x=places,
            y=history.metrics[name].tolist(),
            mode="lines+markers",
            line={"color": color, "width": 2, "dash": dash},
            marker={"symbol": mark, "size": [14 if place == moment else 7 for place in places]},
            customdata=history.steps.tolist(),
            hovertemplate=f"step %{{customdata}}: {title} %{{y:.3f}}<extra></extra>",
        )
    figure.add_vline(x=moment, line=DOTTED, layer="below")
    figure.update_layout(**layout(260, (8, 8, 34, 8), "training steps done"))
    figure.update_layout(showlegend=True)
    figure.update_xaxes(
        tickvals=places, ticktext=[str(step) for step in history.steps], range=[-0.4, len(places) - 0.6]
    )
    figure.update_yaxes(range=[-0.03, 1.03])
    return figure


def history_in_words(history: MapHistory, moment: int) -> str:
    """The chart in words, for screen readers."""
    rows = [
        f"{METRIC_STYLES[name][0]} {', '.join(f'{value:.2f}' for value in history.metrics[name])}"
        for name in history_metrics(history)
    ]
    return f"At steps {', '.join(map(str, history.steps))}: {'; '.join(rows)}. Marked: step {history.steps[moment]}."
