"""What each epoch came to: both heads on the validation pictures, how fast, how the maps look, and which was the best.

All of it is kept in the work folder, a line of `metrics.jsonl` an epoch, so that a stopped training goes on with it.
The epoch whose perception head is right most often on the validation pictures is the best one, the earlier of two
equals, and its weights are kept. The test pictures have no say.
"""

import json
import logging
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
import torch.nn.functional as F

from abn import files
from abn.errors import ABNError
from abn.network.model import AttentionBranchNetwork
from abn.training.distributed import ALONE, Team
from abn.training.previews import PreviewImages, sheet
from abn.training.supervised import Pictures

BATCH = 64  # pictures, to measure
FIGURES = ("accuracy", "accuracy_auxiliary", "loss_perception", "loss_attention", "map_mean", "map_spread")
CHOSEN_BY = "accuracy"  # of the perception head, on validation pictures

log = logging.getLogger(__name__)


@torch.inference_mode()
def measure(
    network: AttentionBranchNetwork, pictures: Pictures, *, device: str = "cpu", team: Team = ALONE
) -> dict[str, float]:
    """Both heads over all pictures, in float32, and how the map is; each picture counts once, whoever looks at it.

    `map_spread` is the mean over pictures of the map's standard deviation over cells: near 0 the maps are flat.
    """
    mine = np.arange(team.rank, len(pictures.labels), team.size)
    sums = torch.zeros(6, dtype=torch.double, device=device)
    for images, labels in pictures.plain(mine, BATCH):
        output, labels = network(images.to(device, memory_format=torch.channels_last)), labels.to(device)
        maps = output.attention.flatten(1).double()
        per_picture = [
            output.logits.argmax(1) == labels,
            output.aux_logits.argmax(1) == labels,
            F.cross_entropy(output.logits, labels, reduction="none"),
            F.cross_entropy(output.aux_logits, labels, reduction="none"),
            maps.mean(1),
            maps.std(1, correction=0),
        ]
        sums += torch.stack([values.double().sum() for values in per_picture])
    means = (team.sum(sums) / len(pictures.labels)).tolist()
    return {name: round(value, 4) for name, value in zip(FIGURES, means, strict=True)}


class Epochs:
    """Looks at a network at the end of each epoch, and once before training."""

    def __init__(
        self,
        network: AttentionBranchNetwork,
        validation: Pictures | None,
        *,
        ends: Sequence[int],
        batch: int,
        folder: Path,
        shown: PreviewImages,
        device: str = "cpu",
        team: Team = ALONE,
    ):
        """`ends` are the steps at which an epoch ends; what is kept goes to `folder`. Without `validation` nothing is
        chosen: the end of the training is what remains."""
        self._network, self._validation, self._shown = network, validation, shown
        self._batch, self._folder, self._device, self._team = batch, folder, device, team
        self.tally = torch.zeros(3, dtype=torch.double, device=device)  # training losses, steps, seconds of an epoch
        self.moments = {0: 0, **{step: epoch for epoch, step in enumerate(ends, start=1)}}  # step → epoch
        self.records: list[dict] = team.of_first(self._recall)
        self.current: dict = {}  # the record of the network as it is

    @property
    def best(self) -> dict | None:
        """The record of the best epoch so far."""
        trained = [record for record in self.records if record["epoch"] and CHOSEN_BY in record]
        return max(trained, key=lambda record: record[CHOSEN_BY], default=None)  # the first of equals

    def look(self, step: int) -> None:
        """Measure after `step` steps, unless a run that was stopped has done it, and keep the best weights.

        The network is in evaluation mode. 0 forgets all that was kept.
        """
        if step == 0:
            self.records = []
        losses, steps, seconds = (self._team.sum(self.tally) / self._team.size).tolist()
        self.tally.zero_()
        self.current = next((record for record in self.records if record["step"] == step), {})
        if self.current:
            return
        record = {"epoch": self.moments[step], "step": step}
        if steps:
            self._team.each(lambda: _check_finite(losses, step))
            speed = steps * self._batch / seconds
            record |= {"loss": round(losses / steps, 4)}
            record |= {"seconds": round(seconds, 2), "images_per_second": round(speed, 1)}
        if self._validation is not None:
            record |= measure(self._network, self._validation, device=self._device, team=self._team)
        better = step > 0 and CHOSEN_BY in record and (not self.best or record[CHOSEN_BY] > self.best[CHOSEN_BY])
        self.records, self.current = [*self.records, record], record
        if self._team.leads:
            self._keep(record, better)
        log.info("%s", _told(record, len(self.moments) - 1, better))

    def restore_best(self) -> int:
        """Give the network the weights of the best epoch, in place; returns the step after which they were."""
        best = self.best
        if best is None:
            return max(self.moments)
        self.current = best
        if best["step"] != max(self.moments):
            try:
                tensors = safetensors.torch.load((self._folder / "best.safetensors").read_bytes())
                self._network.load_state_dict(tensors, strict=True)
            except (OSError, ValueError, RuntimeError, safetensors.SafetensorError) as error:
                raise ABNError(
                    "The weights of the best epoch are missing in the work folder, or damaged: give another --work."
                ) from error
        return best["step"]

    def _keep(self, record: dict, better: bool) -> None:
        """Weights, maps, and last the line that says that all is there."""
        maps = self._folder / "maps"
        title = f"Epoch {record['epoch']}, after {record['step']} steps" if record["step"] else "Before training"
        with files.atomic_file(maps / f"epoch-{record['epoch']:03}.png") as file:
            sheet(self._network, self._shown, title).save(file, "PNG")
        if better:
            tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in self._network.state_dict().items()}
            files.write_file(self._folder / "best.safetensors", safetensors.torch.save(tensors))
        lines = "".join(json.dumps(one) + "\n" for one in self.records)
        files.write_file(self._folder / "metrics.jsonl", lines)

    def _recall(self) -> list[dict]:
        try:
            lines = (self._folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
            return [json.loads(line) for line in lines]
        except (OSError, ValueError):
            return []


def _check_finite(losses: float, step: int) -> None:
    if not math.isfinite(losses):
        raise ABNError(
            f"The loss is no number any more after {step} steps: give a smaller --rate, or let it rise in a --warm-up."
        )


def _told(record: dict, epochs: int, better: bool) -> str:
    told = f"epoch {record['epoch']} of {epochs}" if record["epoch"] else "before training"
    parts = [f"loss {record['loss']:.3f}"] if "loss" in record else []
    if CHOSEN_BY in record:
        parts.append(f"validation: perception {record['accuracy']:.3f}, auxiliary {record['accuracy_auxiliary']:.3f}")
    if "seconds" in record:
        parts.append(f"{record['seconds']:.0f} s, {record['images_per_second']:.0f} images/s")
    return f"{told}: " + "; ".join(parts) + (" (best yet)" if better else "")
