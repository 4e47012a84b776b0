"""Stored predictions that questions are drawn from: the shipped variants on the gallery's photographs and the scenes.

That exactly one head is correct is rare, so other labeled photographs are included where it happens.

`build` runs the variants once and writes one file, with the hashes of the images' bytes and of the weights.
`read_material` reads it back without torch; whatever has changed since is left out and listed in `stale`. Maps and
probabilities are stored in half precision. Edited maps are stored as they were applied, so that what is shown is what
was run.
"""

import functools
import hashlib
import itertools
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from abn import files
from abn.engine.runner import reweight
from abn.explanations.explanation import Explanation, Prediction
from abn.images.decode import Picture, open_picture
from abn.images.fit import DEFAULT_FIT
from abn.images.samples import SAMPLES, photographs
from abn.variants.card import IMAGENET, Card, class_names
from abn.variants.store import list_variants
from abn.vocabulary import HEADS

if TYPE_CHECKING:
    from abn.engine.runner import Runner
    from abn.explanations.interventions import AttendedImage

FILE = SAMPLES / "exercises.npz"
TOP = 3  # classes of each head that are kept

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Item:
    """An image of the exercises."""

    id: str
    file: str  # in `SAMPLES`
    sha256: str  # of its bytes when the variants were run
    title: str
    alt: str  # alternative text
    credit: str
    fit: str  # how it was brought to the networks' square input
    right: tuple[int, ...]  # ImageNet classes that count as right; empty: unlabeled

    @property
    def path(self) -> Path:
        return SAMPLES / self.file


@dataclass(frozen=True, eq=False)
class EditRecord:
    """The perception head's prediction with another map in place of the network's own."""

    attention: np.ndarray  # (h, w) float32, the map applied
    after: Prediction  # the predicted class
    change: float  # Δp of the class predicted before the edit
    lead: float  # probability by which the predicted class leads the second, 0 to 1


@dataclass(frozen=True, eq=False)
class PredictionRecord:
    """Predictions of one variant for one image, with the mechanism it was trained with."""

    attention: np.ndarray  # (h, w) float32, raw M in (0, 1)
    features: np.ndarray  # (h, w) float32, the mean of |g| over channels
    auxiliary: tuple[Prediction, ...]  # the likeliest, the likeliest first
    perception: tuple[Prediction, ...]
    edits: dict[str, EditRecord]  # by the name of one of intervene's presets; empty where no map is applied

    def changes_prediction(self, edit: str) -> bool:
        """Whether another class is predicted after this edit."""
        return self.edits[edit].after.index != self.perception[0].index

    def reweight_features(self, mechanism: str) -> np.ndarray:
        """The mean of |g′| over channels, (h, w) float32, with the map applied by a mechanism."""
        return reweight(self.features[None, None], self.attention[None, None], mechanism)[0, 0]

    def gain(self, mechanism: str) -> np.ndarray:
        """The factor of each cell of g, (h, w) float32."""
        maps = self.attention[None, None]
        return reweight(np.ones_like(maps), maps, mechanism)[0, 0]


@dataclass(frozen=True, eq=False)
class QuestionMaterial:
    """All that questions are drawn from, as far as it is up to date."""

    items: dict[str, Item]
    cards: dict[str, Card]
    predictions: dict[tuple[str, str], PredictionRecord]  # by image and variant
    stale: tuple[str, ...] = ()  # files that are missing, or have changed since the variants were run

    def right(self, image: str, variant: str) -> dict[str, bool]:
        """For each head, whether its first class is correct."""
        record, correct = self.predictions[image, variant], self.items[image].right
        return {head: getattr(record, head)[0].index in correct for head in HEADS}


