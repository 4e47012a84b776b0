"""The gallery's first view: results shipped with the app, read without torch, so that a page shows them at once.

`build` writes the live model's results for every gallery photograph (center crop, each variant as trained) into one
file, with the hashes of the photographs' bytes and of the weights. `shipped` reads it back as the same
`Explanation`s; whatever has changed since is not in it. Probabilities and maps are stored in half precision.
"""

import functools
import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from abn import files
from abn.explanations.explanation import Explanation
from abn.images import samples
from abn.images.decode import Picture, open_picture
from abn.images.fit import fit_picture
from abn.variants.card import Card, class_names
from abn.variants.store import list_variants
from abn.vocabulary import HEADS

FILE = samples.SAMPLES / "first_view.npz"
FIT = "crop"

log = logging.getLogger(__name__)


def build(
    cards: Sequence[Card] | None = None, file: Path = FILE, *, progress: Callable[[str], None] = lambda line: None
) -> Path:
    """Explain the whole gallery with the live models and write the results to `file`."""
    from abn.explanations.explainer import explain
    from abn.variants.store import load_variant

    cards = list_variants() if cards is None else cards
    networks = {card.id: load_variant(card) for card in cards}
    results: dict[str, list[Explanation]] = {card.id: [] for card in cards}
    pictures = []
    for photo in samples.gallery().values():
        progress(photo.title)
        pictures.append(open_picture(photo.path.read_bytes(), name=photo.file))
        for explanation in explain(pictures[-1], cards, fit=FIT, load=lambda card: networks[card.id]):
            results[explanation.variant].append(explanation)
    labels = {_labels_key(card): class_names(card) for card in cards}
    index = {
        "pictures": [picture.sha256 for picture in pictures],
        "weights": {card.id: card.sha256 for card in cards},
        "labels": {key: list(names) for key, names in labels.items()},
    }
    arrays: dict[str, np.ndarray] = {"index": np.frombuffer(json.dumps(index, ensure_ascii=False).encode(), np.uint8)}
    for variant, explanations in results.items():
        for name in (*HEADS, "attention"):
            arrays[f"{variant}/{name}"] = np.stack([getattr(explanation, name) for explanation in explanations]).astype(
                np.float16
            )
        arrays[f"{variant}/seconds"] = np.array([explanation.seconds for explanation in explanations], np.float32)
    with files.atomic_file(file) as stream:
        np.savez_compressed(stream, allow_pickle=False, **arrays)
    return file


def shipped(picture: Picture, cards: Sequence[Card], file: Path = FILE) -> list[Explanation] | None:
    """The shipped results for a picture, in the cards' order; None unless all are there and up to date."""
    index, arrays = _read(file, files.stamp(file))
    if picture.sha256 not in index.get("pictures", ()):
        return None
    if any(index["weights"].get(card.id) != card.sha256 for card in cards):
        return None
    row = index["pictures"].index(picture.sha256)
    fits = {spec: fit_picture(picture, spec, FIT) for spec in {card.input for card in cards}}
    return [
        Explanation(
            variant=card.id,
            trained_with=card.mechanism,
            applied=card.mechanism,
            **{name: arrays[f"{card.id}/{name}"][row] for name in (*HEADS, "attention")},
            labels=index["labels"][_labels_key(card)],
            fitted=fits[card.input],
            spec=card.input,
            seconds=float(arrays[f"{card.id}/seconds"][row]),
            shared_extractor=False,
        )
        for card in cards
    ]


def _labels_key(card: Card) -> str:
    """What tells lists of class names apart: their own name, or a hash of the names."""
    return card.classes if isinstance(card.classes, str) else hashlib.sha256(repr(card.classes).encode()).hexdigest()


@functools.lru_cache(maxsize=2)
def _read(file: Path, stamp: tuple[int, int] | None) -> tuple[dict, dict[str, np.ndarray]]:
    """The index and the arrays (one row a photograph) of a file; empty where it is missing or broken."""
    if stamp is None:
        return {}, {}
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        index = json.loads(arrays.pop("index").tobytes())
        index["labels"] = {key: tuple(names) for key, names in index["labels"].items()}
    except Exception as error:  # zip, npy and json fail in many ways; the live model runs then
        log.warning("%s can't be read", file.name, exc_info=error)
        return {}, {}
    return index, {name: values.astype(np.float32) for name, values in arrays.items()}
