"""Where the colors of a map begin and end."""

from collections.abc import Sequence

import numpy as np

from abn.plots.map_words import FLAT, is_flat

SCALES = ("raw", "each", "shared")  # see `limits`


def limits(maps: Sequence[np.ndarray], scale: str) -> list[tuple[float, float]]:
    """Where the colors of each map begin and end.

    "raw": 0 and 1, the range that M can span; "each": the map's own minimum and maximum; "shared": the minimum and
    the maximum of all maps. Where all the maps of a span are flat (`is_flat`), it falls back to 0 and 1: nothing is
    stretched.
    """
    if scale not in SCALES:
        raise ValueError(f"A scale is one of {', '.join(SCALES)}, not {scale!r}.")
    groups = [maps] * len(maps) if scale == "shared" else [[values] for values in maps]
    spans = [(float(min(map(np.nanmin, group))), float(max(map(np.nanmax, group)))) for group in groups]
    unstretched = [scale == "raw" or all(map(is_flat, group)) for group in groups]
    return [(0.0, 1.0) if full else span for span, full in zip(spans, unstretched, strict=True)]


def symmetric_limit(difference: np.ndarray) -> float:
    """The limit L of a signed map's colors, −L to L: its greatest size, or `FLAT` where there is next to none."""
    return max(FLAT, float(np.nanmax(np.abs(difference))))
