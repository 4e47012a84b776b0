"""Supervised training as in the paper: L = L_att + L_per, SGD with momentum, the learning rate cut at ½ and ¾.

The authors train 300 epochs at batch 128 from a learning rate of 0.1, cut by ten at 150 and 225; here the same shape is
shortened to what the machine bears.
"""

import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from abn.network.model import ABNOutput
from abn.training import loop
from abn.training.distributed import SINGLE, Processes
from abn.training.sample_order import SampleOrder

SAVE_EACH = 200  # steps


class LabeledImages(Protocol):
    """Labeled images, to train with and to measure on; they come normalized, (B, 3, H, W) float32."""

    @property
    def labels(self) -> np.ndarray:
        """Classes (N,)."""

    def training_batches(self, order: SampleOrder, start: int, share: slice) -> Iterator[tuple[Tensor, Tensor]]:
        """Images and labels (B,) of `share` of each step's batch from step `start` on, augmented as the order's seed
        says: the same for one seed, wherever they begin and whoever takes which share."""

    def plain_batches(self, which: np.ndarray, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Images `which` (N,) in batches of `size`, not augmented."""


@dataclass(frozen=True)
class Schedule:
    """Every number of a training from scratch."""

    epochs: float = 4.0
    batch: int = 128
    rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 1e-4
    cuts: tuple[float, ...] = (0.5, 0.75)  # shares of the steps after which the learning rate is divided by ten

    def order(self, count: int, seed: int) -> SampleOrder:
        """The order of `count` images."""
        return SampleOrder(count, batch=self.batch, epochs=self.epochs, seed=seed)


@dataclass(frozen=True)
class Recipe(Schedule):
    """A schedule that may differ from the paper's."""

    optimizer: str = "sgd"  # or "adamw"
    warm_up: float = 0.0  # epochs in which the learning rate rises linearly


def total_loss(output: ABNOutput | Tensor, labels: Tensor) -> Tensor:
    """L_att + L_per of an Attention Branch Network (paper, Sec. 3.4), L_per of a plain one."""
    if isinstance(output, ABNOutput):
        return F.cross_entropy(output.aux_logits.float(), labels) + F.cross_entropy(output.logits.float(), labels)
    return F.cross_entropy(output.float(), labels)


def train(
    network: nn.Module,
    images: LabeledImages,
    schedule: Schedule,
    *,
    seed: int,
    path: Path,
    moments: Collection[int] = (),
    at_moment: Callable[[int], None] = lambda _: None,
    settings: dict | None = None,
    processes: Processes = SINGLE,
    device: str = "cpu",
    tally: Tensor | None = None,
    save_each: int = SAVE_EACH,
    **options,
) -> None:
    """Train in place, in an order that `seed` alone decides; resumes from `path`. See `loop.fit` for the rest.

    `settings` identify the training that `path` belongs to (default: schedule, seed and number of images). `tally` (3,)
    sums up losses, steps and seconds.
    """
    order, share = schedule.order(len(images.labels), seed), processes.share(schedule.batch)
    network.to(device).to(memory_format=torch.channels_last).train()
    optimizer, rates = _optimizer(network, schedule, order)
    forward, batches, since = processes.wrap(network), None, time.monotonic()

    def loss(step: int) -> Tensor:
        nonlocal batches
        batches = batches or images.training_batches(order, step, share)
        inputs, labels = next(batches)
        inputs = inputs.to(device, memory_format=torch.channels_last, non_blocking=True)
        torch.manual_seed(mixed_seed(seed, step, processes.rank))  # dropout is the same however often it was stopped
        value = total_loss(forward(inputs), labels.to(device, non_blocking=True))
        count(value.detach(), steps=1)
        return value

    def pause(step: int) -> None:
        nonlocal since
        count(0, steps=0)
        network.eval()
        processes.broadcast_buffers(network)
        at_moment(step)
        network.train()
        since = time.monotonic()

    def count(value: Tensor | float, *, steps: int) -> None:
        nonlocal since
        now = time.monotonic()
        if tally is not None:
            tally[0] += value
            tally[1] += steps
            tally[2] += now - since
        since = now

    loop.fit(
        network,
        loss,
        steps=len(order),
        optimizer=optimizer,
        schedule=rates,
        path=path,
        settings=settings or {**asdict(schedule), "cuts": list(schedule.cuts), "seed": seed, "items": order.count},
        moments=moments,
        at_moment=pause,
        processes=processes,
        device=device,
        tally=tally,
        save_each=save_each,
        **options,
    )
    network.eval()


def mixed_seed(*numbers: int) -> int:
    """One seed of several numbers, such that near ones have nothing in common."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


def _optimizer(
    network: nn.Module, schedule: Schedule, order: SampleOrder
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """The optimizer of what learns, and the course of its learning rate."""
    learning = [p for p in network.parameters() if p.requires_grad]
    optimizer: torch.optim.Optimizer
    if getattr(schedule, "optimizer", "sgd") == "adamw":
        optimizer = torch.optim.AdamW(learning, lr=schedule.rate, weight_decay=schedule.weight_decay)
    else:
        optimizer = torch.optim.SGD(
            learning, lr=schedule.rate, momentum=schedule.momentum, weight_decay=schedule.weight_decay
        )
    milestones = [round(cut * len(order)) for cut in schedule.cuts]
    rates: torch.optim.lr_scheduler.LRScheduler
    rates = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones, gamma=0.1)
    warm_up = round(getattr(schedule, "warm_up", 0.0) * order.count / order.batch)
    if warm_up:
        rising = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=1 / (warm_up + 1), total_iters=warm_up)
        rates = torch.optim.lr_scheduler.ChainedScheduler([rising, rates])
    return optimizer, rates
