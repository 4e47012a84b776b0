"""Images in memory: normalized, mirrored and then moved, by hand; what is drawn depends on seed and step alone."""

import numpy as np
import pytest
import torch

from abn.training.sample_order import SampleOrder
from abn.training.sources.array_images import ArrayImages
from abn.vocabulary import InputSpec

SPEC = InputSpec(size=3, crop_pct=1.0, interpolation="bilinear", mean=(0.0, 0.2, 0.4), std=(1.0, 0.5, 0.25))
GRAY = np.array([[10, 20, 30], [40, 50, 60], [70, 80, 90]], np.uint8)
RGB = np.stack([GRAY, GRAY + 100, 255 - GRAY], -1)


def images(pixels: np.ndarray, shift: int = 2) -> ArrayImages:
    """Twice the same image, of different classes."""
    return ArrayImages(np.stack([pixels, pixels]), np.array([0, 1]), ("a", "b"), SPEC, shift=shift)


def levels(inputs: torch.Tensor) -> np.ndarray:
    """The pixels (H, W, 3) that an input (3, H, W) was made of."""
    values = inputs.permute(1, 2, 0).double().numpy() * SPEC.std + SPEC.mean
    assert values * 255 == pytest.approx(np.round(values * 255), abs=1e-3)
    return np.round(values * 255).astype(int)


@pytest.mark.parametrize("pixels", [GRAY, RGB], ids=["gray", "RGB"])
def test_images_are_mirrored_and_then_moved_over_black(pixels):
    which, mirror, moved = np.array([0, 1]), np.array([False, True]), np.array([[1, -2], [-1, 1]])
    plain, turned = images(pixels).inputs(which, mirror, moved)
    expected = {  # by hand: down 1, left 2; and mirrored, up 1, right 1
        "plain": [[0, 0, 0], [30, 0, 0], [60, 0, 0]],
        "turned": [[0, 60, 50], [0, 90, 80], [0, 0, 0]],
    }
    for inputs, name in ((plain, "plain"), (turned, "turned")):
        gray = np.array(expected[name])
        black = gray == 0
        channels = [gray] * 3 if pixels.ndim == 2 else [gray, gray + 100, 255 - gray]
        assert np.array_equal(levels(inputs), np.where(black[..., None], 0, np.stack(channels, -1)))


@pytest.mark.parametrize("pixels", [GRAY, RGB], ids=["gray", "RGB"])
def test_inputs_are_normalized_and_channels_last(pixels):
    inputs = images(pixels).inputs(np.array([1]))
    assert inputs.dtype == torch.float32 and inputs.shape == (1, 3, 3, 3)
    assert inputs.is_contiguous(memory_format=torch.channels_last)
    shown = pixels if pixels.ndim == 3 else np.stack([pixels] * 3, -1)
    assert inputs[0].permute(1, 2, 0).numpy() == pytest.approx((shown / 255 - SPEC.mean) / SPEC.std, abs=1e-6)
    still = images(pixels).inputs(np.array([1]), np.array([False]), np.array([[0, 0]]))
    assert torch.equal(inputs, still)


def test_a_part_keeps_masks_and_shift():
    masks = np.arange(18).reshape(2, 3, 3) % 2 == 0
    whole = ArrayImages(np.stack([GRAY, GRAY]), np.array([0, 1]), ("a", "b"), SPEC, masks, shift=1)
    part = whole.part(slice(1, None))
    assert len(part) == 1 and part.labels.tolist() == [1] and part.shift == 1
    assert np.array_equal(part.masks, masks[1:])


def test_training_batches_depend_on_seed_and_step_alone():
    rng = np.random.default_rng(0)
    many = ArrayImages(rng.integers(1, 255, (20, 6, 6, 3), np.uint8), rng.integers(0, 2, 20), ("a", "b"), SPEC, shift=2)
    order = SampleOrder(20, batch=8, epochs=3, seed=5)
    whole = list(many.training_batches(order, 0, slice(8)))
    later = list(many.training_batches(order, 4, slice(4, 8)))  # resumed, as the second of two processes
    assert len(whole) == 7 and len(later) == 3
    for (inputs, labels), (half, half_labels) in zip(whole[4:], later, strict=True):
        assert torch.equal(inputs[4:], half) and torch.equal(labels[4:], half_labels)
    for step, (_, labels) in enumerate(whole):
        assert np.array_equal(labels, many.labels[order[step][1]])
    other = next(many.training_batches(SampleOrder(20, batch=8, epochs=3, seed=6), 0, slice(8)))
    assert not torch.equal(other[0], whole[0][0])


def test_all_moves_up_to_the_shift_occur_in_training():
    one = np.full((1, 5, 5), 0, np.uint8)
    one[0, 2, 2] = 255
    dot = ArrayImages(one, np.array([0]), ("a",), SPEC, shift=2)
    order = SampleOrder(1, batch=1, epochs=300, seed=1)
    places = {divmod(int(inputs[0, 0].argmax()), 5) for inputs, _ in dot.training_batches(order, 0, slice(1))}
    assert places == {(row, column) for row in range(5) for column in range(5)}
