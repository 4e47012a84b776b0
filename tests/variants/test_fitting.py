"""Differences between the tensors of a file and those of a network, in words."""

from abn.variants.fitting import describe_differences

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


def test_a_hostile_shape_stays_short():
    assert len(describe_differences({"a": (1,)}, {"a": (10**9,) * 60})) < 150
