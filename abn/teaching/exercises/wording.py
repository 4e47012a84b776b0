"""Texts of questions and explanations, made from the stored numbers, as plain text."""

from pathlib import Path

import numpy as np

from abn.explanations.explanation import Prediction
from abn.plots.cell_product import product
from abn.plots.map_words import brightest_place
from abn.plots.numbers import fixed, percent, points, short_label
from abn.teaching.exercises.question_material import PredictionRecord
from abn.teaching.lessons import read_texts
from abn.variants.card import Card
from abn.vocabulary import HEADS

TEXTS = read_texts(Path(__file__).with_suffix(".toml"))
FLIPS, STAYS = "The prediction changes", "The prediction stays"
EDITS, LOST = TEXTS["edits"], TEXTS["lost"]  # by preset of interventions: its effect on the map, and what is lost


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


def ask_where(card: Card, shape: tuple[int, int]) -> str:
    return TEXTS["where"]["ask"].format(title=card.title, h=shape[0], w=shape[1])


def explain_where(record: PredictionRecord) -> str:
    attention = record.attention
    return TEXTS["where"]["explain"].format(
        high=f"{attention.max():.2f}",
        low=f"{attention.min():.2f}",
        place=brightest_place(attention),
        cell=cell(brightest(attention)),
        prediction=in_quotes(record.perception[0]),
    )


def remark_where(record: PredictionRecord, at: tuple[int, int], score: float) -> str:
    """The score of a picked cell, and what chance would give."""
    value = f"{record.attention[at]:.2f}"
    return TEXTS["where"]["remark"].format(cell=cell(at), value=value, share=percent(score), score=f"{score:.2f}")


def explain_head(card: Card, record: PredictionRecord, right: str) -> str:
    (other,) = set(HEADS) - {right}
    correct, incorrect = (getattr(record, head)[0] for head in (right, other))
    texts = TEXTS["head"]
    words = {"title": card.title, "right": right, "correct": in_quotes(correct), "incorrect": in_quotes(incorrect)}
    sentences = [texts["explain"].format(**words, other=other)]
    if correct.probability < incorrect.probability:
        sentences.append(texts["less_certain"])
    sentences.append(texts["not_applied" if card.mechanism == "none" else "applied"])
    return " ".join(sentences)


def explain_mechanism(record: PredictionRecord, mechanism: str) -> str:
    """The numbers of the brightest cell of M, multiplied out, and the rule that they follow in all cells."""
    at = brightest(record.attention)
    after = record.reweight_features(mechanism)
    figures = product(float(record.attention[at]), float(record.features[at]), float(after[at]), mechanism)
    texts = TEXTS["mechanism"]
    numbers = texts["explain"].format(cell=cell(at), m=figures.attention, g=figures.before, after=figures.after)
    gains = record.gain(mechanism)
    return f"{numbers} {texts[mechanism].format(gain=figures.gain, low=fixed(gains.min()), high=fixed(gains.max()))}"


def ask_flip(card: Card, edit: str) -> str:
    return TEXTS["flip"]["ask"].format(title=card.title, edit=edit, words=EDITS[edit])


def explain_flip(record: PredictionRecord, edit: str) -> str:
    edited, (first, second) = record.edits[edit], record.perception[:2]
    return TEXTS["flip"]["flipped" if record.changes_prediction(edit) else "stayed"].format(
        after=in_quotes(edited.after),
        first=short_label(first.label),
        change=points(edited.change),
        lead=f"{100 * (first.probability - second.probability):.1f}",
        lost=LOST[edit],
    )
