"""What a session keeps: the latest, within bytes, and nothing of a variant that has gone."""

from dataclasses import dataclass

import numpy as np
import pytest
import streamlit as st
from PIL import Image

from abn.ui.runtime import cache


@dataclass(frozen=True, eq=False)
class Thing:
    name: str
    values: np.ndarray


@pytest.fixture(autouse=True)
def session(monkeypatch):
    monkeypatch.setattr(st, "session_state", {})


def made(keys: list[tuple], *, most: int = 3, size: int = 8) -> list[int]:
    """Ask for things; returns which of them were made."""
    asked = []

    def make(places: list[int]) -> list[Thing]:
        asked.extend(places)
        return [Thing(str(keys[place]), np.zeros(size, np.uint8)) for place in places]

    found = cache.get_or_compute("shelf", keys, make, most=most)
    assert [one.name for one in found] == [str(key) for key in keys]
    return asked


def test_only_what_is_missing_is_made_and_the_latest_stay():
    assert made([("a",), ("b",)]) == [0, 1]
    assert made([("b",), ("c",), ("a",)]) == [1]
    assert made([("d",)]) == [0]  # b was used longest ago
    assert made([("c",), ("a",), ("d",)]) == []
    assert cache.cached("shelf", [("b",)]) == [None] and cache.cached("shelf", [("d",)])[0].name == "('d',)"
    assert cache.cached("other", [("d",)]) == [None]


def test_more_keys_than_a_shelf_holds_are_all_answered():
    assert made([(i,) for i in range(5)]) == [0, 1, 2, 3, 4]
    assert len(st.session_state["cache"]["shelf"].held) == 3


def test_bytes_are_bounded_and_the_latest_always_stays(monkeypatch):
    monkeypatch.setattr(cache, "BYTES", 250)
    made([("a",), ("b",)], size=100)
    made([("c",)], size=100)
    assert list(st.session_state["cache"]["shelf"].held) == [("b",), ("c",)]
    made([("d",)], size=1000)
    assert list(st.session_state["cache"]["shelf"].held) == [("d",)]


def test_sizes_by_hand():
    assert cache.size_of(Thing("abc", np.zeros((2, 3), np.float32))) == 3 + 24
    assert cache.size_of([Image.new("RGB", (4, 5)), {"k": "ab"}, None, 7]) == 60 + 2


def test_what_a_variant_made_goes_with_it():
    made([("picture", "own-1", "hash"), ("picture", "lite0", "hash"), ("picture", ("own-1", 3))])
    cache.drop_variant("own-1")
    assert list(st.session_state["cache"]["shelf"].held) == [("picture", "lite0", "hash")]
