"""Questions drawn from the material by a set's number, so that equal sets have equal questions.

Every question is fair. "where" has a map that is not flat. "head" has exactly one correct head. "mechanism" shows M and
the features before and after it was applied, so that the equations give the answer; the mean gains of the three
mechanisms differ visibly. "flip" uses edits that change a variant's prediction on some images and not on others, so
that neither edit nor variant is a hint, and whose prediction has a clear lead.
"""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from abn.errors import ABNError
from abn.plots.map_words import is_flat
from abn.teaching.exercises import wording
from abn.teaching.exercises.question_material import PredictionRecord, QuestionMaterial
from abn.vocabulary import HEADS, MECHANISMS

KINDS = {  # in the order in which they come
    "where": "Where will the map be brightest?",
    "head": "Which head is correct?",
    "mechanism": "Which mechanism was applied?",
    "flip": "Does the edit change the prediction?",
}
SCARCE = ("head", "flip", "mechanism", "where")  # those with the fewest images choose first
SETS = range(1, 10_000)  # the numbers that sets have
COUNT = 8  # questions of a set
SHIFT = 23  # from a set's number to its random seed: set 1, which people meet first, has different answers to each kind
MIN_RANGE = 0.3  # a map whose cells differ by less (of the 0 to 1 that M can span) has too little to find
MIN_GAP = 0.15  # by how much the mean M must differ from 0 and from 1, so that the mechanisms can be told apart
MIN_LEAD = 0.02  # by how much the class predicted after an edit must lead the next

Option = TypeVar("Option")


@dataclass(frozen=True)
class Question:
    """One question, as plain data; its maps are in the material."""

    number: int  # in its set, from 1
    kind: str  # one of KINDS
    image: str  # an item of the material
    variant: str  # the variant with this map or prediction
    text: str
    options: tuple[str, ...]  # empty where the answer is a cell
    right: str  # one of the options, or the brightest cell in words
    explanation: str
    edit: str = ""  # of "flip": one of intervene's presets


@dataclass(frozen=True)
class Subject:
    """A possible question."""

    image: str
    variant: str
    balance: str = ""  # the answer, where all are to come equally often
    edit: str = ""


def draw_questions(seed: int, count: int = COUNT, *, material: QuestionMaterial) -> tuple[Question, ...]:
    """The set of a number: the kinds in turn, no image twice. `ABNError` where the material is too little for it."""
    rng = random.Random(seed + SHIFT)
    kinds = [list(KINDS)[place % len(KINDS)] for place in range(count)]
    used: set[str] = set()
    drawn: dict[str, list[Subject]] = {}
    for kind in SCARCE:
        drawn[kind] = _draw(kind, kinds.count(kind), used, material, rng)
    return tuple(ask_question(place + 1, kind, drawn[kind].pop(), material) for place, kind in enumerate(kinds))


def fingerprint(questions: Sequence[Question], *, material: QuestionMaterial) -> str:
    """16 digits that are the same only for the same questions on the same images and weights."""
    parts = [
        (q.kind, q.image, material.items[q.image].sha256, q.variant, material.cards[q.variant].sha256, q.edit, q.right)
        for q in questions
    ]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _draw(kind: str, count: int, used: set[str], material: QuestionMaterial, rng: random.Random) -> list[Subject]:
    """`count` subjects of a kind; adds their images to `used`."""
    subjects = {"where": _where, "head": _head, "mechanism": _mechanism, "flip": _flip}[kind](material)
    sides = sorted({subject.balance for subject in subjects})
    chosen = []
    for _ in range(count):
        unused = [subject for subject in subjects if subject.image not in used]
        side = _choose(sides, rng) if sides else ""  # independent: one reveal gives no hint about the next
        candidates = [subject for subject in unused if subject.balance == side] or unused
        if not candidates:
            raise ABNError(f"The stored exercises are too few for a set of this size: “{KINDS[kind]}” has no more.")
        chosen.append(_choose_subject(kind, candidates, rng))
        used.add(chosen[-1].image)
    return chosen


def _choose_subject(kind: str, subjects: Sequence[Subject], rng: random.Random) -> Subject:
    """A subject at random. "flip" fixes variant and edit first, so that neither is a hint; others the image."""
    for group in ("variant", "edit", "image") if kind == "flip" else ("image", "variant"):
        value = _choose(sorted({getattr(subject, group) for subject in subjects}), rng)
        subjects = [subject for subject in subjects if getattr(subject, group) == value]
    return _choose(subjects, rng)


def _choose(options: Sequence[Option], rng: random.Random) -> Option:
    """An option at random, by the only method of `random` whose numbers Python promises to keep."""
    return options[int(rng.random() * len(options))]


# ---- the subjects of each kind ----


def _where(material: QuestionMaterial) -> list[Subject]:
    return [
        Subject(image, variant)
        for (image, variant), record in material.predictions.items()
        if not is_flat(record.attention) and np.ptp(record.attention) >= MIN_RANGE
    ]


def _head(material: QuestionMaterial) -> list[Subject]:
    subjects = []
    for image, variant in material.predictions:
        right = [head for head, is_right in material.right(image, variant).items() if is_right]
        if len(right) == 1:
            subjects.append(Subject(image, variant, balance=right[0]))
    return subjects


def tells_mechanism(record: PredictionRecord) -> bool:
    """Whether the mean gains 1 + M, M and 1 differ enough to be told apart."""
    return MIN_GAP <= record.attention.mean() <= 1 - MIN_GAP


def _mechanism(material: QuestionMaterial) -> list[Subject]:
    return [
        Subject(image, variant, balance=mechanism)
        for (image, variant), record in material.predictions.items()
        if tells_mechanism(record)
        for mechanism in MECHANISMS
    ]


def _flip(material: QuestionMaterial) -> list[Subject]:
    by_edit: dict[tuple[str, str], list[Subject]] = {}
    for (image, variant), record in material.predictions.items():
        for edit, edited in record.edits.items():
            if edited.lead >= MIN_LEAD:
                outcome = wording.FLIPS if record.changes_prediction(edit) else wording.STAYS
                by_edit.setdefault((variant, edit), []).append(Subject(image, variant, outcome, edit))
    return [
        subject
        for subjects in by_edit.values()
        if len({subject.balance for subject in subjects}) == 2
        for subject in subjects
    ]


# ---- a subject as a question ----


def ask_question(number: int, kind: str, about: Subject, material: QuestionMaterial) -> Question:
    """The question about a subject, with its texts."""
    variant, edit = about.variant, about.edit
    record, item = material.predictions[about.image, variant], material.items[about.image]
    card = material.cards[variant]
    options: tuple[str, ...]
    if kind == "where":
        text, options = wording.ask_where(card, record.attention.shape), ()
        right, explanation = wording.cell(wording.brightest(record.attention)), wording.explain_where(record)
    elif kind == "head":
        text, options = wording.TEXTS["head"]["ask"], tuple(HEADS)
        right, explanation = about.balance, wording.explain_head(card, record, about.balance)
    elif kind == "mechanism":
        text, options = wording.TEXTS["mechanism"]["ask"], MECHANISMS
        right, explanation = about.balance, wording.explain_mechanism(record, about.balance)
    else:
        text, options = wording.ask_flip(card, edit), (wording.FLIPS, wording.STAYS)
        right, explanation = about.balance, wording.explain_flip(record, edit)
    return Question(number, kind, item.id, variant, text, options, right, explanation, edit)
