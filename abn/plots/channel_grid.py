"""Channels as small pictures of their own, all of one stage on one scale of colors."""

import base64
import io
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


def span(values: np.ndarray, colors: str) -> tuple[str, float, float]:
    """Which colors fit a stage, from where to where: `colors` from 0 on, or those of signed maps around 0."""
    most = float(np.abs(values).max()) or 1.0
    return (DIFFERENCE, -most, most) if float(values.min()) < 0 else (colors, 0.0, most)


def tiles(values: np.ndarray, indices: Sequence[int], colors: str, low: float, high: float) -> list[Tile]:
    """Those channels of (N, h, w) whose `indices` are given, in this order."""
    return [
        Tile(
            int(index),
            picture(values[index], colors, low, high),
            float(np.abs(values[index]).mean()),
            float(values[index].min()),
            float(values[index].max()),
        )
        for index in indices
    ]


def picture(values: np.ndarray, colors: str, low: float, high: float) -> str:
    """A map (h, w) in colors, a pixel for each cell, as a data: URL."""
    ground = Image.new("RGB", values.shape[::-1])
    drawn = overlay(ground, values, opacity=1, color_map=colors, low=low, high=high)
    if values.size > LOSSLESS:
        return data_url(drawn)
    stream = io.BytesIO()
    drawn.save(stream, "PNG")
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()
