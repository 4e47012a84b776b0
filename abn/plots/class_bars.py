"""Answers as bars on one axis of classes, drawn in HTML: they stand as soon as the page does, and in its type.

A page brings the style (`STYLE`) once. The bars are one picture with words for who can't see them.
"""

from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np

from abn.explanations.explanation import Explanation
from abn.plots.numbers import percent, short_label
from abn.plots.theme import HEAD_COLORS
from abn.vocabulary import HEADS

ROW = 3.3  # rem: the height of a class, with room for two bars; also in class_bars.css

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
    """Answers (name, color, probabilities (K,)), two at most, as HTML: bars for each of the classes.

    `rows` leaves room for that many classes, so that bars side by side keep one height; `alt` says it in words.
    """
    keys = "".join(f'<i class="abn-key" style="--head: {color}">{escape(name)}</i>' for name, color, _ in series)
    body = "".join(
        f'<span title="{escape(labels[k])}"><b>{escape(short_label(labels[k]))}</b>'
        + "".join(_bar(name, color, float(answer[k])) for name, color, answer in series)
        + "</span>"
        for k in classes
    )
    room = f"min-height: {ROW * max(rows, len(classes)):.1f}rem"
    return f'<div class="abn-bars" role="img" aria-label="{escape(alt)}" style="{room}">{keys * legend}{body}</div>'


def _bar(name: str, color: str, probability: float) -> str:
    style = f"--head: {color}; --length: {_WHOLE * probability:.2f}%"
    return f'<i title="{escape(name)}" style="{style}">{percent(probability)}</i>'


def shared_classes(explanation: Explanation, count: int = 5) -> list[int]:
    """Both heads' `count` likeliest classes on one axis, the likeliest first."""
    return likeliest([explanation.auxiliary, explanation.perception], count)


def likeliest(answers: Sequence[np.ndarray], count: int = 5) -> list[int]:
    """The `count` likeliest classes of each answer (K,) on one axis: their union, the likeliest first."""
    union = {int(k) for answer in answers for k in np.argsort(-answer, kind="stable")[:count]}
    return sorted(union, key=lambda k: (-max(answer[k] for answer in answers), k))


def probabilities_in_words(answer: np.ndarray, labels: Sequence[str], classes: Sequence[int]) -> str:
    """Classes with their probabilities, for who can't see the bars."""
    return ", ".join(f"{short_label(labels[k])} {percent(answer[k])}" for k in classes)
