"""The photographs that ship with the app: the gallery, the labeled ones, and whom to thank for them."""

import functools
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

SAMPLES = Path(__file__).parents[1] / "samples"


@dataclass(frozen=True)
class Photo:
    """An image that ships with the app, and its source."""

    file: str
    title: str
    alt: str  # description for screen readers
    author: str
    license: str
    source: str
    classes: tuple[int, ...]  # ImageNet classes that count as correct
    gallery: bool
    kind: str = "photograph"  # or "clothing": a gray image of Fashion-MNIST, for the networks that learned it

    @property
    def id(self) -> str:
        return Path(self.file).stem

    @property
    def path(self) -> Path:
        return SAMPLES / self.file


@functools.cache
def photographs() -> tuple[Photo, ...]:
    """Every photograph shipped, the gallery's in the order in which they are shown."""
    entries = json.loads((SAMPLES / "photos.json").read_text(encoding="utf-8"))
    return tuple(Photo(**{**entry, "classes": tuple(entry["classes"])}) for entry in entries)


def gallery() -> dict[str, Photo]:
    """The gallery's photographs by their id."""
    return {photo.id: photo for photo in photographs() if photo.gallery}


@functools.cache
def gallery_by_sha256() -> dict[str, Photo]:
    """The gallery's photographs by the sha256 of their files."""
    return {hashlib.sha256(photo.path.read_bytes()).hexdigest(): photo for photo in gallery().values()}
