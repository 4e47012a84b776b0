"""Pixels that go and come back: the same ones, each with its own picture, and no more of all than may stay."""

import gc
import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from abn.images.decode import open_picture
from abn.ui.controls import lazy_picture
from abn.ui.controls.lazy_picture import LazyPicture

WEIGHT = 20 * 30 * 4  # bytes of a picture here, as Pillow holds it


def file(level: int) -> bytes:
    stream = io.BytesIO()
    image = Image.linear_gradient("L").resize((20, 30)).convert("RGB")
    image.paste((level, 0, 0), (0, 0, 5, 5))
    image.save(stream, "PNG")
    return stream.getvalue()


def sleeper(level: int, reads: list[int] | None = None) -> LazyPicture:
    data = file(level)

    def read() -> bytes:
        if reads is not None:
            reads.append(level)
        return data

    return LazyPicture(open_picture(data, name=f"{level}.png"), read)


def level(picture: LazyPicture) -> int:
    return int(np.asarray(picture.image)[0, 0, 0])


@pytest.fixture(autouse=True)
def two(monkeypatch):
    """Room for two pictures' pixels."""
    monkeypatch.setattr(lazy_picture, "_awake", [])
    monkeypatch.setattr(lazy_picture, "AWAKE", 2 * WEIGHT)


def test_what_was_used_longest_ago_goes_and_comes_back_the_same():
    reads: list[int] = []
    one, two, three = (sleeper(k, reads) for k in (1, 2, 3))
    assert [picture.awake for picture in (one, two, three)] == [False, True, True] and not reads
    assert level(two) == 2 and not reads
    assert level(one) == 1 and reads == [1]
    assert [picture.awake for picture in (one, two, three)] == [True, True, False]
    assert np.array_equal(np.asarray(one.image), np.asarray(open_picture(file(1)).image))
    assert (one.sha256, one.name, one.notes) == (open_picture(file(1)).sha256, "1.png", ())


def test_the_latest_stays_however_large_it_is(monkeypatch):
    monkeypatch.setattr(lazy_picture, "AWAKE", WEIGHT - 1)
    one, two = sleeper(1), sleeper(2)
    assert [one.awake, two.awake] == [False, True]


def test_equal_pictures_of_two_sessions_are_two():
    mine, theirs = sleeper(1), sleeper(1)
    assert mine.awake and theirs.awake and mine.image is not theirs.image


def test_pixels_go_with_who_holds_them():
    one, _two = sleeper(1), sleeper(2)
    del one
    gc.collect()
    three = sleeper(3)
    assert _two.awake and three.awake


def test_many_at_once_each_see_their_own():
    pictures = [sleeper(k) for k in range(8)]
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda k: {level(pictures[k % 8]) for _ in range(50)}, range(16)))
    assert found == [{k % 8} for k in range(16)]
    assert sum(picture.awake for picture in pictures) <= 2
