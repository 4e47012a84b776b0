"""Differences between the tensors of a file and those of a network, in words."""

import torch
from torch.nn.functional import conv2d

from abn.variants.fitting import ONE_CHANNEL, describe_differences

EXPECTED = {"a": (2, 3), "b": (4,), "c": ()}


def test_nothing_differs():
    assert describe_differences(EXPECTED, dict(reversed(EXPECTED.items()))) == ""


def test_each_kind_of_difference_with_its_count():
    assert describe_differences(EXPECTED, {"b": (4,), "c": ()}) == "a is missing"
    assert describe_differences(EXPECTED, {"c": ()}) == "a and 1 more are missing"
    assert describe_differences(EXPECTED, {**EXPECTED, "x\n": ()}) == "'x' is unknown"
    assert describe_differences(EXPECTED, {**EXPECTED, "x": (), "y": (), "z": ()}) == "'x' and 2 more are unknown"
    other = {"a": (3, 2), "b": (), "c": ()}
    assert (
        describe_differences(EXPECTED, other)
        == "a has the shape 3 × 2 where it should have 2 × 3, and 1 more have another shape"
    )
    assert describe_differences(EXPECTED, {"a": (2, 3), "c": (1,), "x": ()}) == (
        "b is missing; 'x' is unknown; c has the shape 1 where it should have a single number"
    )


def test_a_network_of_gray_images_is_told_of():
    expected = {"conv1.weight": (16, 3, 7, 7)}
    assert describe_differences(expected, {"conv1.weight": (16, 1, 7, 7)}).endswith(ONE_CHANNEL)
    for other in ((16, 1, 3, 3), (8, 1, 7, 7), (16, 4, 7, 7)):
        assert ONE_CHANNEL not in describe_differences(expected, {"conv1.weight": other})


def test_a_convolution_of_gray_images_reads_rgb_as_the_library_page_converts_it():
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(16, 1, 7, 7, generator=generator)
    luma = torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)
    images = torch.rand(2, 3, 32, 32, generator=generator)
    gray = (images * luma).sum(1, keepdim=True)
    torch.testing.assert_close(
        conv2d((images - 0.5) / 0.25, weight * luma, padding=3),
        conv2d((gray - 0.5) / 0.25, weight, padding=3),
        rtol=1e-4,
        atol=1e-4,
    )


def test_a_hostile_shape_stays_short():
    assert len(describe_differences({"a": (1,)}, {"a": (10**9,) * 60})) < 150
