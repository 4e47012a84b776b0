"""Fashion-MNIST as the package holds it, and the cluttered canvases made of it."""

import numpy as np
import pytest
import torch
from fashion_files import packed

from abn.training.sources import fashion_mnist


def test_the_files_are_read_as_they_are(tmp_path):
    images, labels = packed(tmp_path)
    for train in (True, False):
        items = fashion_mnist.load(tmp_path, train=train)
        assert np.array_equal(items.images, images) and np.array_equal(items.labels, labels)


def test_inputs_are_normalized_repeated_and_mirrored(tmp_path):
    packed(tmp_path)
    items = fashion_mnist.load(tmp_path, train=True)
    given = items.inputs(np.array([3, 4]), np.array([False, True]))
    assert given.shape == (2, 3, 28, 28) and given.dtype == torch.float32
    assert np.allclose(given[0, :, 10, 10], (43 / 255 - fashion_mnist.MEAN) / fashion_mnist.STD)
    assert np.allclose(given[1], items.inputs(np.array([4]))[0].flip(2))


def test_a_canvas_holds_its_item_whole_and_its_mask(tmp_path):
    packed(tmp_path)
    items = fashion_mnist.load(tmp_path, train=True)
    canvases = fashion_mnist.cluttered(items, 50, seed=3)
    assert canvases.images.shape == canvases.masks.shape == (50, 32, 32)
    for image, mask, label in zip(canvases.images, canvases.masks, canvases.labels, strict=True):
        rows, columns = np.where(mask)
        assert 10 <= np.ptp(rows) < fashion_mnist.ITEM and 7 <= np.ptp(columns) < fashion_mnist.ITEM
        middle = image[int(rows.mean()), int(columns.mean())]
        assert (middle - 40) % 10 == pytest.approx(label)  # nothing lies over the item
    assert (canvases.images[~canvases.masks] > 0).any()  # pieces beside it
    assert len(set(canvases.labels[:40])) == 10


def test_a_seed_gives_the_same_canvases(tmp_path):
    packed(tmp_path)
    items = fashion_mnist.load(tmp_path, train=True)
    first, again, other = (fashion_mnist.cluttered(items, 5, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.images, again.images) and not np.array_equal(first.images, other.images)
