"""The largest logits of a head as bars, and the same in words."""

from collections.abc import Sequence

import plotly.graph_objects as go

from abn.plots.numbers import fixed, percent, short_label
from abn.plots.theme import HEAD_COLORS, escape, layout, note


def logit_bars(top: Sequence[tuple[str, float, float]], head: str) -> go.Figure:
    """Logits of "auxiliary" or "perception", as `stages.top` gives them: (label, logit, probability)."""
    figure, logits = go.Figure(), [logit for _, logit, _ in top]
    figure.add_bar(
        orientation="h",
        y=list(range(len(top))),
        x=logits,
        width=0.3,
        offset=0.05,
        marker={"color": HEAD_COLORS[head], "line": {"width": 0}},
        customdata=[[escape(label), percent(probability)] for label, _, probability in top],
        hovertemplate="%{customdata[0]}<br>logit %{x:.2f}, %{customdata[1]}<extra></extra>",
    )
    notes = []
    for row, (label, logit, probability) in enumerate(top):
        notes.append(note(escape(short_label(label)), "left", row, "bottom"))
        notes.append(note(f"{fixed(logit)} · {percent(probability)}", "right", row, "bottom"))
    low, high = min(0.0, *logits), max(0.0, *logits)
    room = 0.01 * ((high - low) or 1.0)
    figure.update_layout(**layout(46 * len(top) + 12, (2, 2, 4, 4)), annotations=notes)
    figure.update_xaxes(range=[low - room, high + room], visible=False)
    figure.update_yaxes(range=[len(top) - 0.5, -0.6], visible=False)
    return figure


def logits_in_words(top: Sequence[tuple[str, float, float]], head: str) -> str:
    """The chart in words, for screen readers."""
    rows = "; ".join(f"{short_label(label)} {logit:.2f} ({percent(probability)})" for label, logit, probability in top)
    return f"The {len(top)} largest logits of the {head} head with their probabilities: {rows}."
