"""The history of a map: M of a few images from before the first training step to the last, read without torch.

It lies beside the weights as NAME.life.npz and holds the hash of the final weights, so that none is shown of others.
Maps are stored in half precision. abn/training/map_recorder.py records it.
"""

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from abn import files
from abn.errors import ABNError
from abn.variants.card import Card

METRIC = "metric/"  # what the names of the metrics' arrays start with

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class MapHistory:
    """M of P images at T steps of one training."""

    maps: np.ndarray  # (T, P, h, w) float32, M in 0 … 1
    steps: np.ndarray  # (T,) int, steps done at each moment, rising; 0 is before training
    total: int  # steps of the whole training
    ids: tuple[str, ...]  # names of the P images
    metrics: dict[str, np.ndarray] = field(default_factory=dict)  # name → (T,) float32, on a small test set
    pictures: np.ndarray | None = None  # (P, H, W) uint8 grays; None where the ids name photographs that ship
    weights: str = ""  # sha256 of the weights' file at the end; empty during training


def load_history(card: Card) -> MapHistory | None:
    """The history of a variant's map; None where it has none, or one that can't be read or is of other weights."""
    path = history_path(card)
    if not path.is_file():
        log.info("%s: no map history was recorded", card.id)
        return None
    try:
        history = read_history(path)
    except ABNError as error:
        log.warning("%s can't be read", path.name, exc_info=error)
        return None
    if history.weights != card.sha256:
        log.warning("%s is the history of other weights", path.name)
        return None
    return history


def history_path(card: Card) -> Path:
    """The file of a variant's map history."""
    return card.folder / f"{card.id}.life.npz"


def read_history(path: Path) -> MapHistory:
    """A history as `write_history` left it; `ABNError` where the file is damaged or is none."""
    try:
        return _read(path)
    except Exception as error:  # numpy and zipfile raise nearly anything of a hostile file
        raise ABNError(f"{path.name} can't be read, so the history of this map is not shown.") from error


def _read(path: Path) -> MapHistory:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    history = MapHistory(
        maps=arrays["maps"].astype(np.float32),
        steps=arrays["steps"].astype(int),
        total=int(arrays["total"]),
        ids=tuple(map(str, arrays["ids"])),
        metrics={n.removeprefix(METRIC): arrays[n].astype(np.float32) for n in arrays if n.startswith(METRIC)},
        pictures=arrays.get("pictures"),
        weights=str(arrays["weights"]),
    )
    if not _fits(history):
        raise ValueError("the arrays of this history do not fit each other")
    return history


def write_history(history: MapHistory, path: Path) -> None:
    """Store a history; a stop half-way leaves the file as it was."""
    arrays: dict[str, Any] = {
        "maps": history.maps.astype(np.float16),
        "steps": history.steps,
        "total": np.array(history.total),
        "ids": np.array(history.ids),
        "weights": np.array(history.weights),
        **{METRIC + name: values.astype(np.float32) for name, values in history.metrics.items()},
        **({} if history.pictures is None else {"pictures": history.pictures}),
    }
    with files.atomic_file(path) as file:
        np.savez_compressed(file, **arrays)


def _fits(history: MapHistory) -> bool:
    """Whether the arrays fit each other, and hold values that a training gives."""
    maps, steps, images = history.maps, history.steps, history.pictures
    moments, count = len(steps), len(history.ids)
    return (
        (maps.ndim == 4 and maps.shape[:2] == (moments, count) and maps.size > 0)
        and bool(((maps >= 0) & (maps <= 1)).all())
        and bool((np.diff(steps) > 0).all() and steps[0] >= 0 and steps[-1] <= history.total)
        and all(values.shape == (moments,) for values in history.metrics.values())
        and (images is None or (images.dtype == np.uint8 and images.ndim == 3 and len(images) == count))
    )
