"""A prediction before and after an intervention as HTML: "binoculars → space shuttle (64.0 %)", and what changed."""

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from abn.plots.numbers import percent, points, short_label
from abn.plots.theme import HEAD_COLORS
from abn.vocabulary import HEADS

if TYPE_CHECKING:  # it imports torch, for which no first view waits
    from abn.explanations.interventions import Effect

UNCHANGED = "class unchanged"
DELTA = "change of the probability of this class, in percentage points, and its probability before and after"


def prediction_change(effect: "Effect", labels: Sequence[str], *, large: bool = False, head: str = "") -> str:
    """The class predicted before → the class predicted after with its probability, and Δp of each of them.

    `large` is for the one result of a page, in 28 px; screen readers then read each new result. `head` names the head
    ("auxiliary" or "perception") where a page shows both.
    """
    before, after = effect.predicted_class, int(effect.after.argmax())
    classes = list(dict.fromkeys((before, after)))
    names = " → ".join(_name(labels[k]) for k in classes)
    changes = "".join(_change(effect, labels, k) for k in classes)
    unchanged = "" if effect.changes_prediction else f"<li>{UNCHANGED}</li>"
    look = 'class="abn-effect abn-large" role="status"' if large else 'class="abn-effect"'
    key = f'<i class="abn-head" style="--head: {HEAD_COLORS[head]}">{HEADS[head].split()[0]}</i>' if head else ""
    headline = f"<p>{names} <span>({percent(effect.after[after])})</span></p>"
    return f"<div {look}>{key}{headline}<ul>{changes}{unchanged}</ul></div>"


def _change(effect: "Effect", labels: Sequence[str], k: int) -> str:
    change = points(float(effect.after[k] - effect.before[k]))
    probabilities = f"{percent(effect.before[k])} → {percent(effect.after[k])}"
    return (
        f'<li title="{DELTA}" data-points="{change}">{_name(labels[k])} <b>{change} points</b> '
        f"<span>{probabilities}</span></li>"
    )


def _name(label: str) -> str:
    return escape(short_label(label))
