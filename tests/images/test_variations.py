"""Variations of an image: what each keeps and what it changes."""

import numpy as np
import pytest
from PIL import Image

from abn.images.decode import Picture
from abn.images.variations import GRAY, VARIATIONS, vary


@pytest.mark.parametrize("size", [(40, 20), (7, 9), (1, 1)])
def test_a_variation_is_another_image_and_leaves_the_first_alone(size):
    pixels = np.random.default_rng(0).integers(0, 120, (size[1], size[0], 3), dtype=np.uint8)
    picture = Picture(Image.fromarray(pixels), "f" * 64, "image")
    varied = {name: vary(picture, name) for name in VARIATIONS}
    assert np.array_equal(np.asarray(picture.image), pixels)
    assert len({picture.sha256, *(other.sha256 for other in varied.values())}) == len(VARIATIONS) + 1
    assert all(other.full_size == other.image.size for other in varied.values())
    assert np.array_equal(np.asarray(varied["flip"].image), pixels[:, ::-1])


def test_center_and_cover_are_in_the_middle():
    pixels = np.arange(20 * 40, dtype=np.uint8).repeat(3).reshape(20, 40, 3) // 3
    picture = Picture(Image.fromarray(pixels), "", "image")
    assert np.array_equal(np.asarray(vary(picture, "center").image), pixels[5:15, 10:30])
    covered = np.asarray(vary(picture, "cover").image)
    inside = np.zeros((20, 40), bool)
    inside[6:14, 12:28] = True
    assert (covered[inside] == GRAY).all() and np.array_equal(covered[~inside], pixels[~inside])
