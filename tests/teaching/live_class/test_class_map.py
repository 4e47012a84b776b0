"""The class map: a smoothed density of clicks, and how well it agrees with M."""

import numpy as np
import pytest

from abn.teaching.live_class.class_map import class_density, make_class_map

NO_OBJECT = np.zeros((0, 0), bool)


def test_the_density_has_its_maximum_where_most_clicks_are():
    density = class_density([(2, 2), (2, 2), (6, 6)], (8, 8))
    assert density.shape == (8, 8) and density.dtype == np.float32 and density.max() == 1
    assert np.unravel_index(density.argmax(), density.shape) == (2, 2)
    assert density[6, 6] == pytest.approx(0.5, abs=0.01) and 0 < density[2, 3] < 1


def test_without_clicks_the_density_is_zero_and_has_no_correlation():
    shown = make_class_map([], np.eye(4, dtype=np.float32), NO_OBJECT)
    assert not shown.attention.any() and shown.count == 0 and np.isnan(shown.correlation)


def test_a_class_that_clicks_the_brightest_cells_agrees_with_the_map():
    rows, columns = np.mgrid[:10, :10]
    attention = np.exp(-((rows - 3) ** 2 + (columns - 6) ** 2) / 8).astype(np.float32)
    rng = np.random.default_rng(0)
    cells = [tuple(divmod(int(k), 10)) for k in rng.choice(100, 200, p=attention.ravel() / attention.sum())]
    objects = attention > 0.5
    shown = make_class_map(cells, attention, objects)
    assert shown.correlation > 0.8 and shown.hit is True and shown.network_hit is True
    opposite = make_class_map([(9, 0)] * 5, attention, objects)
    assert opposite.correlation < 0 and opposite.hit is False
    assert make_class_map(cells, attention, NO_OBJECT).hit is None
