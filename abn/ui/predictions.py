"""The predictions of a variant: its heading with the mechanism, both heads, and the effect of an intervention."""

import html
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import streamlit as st

from abn.explanations.explanation import Explanation, Prediction
from abn.plots import numbers, theme
from abn.plots.class_bars import paired_bars
from abn.ui.layout import escape_markdown
from abn.variants.card import UNTRAINED_KIND, Card
from abn.vocabulary import AS_TRAINED, HEADS

if TYPE_CHECKING:  # it imports torch, for which no first view waits
    from abn.explanations.interventions import Effect


def show_heading(explanation: Explanation, card: Card) -> None:
    """Title, mechanism trained with and mechanism applied."""
    st.markdown(f"##### {escape_markdown(card.title)}", help=escape_markdown(card.summary) or None)
    st.caption(describe_mechanisms(card, explanation.applied))


def describe_mechanisms(card: Card, applied: str, separator: str = "  \n") -> str:
    """The mechanism that a variant was trained with and the one that is applied, as Markdown."""
    trained = "**never trained**" if card.kind == UNTRAINED_KIND else f"trained with **{card.mechanism}**"
    swapped = card.kind != UNTRAINED_KIND and applied != card.mechanism
    mark = " :orange-badge[:material/swap_horiz: swapped]" if swapped else ""
    return f"{trained}{separator}applied **{applied}**{mark}"


def mechanism_label(card: Card, applied: str) -> str:
    """The same in two words, for the header of a column."""
    if card.kind == UNTRAINED_KIND:
        return "never trained"
    return AS_TRAINED if applied == card.mechanism else "swapped"


def show_effect(effect: "Effect", labels: Sequence[str]) -> None:
    """Δp of the class predicted before the intervention, and whether the prediction changed."""
    before = escape_markdown(numbers.short_label(labels[effect.predicted_class]))
    st.metric(
        f"Δp of “{before}”",
        f"{numbers.points(effect.change)} points",
        " → ".join(numbers.percent(p[effect.predicted_class]) for p in (effect.before, effect.after)),
        delta_color="off",
        delta_arrow="off",
        help="How much more probable this class has become, in percentage points.",
    )
    if effect.changes_prediction:
        after = escape_markdown(numbers.short_label(labels[int(effect.after.argmax())]))
        st.markdown(f":orange-badge[:material/call_split: the answer is now {after}]")
    else:
        st.markdown(f":green-badge[:material/check: the answer stays {before}]")


def show_classes(heads: Mapping[str, tuple[str, Sequence[Prediction]]]) -> None:
    """Classes with their probabilities: name of a head → its color and its classes, the most probable first."""
    rows = ""
    for name, (color, classes) in heads.items():
        terms = [f'<dt style="--head: {color}">{html.escape(name)}</dt>', *["<dt></dt>"] * (len(classes) - 1)]
        for term, prediction in zip(terms, classes, strict=True):
            label, probability = numbers.short_label(prediction.label), numbers.percent(prediction.probability)
            title = html.escape(prediction.label)
            rows += f'{term}<dd title="{title}">{html.escape(label)}</dd><dd>{probability}</dd>'
    st.html(f'<dl class="abn-answer">{rows}</dl>')


def show_predictions(explanation: Explanation) -> None:
    """The first class of both heads, whether they agree, and their divergence."""
    tops = {head: explanation.top(head, 1) for head in HEADS}
    show_classes({HEADS[head].split()[0]: (theme.HEAD_COLORS[head], top) for head, top in tops.items()})
    agreement = (
        ":green-badge[:material/check: heads agree]"
        if explanation.heads_agree
        else ":orange-badge[:material/call_split: heads disagree]"
    )
    st.markdown(
        f"{agreement} :small[{explanation.js_divergence:.2f} bit apart]",
        help="Heads agree where both name the same class first. The bits compare all classes: the Jensen–Shannon "
        "divergence of the two heads' probabilities, 0 where they are the same, 1 where they share nothing.",
    )


def show_bars(explanation: Explanation, card: Card, rows: int) -> None:
    """The five most probable classes of both heads on one axis, with room for as many `rows`."""
    listed = "; ".join(
        f"{name}: "
        + ", ".join(f"{numbers.short_label(p.label)} {numbers.percent(p.probability)}" for p in explanation.top(head))
        for head, name in HEADS.items()
    )
    st.html(paired_bars(explanation, rows=rows, alt=f"{card.title}, probabilities of both heads. {listed}."))
