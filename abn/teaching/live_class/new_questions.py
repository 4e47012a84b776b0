"""How questions come into a room: a set of the exercises, one image in one variant, or a free choice.

All but the free choice are questions of the exercises, with their texts, about stored or freshly computed predictions.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from abn.errors import RoomError
from abn.evaluation import localization
from abn.explanations.explanation import Explanation, Prediction
from abn.explanations.interventions import PRESETS, AttendedImage
from abn.images.decode import open_picture
from abn.plots.map_words import is_flat
from abn.teaching import exercises
from abn.teaching.exercises import QuestionMaterial, wording
from abn.teaching.exercises.draw import Subject, ask_question, tells_mechanism
from abn.teaching.exercises.question_material import TOP, EditRecord, Item, PredictionRecord, mean_features
from abn.teaching.live_class.experiment import EDITS
from abn.teaching.live_class.question import NO_OPTION, MapPanel, PredictionLine, Question
from abn.teaching.live_class.room_image import FIT, RoomImage, make_room_image
from abn.variants.card import Card
from abn.vocabulary import HEADS, MECHANISMS, NONE

CHOICE = "choice"
BRIGHT = "bright"  # a choice whose options are the outcomes of the experiment
KINDS = {**exercises.KINDS, BRIGHT: "Does bright mean important?"}  # of questions about an image
MIN_OPTIONS, MAX_OPTIONS = 2, 5
MAX_TEXT, MAX_OPTION = 200, 60  # characters

ASK_BRIGHT = (
    "The map of the variant “{title}” is inverted, then its cells are shuffled. The perception branch runs again each "
    "time. When does the predicted class change?"
)
OUTCOMES = {  # whether the class changes with the inverted map, and with the shuffled one
    (True, True): "With both maps",
    (True, False): "Only with the inverted map",
    (False, True): "Only with the shuffled map",
    (False, False): "With neither map",
}
EXPLAIN_BRIGHT = (
    "With its own map the variant predicts {own}; with the inverted one {inverted}, with the shuffled one {shuffled}. "
    "No loss asks for bright cells on the object, so bright need not mean important."
)

FLAT_MAP = "The map of this variant is flat on this image, so no cell is brightest. Choose another image or variant."
NO_HEAD = "Exactly one head must be correct for this question. Choose another image, or another question."
NO_GAP = "With this map, the mechanisms can't be told apart by eye. Choose another image or variant."
NO_MAP_APPLIED = "This variant applies no map, so an edited one changes nothing. Choose another variant."
NO_TEXT = "Write the question first."
BAD_OPTIONS = f"A question has {MIN_OPTIONS} to {MAX_OPTIONS} different options, each of at most {MAX_OPTION} letters."


@dataclass(frozen=True, eq=False)
class NewQuestions:
    """Questions with their images."""

    questions: tuple[Question, ...]
    images: tuple[RoomImage, ...] = ()


@dataclass(frozen=True)
class Source:
    """Where a question's image comes from, for people."""

    title: str
    alt: str
    credit: str = ""
    classes: tuple[int, ...] = ()  # ImageNet classes that count as correct; empty: unlabeled


NO_SOURCE = Source("", "")


def questions_of_set(seed: int, material: QuestionMaterial) -> NewQuestions:
    """The questions of a set of the exercises. Raises `ABNError` where the material is too little."""
    scenes = {f"scene-{scene.id}": scene for scene in localization.scenes()}
    questions, images = [], []
    for question in exercises.draw_questions(seed, material=material):
        item, card = material.items[question.image], material.cards[question.variant]
        picture = open_picture(item.path.read_bytes(), name=item.path.name)
        images.append(make_room_image(picture, card.input, item.fit))
        objects = scenes[item.id].mask if item.id in scenes else None
        questions.append(_as_room_question(question, material, images[-1].name, objects))
    return NewQuestions(tuple(questions), tuple(images))


