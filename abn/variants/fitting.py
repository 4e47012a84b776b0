"""Whether the tensors of a file are those of a network, by their names and shapes; no torch is needed."""

from collections.abc import Mapping, Sequence

from abn.images.display_name import one_line

ONE_CHANNEL = ", as it reads one gray channel (docs/library.md converts it to RGB)"

Shapes = Mapping[str, tuple[int, ...]]  # a tensor's name → its shape


def describe_differences(expected: Shapes, actual: Shapes) -> str:
    """Which tensors are missing, unknown or of another shape, as the end of a sentence; empty where all fit. `expected`
    are the network's own, `actual` those of a file from anybody."""
    missing = [name for name in expected if name not in actual]
    unknown = [quote_name(name) for name in actual if name not in expected]
    other = [name for name, shape in expected.items() if name in actual and actual[name] != shape]
    parts = [f"{_list(missing)} missing"] if missing else []
    parts += [f"{_list(unknown)} unknown"] if unknown else []
    if other:
        name, more = other[0], f", and {len(other) - 1} more have another shape" if len(other) > 1 else ""
        shape, right = format_shape(actual[name]), format_shape(expected[name])
        gray = ONE_CHANNEL if _reads_gray(actual[name], expected[name]) else ""
        parts.append(f"{name} has the shape {shape} where it should have {right}{gray}{more}")
    return "; ".join(parts)


def _reads_gray(shape: tuple[int, ...], right: tuple[int, ...]) -> bool:
    """Whether a convolution reads images of one channel where those of the network have three."""
    return len(shape) == 4 and shape[1] == 1 and right == (shape[0], 3, *shape[2:])


def _list(names: Sequence[str]) -> str:
    return f"{names[0]} is" if len(names) == 1 else f"{names[0]} and {len(names) - 1} more are"


def quote_name(name: str) -> str:
    """A tensor's name as it may be shown."""
    return repr(one_line(name, 60))


def format_shape(shape: tuple[int, ...]) -> str:
    """A tensor's shape for people, such as 16 × 3; long ones cut."""
    return one_line(" × ".join(map(str, shape))) or "a single number"
