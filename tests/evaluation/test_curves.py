"""Curves solved by hand: a network that only counts what is left, every baseline, batches that cut across curves."""

import numpy as np
import pytest
import torch

from abn.errors import ABNError
from abn.evaluation.curves import BASELINES, Curve, baseline, follow

SHARES = (0, 0.25, 0.5, 0.75, 1)


def bright(images: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
    """A "network" whose probability of class k is the mean of channel k."""
    return images.mean((2, 3)).gather(1, classes[:, None])[:, 0]


def curve(order: list[int], named: int = 0) -> Curve:
    """A picture of 4 × 4 pixels with 2 × 2 cells, of which the first channel's hold 4, 3, 2 and 1."""
    start = torch.zeros(3, 4, 4)
    start[0] = torch.tensor([[4.0, 3], [2, 1]]).repeat_interleave(2, 0).repeat_interleave(2, 1)
    start[1] = 1
    return Curve(start, torch.zeros(3, 4, 4), np.array(order), (2, 2), named)


def test_a_curve_takes_the_cells_in_their_order():
    scores = follow([curve([0, 1, 2, 3]), curve([3, 2, 1, 0]), curve([0, 1, 2, 3], 1)], bright, SHARES, batch=4)
    assert scores.tolist() == [[2.5, 1.5, 0.75, 0.25, 0], [2.5, 2.25, 1.75, 1, 0], [1, 0.75, 0.5, 0.25, 0]]


def test_how_many_are_asked_at_once_changes_nothing_and_progress_counts_them():
    curves, seen, sizes = [curve([0, 1, 2, 3]), curve([3, 2, 1, 0])], [], []

    def counted(images: torch.Tensor, classes: torch.Tensor) -> torch.Tensor:
        sizes.append(len(images))
        return bright(images, classes)

    one = follow(curves, counted, SHARES, batch=3, progress=seen.append)
    assert sizes == [3, 3, 3, 1] and seen == pytest.approx([0.3, 0.6, 0.9, 1])
    assert np.array_equal(one, follow(curves, bright, SHARES, batch=100))


def test_what_progress_raises_ends_it():
    def stop(share: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        follow([curve([0, 1, 2, 3])], bright, SHARES, batch=2, progress=stop)


def test_the_baselines():
    image = torch.arange(3 * 16 * 16, dtype=torch.float32).view(3, 16, 16)
    found = {name: baseline(image, name, black=torch.tensor([-1.0, -2, -3])) for name in BASELINES}
    assert all(one.shape == image.shape for one in found.values())
    assert torch.equal(found["mean color"][:, 0, 0], image.mean((1, 2)))
    assert not found["gray"].any()
    assert found["black"][:, 5, 5].tolist() == [-1, -2, -3]
    assert found["blurred"].mean() == pytest.approx(float(image.mean())) and found["blurred"].std() < image.std()


@pytest.mark.parametrize("name", ["white", "", None, "black"])
def test_an_unknown_baseline_is_one_sentence(name):
    with pytest.raises(ABNError, match="Choose one of: mean color, gray, black, blurred"):
        baseline(torch.zeros(3, 8, 8), name)