def question_on_image(
    kind: str,
    image: RoomImage,
    source: Source,
    card: Card,
    explanation: Explanation,
    attended: AttendedImage,
    *,
    edit: str = "inverted",
    seed: int = 0,
) -> NewQuestions:
    """A question of one of KINDS about a room's image and the variant of a card.

    `explanation` and `attended`: the image in the variant, fitted by `room_image.FIT`. `edit`: of
    interventions.PRESETS, for "flip". `seed`: for the mechanism of "mechanism". Raises `RoomError` where the question
    would not be fair.
    """
    material = _material(source, card, explanation, attended)
    about = _subject(kind, card, material, edit, seed)
    if kind == BRIGHT:
        return NewQuestions((_ask_bright(material, card, image, source),), (image,))
    question = ask_question(1, kind, about, material)
    return NewQuestions((_as_room_question(question, material, image.name, None),), (image,))


def free_choice(
    text: str,
    options: Sequence[str],
    right: int = NO_OPTION,
    image: RoomImage | None = None,
    source: Source = NO_SOURCE,
) -> NewQuestions:
    """A teacher's own question with 2 to 5 options, of which one may be correct, with or without an image."""
    text, options = " ".join(text.split())[:MAX_TEXT], [" ".join(option.split()) for option in options]
    if not text:
        raise RoomError(NO_TEXT)
    distinct = {option.casefold() for option in options}
    fits = all(0 < len(option) <= MAX_OPTION for option in options) and MIN_OPTIONS <= len(options) <= MAX_OPTIONS
    if not fits or len(distinct) < len(options) or not NO_OPTION <= right < len(options):
        raise RoomError(BAD_OPTIONS)
    question = Question(
        id="",
        kind=CHOICE,
        heading="",
        text=text,
        options=tuple(options),
        right=right,
        image=image.name if image else "",
        title=source.title,
        alt=source.alt,
        credit=source.credit,
    )
    return NewQuestions((question,), (image,) if image else ())


# ---- an exercise as a question of a room ----


def _as_room_question(
    question: exercises.Question, material: QuestionMaterial, image: str, mask: np.ndarray | None
) -> Question:
    """The question with all that is shown of it; `mask` (H, W) bool over the image, where the object is known."""
    record, item = material.predictions[question.image, question.variant], material.items[question.image]
    card, own = material.cards[question.variant], record.attention
    maps: tuple[MapPanel, ...] = (MapPanel("M", own, hidden=True),)
    lines: tuple[PredictionLine, ...] = ()
    options = question.options
    if question.kind == "head":
        options = tuple(HEADS[head] for head in question.options)
        lines = tuple(
            PredictionLine(HEADS[head], head, p.label, p.probability, hidden=rank > 0)
            for head in HEADS
            for rank, p in enumerate(getattr(record, head))
        )
    elif question.kind == "mechanism":
        before, after = record.features, record.reweight_features(question.right)
        high = float(max(before.max(), after.max()))
        maps = (
            MapPanel("Map M", own),
            MapPanel("Features g", before, high=high),
            MapPanel("Features g′", after, high=high),
        )
    elif question.kind == "flip":
        edited = record.edits[question.edit]
        maps = MapPanel("Its own map", own), MapPanel(f"Edited: {question.edit}", edited.attention)
        lines = tuple(PredictionLine("Before", "", p.label, p.probability) for p in record.perception)
        lines += (PredictionLine("After", "perception", edited.after.label, edited.after.probability, hidden=True),)
    return Question(
        id="",
        kind=question.kind,
        heading=exercises.KINDS[question.kind],
        text=question.text,
        options=options,
        right=question.options.index(question.right) if question.options else NO_OPTION,
        cells=(own.shape[0], own.shape[1]) if question.kind == "where" else (0, 0),
        explanation=question.explanation,
        image=image,
        title=item.title,
        alt=item.alt,
        credit=item.credit,
        variant=card.id if card.mechanism != "none" and question.kind in ("where", "flip") else "",
        maps=maps,
        lines=lines,
        objects=np.zeros((0, 0), bool) if mask is None else mask_in_cells(mask, own.shape),
    )


