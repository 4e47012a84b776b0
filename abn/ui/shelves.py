"""What a session has computed, kept so that it is not computed again: bounded in entries and in bytes.

A key holds hashes of picture and weights, never pixels; nothing is shared between sessions, as uploads are private.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields, is_dataclass
from typing import TypeVar

import streamlit as st
from PIL import Image

BYTES = 64_000_000  # of a shelf; the latest thing stays however large it is

Made = TypeVar("Made")


def kept(shelf: str, keys: Sequence[tuple], make: Callable[[list[int]], Sequence[Made]], *, most: int) -> list[Made]:
    """One thing for each key, from a shelf that holds the `most` latest; `make` gets the places of those keys that are
    missing."""
    held: dict[tuple, Made] = st.session_state.setdefault("shelves", {}).setdefault(shelf, {})
    missing = [place for place, key in enumerate(keys) if key not in held]
    made = dict(zip(missing, make(missing), strict=True)) if missing else {}
    found = [made[place] if place in made else held[key] for place, key in enumerate(keys)]
    for key, thing in zip(keys, found, strict=True):
        held.pop(key, None)
        held[key] = thing  # the latest are at the end
    if made:
        _make_room(held, most)
    return found


def known(shelf: str, keys: Sequence[tuple]) -> list:
    """What `kept` holds for each key, which counts as used; None where it holds nothing."""
    held: dict[tuple, object] = st.session_state.get("shelves", {}).get(shelf, {})
    for key in keys:
        if key in held:
            held[key] = held.pop(key)
    return [held.get(key) for key in keys]


def forget(variant: str) -> None:
    """Drop all that was computed with a variant, which may hold its network."""
    for held in st.session_state.get("shelves", {}).values():
        for key in [key for key in held if variant in _flat(key)]:
            del held[key]


def _make_room(held: dict, most: int) -> None:
    for key in list(held)[: max(0, len(held) - most)]:
        del held[key]
    size = sum(map(size_of, held.values()))
    for key in list(held)[:-1]:
        if size <= BYTES:
            return
        size -= size_of(held.pop(key))


def size_of(thing: object) -> int:
    """Bytes of the arrays, tensors, pictures and texts in a thing; a network counts for nothing, as it isn't the
    thing's own."""
    if hasattr(thing, "nbytes"):
        return int(thing.nbytes)
    if isinstance(thing, Image.Image):
        return thing.width * thing.height * len(thing.getbands())
    if isinstance(thing, str | bytes):
        return len(thing)
    if is_dataclass(thing):
        return sum(size_of(getattr(thing, field.name)) for field in fields(thing))
    if isinstance(thing, dict):
        return sum(map(size_of, thing.values()))
    return sum(map(size_of, thing)) if isinstance(thing, list | tuple) else 0


def _flat(key: Iterable) -> Iterable:
    for part in key:
        yield from _flat(part) if isinstance(part, tuple) else (part,)
