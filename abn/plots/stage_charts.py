"""Figures of one look inside, and the same in words: how values are spread, what a head answers, how a map formed."""

import html
from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from abn.explanations.stages import summarize
from abn.plots.numbers import fixed, percent, short_label
from abn.plots.theme import HEAD_COLORS
from abn.variants.history import MapHistory

BINS = 40
GRID = "rgba(128,128,128,.25)"
GRAY = "#7d8590"
FOLLOWED = {  # metric of a life → its name and its looks: color, dash and mark
    "pointing": ("pointing", HEAD_COLORS["perception"], "solid", "circle"),
    "roc_auc": ("ROC-AUC", HEAD_COLORS["auxiliary"], "dash", "diamond"),
    "accuracy": ("perception head right", HEAD_COLORS["perception"], "solid", "circle"),
    "accuracy_auxiliary": ("auxiliary head right", HEAD_COLORS["auxiliary"], "dash", "diamond"),
}


def spread(values: np.ndarray) -> go.Figure:
    """A histogram of all values but the exact zeros, which would hide all else; their share is told beside it."""
    counts, edges = np.histogram(_not_zero(values), BINS)
    figure = go.Figure()
    figure.add_bar(
        x=((edges[1:] + edges[:-1]) / 2).tolist(),
        y=counts.tolist(),
        width=np.diff(edges).tolist(),
        marker={"color": HEAD_COLORS["perception"], "line": {"width": 0}},
        customdata=np.stack([edges[:-1], edges[1:]], 1).tolist(),
        hovertemplate="%{customdata[0]:.3g} to %{customdata[1]:.3g}: %{y}<extra></extra>",
    )
    figure.update_layout(**_layout(210))
    figure.update_layout(bargap=0, xaxis_title_text="value; the height says how many have it")
    return figure


def spread_in_words(values: np.ndarray) -> str:
    """The same for who can't see it."""
    found, kept = summarize(values), _not_zero(values)
    quarters = ", ".join(f"{value:.3g}" for value in np.quantile(kept, (0.25, 0.5, 0.75)))
    left_out = f" Exact zeros, {percent(found.zeros)} of all, are left out." if 0 < found.zeros < 1 else ""
    return f"Histogram of {kept.size} values from {kept.min():.3g} to {kept.max():.3g}; quartiles {quarters}.{left_out}"


def _not_zero(values: np.ndarray) -> np.ndarray:
    kept = values[values != 0]
    return kept if kept.size else values.ravel()


def answers(found: Sequence[tuple[str, float, float]], head: str) -> go.Figure:
    """The largest logits of "auxiliary" or "perception", as `stages.top` gives them, each with its probability."""
    figure, places = go.Figure(), list(range(len(found)))
    figure.add_bar(
        orientation="h",
        y=places,
        x=[logit for _, logit, _ in found],
        width=0.3,
        offset=0.05,
        marker={"color": HEAD_COLORS[head], "line": {"width": 0}},
        customdata=[[html.escape(label, quote=False), percent(chance)] for label, _, chance in found],
        hovertemplate="%{customdata[0]}<br>logit %{x:.2f}, %{customdata[1]}<extra></extra>",
    )
    low, high = min(0.0, *(logit for _, logit, _ in found)), max(0.0, *(logit for _, logit, _ in found))
    room = (high - low) or 1.0
    for place, (label, logit, chance) in enumerate(found):
        number = f"{fixed(logit)} · {percent(chance)}"
        for side, text in (("left", html.escape(short_label(label), quote=False)), ("right", number)):
            figure.add_annotation(
                text=text,
                x=0 if side == "left" else 1,
                xref="paper",
                y=place,
                xanchor=side,
                yanchor="bottom",
                showarrow=False,
                font={"size": 14 if side == "left" else 13},
            )
    figure.update_layout(**_layout(46 * len(found) + 12))
    figure.update_layout(margin={"l": 2, "r": 2, "t": 4, "b": 4}, bargap=0)
    figure.update_xaxes(range=[low - 0.01 * room, high + 0.01 * room], visible=False)
    figure.update_yaxes(range=[len(found) - 0.5, -0.6], visible=False)
    return figure


def answers_in_words(found: Sequence[tuple[str, float, float]], head: str) -> str:
    """The same for who can't see it."""
    rows = "; ".join(f"{short_label(label)} {logit:.2f} ({percent(chance)})" for label, logit, chance in found)
    return f"The {len(found)} largest logits of the {head} head with their probabilities: {rows}."


def followed(life: MapHistory) -> list[str]:
    """Which metrics a life is drawn with: whether the map finds the object, or else whether the heads are right."""
    on_object = [name for name in ("pointing", "roc_auc") if name in life.metrics]
    return on_object or [name for name in ("accuracy", "accuracy_auxiliary") if name in life.metrics]


def course(life: MapHistory, moment: int) -> go.Figure:
    """Metrics from moment to moment, equally spaced as on the slider; the one shown is marked."""
    figure, places = go.Figure(), list(range(len(life.steps)))
    for name in followed(life):
        title, color, dash, mark = FOLLOWED[name]
        figure.add_scatter(
            name=title,
            x=places,
            y=life.metrics[name].tolist(),
            mode="lines+markers",
            line={"color": color, "width": 2, "dash": dash},
            marker={"symbol": mark, "size": [14 if place == moment else 7 for place in places]},
            customdata=life.steps.tolist(),
            hovertemplate=f"step %{{customdata}}: {title} %{{y:.3f}}<extra></extra>",
        )
    figure.add_vline(x=moment, line={"color": GRAY, "width": 2, "dash": "dot"}, layer="below")
    figure.update_layout(**_layout(260))
    figure.update_layout(
        margin_t=34,
        showlegend=True,
        legend={"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "font": {"size": 13}},
    )
    figure.update_xaxes(
        title_text="training steps done",
        tickvals=places,
        ticktext=[str(step) for step in life.steps],
        range=[-0.4, len(places) - 0.6],
    )
    figure.update_yaxes(range=[-0.03, 1.03], title_text="")
    return figure


def course_in_words(life: MapHistory, moment: int) -> str:
    """The same for who can't see it."""
    rows = [
        f"{FOLLOWED[name][0]} {', '.join(f'{value:.2f}' for value in life.metrics[name])}" for name in followed(life)
    ]
    steps = ", ".join(map(str, life.steps))
    return f"At steps {steps}: {'; '.join(rows)}. Marked: step {life.steps[moment]}."


def _layout(height: int) -> dict:
    axis = {"fixedrange": True, "zeroline": False, "gridcolor": GRID, "tickfont": {"size": 13}}
    return {
        "height": height,
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "showlegend": False,
        "xaxis": {**axis, "title": {"font": {"size": 13}, "standoff": 6}},
        "yaxis": {**axis, "title": {"font": {"size": 13}, "standoff": 6}},
        "hoverlabel": {"align": "left"},
        "dragmode": False,
    }
