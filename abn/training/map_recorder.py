"""Record how a map forms while a network trains: M of the same images, at steps from the first to the last.

A recording outlives a stop of the training: it is kept in the work folder as a map history (abn/variants/history.py).
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from abn.errors import ABNError
from abn.images.decode import open_picture
from abn.images.fit import fit_picture
from abn.images.samples import gallery
from abn.network.model import AttentionBranchNetwork
from abn.variants.card import Card
from abn.variants.history import MapHistory, history_path, read_history, write_history
from abn.vocabulary import InputSpec

SHARES = (0, 0.01, 0.03, 0.06, 0.12, 0.25, 0.4, 0.5, 0.6, 0.75, 1)  # of the steps; most happens early

log = logging.getLogger(__name__)


def recording_steps(total: int) -> tuple[int, ...]:
    """The steps of a training of `total` steps at which to record, from 0 to `total`."""
    return tuple(sorted({round(share * total) for share in SHARES}))


def gallery_inputs(spec: InputSpec) -> tuple[list[str], Tensor]:
    """Names and inputs (P, 3, H, W) of the gallery's photographs, which every page can show."""
    photos = [photo for photo in gallery().values() if photo.kind == "photograph"]
    pictures = [open_picture(photo.path.read_bytes(), name=photo.file) for photo in photos]
    inputs = np.stack([fit_picture(picture, spec).normalized(spec) for picture in pictures])
    return [photo.id for photo in photos], torch.from_numpy(inputs).contiguous(memory_format=torch.channels_last)


@dataclass
class MapRecorder:
    """Keeps the maps of fixed images, and metrics, at steps of a training."""

    network: AttentionBranchNetwork
    inputs: Tensor  # (P, 3, H, W) normalized
    measure: Callable[[], Mapping[str, Any]]  # metrics of the network as it is
    ids: Sequence[str]  # names of the P images
    total: int  # steps of the training
    path: Path  # keeps the records of a stopped run
    pictures: np.ndarray | None = None  # (P, H, W) uint8 grays, where a page can't find them by name
    level: int = logging.INFO  # at which metrics are logged

    def __post_init__(self) -> None:
        self._records = self._read()
        self.moments = recording_steps(self.total)

    def record(self, step: int) -> None:
        """Record the network, which is in evaluation mode, after `step` steps; 0 begins again."""
        if step == 0:
            self._records.clear()
        device = next(self.network.parameters()).device
        with torch.inference_mode():
            maps = self.network(self.inputs.to(device)).attention[:, 0].float().cpu()
        metrics = dict(self.measure())
        self._records[step] = maps.numpy(), metrics
        log.log(self.level, "step %d: %s", step, ", ".join(f"{name} {value:.3f}" for name, value in metrics.items()))
        write_history(self._history(), self.path)

    def finish(self, card: Card, *, best: int | None = None) -> Path:
        """Write the history beside the weights of `card`; it ends at step `best`, a recorded one, where given."""
        if best is not None:
            self._records = {step: record for step, record in self._records.items() if step <= best}
            self.total = best
        if self.total not in self._records:
            self.record(self.total)
        write_history(self._history(card.sha256), history_path(card))
        return history_path(card)

    def _history(self, weights: str = "") -> MapHistory:
        steps = sorted(self._records)
        maps, metrics = zip(*(self._records[step] for step in steps), strict=True)
        return MapHistory(
            maps=np.stack(maps),
            steps=np.array(steps),
            total=self.total,
            ids=tuple(self.ids),
            metrics={name: np.array([values[name] for values in metrics]) for name in metrics[0]},
            pictures=self.pictures,
            weights=weights,
        )

    def _read(self) -> dict[int, tuple[np.ndarray, dict[str, float]]]:
        """Maps and metrics that a stopped run of the same training kept, by step."""
        if not self.path.is_file():
            return {}
        try:
            history = read_history(self.path)
        except ABNError as error:
            log.warning("%s can't be read: its steps are lost", self.path.name, exc_info=error)
            return {}
        if (history.ids, history.total) != (tuple(self.ids), self.total):
            return {}
        return {
            step: (history.maps[i], {name: float(values[i]) for name, values in history.metrics.items()})
            for i, step in enumerate(history.steps.tolist())
        }
