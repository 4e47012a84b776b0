"""Predictions as bars on one axis of classes, in HTML, so that they appear with the page and in its font.

A page includes the style (`STYLE`) once. For screen readers the bars are one image with a description.
"""

from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np

from abn.explanations.explanation import Explanation
from abn.plots.numbers import percent, short_label
from abn.plots.theme import HEAD_COLORS
from abn.vocabulary import HEADS

STYLE = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")
_WHOLE = 80  # per cent of the width: the bar of a probability of 1, with its number beside it


def paired_bars(explanation: Explanation, *, rows: int = 0, alt: str = "") -> str:
    """Both heads' probabilities as paired bars on one class axis: the union of their five likeliest classes."""
    series = [(name, HEAD_COLORS[head], getattr(explanation, head)) for head, name in HEADS.items()]
    return class_bars(series, explanation.labels, shared_classes(explanation), rows=rows, alt=alt)


def class_bars(
    series: Sequence[tuple[str, str, np.ndarray]],
    labels: Sequence[str],
    classes: Sequence[int],
    *,
    rows: int = 0,
    legend: bool = False,
    alt: str = "",
) -> str:
    """Predictions (name, color, probabilities (K,)), two at most, as HTML: bars for each of the classes.

    `rows` leaves room for that many classes, so that bars side by side have equal heights; `alt` is the description.
    """
    keys = "".join(_key(name, color) for name, color, _ in series)
    body = "".join(
        f'<span title="{escape(labels[k])}"><b>{escape(short_label(labels[k]))}</b>'
        + "".join(_bar(name, color, float(prediction[k])) for name, color, prediction in series)
        + "</span>"
        for k in classes
    )
    room = f"--whole: {_WHOLE}%; min-height: calc({max(rows, len(classes))} * var(--row))"
    return f'<div class="abn-bars" role="img" aria-label="{escape(alt)}" style="{room}">{keys * legend}{body}</div>'


def legend() -> str:
    """The colors of both heads in one line, for bars side by side."""
    keys = "".join(_key(name, HEAD_COLORS[head]) for head, name in HEADS.items())
    return f'<div class="abn-bars abn-legend">{keys}</div>'


def _key(name: str, color: str) -> str:
    return f'<i class="abn-key" style="--head: {color}">{escape(name)}</i>'


def _bar(name: str, color: str, probability: float) -> str:
    style = f"--head: {color}; --length: {_WHOLE * probability:.2f}%"
    return f'<i title="{escape(name)}" style="{style}">{percent(probability)}</i>'


def shared_classes(explanation: Explanation, count: int = 5) -> list[int]:
    """Both heads' `count` likeliest classes on one axis, the likeliest first."""
    return likeliest([explanation.auxiliary, explanation.perception], count)


def likeliest(predictions: Sequence[np.ndarray], count: int = 5) -> list[int]:
    """The `count` likeliest classes of each prediction (K,) on one axis: their union, the likeliest first."""
    union = {int(k) for prediction in predictions for k in np.argsort(-prediction, kind="stable")[:count]}
    return sorted(union, key=lambda k: (-max(prediction[k] for prediction in predictions), k))


def probabilities_in_words(prediction: np.ndarray, labels: Sequence[str], classes: Sequence[int]) -> str:
    """Classes with their probabilities, for screen readers."""
    return ", ".join(f"{short_label(labels[k])} {percent(prediction[k])}" for k in classes)
