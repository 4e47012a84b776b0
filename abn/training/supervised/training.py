"""Supervised training as in the paper: L = L_att + L_per, SGD with momentum, a learning rate that falls.

The authors train 300 epochs at batch 128 from a learning rate of 0.1, cut by ten at 150 and 225. Here the same shape is
shortened to what the machine bears; or one cycle (Smith and Topin 2017, arXiv 1708.07120), which ends flat after fewer.
"""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from abn.network.model import ABNOutput
from abn.training import loop
from abn.training.distributed import SINGLE, Processes
from abn.training.sample_order import SampleOrder, mixed_seed

SAVE_EACH = 200  # steps
CUTS, ONE_CYCLE = SCHEDULES = ("cuts", "one-cycle")
RISING = 0.2  # share of the steps of one cycle in which the learning rate rises


class LabeledImages(Protocol):
    """Labeled images, to train with and to measure on; they come normalized, (B, 3, H, W) float32."""

    @property
    def labels(self) -> np.ndarray:
        """Classes (N,)."""

    def training_batches(self, order: SampleOrder, start: int, share: slice) -> Iterator[tuple[Tensor, Tensor]]:
        """Images and labels (B,) of `share` of each step's batch from step `start` on, augmented. They depend on the
        order's seed, the step and the image alone, not on `start` or `share`."""

    def plain_batches(self, which: np.ndarray, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Images `which` (N,) in batches of `size`, not augmented."""


@dataclass(frozen=True)
class Recipe:
    """Every number of a training from scratch."""

    epochs: float = 4.0
    batch: int = 128
    rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 1e-4
    cuts: tuple[float, ...] = (0.5, 0.75)  # shares of the steps after which the learning rate is divided by ten
    optimizer: str = "sgd"  # or "adamw"
    warm_up: float = 0.0  # epochs in which the learning rate rises linearly
    schedule: str = CUTS  # or ONE_CYCLE: up to `rate` and down to nearly zero, without cuts

    def to_json(self) -> dict[str, Any]:
        """The recipe as plain data."""
        return {**asdict(self), "cuts": list(self.cuts)}

    def order(self, count: int, seed: int) -> SampleOrder:
        """The order of `count` images."""
        return SampleOrder(count, batch=self.batch, epochs=self.epochs, seed=seed)


def total_loss(output: ABNOutput | Tensor, labels: Tensor) -> Tensor:
    """L_att + L_per of an Attention Branch Network (paper, Sec. 3.4), L_per of a plain one."""
    if isinstance(output, ABNOutput):
        return F.cross_entropy(output.aux_logits.float(), labels) + F.cross_entropy(output.logits.float(), labels)
    return F.cross_entropy(output.float(), labels)


def train(
    network: nn.Module,
    images: LabeledImages,
    recipe: Recipe,
    *,
    seed: int,
    path: Path,
    settings: dict | None = None,
    at_moment: Callable[[int], None] = lambda _: None,
    processes: Processes = SINGLE,
    device: str = "cpu",
    save_each: int = SAVE_EACH,
    **options: Any,
) -> None:
    """Train in place, in an order that `seed` alone decides; resumes from `path`. See `loop.fit` for the `options`.

    `settings` identify the training that `path` belongs to (default: recipe, seed and number of images).
    """
    order, share = recipe.order(len(images.labels), seed), processes.share(recipe.batch)
    network.to(device).to(memory_format=torch.channels_last).train()
    optimizer, schedule = _optimizer(network, recipe, order)
    forward, batches = processes.wrap(network), None

    def loss(step: int) -> Tensor:
        nonlocal batches
        batches = batches or images.training_batches(order, step, share)
        inputs, labels = next(batches)
        inputs = inputs.to(device, memory_format=torch.channels_last, non_blocking=True)
        torch.manual_seed(mixed_seed(seed, step, processes.rank))  # dropout is the same however often it was stopped
        return total_loss(forward(inputs), labels.to(device, non_blocking=True))

    def pause(step: int) -> None:
        network.eval()
        processes.broadcast_buffers(network)
        at_moment(step)
        network.train()

    loop.fit(
        network,
        loss,
        steps=len(order),
        optimizer=optimizer,
        schedule=schedule,
        path=path,
        settings=settings or {**recipe.to_json(), "seed": seed, "items": order.count},
        at_moment=pause,
        processes=processes,
        device=device,
        save_each=save_each,
        **options,
    )
    network.eval()


def _optimizer(
    network: nn.Module, recipe: Recipe, order: SampleOrder
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """The optimizer of what learns, and the course of its learning rate."""
    options: dict[str, Any] = {"lr": recipe.rate, "weight_decay": recipe.weight_decay}
    learning = [p for p in network.parameters() if p.requires_grad]
    optimizer: torch.optim.Optimizer
    if recipe.optimizer == "adamw":
        optimizer = torch.optim.AdamW(learning, **options)
    else:
        optimizer = torch.optim.SGD(learning, momentum=recipe.momentum, **options)
    if recipe.schedule == ONE_CYCLE:
        return optimizer, loop.one_cycle(optimizer, recipe.rate, steps=len(order), rising=RISING)
    milestones = [round(cut * len(order)) for cut in recipe.cuts]
    schedule: torch.optim.lr_scheduler.LRScheduler
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones, gamma=0.1)
    warm_up = round(recipe.warm_up * order.count / order.batch)
    if warm_up:
        rising = torch.optim.lr_scheduler.LinearLR(optimizer, start_factor=1 / (warm_up + 1), total_iters=warm_up)
        schedule = torch.optim.lr_scheduler.ChainedScheduler([rising, schedule])
    return optimizer, schedule