def read_material(file: Path = FILE, cards: Sequence[Card] | None = None) -> QuestionMaterial:
    """The stored material, without files and variants (`cards`) that have changed since."""
    stored = _read(file, files.stamp(file))
    if stored is None:
        return QuestionMaterial({}, {}, {}, (file.name,))
    cards = list_variants() if cards is None else cards
    unchanged = {card.id: card for card in cards if stored.cards.get(card.id) == card.sha256}
    current = {name: unchanged[name] for name in stored.cards if name in unchanged}
    items = {name: item for name, item in stored.items.items() if _hash_file(item.path) == item.sha256}
    stale = [item.file for item in stored.items.values() if item.id not in items]
    stale += [name for name in stored.cards if name not in current]
    predictions = {key: stored.predictions[key] for key in itertools.product(items, current)}
    return QuestionMaterial(items, current, predictions, tuple(stale))


# ---- making it ----


def build(
    cards: Sequence[Card] | None = None, file: Path = FILE, *, progress: Callable[[str], None] = lambda line: None
) -> Path:
    """Run the variants trained with photographs, except those of a lesson, and write their predictions to `file`."""
    from abn.engine.loading import load_runner
    from abn.explanations.explainer import explain
    from abn.explanations.interventions import PRESETS, attend_variants

    if cards is None:
        imagenet = [card for card in list_variants() if card.classes == IMAGENET and card.kind == "photograph"]
        cards = [card for card in imagenet if not card.lesson]
    runners = {card.id: load_runner(card) for card in cards}

    def load(card: Card) -> "Runner":
        return runners[card.id]

    edits = [name for name in PRESETS if name != "own map"]
    rows: dict[str, list[dict[str, np.ndarray]]] = {card.id: [] for card in cards}
    items = []
    for item, image, always in sources():
        explained = explain(image, cards, fit=item.fit, load=load)
        if not always and not any(_exactly_one_correct(explanation, item.right) for explanation in explained):
            continue
        progress(item.title)
        items.append(item)
        attended = attend_variants(image, cards, fit=item.fit, load=load)
        for card, explanation, subject in zip(cards, explained, attended, strict=True):
            edited = _edited(subject, edits) if card.mechanism != "none" else {}
            features = {"features": mean_features(subject.features).astype(np.float16)}
            rows[card.id].append(_heads(explanation) | features | edited)
    arrays: dict[str, Any] = {
        f"{variant}/{name}": np.stack([row[name] for row in variant_rows])
        for variant, variant_rows in rows.items()
        for name in variant_rows[0]
    }
    classes = {int(k) for name, values in arrays.items() if name.endswith("classes") for k in values.ravel()}
    labels = class_names(cards[0])
    index = {
        "items": [asdict(item) for item in items],
        "weights": {card.id: card.sha256 for card in cards},
        "edits": edits,
        "labels": {k: labels[k] for k in sorted(classes)},
    }
    arrays["index"] = np.frombuffer(json.dumps(index, ensure_ascii=False).encode(), np.uint8)
    with files.atomic_file(file) as stream:
        np.savez_compressed(stream, **arrays)
    return file


def sources() -> Iterator[tuple[Item, Picture, bool]]:
    """The photographs as the app fits them at first, and the scenes as they are measured; and whether an image is
    included whatever the heads predict for it."""
    from abn.evaluation import localization

    for photo in photographs():
        if photo.kind == "photograph" and (photo.gallery or photo.classes):
            image = open_picture(photo.path.read_bytes(), name=photo.file)
            credit = f"{photo.author} ({photo.license})"
            words = (photo.title, photo.alt, credit, DEFAULT_FIT, photo.classes)
            yield Item(photo.id, photo.file, image.sha256, *words), image, photo.gallery
    for scene in localization.scenes():
        file = (localization.FOLDER / scene.picture.name).relative_to(SAMPLES).as_posix()
        right = () if scene.index is None else (scene.index,)
        words = (scene.title, scene.alt, scene.credit, localization.FIT, right)
        yield Item(f"scene-{scene.id}", file, scene.picture.sha256, *words), scene.picture, True


