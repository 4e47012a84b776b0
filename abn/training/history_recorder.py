"""Record the life of a map while a network trains: what M made of the same pictures, moment after moment.

A recording outlives a stop of the training: it is kept in the work folder in the form that abn/life.py reads, and goes
on where it was. Who trains decides at which moments to look, and what to measure then.
"""

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from abn.errors import ABNError
from abn.network.model import AttentionBranchNetwork
from abn.variants.card import Card
from abn.variants.history import MapHistory, place, read, write

SHARES = (0, 0.01, 0.03, 0.06, 0.12, 0.25, 0.4, 0.5, 0.6, 0.75, 1)  # of the steps; most happens early

log = logging.getLogger(__name__)


def moments(total: int) -> tuple[int, ...]:
    """The steps of a training of `total` steps at which to look, from 0 to `total`; no step twice."""
    return tuple(sorted({round(share * total) for share in SHARES}))


class Recorder:
    """Keeps the maps of fixed pictures, and figures of a test, at moments of a training."""

    def __init__(
        self,
        network: AttentionBranchNetwork,
        inputs: Tensor,
        test: Callable[[], dict[str, float]],
        *,
        ids: Sequence[str],
        total: int,
        path: Path,
        pictures: np.ndarray | None = None,
        told: bool = True,
    ):
        """`inputs` (P, 3, H, W) normalized, `ids` their P names; `pictures` (P, H, W) uint8 where a page can't find
        them by name. `test()` measures the network as it is. `path` keeps what an earlier, stopped run recorded. With
        `told`, figures are logged as information, else for who looks for them."""
        self._network, self._inputs, self._test = network, inputs, test
        self._ids, self._total, self._path, self._pictures = tuple(ids), total, path, pictures
        self._level = logging.INFO if told else logging.DEBUG
        self._kept: dict[int, tuple[np.ndarray, dict[str, float]]] = self._recorded()
        self.moments = moments(total)

    def record(self, step: int) -> None:
        """Look at the network, which is in evaluation mode, after `step` steps; 0 forgets all that was kept."""
        if step == 0:
            self._kept.clear()
        device = next(self._network.parameters()).device
        with torch.inference_mode():
            maps = self._network(self._inputs.to(device)).attention[:, 0].float().cpu()
        figures = dict(self._test())
        self._kept[step] = maps.numpy(), figures
        log.log(self._level, "step %d: %s", step, ", ".join(f"{name} {value:.3f}" for name, value in figures.items()))
        write(self._life(), self._path)

    def finish(self, card: Card, *, best: int | None = None) -> Path:
        """Write the life beside the saved weights of `card`, the end looked at if a stop came before.

        Where the weights are those after step `best`, a moment that was recorded, it ends there."""
        if best is not None:
            self._kept = {step: found for step, found in self._kept.items() if step <= best}
            self._total = best
        if self._total not in self._kept:
            self.record(self._total)
        write(self._life(card.sha256), place(card))
        return place(card)

    def _life(self, weights: str = "") -> MapHistory:
        steps = sorted(self._kept)
        figures = [self._kept[step][1] for step in steps]
        return MapHistory(
            maps=np.stack([self._kept[step][0] for step in steps]),
            steps=np.array(steps),
            total=self._total,
            ids=self._ids,
            metrics={name: np.array([found[name] for found in figures]) for name in figures[0]},
            pictures=self._pictures,
            weights=weights,
        )

    def _recorded(self) -> dict[int, tuple[np.ndarray, dict[str, float]]]:
        """What a stopped run of the same training kept; nothing where there is none, or it can't be read."""
        if not self._path.is_file():
            return {}
        try:
            life = read(self._path)
        except ABNError as error:
            log.warning("%s can't be read: moments that have passed are lost", self._path.name, exc_info=error)
            return {}
        if (life.ids, life.total) != (self._ids, self._total):
            return {}
        figures = [{name: float(values[i]) for name, values in life.metrics.items()} for i in range(len(life.steps))]
        return dict(zip(life.steps.tolist(), zip(life.maps, figures, strict=True), strict=True))
