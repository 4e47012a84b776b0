"""The same numbers again: what a manifest names is found here, and what comes out is compared with what it holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from abn.errors import ManifestError
from abn.explanations.explanation import Explanation
from abn.export.manifest import Manifest, Result, software
from abn.images.samples import Photo, gallery
from abn.variants.card import Card
from abn.variants.own import is_own
from abn.vocabulary import HEADS

CLOSE = 1e-5  # probabilities and cells of a map that differ by no more are the same


def photo_of(manifest: Manifest) -> Photo:
    """The gallery's photograph that a manifest is of; `ManifestError` where it is somebody's own, or unknown."""
    if manifest.photo is None:
        raise ManifestError(
            f"This export is of a picture that isn't in the gallery: give the file {manifest.name} too."
        )
    photo = gallery().get(manifest.photo)
    if photo is None:
        raise ManifestError(f"The gallery here has no photograph {manifest.photo}: give its file too.")
    return photo


def check_picture(manifest: Manifest, sha256: str) -> None:
    """Raise `ManifestError` where bytes of this hash are not those of the manifest's picture."""
    if sha256 != manifest.sha256:
        raise ManifestError(f"This is not the picture of the export ({manifest.name}): its bytes are others.")


def card_of(result: Result, cards: Mapping[str, Card]) -> Card:
    """The variant of a result among those by id; `ManifestError` where it is missing, or has other weights."""
    card = cards.get(result.variant)
    if card is None and is_own(result.variant):
        raise ManifestError(f"The variant {result.variant} was somebody's own and isn't here: bring its file again.")
    if card is None:
        raise ManifestError(f"There is no variant {result.variant} here.")
    if card.sha256 != result.weights:
        raise ManifestError(f"The weights of {card.id} are not those of the export: its numbers can't be made again.")
    return card


@dataclass(frozen=True)
class Difference:
    """How far a variant's numbers are from those of the manifest; infinite where they can't be compared."""

    variant: str
    probability: float  # the greatest, of either head
    attention: float  # the greatest of the map's cells

    @property
    def none(self) -> bool:
        return max(self.probability, self.attention) <= CLOSE


def compare(manifest: Manifest, explanations: Sequence[Explanation]) -> list[Difference]:
    """How far explanations, one for each result of the manifest and in their order, are from it."""
    return [_compared(old, new) for old, new in zip(manifest.results, explanations, strict=True)]


def _compared(old: Result, new: Explanation) -> Difference:
    apart = 0.0
    for head in HEADS:
        answer = getattr(new, head)
        for k, _, probability in getattr(old, head):
            apart = max(apart, abs(float(answer[k]) - probability) if k < len(answer) else np.inf)
    same = old.attention.shape == new.attention.shape
    cells = float(np.abs(old.attention - new.attention).max()) if same else np.inf
    return Difference(old.variant, apart, cells)


def verdict(manifest: Manifest, explanations: Sequence[Explanation]) -> tuple[bool, str]:
    """Whether the numbers are those of the manifest, and a sentence that says it."""
    found = compare(manifest, explanations)
    other = [one for one in found if not one.none]
    if not other:
        return True, "The numbers are the same as in the export: probabilities and maps within 0.00001."
    worst = max(other, key=lambda one: max(one.probability, one.attention))
    apart = (
        f"of {worst.variant}, probabilities differ by up to {worst.probability:.2g} and the map by up to "
        f"{worst.attention:.2g}"
    )
    if np.isinf([worst.probability, worst.attention]).any():
        apart = f"{worst.variant} has another map or other classes"
    sentence = f"The numbers are not those of the export: {apart}."
    changed = [f"{name} {manifest.software[name]}, here {has}" for name, has in software().items()
               if manifest.software.get(name, has) != has]  # fmt: skip
    return False, sentence + (f" It was made with {'; '.join(changed)}." if changed else "")
