"""The predictions of a variant: its heading with the mechanism, both heads, and the effect of an intervention."""

import html
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import streamlit as st

from abn.explanations.explanation import Explanation, Prediction
from abn.plots import numbers, theme
from abn.plots.class_bars import paired_bars
from abn.plots.prediction_change import prediction_change
from abn.ui import words
from abn.ui.layout import escape_markdown
from abn.variants.card import UNTRAINED_KIND, Card
from abn.vocabulary import HEADS

if TYPE_CHECKING:  # it imports torch, for which no first view waits
    from abn.explanations.interventions import Effect


def show_heading(explanation: Explanation, card: Card) -> None:
    """Title, mechanism trained with and mechanism applied."""
    st.markdown(f"##### {escape_markdown(card.title)}", help=escape_markdown(card.summary) or None)
    st.caption(describe_mechanisms(card, explanation.applied))


def describe_mechanisms(card: Card, applied: str, separator: str = ", ") -> str:
    """The mechanism that a variant was trained with and the one that is applied, as Markdown."""
    if card.kind == UNTRAINED_KIND:
        return words.UNTRAINED_APPLIED.format(separator=separator, applied=applied)
    if applied == card.mechanism:
        return words.TRAINED_AND_APPLIED.format(applied=applied)
    return words.TRAINED_NOT_APPLIED.format(trained=card.mechanism, separator=separator, applied=applied)


def show_effect(effect: "Effect", labels: Sequence[str], *, large: bool = False, head: str = "") -> None:
    """The prediction before → after an intervention, and Δp of both classes; `large` for the one result of a page,
    `head` where a page shows both heads."""
    st.html(prediction_change(effect, labels, large=large, head=head))


def show_classes(heads: Mapping[str, tuple[str, Sequence[Prediction]]]) -> None:
    """Classes with their probabilities: name of a head → its color and its classes, the most probable first."""
    rows = ""
    for name, (color, classes) in heads.items():
        terms = [f'<dt style="--head: {color}">{html.escape(name)}</dt>', *["<dt></dt>"] * (len(classes) - 1)]
        for term, prediction in zip(terms, classes, strict=True):
            label, probability = numbers.short_label(prediction.label), numbers.percent(prediction.probability)
            title = html.escape(prediction.label)
            rows += f'{term}<dd title="{title}">{html.escape(label)}</dd><dd>{probability}</dd>'
    st.html(f'<div class="abn-heads"><dl class="abn-prediction">{rows}</dl></div>')


def show_predictions(explanation: Explanation) -> None:
    """The first class of both heads, and whether they agree; their divergence in the tooltip."""
    tops = {head: explanation.top(head, 1) for head in HEADS}
    show_classes({HEADS[head].split()[0]: (theme.HEAD_COLORS[head], top) for head, top in tops.items()})
    verdict = words.AGREE if explanation.heads_agree else words.DISAGREE
    st.markdown(verdict, help=words.AGREEMENT_HELP.format(bits=explanation.js_divergence))


def show_bars(explanation: Explanation, card: Card, rows: int) -> None:
    """The five most probable classes of both heads on one axis, with room for as many `rows`."""
    listed = "; ".join(
        f"{name}: "
        + ", ".join(f"{numbers.short_label(p.label)} {numbers.percent(p.probability)}" for p in explanation.top(head))
        for head, name in HEADS.items()
    )
    st.html(paired_bars(explanation, rows=rows, alt=words.BARS_ALT.format(title=card.title, classes=listed)))
