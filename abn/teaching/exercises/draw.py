"""Questions drawn from the material by a number, so that everybody who opens the same set gets the same questions.

Every question is fair. "where" has a map with something to find in it. "head" has exactly one head that is right.
"mechanism" shows the maps of all three mechanisms, far enough apart in how bright they get that a person can see it;
the first reveal tells what to look for, and says that it does.
"flip" comes from edits of a network that sometimes flip its answer and sometimes don't, so that neither edit nor
network gives it away, and its answer isn't a tie.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

from abn.errors import ABNError
from abn.plots.map_words import is_flat
from abn.teaching.exercises import wording
from abn.teaching.exercises.question_material import QuestionMaterial
from abn.vocabulary import HEADS, MECHANISMS

KINDS = {  # in the order in which they come
    "where": "Where will it look?",
    "head": "Which head is right?",
    "mechanism": "Which mechanism made this map?",
    "flip": "Did the edit change the answer?",
}
SCARCE = ("head", "mechanism", "flip", "where")  # those with the fewest pictures choose first
SETS = range(1, 10_000)  # the numbers that sets have
COUNT = 8  # questions of a set
LIVELY = 0.3  # a map whose cells differ by less (of the 0 to 1 that M can span) has too little to find
APART = 0.12  # by how much the highest M of any two of three maps must differ
SURE = 0.02  # by how much the class named after an edit must lead the next

Thing = TypeVar("Thing")


@dataclass(frozen=True)
class Question:
    """One question, as plain data; its maps are in the material."""

    number: int  # in its set, from 1
    kind: str  # one of KINDS
    picture: str  # an item of the material
    variant: str  # whose map or answer it is about
    text: str
    options: tuple[str, ...]  # empty where the answer is a cell
    right: str  # one of the options, or the brightest cell in words
    explanation: str
    edit: str = ""  # of "flip": one of intervene's presets
    shown: tuple[str, ...] = ()  # of "mechanism": the variants in the order in which their maps are shown


@dataclass(frozen=True)
class _Subject:
    """What a question could be about, and what tells one answer from another."""

    picture: str
    variant: str
    balance: str = ""  # the answer, where both are to come equally often
    edit: str = ""
    shown: tuple[str, ...] = ()


def draw_questions(seed: int, count: int = COUNT, *, material: QuestionMaterial) -> tuple[Question, ...]:
    """The set of a number: the kinds in turn, no picture twice. `ABNError` where the material holds too little for it."""
    dice = random.Random(seed)
    kinds = [list(KINDS)[place % len(KINDS)] for place in range(count)]
    used: set[str] = set()
    drawn: dict[str, list[_Subject]] = {}
    for kind in SCARCE:
        drawn[kind] = _draw(kind, kinds.count(kind), used, material, dice)
    return tuple(_question(place + 1, kind, drawn[kind].pop(), material, dice) for place, kind in enumerate(kinds))


def _draw(kind: str, count: int, used: set[str], material: QuestionMaterial, dice: random.Random) -> list[_Subject]:
    """So many subjects of a kind; their pictures are `used` then."""
    subjects = {"where": _where, "head": _head, "mechanism": _mechanism, "flip": _flip}[kind](material)
    sides = sorted({one.balance for one in subjects})
    found = []
    for _ in range(count):
        left = [one for one in subjects if one.picture not in used]
        side = _pick(sides, dice) if sides else ""  # each for itself: what was revealed tells nothing of the next
        fitting = [one for one in left if one.balance == side] or left
        if not fitting:
            raise ABNError(f"The stored exercises are too few for a set of this size: “{KINDS[kind]}” has no more.")
        found.append(_one(kind, fitting, dice))
        used.add(found[-1].picture)
    return found


def _one(kind: str, subjects: Sequence[_Subject], dice: random.Random) -> _Subject:
    """Any one of them: of "flip" first network and edit, which have no say in the answer then; else the picture."""
    for group in ("variant", "edit", "picture") if kind == "flip" else ("picture", "variant"):
        chosen = _pick(sorted({getattr(one, group) for one in subjects}), dice)
        subjects = [one for one in subjects if getattr(one, group) == chosen]
    return _pick(subjects, dice)


def _pick(things: Sequence[Thing], dice: random.Random) -> Thing:
    """Any one, by the one method of `random` whose numbers Python promises to keep."""
    return things[int(dice.random() * len(things))]


# ---- what each kind can be about ----


def _where(material: QuestionMaterial) -> list[_Subject]:
    return [
        _Subject(picture, variant)
        for (picture, variant), told in material.predictions.items()
        if not is_flat(told.attention) and told.attention.max() - told.attention.min() >= LIVELY
    ]


def _head(material: QuestionMaterial) -> list[_Subject]:
    found = []
    for picture, variant in material.predictions:
        right = [head for head, is_right in material.right(picture, variant).items() if is_right]
        if len(right) == 1:
            found.append(_Subject(picture, variant, balance=right[0]))
    return found


def trios(material: QuestionMaterial) -> Iterator[tuple[str, str, str]]:
    """The variants of each family that has all mechanisms, in the order of MECHANISMS."""
    for family in dict.fromkeys(card.family for card in material.cards.values()):
        by_mechanism = {card.mechanism: card.id for card in material.cards.values() if card.family == family}
        if by_mechanism.keys() >= set(MECHANISMS):
            first, second, third = (by_mechanism[mechanism] for mechanism in MECHANISMS)
            yield first, second, third


def _mechanism(material: QuestionMaterial) -> list[_Subject]:
    found = []
    for trio in trios(material):
        for picture in material.items:
            highest = sorted(float(material.predictions[picture, variant].attention.max()) for variant in trio)
            if all(more - less >= APART for less, more in pairwise(highest)):
                found += [_Subject(picture, variant, balance=variant, shown=trio) for variant in trio]
    return found


def _flip(material: QuestionMaterial) -> list[_Subject]:
    by_edit: dict[tuple[str, str], list[_Subject]] = {}
    for (picture, variant), told in material.predictions.items():
        for edit, edited in told.edits.items():
            if edited.lead >= SURE:
                one = _Subject(
                    picture, variant, wording.FLIPS if told.changes_prediction(edit) else wording.STAYS, edit
                )
                by_edit.setdefault((variant, edit), []).append(one)
    return [one for some in by_edit.values() if len({each.balance for each in some}) == 2 for one in some]


# ---- a question of it ----


def _question(number: int, kind: str, about: _Subject, material: QuestionMaterial, dice: random.Random) -> Question:
    variant, edit, shown = about.variant, about.edit, list(about.shown)
    shown.sort(key=lambda _: dice.random())
    told, item = material.predictions[about.picture, variant], material.items[about.picture]
    card = material.cards[variant]
    options: tuple[str, ...]
    if kind == "where":
        text, options = wording.ask_where(card, told.attention.shape), ()
        right, explanation = wording.cell(wording.brightest(told.attention)), wording.explain_where(told)
    elif kind == "head":
        text, options = wording.ask_head(), tuple(HEADS)
        right, explanation = about.balance, wording.explain_head(card, told, about.balance)
    elif kind == "mechanism":
        text, options = wording.ask_mechanism("ABC"[shown.index(variant)]), MECHANISMS
        right, explanation = card.mechanism, wording.explain_mechanism(material, about.picture, shown)
    else:
        text, options = wording.ask_flip(card, edit), (wording.FLIPS, wording.STAYS)
        right, explanation = about.balance, wording.explain_flip(told, edit)
    return Question(number, kind, item.id, variant, text, options, right, explanation, edit, tuple(shown))
