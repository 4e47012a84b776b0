"""Channels as small pictures: colors by their sign, a pixel for each cell."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from abn.plots import color_maps
from abn.plots.channel_grid import channel_tiles, color_range


def opened(source: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2]))).convert("RGB"))


def test_signed_values_get_colors_around_zero_and_others_begin_at_zero():
    assert color_range(np.array([-1.0, 4.0]), "viridis") == (color_maps.DIFFERENCE, -4, 4)
    assert color_range(np.array([0.5, 4.0]), "viridis") == ("viridis", 0, 4)
    assert color_range(np.zeros(3), "viridis") == ("viridis", 0, 1)


def test_a_tile_has_a_pixel_for_each_cell_in_the_colors_of_its_values():
    values = np.stack([np.zeros((2, 3)), [[0.0, 1, 2], [-2, -1, 0]]]).astype(np.float32)
    shown = channel_tiles(values, [1, 0], "gray", -2, 2)
    assert [(item.index, item.low, item.high) for item in shown] == [(1, -2, 2), (0, 0, 0)]
    assert shown[0].size == pytest.approx(1)
    grays = opened(shown[0].source)[..., 0]
    np.testing.assert_array_equal(grays, np.rint((values[1] + 2) / 4 * 255))


def test_a_large_one_is_small_in_bytes():
    values = np.random.default_rng(0).normal(size=(1, 224, 224)).astype(np.float32)
    source = channel_tiles(values, [0], "gray", -3, 3)[0].source
    assert source.startswith("data:image/jpeg") and opened(source).shape == (224, 224, 3)
