"""The examples of a session: which image, the map that it should have, and its label. The image itself stays where the
session has it, so that an example adds no image to what a session holds, and goes with its upload.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from abn.errors import ABNError
from abn.images import samples
from abn.images.decode import Picture
from abn.plots import numbers
from abn.training.map_teaching.examples import TWO_MAPS, Example, check_map, is_edited
from abn.ui.controls import image_picker
from abn.ui.controls.choice_bar import Choice
from abn.ui.state import state
from abn.ui.teach_map import words
from abn.variants.card import Card

MAX_EXAMPLES = 24  # of a session


@dataclass(frozen=True, eq=False)
class KeptExample:
    """An example as the session keeps it."""

    photo: str  # id of a photograph of the gallery, or key of an upload
    sha256: str  # of the image
    title: str
    target: np.ndarray  # (h, w) float32 in 0 … 1, in the cells of the variant that it was edited with
    fit: str  # which part of the image it covers
    label: int | None  # class to predict; None: predictions are kept
    classes: str | tuple[str, ...]  # the classes that the label is one of

    @property
    def digest(self) -> bytes:
        """All that it depends on."""
        label = "" if self.label is None else f"{self.label} {self.classes}"
        return hashlib.sha256(f"{self.sha256} {self.fit} {label}".encode() + self.target.tobytes()).digest()


def find_image(photo: str) -> Picture | None:
    """The image of an example; None where it is no longer in the session."""
    if photo in samples.gallery():
        return image_picker.open_photo(photo).picture
    upload = state.uploads.get(photo)
    return upload.picture if upload else None


def list_examples() -> list[KeptExample]:
    """The examples whose images are still here."""
    return [example for example in state.taught_examples if find_image(example.photo)]


def add_example(choice: Choice, card: Card, target: np.ndarray, own: np.ndarray, label: int | None) -> None:
    """Keep the chosen image with its edited map (h, w); `own` is the variant's map. Raises `ABNError`, one sentence,
    where it can't be taught."""
    held, sha256, title = list_examples(), choice.chosen.picture.sha256, choice.chosen.title
    quoted = numbers.in_quotes([title])
    if len(held) >= MAX_EXAMPLES:
        raise ABNError(words.TOO_MANY.format(limit=MAX_EXAMPLES))
    if any(example.sha256 == sha256 for example in held):
        raise ABNError(TWO_MAPS.format(name=quoted))
    target = check_map(target, card.map_size, name=quoted)
    if not is_edited(target, own):
        raise ABNError(words.NOT_EDITED.format(title=title))
    photo = state.photo or ""
    state.taught_examples = [*held, KeptExample(photo, sha256, title, target, choice.fit, label, classes_of(card))]


def remove_example(sha256: str) -> None:
    state.taught_examples = [example for example in list_examples() if example.sha256 != sha256]


def classes_of(card: Card) -> str | tuple[str, ...]:
    return card.classes if isinstance(card.classes, str) else tuple(card.classes)


def make_examples(kept: Sequence[KeptExample], card: Card, fit: str) -> list[Example]:
    """The examples as the library takes them. Raises `ABNError` for those of another fit or of other classes."""
    examples = []
    for example in kept:
        picture = find_image(example.photo)
        if picture is None:
            raise ABNError(words.IMAGE_MISSING.format(title=example.title))
        if example.fit != fit:
            raise ABNError(words.OTHER_FIT.format(title=example.title, fit=example.fit))
        if example.label is not None and example.classes != classes_of(card):
            raise ABNError(words.OTHER_CLASSES.format(title=example.title, variant=card.title))
        examples.append(Example(picture, example.target, example.label))
    return examples
