"""Masks and boxes of a map's brightest region, in pixels of the original image."""

import io
import json

import numpy as np
import pytest
import tiny
from PIL import Image

from abn.explanations.explanation import Explanation
from abn.export import regions
from abn.export.regions import coco_json, find_regions, mask_png
from abn.images.fit import fit_picture
from abn.vocabulary import InputSpec

SPEC = InputSpec(size=32, crop_pct=1.0, interpolation="bilinear", mean=(0.5,) * 3, std=(0.2,) * 3)


def explained(attention: np.ndarray, size: tuple[int, int] = (80, 40), fit: str = "squash") -> Explanation:
    """An explanation with this map, of an image of `size` (W, H)."""
    fitted = fit_picture(tiny.picture(*size), SPEC, fit)
    predicted, labels = np.array([0.1, 0.7, 0.2], np.float32), ("a", "b", "c")
    return Explanation(
        "v", "additive", "additive", predicted, predicted, attention, labels, fitted, SPEC, 0.1, shared_extractor=False
    )


def spots(*cells: tuple[int, int]) -> np.ndarray:
    """A map (8, 8) of 0.1 that is 0.9 in these cells."""
    values = np.full((8, 8), 0.1, np.float32)
    for cell in cells:
        values[cell] = 0.9
    return values


def opened(png: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(png)))


def test_a_mask_is_the_brightest_share_at_the_size_of_the_image():
    explanation = explained(spots((2, 6)))
    mask = opened(mask_png(explanation, 0.01))
    assert mask.shape == (40, 80) and set(np.unique(mask)) == {0, 255}
    rows, columns = np.nonzero(mask)
    assert abs(rows.mean() + 0.5 - 12.5) < 0.1 and abs(columns.mean() + 0.5 - 65) < 0.1  # the middle of the cell
    assert 0.01 <= (mask > 0).mean() < 0.02
    assert (opened(mask_png(explained(np.linspace(0, 1, 64).reshape(8, 8)), 0.25)) > 0).mean() == pytest.approx(
        0.25, abs=0.02
    )


def test_what_was_cropped_is_never_inside():
    mask = opened(mask_png(explained(np.full((8, 8), 0.5, np.float32), fit="crop"), 0.1))
    assert mask[:, :20].max() == mask[:, 60:].max() == 0 and mask[:, 20:60].min() == 255


def test_boxes_are_in_pixels_of_the_image():
    two = find_regions(explained(spots((1, 1), (1, 2), (6, 6))), 0.04)
    assert len(two) == 2 and two[0].area > two[1].area
    for region, (x, y) in zip(two, [(20, 7.5), (65, 32.5)], strict=True):
        left, top, width, height = region.box
        assert left + width / 2 == pytest.approx(x, abs=1) and top + height / 2 == pytest.approx(y, abs=1)
        assert 0.5 < region.score <= 0.9 and region.area <= width * height


def test_a_large_image_is_computed_smaller_and_has_its_own_size(monkeypatch):
    explanation = explained(spots((2, 6)), (320, 160))
    exact, exact_boxes = opened(mask_png(explanation, 0.02)), find_regions(explanation, 0.02)
    monkeypatch.setattr(regions, "MAX_SIDE", 80)
    smaller, boxes = opened(mask_png(explanation, 0.02)), find_regions(explanation, 0.02)
    assert smaller.shape == (160, 320) and (smaller != exact).mean() < 0.01
    assert np.allclose(boxes[0].box, exact_boxes[0].box, atol=4)


def test_coco():
    content = json.loads(coco_json(explained(spots((1, 1), (6, 6))), 0.02, "cat.jpg"))
    assert content["images"] == [{"id": 1, "file_name": "cat.jpg", "width": 80, "height": 40}]
    assert content["categories"] == [{"id": 1, "name": "b"}]
    assert [annotation["id"] for annotation in content["annotations"]] == [1, 2]
    for annotation in content["annotations"]:
        left, top, width, height = annotation["bbox"]
        assert 0 <= left < left + width <= 80 and 0 <= top < top + height <= 40
        assert (annotation["image_id"], annotation["category_id"], annotation["iscrowd"]) == (1, 1, 0)
