"""Training from scratch as the paper does: L = L_att + L_per, SGD with momentum, the rate cut at ½ and ¾ of the way.

The authors train 300 epochs at batch 128 from a rate of 0.1, cut by ten at 150 and 225; here the same shape is
shortened to what two CPU cores bear. Each picture is mirrored at random; nothing else is augmented.
"""

from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from abn.model import ABNOutput
from abn.training import loop
from abn.training.fashion import Items

SAVE_EACH = 200  # steps


@dataclass(frozen=True)
class Schedule:
    """Every number of a training from scratch."""

    epochs: float = 4.0
    batch: int = 128
    rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 1e-4
    cuts: tuple[float, float] = (0.5, 0.75)  # shares of the steps after which the rate is divided by ten


def total_loss(output: ABNOutput | Tensor, labels: Tensor) -> Tensor:
    """L_att + L_per of an Attention Branch Network (paper, Sec. 3.4), L_per of a plain one."""
    if isinstance(output, ABNOutput):
        return F.cross_entropy(output.aux_logits.float(), labels) + F.cross_entropy(output.logits.float(), labels)
    return F.cross_entropy(output.float(), labels)


def train(
    network: nn.Module,
    items: Items,
    schedule: Schedule,
    *,
    seed: int,
    path: Path,
    moments: Collection[int] = (),
    at_moment: Callable[[int], None] = lambda _: None,
) -> None:
    """Train in place on labelled pictures, in an order that `seed` alone decides; resumes from `path`."""
    order, flips = _order(len(items), schedule, seed)
    optimiser = torch.optim.SGD(
        network.parameters(), lr=schedule.rate, momentum=schedule.momentum, weight_decay=schedule.weight_decay
    )
    milestones = [round(cut * len(order)) for cut in schedule.cuts]
    rates = torch.optim.lr_scheduler.MultiStepLR(optimiser, milestones, gamma=0.1)
    network.to(memory_format=torch.channels_last).train()

    def step_loss(step: int) -> Tensor:
        which = order[step]
        images = torch.from_numpy(items.inputs(which, flips[step])).contiguous(memory_format=torch.channels_last)
        return total_loss(network(images), torch.from_numpy(items.labels[which].astype(np.int64)))

    def look(step: int) -> None:
        network.eval()
        at_moment(step)
        network.train()

    loop.fit(
        network,
        step_loss,
        steps=len(order),
        optimiser=optimiser,
        schedule=rates,
        path=path,
        settings={**asdict(schedule), "cuts": list(schedule.cuts), "seed": seed, "items": len(items)},
        save_each=SAVE_EACH,
        moments=moments,
        at_moment=look,
    )
    network.eval()


def steps(count: int, schedule: Schedule) -> int:
    """How many steps a training on `count` pictures takes."""
    return int(count * schedule.epochs / schedule.batch)


def _order(count: int, schedule: Schedule, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Which pictures each step sees, and which of them mirrored: (steps, batch) each."""
    rng = np.random.default_rng(seed)
    shape = steps(count, schedule), schedule.batch
    stream = np.concatenate([rng.permutation(count) for _ in range(int(np.ceil(schedule.epochs)))])
    return stream[: shape[0] * shape[1]].reshape(shape), rng.random(shape) < 0.5
