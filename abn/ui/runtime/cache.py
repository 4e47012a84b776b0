"""What was computed, kept so that it is not computed again: on shelves of one session, or, where anybody may see it, of
all; bounded in entries and in bytes.

A key holds hashes of picture and weights, never pixels. What comes of an upload stays in its session.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, TypeVar

import streamlit as st
from PIL import Image

from abn.ui.state import state

BYTES = 64_000_000  # of a shelf; the latest thing stays however large it is

Made = TypeVar("Made")


@dataclass
class BoundedCache:
    """Things by their keys with their sizes, the latest at the end."""

    held: dict[tuple, tuple[Any, int]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, key: tuple) -> Any:
        """What is held under a key, which counts as used; None where nothing is."""
        with self.lock:
            if key not in self.held:
                return None
            self.held[key] = self.held.pop(key)
            return self.held[key][0]

    def put(self, key: tuple, thing: Any, most: int) -> None:
        size = size_of(thing)
        with self.lock:
            self.held.pop(key, None)
            self.held[key] = thing, size
            weight = sum(size for _, size in self.held.values())
            for old in list(self.held)[:-1]:
                if len(self.held) <= most and weight <= BYTES:
                    return
                weight -= self.held.pop(old)[1]

    def drop(self, variant: str) -> None:
        with self.lock:
            for key in [key for key in self.held if variant in _flat(key)]:
                del self.held[key]


def session_cache(name: str) -> BoundedCache:
    """A shelf of this session."""
    return state.cache.setdefault(name, BoundedCache())


@st.cache_resource(max_entries=4, show_spinner=False)
def server_cache(name: str) -> BoundedCache:
    """A shelf of the server: only for what comes of shipped pictures and shipped weights."""
    return BoundedCache()


def get_or_compute(
    shelf: str | BoundedCache, keys: Sequence[tuple], make: Callable[[list[int]], Sequence[Made]], *, most: int
) -> list[Made]:
    """One thing for each key, from a shelf, of the session where it is a name, that holds the `most` latest; `make`
    gets the places of those keys that are missing."""
    shelf = session_cache(shelf) if isinstance(shelf, str) else shelf
    found = [shelf.get(key) for key in keys]
    missing = [place for place, thing in enumerate(found) if thing is None]
    for place, thing in zip(missing, make(missing) if missing else (), strict=True):
        found[place] = thing
        shelf.put(keys[place], thing, most)
    return found


def cached(shelf: str, keys: Sequence[tuple]) -> list:
    """What `kept` holds for each key, which counts as used; None where it holds nothing."""
    return [session_cache(shelf).get(key) for key in keys]


def drop_variant(variant: str) -> None:
    """Drop all that this session computed with a variant, which may hold its network."""
    for shelf in state.cache.values():
        shelf.drop(variant)


def size_of(thing: object) -> int:
    """Bytes of the arrays, tensors, pictures and texts in a thing. A network counts for nothing, and so do the names of
    its classes: they aren't the thing's own."""
    if hasattr(thing, "nbytes"):
        return int(thing.nbytes)
    if isinstance(thing, Image.Image):
        return thing.width * thing.height * len(thing.getbands())
    if isinstance(thing, str | bytes):
        return len(thing)
    if is_dataclass(thing):
        return sum(size_of(getattr(thing, field.name)) for field in fields(thing) if field.name != "labels")
    if isinstance(thing, dict):
        return sum(map(size_of, thing.values()))
    return sum(map(size_of, thing)) if isinstance(thing, list | tuple) else 0


def _flat(key: Iterable) -> Iterable:
    for part in key:
        yield from _flat(part) if isinstance(part, tuple) else (part,)
