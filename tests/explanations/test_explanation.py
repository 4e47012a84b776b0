"""Two maps of one picture are compared where both networks saw it."""

from dataclasses import replace

import numpy as np
import pytest
import tiny

from abn.evaluation.metrics import overlap, rank_correlation
from abn.explanations.explainer import explain
from abn.explanations.explanation import align_maps
from abn.images.fit import fit_picture
from abn.vocabulary import InputSpec

PICTURE = tiny.picture(96, 64)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return explain(PICTURE, [tiny.variant(tmp_path_factory.mktemp("variants"), "tiny", tiny.network(seed=2))])[0]


def by_brightness(found, spec: InputSpec, cells: int):
    """An explanation whose map is nothing but the picture's own brightness, in so many cells."""
    fitted = fit_picture(PICTURE, replace(spec), "crop")
    gray = np.asarray(fitted.image.convert("L"), np.float32) / 255
    side = gray.shape[0] // cells
    return replace(found, fitted=fitted, spec=spec, attention=gray.reshape(cells, side, cells, side).mean((1, 3)))


def test_equal_cells_are_compared_as_they_are(found):
    first, other = align_maps(found, replace(found, attention=1 - found.attention))
    assert first is found.attention and rank_correlation(first, other) == pytest.approx(-1)


def test_maps_of_other_crops_are_compared_place_by_place(found):
    result = by_brightness(found, found.spec, 16)
    wide = InputSpec(32, 0.5, "bicubic", found.spec.mean, found.spec.std)  # sees half of what the other sees
    other = by_brightness(found, wide, 16)
    assert result.fitted.extent != other.fitted.extent
    cell_by_cell, place_by_place = (
        rank_correlation(result.attention, other.attention),
        rank_correlation(*align_maps(result, other)),
    )
    assert place_by_place > 0.5 and place_by_place > cell_by_cell + 0.3
    assert overlap(*align_maps(result, other)) > overlap(result.attention, other.attention)
