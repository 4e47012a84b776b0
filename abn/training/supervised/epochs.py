"""The record of each epoch: both heads on the validation images, speed, a sheet of maps; and the best epoch's weights.

All of it is kept in the work folder, a line of `metrics.jsonl` an epoch, so that a stopped training resumes with it.
The best epoch has the highest accuracy of the perception head on the validation images, the earlier of two equals. The
test images have no influence.
"""

import json
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
import torch.nn.functional as F

from abn import files
from abn.errors import ABNError
from abn.network.model import AttentionBranchNetwork
from abn.training.devices import sum_type
from abn.training.distributed import SINGLE, Processes, SharedError
from abn.training.supervised.contact_sheet import PreviewImages, contact_sheet
from abn.training.supervised.training import LabeledImages

BATCH = 64  # images, to measure
METRICS = ("accuracy", "accuracy_auxiliary", "loss_perception", "loss_attention", "map_mean", "map_spread")
CRITERION = "accuracy"  # of the perception head, on validation images
NOT_FINITE = "The loss is NaN or infinite after {step} steps: give a smaller --rate, or let it rise in a --warm-up."
NO_WEIGHTS = "The weights of the best epoch are missing in the work folder, or damaged: give another --work."

log = logging.getLogger(__name__)


@torch.inference_mode()
def measure(
    network: AttentionBranchNetwork, images: LabeledImages, *, device: str = "cpu", processes: Processes = SINGLE
) -> dict[str, float]:
    """Both heads and the map over all images, in float32, shared among the processes; each image counts once.

    `map_spread` is the mean over images of the map's standard deviation over cells: near 0 the maps are flat.
    """
    which = np.arange(processes.rank, len(images.labels), processes.size)
    precise = sum_type(device)
    sums = torch.zeros(len(METRICS), dtype=precise, device=device)
    for inputs, labels in images.plain_batches(which, BATCH):
        output, labels = network(inputs.to(device, memory_format=torch.channels_last)), labels.to(device)
        maps = output.attention.flatten(1).to(precise)
        per_image = [
            output.logits.argmax(1) == labels,
            output.aux_logits.argmax(1) == labels,
            F.cross_entropy(output.logits, labels, reduction="none"),
            F.cross_entropy(output.aux_logits, labels, reduction="none"),
            maps.mean(1),
            maps.std(1, correction=0),
        ]
        sums += torch.stack([values.to(precise).sum() for values in per_image])
    means = (processes.sum(sums) / len(images.labels)).tolist()
    return {name: round(value, 4) for name, value in zip(METRICS, means, strict=True)}


@dataclass
class EpochLog:
    """Records a network at the end of each epoch, and once before training."""

    network: AttentionBranchNetwork
    validation: LabeledImages | None  # without them the last epoch is kept
    ends: Sequence[int]  # the steps at which an epoch ends
    batch: int
    folder: Path  # of this training
    previews: PreviewImages
    device: str = "cpu"
    processes: Processes = SINGLE

    def __post_init__(self) -> None:
        self.tally = torch.zeros(
            3, dtype=sum_type(self.device), device=self.device
        )  # losses, steps, seconds of the epoch so far
        self.epochs = {0: 0, **{step: epoch for epoch, step in enumerate(self.ends, start=1)}}  # step → epoch
        self.records: list[dict] = self.processes.run_on_first(self._read)
        self.current: dict = {}  # the record of the network as it is

    @property
    def last_step(self) -> int:
        return max(self.epochs)

    @property
    def best(self) -> dict | None:
        """The record of the best epoch so far."""
        trained = [record for record in self.records if record["epoch"] and CRITERION in record]
        return max(trained, key=lambda record: record[CRITERION], default=None)  # the first of equals

    def record(self, step: int) -> None:
        """Measure after `step` steps, unless a stopped run has done it, and keep the best weights.

        The network is in evaluation mode. Step 0 begins again.
        """
        if step == 0:
            self.records = []
        losses, steps, seconds = (self.processes.sum(self.tally) / self.processes.size).tolist()
        self.tally.zero_()
        self.current = next((record for record in self.records if record["step"] == step), {})
        if self.current:
            return
        record: dict = {"epoch": self.epochs[step], "step": step}
        if steps:
            if not math.isfinite(losses):  # the sum over all processes
                raise SharedError(NOT_FINITE.format(step=step))
            record |= {"loss": round(losses / steps, 4), "seconds": round(seconds, 2)}
            record |= {"images_per_second": round(steps * self.batch / seconds, 1)}
        if self.validation is not None:
            record |= measure(self.network, self.validation, device=self.device, processes=self.processes)
        better = step > 0 and CRITERION in record and (not self.best or record[CRITERION] > self.best[CRITERION])
        self.records, self.current = [*self.records, record], record
        if self.processes.is_first:
            self._write(record, better)
        log.info("%s", _describe(record, len(self.epochs) - 1, better))

    def restore_best(self) -> int:
        """Give the network the weights of the best epoch, in place; returns the step after which they were."""
        best = self.best
        if best is None:
            return self.last_step
        self.current = best
        if best["step"] != self.last_step:
            try:
                tensors = safetensors.torch.load((self.folder / "best.safetensors").read_bytes())
                self.network.load_state_dict(tensors, strict=True)
            except (OSError, ValueError, RuntimeError, safetensors.SafetensorError) as error:
                raise ABNError(NO_WEIGHTS) from error
        return best["step"]

    def _write(self, record: dict, better: bool) -> None:
        """Write the sheet of maps, the weights, and last the line of metrics, which marks the epoch as complete."""
        title = f"Epoch {record['epoch']}, after {record['step']} steps" if record["step"] else "Before training"
        with files.atomic_file(self.folder / "maps" / f"epoch-{record['epoch']:03}.png") as file:
            contact_sheet(self.network, self.previews, title).save(file, "PNG")
        if better:
            tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in self.network.state_dict().items()}
            files.write_file(self.folder / "best.safetensors", safetensors.torch.save(tensors))
        lines = "".join(json.dumps(record) + "\n" for record in self.records)
        files.write_file(self.folder / "metrics.jsonl", lines)

    def _read(self) -> list[dict]:
        try:
            lines = (self.folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
            return [json.loads(line) for line in lines]
        except (OSError, ValueError):
            return []


def _describe(record: dict, epochs: int, better: bool) -> str:
    parts = [f"loss {record['loss']:.3f}"] if "loss" in record else []
    if CRITERION in record:
        parts.append(f"validation: perception {record['accuracy']:.3f}, auxiliary {record['accuracy_auxiliary']:.3f}")
    if "seconds" in record:
        parts.append(f"{record['seconds']:.0f} s, {record['images_per_second']:.0f} images/s")
    name = f"epoch {record['epoch']} of {epochs}" if record["epoch"] else "before training"
    return f"{name}: " + "; ".join(parts) + (" (best yet)" if better else "")
