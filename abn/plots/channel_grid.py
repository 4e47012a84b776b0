"""Channels as small images, all channels of a stage on one color scale."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from abn.plots.color_maps import DIFFERENCE
from abn.plots.overlay import data_url, overlay

LOSSLESS = 32 * 32  # cells up to which a tile is a PNG: sharp when it is enlarged


@dataclass(frozen=True)
class Tile:
    """One channel."""

    index: int
    source: str  # a data: URL, a pixel for each cell
    size: float  # the mean of its values' sizes
    low: float
    high: float


def color_range(values: np.ndarray, colors: str) -> tuple[str, float, float]:
    """The color map of a stage and its limits: `colors` from 0 on, or those of signed maps around 0."""
    limit = float(np.abs(values).max()) or 1.0
    return (DIFFERENCE, -limit, limit) if float(values.min()) < 0 else (colors, 0.0, limit)


def channel_tiles(values: np.ndarray, indices: Sequence[int], colors: str, low: float, high: float) -> list[Tile]:
    """The channels of (N, h, w) at `indices`, in this order."""
    return [
        Tile(
            index=int(index),
            source=cell_image(values[index], colors, low, high),
            size=float(np.abs(values[index]).mean()),
            low=float(values[index].min()),
            high=float(values[index].max()),
        )
        for index in indices
    ]


def cell_image(values: np.ndarray, colors: str, low: float, high: float) -> str:
    """A map (h, w) in colors, a pixel for each cell, as a data: URL."""
    ground = Image.new("RGB", values.shape[::-1])
    drawn = overlay(ground, values, opacity=1, color_map=colors, low=low, high=high)
    return data_url(drawn, lossless=values.size <= LOSSLESS)
