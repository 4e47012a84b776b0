"""What questions ask and what their answers explain: sentences made from the stored numbers, as plain text."""

from collections.abc import Sequence

import numpy as np

from abn.explanations.explanation import Prediction
from abn.plots.map_words import brightest_place as where
from abn.plots.numbers import percent, points, short_label
from abn.teaching.exercises.question_material import PredictionRecord, QuestionMaterial
from abn.variants.card import Card
from abn.vocabulary import HEADS

FLIPS, STAYS = "The answer flips", "The answer stays"
EDITS = {  # one of intervene's presets → what it does to the map
    "zeros": "M set to 0 everywhere",
    "ones": "M set to 1 everywhere",
    "constant mean": "M set to its own mean everywhere",
    "shuffled": "the same values in other cells, at random",
    "inverted": "bright made dark and dark bright, within the same range",
    "flipped": "mirrored, left and right exchanged",
}

LOST = {  # and what the network lost by it
    "zeros": "Not “attention off”: besides the place of M its mean gain went too.",
    "ones": "Besides the place of M its mean gain changed too.",
    "constant mean": "The mean of M was kept; what was lost is where it is high and low.",
    "shuffled": "The values of M were kept, so only their place was lost.",
    "inverted": "The range of M was kept, not its mean.",
    "flipped": "The values of M were kept, and moved to the other side.",
}


def brightest(attention: np.ndarray) -> tuple[int, int]:
    """Row and column of the cell where M is highest, from 0."""
    row, column = np.unravel_index(int(attention.argmax()), attention.shape)
    return int(row), int(column)


def cell(at: tuple[int, int]) -> str:
    """A cell as people count it, from 1."""
    return f"row {at[0] + 1}, column {at[1] + 1}"


def in_quotes(prediction: Prediction) -> str:
    """A class with its probability."""
    return f"“{short_label(prediction.label)}” ({percent(prediction.probability)})"


# ---- where ----


def ask_where(card: Card, shape: tuple[int, int]) -> str:
    h, w = shape
    return (
        f"The attention map of the network “{card.title}” has {h} × {w} cells. Where will it be brightest? Pick a cell."
    )


def explain_where(record: PredictionRecord) -> str:
    attention = record.attention
    return (
        f"The map reaches {attention.max():.2f} {where(attention)} ({cell(brightest(attention))}), and goes down to "
        f"{attention.min():.2f}; the network says {in_quotes(record.perception[0])}."
    )


def remark_where(record: PredictionRecord, at: tuple[int, int], score: float) -> str:
    """What a picked cell came to, and what chance would give."""
    value = record.attention[at]
    return (
        f"Your cell ({cell(at)}) has M = {value:.2f}, brighter than {percent(score)} of the other cells: "
        f"{score:.2f} points. A cell picked at random gets 0.50 on average."
    )


# ---- head ----


def ask_head() -> str:
    """It names no network: some have the one head right more often than the other."""
    return "The two heads of one network name different classes, and one of them is right. Which head?"


def explain_head(card: Card, record: PredictionRecord, right: str) -> str:
    (other,) = set(HEADS) - {right}
    correct, incorrect = (getattr(record, head)[0] for head in (right, other))
    labeled = f"The {right} head says {in_quotes(correct)}, which is right by the picture's labels"
    sentences = [f"This was the network “{card.title}”. {labeled}; the {other} head says {in_quotes(incorrect)}."]
    if correct.probability < incorrect.probability:
        sentences.append("The right head was the less certain one: how sure a head is doesn't tell that it is right.")
    if card.mechanism == "none":
        sentences.append("This network never applies its map: both heads read the same features, in different ways.")
    else:
        sentences.append(
            "The perception head, whose answer is the network's, reads the features after the map was applied; the "
            "auxiliary head belongs to the branch that makes the map."
        )
    return " ".join(sentences)


# ---- mechanism ----


def ask_mechanism(letter: str) -> str:
    return (
        "Three networks of one family, trained alike but for their mechanism, made these maps of one picture. Which "
        f"mechanism was the network of map {letter} trained with?"
    )


def explain_mechanism(material: QuestionMaterial, picture: str, shown: Sequence[str]) -> str:
    """How high each map gets, and in how many stored pictures the three come in this order: an observation, no law."""
    order = _by_height(material, picture, shown)
    reached = ", ".join(
        f"{'ABC'[shown.index(variant)]} {material.predictions[picture, variant].attention.max():.2f} "
        f"({material.cards[variant].mechanism})"
        for variant in order
    )
    same = sum(_by_height(material, other, shown) == order for other in material.items)
    return (
        f"The highest M of each map: {reached}. On {same} of the {len(material.items)} stored pictures these three "
        "come in this order, so who has seen it once can tell the next. It is an observation of three trainings, no "
        "law. With “none” no loss reaches the map head, so nothing has taught that map how bright to be."
    )


def _by_height(material: QuestionMaterial, picture: str, variants: Sequence[str]) -> list[str]:
    return sorted(variants, key=lambda variant: -material.predictions[picture, variant].attention.max())


# ---- flip ----


def ask_flip(card: Card, edit: str) -> str:
    return (
        f"The map of the network “{card.title}” is edited ({edit}: {EDITS[edit]}), and its perception branch is asked "
        "again. Does it name another class now?"
    )


def explain_flip(record: PredictionRecord, edit: str) -> str:
    edited, (first, second) = record.edits[edit], record.perception[:2]
    lead = f"{100 * (first.probability - second.probability):.1f}"
    change = f"“{short_label(first.label)}” changed by {points(edited.change)} points"
    if record.changes_prediction(edit):
        return (
            f"It now says {in_quotes(edited.after)}: {change}; before the edit it led by {lead} points. {LOST[edit]} "
            "So this answer depends on what M is, which doesn't say that M was right."
        )
    return (
        f"It still says {in_quotes(edited.after)}: {change}; before the edit it led by {lead} points. {LOST[edit]} "
        "That an answer stays doesn't show that the map is unused: look at the change."
    )
