"""Predictions as CSV, safe to open in a spreadsheet."""

import csv
import io
from collections.abc import Iterable, Sequence

from abn.explanations.explanation import Explanation
from abn.variants.card import UNTRAINED_KIND, Card
from abn.vocabulary import HEADS

COLUMNS = ("variant", "trained_with", "applied", "head", "rank", "class", "label", "probability")
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def predictions_csv(explanations: Sequence[Explanation], cards: Sequence[Card]) -> bytes:
    """Every class of both heads of every variant, the most probable first."""
    rows = []
    for explanation, card in zip(explanations, cards, strict=True):
        trained_with = "never trained" if card.kind == UNTRAINED_KIND else explanation.trained_with
        names = [escape_formula(text) for text in (explanation.variant, trained_with, explanation.applied)]
        for head in HEADS:
            for rank, p in enumerate(explanation.top(head, len(explanation.labels)), 1):
                rows.append([*names, head, rank, p.index, escape_formula(p.label), f"{p.probability:.9g}"])
    return csv_bytes(COLUMNS, rows)


def csv_bytes(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """A table in UTF-8 with the byte order mark that Excel needs."""
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(columns)
    writer.writerows(rows)
    return stream.getvalue().encode("utf-8-sig")


def escape_formula(text: str) -> str:
    """A text for a cell, with an apostrophe before what a spreadsheet would compute."""
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA_STARTS) else text