def mask_in_cells(mask: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Whether the center of each cell (h, w) lies on the object of a mask (H, W)."""
    rows, columns = (
        ((np.arange(count) + 0.5) * side / count).astype(int) for count, side in zip(shape, mask.shape, strict=True)
    )
    return mask[np.ix_(rows, columns)]


def _ask_bright(material: QuestionMaterial, card: Card, image: RoomImage, source: Source) -> Question:
    record = material.predictions["room", card.id]
    own = record.perception[0]
    changes = record.changes_prediction("inverted"), record.changes_prediction("shuffled")
    after = {edit: wording.in_quotes(record.edits[edit].after) for edit in EDITS[1:]}
    return Question(
        id="",
        kind=CHOICE,
        heading=KINDS[BRIGHT],
        text=ASK_BRIGHT.format(title=card.title),
        options=tuple(OUTCOMES.values()),
        right=list(OUTCOMES).index(changes),
        explanation=EXPLAIN_BRIGHT.format(own=wording.in_quotes(own), **after),
        image=image.name,
        title=source.title,
        alt=source.alt,
        credit=source.credit,
        variant=card.id,
        maps=(MapPanel("Its own map", record.attention),),
        lines=(PredictionLine(HEADS["perception"], "perception", own.label, own.probability),),
    )


# ---- fresh predictions as material ----


def _material(source: Source, card: Card, explanation: Explanation, attended: AttendedImage) -> QuestionMaterial:
    """One image, under the ID "room"."""
    item = Item("room", "", "", source.title, source.alt, source.credit, FIT, source.classes)
    record = PredictionRecord(
        explanation.attention,
        mean_features(attended.features),
        tuple(explanation.top("auxiliary", TOP)),
        tuple(explanation.top("perception", TOP)),
        _edits(explanation, attended) if card.mechanism != NONE else {},
    )
    return QuestionMaterial({"room": item}, {card.id: card}, {("room", card.id): record})


def _edits(explanation: Explanation, attended: AttendedImage) -> dict[str, EditRecord]:
    names = [name for name in PRESETS if name != "own map"]
    maps = [PRESETS[name](attended.attention).astype(np.float32) for name in names]
    before, *predictions = attended.predict(np.stack([attended.attention, *maps]))
    first, edits = int(before.argmax()), {}
    for name, attention, after in zip(names, maps, predictions, strict=True):
        best, second = np.argsort(-after, kind="stable")[:2]
        prediction = Prediction(int(best), explanation.labels[best], float(after[best]))
        change, lead = float(after[first] - before[first]), float(after[best] - after[second])
        edits[name] = EditRecord(attention, prediction, change, lead)
    return edits


def _subject(kind: str, card: Card, material: QuestionMaterial, edit: str, seed: int) -> Subject:
    """What the question is about. Raises `RoomError` where it would not be fair."""
    record = material.predictions["room", card.id]
    if kind == "where" and is_flat(record.attention):
        raise RoomError(FLAT_MAP)
    if kind in ("flip", BRIGHT) and not record.edits:
        raise RoomError(NO_MAP_APPLIED)
    if kind == "head":
        right = [head for head, is_right in material.right("room", card.id).items() if is_right]
        if len(right) != 1:
            raise RoomError(NO_HEAD)
        return Subject("room", card.id, balance=right[0])
    if kind == "mechanism":
        if not tells_mechanism(record):
            raise RoomError(NO_GAP)
        return Subject("room", card.id, balance=random.Random(seed).choice(MECHANISMS))
    if kind == "flip":
        outcome = wording.FLIPS if record.changes_prediction(edit) else wording.STAYS
        return Subject("room", card.id, outcome, edit)
    return Subject("room", card.id)
