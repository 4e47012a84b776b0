"""Questions for a class about the shipped variants.

Their answers are computed from the variants as they are run, from their cards and from the study's sentences.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from abn import vocabulary
from abn.evaluation.metrics import rank_correlation
from abn.explanations.explanation import Explanation
from abn.images import samples
from abn.images.decode import Picture, open_picture
from abn.plots.numbers import fixed, percent, short_label
from abn.variants.card import Card
from abn.variants.store import list_variants

FAMILY = "imagenet-lite0"
KEYS = ("first", "heads", "range", "inverted", "taught", "pointing", "study")  # of all questions, in their order

Explain = Callable[[Picture, Sequence[Card]], Sequence[Explanation]]
ByPhoto = dict[str, dict[str, Explanation]]  # title of a photograph → ID of a variant → its explanation


@dataclass(frozen=True)
class ClassQuestion:
    """A question for the class, and its answer as computed now."""

    key: str  # one of KEYS
    text: str
    answers: Sequence[str]  # sentences


def class_questions(
    explain: Explain, accuracy: Sequence[str] = (), taught: Mapping[str, Sequence[str]] | None = None
) -> list[ClassQuestion]:
    """The questions with their answers; a question without an answer is left out.

    `explain` explains an image by several variants. `accuracy`: sentences of the study that compare the mechanisms
    with a map that is never applied; `taught`: for variants, those on what teaching their map changed.
    """
    cards = [card for card in list_variants() if card.family == FAMILY]
    explanations: ByPhoto = {}
    for photo in samples.gallery().values():
        if photo.kind == "photograph":
            shown = explain(open_picture(photo.path.read_bytes(), name=photo.file), cards)
            explanations[photo.title] = {explanation.variant: explanation for explanation in shown}
    usable = [card for card in cards if all(card.id in row for row in explanations.values())]  # weights may be broken
    measured = {card.title: card.measured["masked"] for card in cards if "masked" in card.measured}
    pointing = [
        f"{title}: on {100 * result['pointing']:.0f} % of {result['count']} photographs with masks."
        for title, result in measured.items()
    ]
    questions = (
        *(_on_photographs(explanations, usable, taught or {}) if explanations and usable else ()),
        ClassQuestion(
            "pointing",
            "How often does the brightest cell lie on the object? Open Measure, and find the pointing game.",
            pointing,
        ),
        ClassQuestion("study", "Is the accuracy higher than that of “none”, whose map is never applied?", accuracy),
    )
    return [question for question in questions if question.answers]


def _on_photographs(
    explanations: ByPhoto, cards: Sequence[Card], taught: Mapping[str, Sequence[str]]
) -> Iterator[ClassQuestion]:
    """Questions on the maps and predictions for the photographs that ship."""
    by_card = {card.title: [row[card.id] for row in explanations.values()] for card in cards}
    first = next(iter(explanations))
    answers = [f"{title}: {' and '.join(_heads(shown[0]))}." for title, shown in by_card.items()]
    yield ClassQuestion("first", f"“{first}”: which class does each head of each variant predict?", answers)

    answers = []
    for title, shown in by_card.items():
        disagreeing = [name for name, e in zip(explanations, shown, strict=True) if not e.heads_agree]
        listed = ": " + "; ".join(disagreeing) if disagreeing else ""
        answers.append(f"{title}: on {len(disagreeing)} of {len(shown)}{listed}.")
    yield ClassQuestion("heads", "On which photographs do the two heads disagree?", answers)

    answers = [
        f"{title}: M from {shown[0].attention.min():.2f} to {shown[0].attention.max():.2f}."
        for title, shown in by_card.items()
    ]
    answers.append("“Min–max per map” stretches each map to the whole color bar, so it hides these ranges.")
    text = f"“{first}”: what is the range of M in each variant? What does the scale “min–max per map” (menu View) hide?"
    yield ClassQuestion("range", text, answers)

    for lesson, sibling in itertools.product(cards, cards):
        if lesson.lesson and not sibling.lesson and sibling.mechanism == lesson.mechanism:
            pairs = list(zip(by_card[lesson.title], by_card[sibling.title], strict=True))
            alike = np.mean([rank_correlation(a.attention, b.attention) for a, b in pairs])
            same = sum(a.perception.argmax() == b.perception.argmax() for a, b in pairs)
            yield ClassQuestion(
                "inverted",
                f"“{lesson.title}” is an engineered example. Compare it with “{sibling.title}”: do the maps agree, and "
                "do the predictions?",
                (
                    f"Mean rank correlation of the maps: {fixed(float(alike))} (1: the same order of cells, −1: the "
                    "opposite).",
                    f"The predicted class is the same on {same} of {len(pairs)} photographs. No loss asks for bright "
                    "cells on the object.",
                ),
            )
            yield ClassQuestion(
                "taught",
                f"Open Teach the map with “{lesson.title}”. On four images, replace the map by that of "
                f"“{sibling.title}”, and teach with κ = 0. Does the map change on the held-out images? Does the "
                "accuracy on the labeled photos change?",
                taught.get(lesson.id, ()),
            )
            return


def _heads(explanation: Explanation) -> list[str]:
    """Each head's predicted class with its probability."""
    tops = {name: explanation.top(head, 1)[0] for head, name in vocabulary.HEADS.items()}
    return [
        f"{short_label(top.label)} ({percent(top.probability)}, {name.split()[0].lower()} head)"
        for name, top in tops.items()
    ]
