"""What is kept: the latest, within bytes, and nothing of a variant that has gone."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pytest
from PIL import Image

from abn.ui.runtime.cache import BoundedCache, size_of


@dataclass(frozen=True, eq=False)
class Result:
    name: str
    values: np.ndarray


@pytest.fixture
def cache() -> BoundedCache:
    return BoundedCache(max_bytes=320)


def computed(cache: BoundedCache, *keys: tuple, size: int = 100) -> list[int]:
    """Ask for results; returns the positions of those that were computed."""
    calls = []

    def compute(missing: list[int]) -> list[Result]:
        calls.extend(missing)
        return [Result(str(keys[k]), np.zeros(size, np.uint8)) for k in missing]

    assert [result.name for result in cache.get_or_compute(keys, compute)] == [str(key) for key in keys]
    return calls


def test_only_what_is_missing_is_computed_and_the_latest_used_stays(cache):
    assert computed(cache, ("a",), ("b",)) == [0, 1]
    assert computed(cache, ("b",), ("c",), ("a",)) == [1]
    assert computed(cache, ("d",)) == [0]
    assert list(cache.entries) == [("a",), ("c",), ("d",)]  # b was used longest ago
    assert cache.get(("b",)) is None and cache.get(("d",)).name == "('d',)"


def test_more_than_fits_is_computed_all_the_same(cache):
    assert computed(cache, *((k,) for k in range(5))) == [0, 1, 2, 3, 4]
    assert len(cache.entries) == 3


def test_the_latest_stays_however_large_it_is(cache):
    computed(cache, ("a",), ("b",))
    computed(cache, ("c",), size=1000)
    assert list(cache.entries) == [("c",)]


def test_what_several_want_at_once_is_computed_once(cache):
    calls = []

    def compute(missing: list[int]) -> list[str]:
        calls.append(missing)
        time.sleep(0.3)  # in which the others ask too
        return ["result"]

    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(cache.get_or_compute, [("a",)], compute) for _ in range(4)]
        assert [future.result() for future in asked] == [["result"]] * 4
    assert calls == [[0]]


def test_after_one_that_failed_the_next_computes(cache):
    with pytest.raises(ZeroDivisionError):
        cache.get_or_compute([("a",)], lambda _: [1 / 0])
    assert cache.get_or_compute([("a",)], lambda _: ["result"]) == ["result"]


def test_sizes():
    assert size_of(Result("abc", np.zeros((2, 3), np.float32))) == 3 + 24
    assert size_of([Image.new("RGB", (4, 5)), {"k": "ab"}, None, 7]) == 60 + 2


def test_what_a_variant_computed_goes_with_it(cache):
    computed(cache, ("image", "own-1", "hash"), ("image", "lite0", "hash"), ("image", ("own-1", 3)), size=8)
    cache.drop("own-1")
    assert list(cache.entries) == [("image", "lite0", "hash")]
