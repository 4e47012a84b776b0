"""The life of a map: M of a few pictures from before the first step of a training to its end, read without torch.

It lies beside the weights as NAME.life.npz and names the weights that it ends with, so that no life is shown of others.
Maps are stored in half precision. abn/training/map_recorder.py records it.
"""

import logging
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from abn import files
from abn.errors import ABNError
from abn.variants.card import Card

METRIC = "metric/"  # what the names of the metrics' arrays start with

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class MapHistory:
    """What was seen of P pictures at T moments of one training."""

    maps: np.ndarray  # (T, P, h, w) float32, M in 0 … 1
    steps: np.ndarray  # (T,) int, steps done at each moment, rising; 0 is before training
    total: int  # steps of the whole training
    ids: tuple[str, ...]  # names of the P pictures
    metrics: dict[str, np.ndarray] = field(default_factory=dict)  # name → (T,) float32, on a small test set
    pictures: np.ndarray | None = None  # (P, H, W) uint8 grays; None where the ids name photographs that ship
    weights: str = ""  # sha256 of the weights' file at the end; empty while training goes on


def load_history(card: Card) -> MapHistory | None:
    """The life of a variant's map; None where it has none, or one that can't be read or is of other weights."""
    path = history_path(card)
    if not path.is_file():
        log.info("%s: no life was recorded", card.id)
        return None
    try:
        life = read_history(path)
    except ABNError as error:
        log.warning("%s can't be read", path.name, exc_info=error)
        return None
    if life.weights != card.sha256:
        log.warning("%s is the life of other weights", path.name)
        return None
    return life


def history_path(card: Card) -> Path:
    """Where the life of a variant lies."""
    return card.folder / f"{card.id}.life.npz"


def read_history(path: Path) -> MapHistory:
    """A life as `write` left it; `ABNError` where the file is damaged or is none."""
    try:
        return _read(path)
    except Exception as error:  # numpy and zipfile raise nearly anything of a hostile file
        raise ABNError(f"{path.name} can't be read, so the life of this map is not shown.") from error


def _read(path: Path) -> MapHistory:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    life = MapHistory(
        maps=arrays["maps"].astype(np.float32),
        steps=arrays["steps"].astype(int),
        total=int(arrays["total"]),
        ids=tuple(map(str, arrays["ids"])),
        metrics={n.removeprefix(METRIC): arrays[n].astype(np.float32) for n in arrays if n.startswith(METRIC)},
        pictures=arrays.get("pictures"),
        weights=str(arrays["weights"]),
    )
    _check(life)
    return life


def write_history(life: MapHistory, path: Path) -> None:
    """Store a life; a stop half-way leaves the file as it was."""
    arrays = {
        "maps": life.maps.astype(np.float16),
        "steps": life.steps,
        "total": np.array(life.total),
        "ids": np.array(life.ids),
        "weights": np.array(life.weights),
        **{METRIC + name: values.astype(np.float32) for name, values in life.metrics.items()},
        **({} if life.pictures is None else {"pictures": life.pictures}),
    }
    with files.atomic_file(path) as file:
        np.savez_compressed(file, **arrays)


def _check(life: MapHistory) -> None:
    """Raise ValueError where the arrays do not fit each other, or hold what no training gives."""
    moments, pictures = len(life.steps), len(life.ids)
    if life.maps.ndim != 4 or life.maps.shape[:2] != (moments, pictures) or life.maps.size == 0:
        raise ValueError(f"maps {life.maps.shape} are not those of {moments} moments and {pictures} pictures")
    if not ((life.maps >= 0) & (life.maps <= 1)).all():
        raise ValueError("a map is not in 0 … 1")
    if (np.diff(life.steps) <= 0).any() or life.steps[0] < 0 or life.steps[-1] > life.total:
        raise ValueError(f"steps {life.steps.tolist()} do not rise from 0 to {life.total}")
    if any(values.shape != (moments,) for values in life.metrics.values()):
        raise ValueError(f"a metric is not known at each of {moments} moments")
    if life.pictures is not None and (
        life.pictures.dtype != np.uint8 or life.pictures.ndim != 3 or len(life.pictures) != pictures
    ):
        raise ValueError(f"pictures {life.pictures.shape} {life.pictures.dtype} are not {pictures} gray ones")
