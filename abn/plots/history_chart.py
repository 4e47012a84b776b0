"""How a map developed during training: metrics on a time axis that is to scale, and the same in words."""

import html
from collections.abc import Sequence

import numpy as np

from abn.plots.theme import HEAD_COLORS
from abn.variants.history import MapHistory

INK = "currentColor"
METRIC_STYLES = {  # metric → title, color and dashes
    "pointing": ("pointing", INK, ""),
    "roc_auc": ("ROC-AUC", INK, "6 5"),
    "accuracy": ("perception head", HEAD_COLORS["perception"], ""),
    "accuracy_auxiliary": ("auxiliary head", HEAD_COLORS["auxiliary"], "6 5"),
}
TICKS = 5  # intervals of the time axis, about


def history_metrics(history: MapHistory) -> Sequence[str]:
    """Which metrics are drawn: whether the map lies on the object, or else the accuracy of the heads."""
    on_object = [name for name in ("pointing", "roc_auc") if name in history.metrics]
    return on_object or [name for name in ("accuracy", "accuracy_auxiliary") if name in history.metrics]


def positions(history: MapHistory) -> list[float]:
    """Where each recorded step lies on the time axis, 0 to 1: to scale, not from record to record."""
    return (history.steps / max(1, history.total)).tolist()


def history_chart(history: MapHistory) -> str:
    """Lines of the metrics, from 0 to 1, as HTML that takes any width: an SVG that is stretched, and text beside it."""
    names, places = history_metrics(history), positions(history)
    lines = "".join(
        f'<polyline points="{_points(places, history.metrics[name])}" stroke="{METRIC_STYLES[name][1]}" '
        f'stroke-dasharray="{METRIC_STYLES[name][2]}"/>'
        for name in names
    )
    dots = "".join(f'<i style="left: {100 * place:.2f}%"></i>' for place in places)
    ticks = "".join(
        f'<span style="left: {100 * step / max(1, history.total):.2f}%">{step}</span>' for step in ticks_of(history)
    )
    legend = "".join(
        f'<span><svg viewBox="0 0 28 4"><line x2="28" y1="2" y2="2" stroke="{METRIC_STYLES[name][1]}" '
        f'stroke-dasharray="{METRIC_STYLES[name][2]}"/></svg> {html.escape(METRIC_STYLES[name][0])}</span>'
        for name in names
    )
    return (
        f'<div class="legend">{legend}</div><div class="plot"><b>1</b><b>0</b>'
        f'<svg viewBox="0 0 1 1" preserveAspectRatio="none">{lines}</svg><div class="records">{dots}</div></div>'
        f'<div class="steps">{ticks}</div>'
    )


def ticks_of(history: MapHistory) -> list[int]:
    """Round steps for the time axis, with the first and the last one."""
    rough = history.total / TICKS
    power = 10 ** int(np.floor(np.log10(max(1, rough))))
    width = next(int(power * digit) for digit in (1, 2, 5, 10) if power * digit >= rough or digit == 10)
    return [*(step for step in range(0, history.total, width) if history.total - step > width / 2), history.total]


def history_in_words(history: MapHistory) -> str:
    """The chart in words, for screen readers."""
    rows = [
        f"{METRIC_STYLES[name][0]} {', '.join(f'{value:.2f}' for value in history.metrics[name])}"
        for name in history_metrics(history)
    ]
    return f"At steps {', '.join(map(str, history.steps))}: {'; '.join(rows)}."


def _points(places: Sequence[float], values: np.ndarray) -> str:
    return " ".join(f"{place:.4f},{1 - value:.4f}" for place, value in zip(places, values.tolist(), strict=True))
