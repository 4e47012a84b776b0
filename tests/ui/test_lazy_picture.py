"""Pixels that go and come back: the same ones, each with its own picture, and no more of all than may stay."""

import gc
import io
import weakref
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


def opened(level: int, reads: list[int]) -> LazyPicture:
    """A picture that has been looked at; what is read of its file later is added to `reads`."""
    data = file(level)

    def read() -> bytes:
        reads.append(level)
        return data

    picture = LazyPicture(open_picture(data, name=f"{level}.png"), read)
    assert red(picture) == level
    return picture


def red(picture: LazyPicture) -> int:
    return int(np.asarray(picture.image)[0, 0, 0])


@pytest.fixture(autouse=True)
def room_for_two(monkeypatch):
    """Room for two pictures' pixels."""
    monkeypatch.setattr(lazy_picture, "MAX_DECODED", 2 * WEIGHT)


def test_pixels_used_longest_ago_go_and_come_back_the_same():
    reads: list[int] = []
    pictures = [opened(level, reads) for level in (1, 2, 3)]
    assert not reads
    assert [red(pictures[k]) for k in (1, 0, 1, 0)] == [2, 1, 2, 1] and reads == [1]
    assert red(pictures[2]) == 3 and reads == [1, 3]
    original = open_picture(file(1), name="1.png")
    assert np.array_equal(np.asarray(pictures[0].image), np.asarray(original.image))
    assert (pictures[0].sha256, pictures[0].name, pictures[0].notes) == (original.sha256, "1.png", ())


def test_the_latest_stays_however_large_it_is(monkeypatch):
    monkeypatch.setattr(lazy_picture, "MAX_DECODED", WEIGHT - 1)
    reads: list[int] = []
    first, second = opened(1, reads), opened(2, reads)
    assert red(second) == 2 and not reads
    assert red(first) == 1 and reads == [1]


def test_equal_pictures_of_two_sessions_are_two():
    reads: list[int] = []
    mine, theirs = opened(1, reads), opened(1, reads)
    assert mine.image is not theirs.image and not reads


def test_pixels_go_with_their_picture():
    reads: list[int] = []
    first, second = opened(1, reads), opened(2, reads)
    pixels = weakref.ref(first.image)
    del first
    gc.collect()
    third = opened(3, reads)
    assert pixels() is None and red(second) == 2 and red(third) == 3 and not reads


def test_many_at_once_each_see_their_own():
    reads: list[int] = []
    pictures = [opened(level, reads) for level in range(8)]
    with ThreadPoolExecutor(8) as threads:
        levels = list(threads.map(lambda k: {red(pictures[k % 8]) for _ in range(50)}, range(16)))
    assert levels == [{k % 8} for k in range(16)]
