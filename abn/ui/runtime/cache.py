"""Results of a session (`state.cache`), or of the server where anybody may see them, bounded in bytes.

A key says what is kept and all that it depends on: hashes of image and weights, never pixels. What comes of an upload
stays in its session. Not `st.cache_data(scope="session")`, because it can't compute the missing items of a list in one
pass, tell whether something is there without computing it, or drop the results of one variant.
"""

import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

import streamlit as st
from PIL import Image

SESSION_BYTES = 24_000_000
SERVER_BYTES = 32_000_000

Result = TypeVar("Result")


class BoundedCache:
    """Results by their keys, the latest used at the end; the latest stays however large it is."""

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.entries: OrderedDict[tuple, tuple[Any, int]] = OrderedDict()  # key → the result and its bytes
        self.lock = threading.Lock()
        self.computing: weakref.WeakValueDictionary[tuple, Any] = weakref.WeakValueDictionary()  # key → its lock

    def get(self, key: tuple) -> Any:
        """The result of a key, which counts as used; None where there is none."""
        with self.lock:
            if key not in self.entries:
                return None
            self.entries.move_to_end(key)
            return self.entries[key][0]

    def get_or_compute(self, keys: Sequence[tuple], compute: Callable[[list[int]], Sequence[Result]]) -> list[Result]:
        """One result for each key; `compute` gets the positions of the keys that are missing. Of several threads that
        want the same at once, one computes it. To make room, the results that were used longest ago go."""
        results = [self.get(key) for key in keys]
        wanted = next((key for key, result in zip(keys, results, strict=True) if result is None), None)
        if wanted is None:
            return results
        with self.lock:
            alone = self.computing.setdefault(wanted, threading.Lock())
        with alone:
            return self._compute_missing(keys, compute)

    def _compute_missing(self, keys: Sequence[tuple], compute: Callable[[list[int]], Sequence[Result]]) -> list[Result]:
        results = [self.get(key) for key in keys]
        missing = [k for k, result in enumerate(results) if result is None]
        for k, result in zip(missing, compute(missing) if missing else (), strict=True):
            results[k] = result
            with self.lock:
                self.entries[keys[k]] = result, size_of(result)
                self.entries.move_to_end(keys[k])
                size = sum(size for _, size in self.entries.values())
                while size > self.max_bytes and len(self.entries) > 1:
                    size -= self.entries.popitem(last=False)[1][1]
        return results

    def drop(self, part: object) -> None:
        """Drop the results whose keys hold `part`, such as a variant's id: they may hold its network."""
        with self.lock:
            for key in [key for key in self.entries if part in _parts(key)]:
                del self.entries[key]


@st.cache_resource(max_entries=1, show_spinner=False)
def server_cache() -> BoundedCache:
    """The results of all sessions: only what comes of shipped images and shipped weights."""
    return BoundedCache(SERVER_BYTES)


def size_of(result: object) -> int:
    """Bytes of the arrays, tensors, images and texts in a result. A network counts for nothing, and so do the names of
    its classes: the result doesn't own them."""
    if hasattr(result, "nbytes"):
        return int(result.nbytes)
    if isinstance(result, Image.Image):
        return result.width * result.height * len(result.getbands())
    if isinstance(result, str | bytes):
        return len(result)
    if is_dataclass(result):
        return sum(size_of(getattr(result, field.name)) for field in fields(result) if field.name != "labels")
    if isinstance(result, dict):
        return sum(map(size_of, result.values()))
    return sum(map(size_of, result)) if isinstance(result, list | tuple) else 0


def _parts(key: tuple) -> Iterator:
    for part in key:
        yield from _parts(part) if isinstance(part, tuple) else (part,)
