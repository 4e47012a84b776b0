"""A map in words: whether it is flat, and where it is brightest."""

import numpy as np

FLAT = 0.05  # a map whose cells differ by less than this (of the 0 to 1 that M can span) has nothing to show
SATURATED = 0.95  # the part of the cells at one end from which a map counts as saturated
END = 0.005  # how near to 0 or 1 an end lies: a faint map of 0.01 to 0.15 still has a pattern to show


def is_flat(values: np.ndarray) -> bool:
    """Whether a map hardly varies, or nearly all of it stands at 0 or at 1."""
    return bool(flat_sentence(values))


def flat_sentence(values: np.ndarray) -> str:
    """One sentence on a map that has nothing to show, with its minimum and maximum; empty for any other map."""
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    if high - low < FLAT:
        return f"This map is flat: every cell lies between {low:.3f} and {high:.3f}."
    for end in (0, 1):
        if np.mean(np.abs(values - end) < END) >= SATURATED:
            return f"This map is saturated: nearly every cell is at {end} (min {low:.3f}, max {high:.3f})."
    return ""


def brightest_place(values: np.ndarray) -> str:
    """Where a map is highest, in words: "at the upper left", "in the middle"."""
    row, column = np.unravel_index(np.nanargmax(values), values.shape)
    rows = ("upper ", "", "lower ")[min(2, 3 * int(row) // values.shape[0])]
    side = ("left", "", "right")[min(2, 3 * int(column) // values.shape[1])]
    if not rows and not side:
        return "in the middle"
    return f"at the {rows}{side or 'middle'}"
