"""Training from scratch as the paper does: L = L_att + L_per, SGD with momentum, the rate cut at ½ and ¾ of the way.

The authors train 300 epochs at batch 128 from a rate of 0.1, cut by ten at 150 and 225; here the same shape is
shortened to what the machine bears. What is trained with comes as `Pictures`: items in memory, or files of a folder.
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
from abn.training.distributed import ALONE, Team
from abn.training.sample_order import Order

SAVE_EACH = 200  # steps


class Pictures(Protocol):
    """Labeled pictures, to train with and to measure on; images come normalized, (B, 3, H, W) float32."""

    labels: np.ndarray  # (N,) class

    def batches(self, order: Order, start: int, part: slice) -> Iterator[tuple[Tensor, Tensor]]:
        """Images and labels (B,) of `part` of each step's batch from step `start` on, augmented as the order's seed
        says: the same for one seed, wherever they begin and whoever takes which part."""

    def plain(self, which: np.ndarray, batch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Pictures `which` (N,) in batches, as they are shown in use."""


@dataclass(frozen=True)
class Schedule:
    """Every number of a training from scratch."""

    epochs: float = 4.0
    batch: int = 128
    rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 1e-4
    cuts: tuple[float, ...] = (0.5, 0.75)  # shares of the steps after which the rate is divided by ten


@dataclass(frozen=True)
class Recipe(Schedule):
    """A schedule that may leave the paper's."""

    optimizer: str = "sgd"  # or "adamw"
    warm_up: float = 0.0  # epochs in which the rate rises evenly from nearly nothing


def total_loss(output: ABNOutput | Tensor, labels: Tensor) -> Tensor:
    """L_att + L_per of an Attention Branch Network (paper, Sec. 3.4), L_per of a plain one."""
    if isinstance(output, ABNOutput):
        return F.cross_entropy(output.aux_logits.float(), labels) + F.cross_entropy(output.logits.float(), labels)
    return F.cross_entropy(output.float(), labels)


def train(
    network: nn.Module,
    pictures: Pictures,
    schedule: Schedule,
    *,
    seed: int,
    path: Path,
    moments: Collection[int] = (),
    at_moment: Callable[[int], None] = lambda _: None,
    settings: dict | None = None,
    team: Team = ALONE,
    **how,
) -> None:
    """Train in place on labeled pictures, in an order that `seed` alone decides; resumes from `path`.

    `settings` tell `path` of one training from that of another, beside the schedule and the seed. `how` goes to
    `loop.fit`; its `tally` (3,) sums up losses, steps and seconds.
    """
    order = Order(len(pictures.labels), batch=schedule.batch, epochs=schedule.epochs, seed=seed)
    device, tally, part = how.get("device", "cpu"), how.get("tally"), team.part(schedule.batch)
    network.to(device, memory_format=torch.channels_last).train()
    optimizer, rates = _descent(network, schedule, order)
    forward, stream, since = team.wrap(network), None, time.monotonic()

    def step_loss(step: int) -> Tensor:
        nonlocal stream
        if stream is None:
            stream = pictures.batches(order, step, part)
        images, labels = next(stream)
        images = images.to(device, memory_format=torch.channels_last, non_blocking=True)
        torch.manual_seed(drawn_seed(seed, step, team.rank))  # what drops out is the same however often it was stopped
        loss = total_loss(forward(images), labels.to(device, non_blocking=True))
        clock(loss.detach(), 1)
        return loss

    def look(step: int) -> None:
        nonlocal since
        clock(0, 0)
        network.eval()
        team.align(network)
        at_moment(step)
        network.train()
        since = time.monotonic()

    def clock(loss: Tensor | float, steps: int) -> None:
        nonlocal since
        now = time.monotonic()
        if tally is not None:
            tally[0] += loss
            tally[1] += steps
            tally[2] += now - since
        since = now

    loop.fit(
        network,
        step_loss,
        steps=len(order),
        optimizer=optimizer,
        schedule=rates,
        path=path,
        settings=settings or {**asdict(schedule), "cuts": list(schedule.cuts), "seed": seed, "items": order.count},
        moments=moments,
        at_moment=look,
        team=team,
        **{"save_each": SAVE_EACH, **how},
    )
    network.eval()


def steps(count: int, schedule: Schedule) -> int:
    """How many steps a training on `count` pictures takes."""
    return len(Order(count, batch=schedule.batch, epochs=schedule.epochs, seed=0))


def drawn_seed(*numbers: int) -> int:
    """One seed of several numbers, such that near ones have nothing in common."""
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


def _descent(
    network: nn.Module, schedule: Schedule, order: Order
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """The optimizer of what learns, and the course of its rate."""
    learning = [p for p in network.parameters() if p.requires_grad]
    common = {"lr": schedule.rate, "weight_decay": schedule.weight_decay}
    if getattr(schedule, "optimizer", "sgd") == "adamw":
        optimizer = torch.optim.AdamW(learning, **common)
    else:
        optimizer = torch.optim.SGD(learning, momentum=schedule.momentum, **common)
    milestones = [round(cut * len(order)) for cut in schedule.cuts]
    rates = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones, gamma=0.1)
    warm = round(getattr(schedule, "warm_up", 0.0) * order.count / order.batch)
    if warm:
        rising = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=1 / (warm + 1), total_iters=warm)
        rates = torch.optim.lr_scheduler.ChainedScheduler([rising, rates])
    return optimizer, rates