def mean_features(features: np.ndarray) -> np.ndarray:
    """g (1, C, h, w) → the mean of |g| over channels (h, w)."""
    return np.abs(features[0]).mean(0)


def _exactly_one_correct(explanation: Explanation, right: Sequence[int]) -> bool:
    return len({explanation.top(head, 1)[0].index in right for head in HEADS}) == 2


def _heads(explanation: Explanation) -> dict[str, np.ndarray]:
    """The stored arrays of a variant's map and its two heads."""
    row = {"attention": explanation.attention.astype(np.float16)}
    for head in HEADS:
        top = explanation.top(head, TOP)
        row[f"{head} classes"] = np.array([prediction.index for prediction in top], np.int16)
        row[f"{head} probabilities"] = np.array([prediction.probability for prediction in top], np.float16)
    return row


def _edited(subject: "AttendedImage", edits: Sequence[str]) -> dict[str, np.ndarray]:
    """The stored arrays of the edited maps and the predictions with them."""
    from abn.explanations.interventions import PRESETS

    maps = np.stack([PRESETS[name](subject.attention) for name in ("own map", *edits)])
    before, *after = subject.predict(maps)
    predicted = before.argmax()
    first, second = np.sort(after, axis=1)[:, ::-1].T[:2]
    figures = (first, [probabilities[predicted] - before[predicted] for probabilities in after], first - second)
    return {
        "edited": maps[1:].astype(np.float16),
        "edited classes": np.argmax(after, 1).astype(np.int16),
        "edited figures": np.stack(figures, 1).astype(np.float16),
    }


# ---- reading it ----


class _Stored(NamedTuple):
    items: dict[str, Item]
    cards: dict[str, str]  # id → hash of the weights
    predictions: dict[tuple[str, str], PredictionRecord]


def _hash_file(file: Path) -> str:
    """SHA-256 of a file, computed again only after a change; empty where there is no file."""
    stamp = files.stamp(file)
    return _sha256(file, stamp) if stamp else ""


@functools.lru_cache(maxsize=256)
def _sha256(file: Path, _stamp: tuple[int, int]) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


@functools.lru_cache(maxsize=2)
def _read(file: Path, stamp: tuple[int, int] | None) -> _Stored | None:
    """All that a file holds; None where it is missing or broken."""
    if stamp is None:
        return None
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        index = json.loads(arrays.pop("index").tobytes())
        labels = {int(k): label for k, label in index["labels"].items()}
        items = {item["id"]: Item(**{**item, "right": tuple(item["right"])}) for item in index["items"]}
        predictions = {}
        for variant in index["weights"]:
            columns = {key.partition("/")[2]: rows for key, rows in arrays.items() if key.startswith(f"{variant}/")}
            for place, item in enumerate(items):
                row = {key: rows[place] for key, rows in columns.items()}
                predictions[item, variant] = _read_record(row, index["edits"], labels)
    except Exception as error:  # zip, npy and json fail in many ways
        log.warning("%s can't be read", file.name, exc_info=error)
        return None
    return _Stored(items, index["weights"], predictions)


def _read_record(row: dict[str, np.ndarray], edits: Sequence[str], labels: dict[int, str]) -> PredictionRecord:
    auxiliary, perception = (
        tuple(
            Prediction(int(k), labels[int(k)], float(p))
            for k, p in zip(row[f"{head} classes"], row[f"{head} probabilities"], strict=True)
        )
        for head in HEADS
    )
    edited = {}
    for place, name in enumerate(edits if "edited" in row else ()):
        index, (probability, change, lead) = int(row["edited classes"][place]), row["edited figures"][place].tolist()
        after = Prediction(index, labels[index], probability)
        edited[name] = EditRecord(row["edited"][place].astype(np.float32), after, change, lead)
    attention, features = (row[name].astype(np.float32) for name in ("attention", "features"))
    return PredictionRecord(attention, features, auxiliary, perception, edited)
