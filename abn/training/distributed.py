"""Several processes that train one network together, as `torchrun` starts them, and one process that trains alone.

Each process takes its part of every batch; the gradients are averaged (DistributedDataParallel, gloo on processors,
NCCL on CUDA), so that a step is the step of one process with the whole batch. What one process finds wrong, all hear
of: none waits for another that has given up. Only the first process writes files and speaks.

Batch norms see their own process's part of a batch, unless `synchronize` lets them see the whole. torch's
SyncBatchNorm does that on CUDA alone; this one does it anywhere, the same on one process and on many.
"""

import contextlib
import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import torch
import torch.distributed as dist
from timm.layers import BatchNormAct2d
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.parallel import DistributedDataParallel

from abn.errors import ABNError

PATIENCE = timedelta(minutes=30)  # that a process waits for the others
Found = TypeVar("Found")


class SharedError(ABNError):
    """An error that every process of a team raises alike, so that one of them need tell it."""


@dataclass(frozen=True)
class Team:
    """The processes that train together."""

    rank: int = 0
    size: int = 1
    local: int = 0  # the rank among those of this machine, which decides on the GPU

    @property
    def leads(self) -> bool:
        """Whether this process writes and speaks."""
        return self.rank == 0

    def part(self, count: int) -> slice:
        """This process's part of a batch of `count`, which all parts divide evenly."""
        if count % self.size:
            raise ABNError(
                f"A batch of {count} can't be divided among {self.size} processes: give a multiple of it as --batch."
            )
        each = count // self.size
        return slice(self.rank * each, (self.rank + 1) * each)

    def all(self, work: Callable[[], Found]) -> list[Found]:
        """What `work()` gives in each process, in their order; an `ABNError` in one is a `SharedError` in all."""
        if self.size == 1:
            return [work()]
        try:
            mine = work(), None
        except ABNError as error:
            mine = None, str(error)
        found: list = [None] * self.size
        dist.all_gather_object(found, mine)
        for _, error in found:
            if error is not None:
                raise SharedError(error)
        return [result for result, _ in found]

    def each(self, work: Callable[[], Found]) -> Found:
        """What `work()` gives in this process; an `ABNError` in any is a `SharedError` in all."""
        kept: list[Found] = []
        self.all(lambda: kept.append(work()))
        return kept[0]

    def of_first(self, work: Callable[[], Found]) -> Found:
        """What `work()` gives in the first process alone, in all; so is its `ABNError`."""
        if self.size == 1:
            return work()
        told: list = [None, None]
        if self.leads:
            try:
                told[0] = work()
            except ABNError as error:
                told[1] = str(error)
        dist.broadcast_object_list(told)
        if told[1] is not None:
            raise SharedError(told[1])
        return told[0]

    def sum(self, numbers: Tensor) -> Tensor:
        """The sum over the processes, in place."""
        if self.size > 1:
            dist.all_reduce(numbers)
        return numbers

    def wrap(self, network: nn.Module) -> nn.Module:
        """What to call in place of `network` while training, so that gradients are averaged.

        Every parameter that learns must get a gradient in every step: freeze the others before.
        """
        return network if self.size == 1 else DistributedDataParallel(network)

    def align(self, network: nn.Module) -> None:
        """Give all processes the first one's buffers, which are its batch norms' statistics; in place."""
        for buffer in network.buffers() if self.size > 1 else ():
            dist.broadcast(buffer, 0)


ALONE = Team()


@contextlib.contextmanager
def joined(device: str) -> Iterator[Team]:
    """The team that this process was started in: of `torchrun`, by the variables that it sets, or alone.

    `device` is "cpu" or "cuda". An error that all processes raise ends all but the first without a word.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        yield ALONE
        return
    team = Team(int(os.environ["RANK"]), size, int(os.environ.get("LOCAL_RANK", "0")))
    if device == "cuda":
        torch.cuda.set_device(team.local)
    # a 1×1 convolution, channels last: its gradient has two right orders of memory, and torch copies one into the other
    warnings.filterwarnings("ignore", message="Grad strides do not match bucket view strides")
    dist.init_process_group("nccl" if device == "cuda" else "gloo", timeout=PATIENCE)
    try:
        yield team
    except SharedError as error:
        if team.leads:
            raise
        raise SystemExit(1) from error
    dist.destroy_process_group()  # not after an error: others may wait for this process, and must see it go


# ---- batch norms that see the whole batch ----


def synchronize(network: nn.Module, team: Team) -> None:
    """Let every batch norm take its statistics over the parts of all processes; in place, names and weights kept.

    Raises `ABNError` where a batch norm is of a kind that is not known here.
    """
    if team.size == 1:
        return
    kinds = {nn.BatchNorm2d: SyncedBatchNorm, BatchNormAct2d: SyncedBatchNormAct}
    for module in network.modules():
        if type(module) in kinds:
            module.__class__ = kinds[type(module)]  # same weights, same buffers, another way to take statistics
        elif isinstance(module, nn.modules.batchnorm._BatchNorm):
            raise ABNError(f"A {type(module).__name__} can't be synchronized: leave out --sync-bn.")


class SyncedBatchNorm(nn.BatchNorm2d):
    """A batch norm over the batches of all processes while it trains, and an ordinary one otherwise."""

    def forward(self, x: Tensor) -> Tensor:
        return _synced(self, x) if self.training else super().forward(x)


class SyncedBatchNormAct(BatchNormAct2d):
    """The same with timm's activation behind it."""

    def forward(self, x: Tensor) -> Tensor:
        return self.act(self.drop(_synced(self, x))) if self.training else super().forward(x)


def _synced(norm: nn.BatchNorm2d, x: Tensor) -> Tensor:
    """x (B, C, h, w) normalized by the statistics of all processes' x, which are of one size; updates the running ones.

    The variance of all is the mean of the variances and the variance of the means.
    """
    with torch.no_grad():
        mine = torch.stack(torch.var_mean(_full(x), (0, 2, 3), correction=0))  # (2, C)
        gathered = [torch.empty_like(mine) for _ in range(dist.get_world_size())]
        dist.all_gather(gathered, mine)
        variances, means = torch.stack(gathered).unbind(1)  # (processes, C) each
        mean, variance = means.mean(0), variances.mean(0) + means.var(0, correction=0)
        count = x.numel() // x.shape[1] * len(gathered)
        norm.num_batches_tracked.add_(1)
        share = 1 / norm.num_batches_tracked.item() if norm.momentum is None else norm.momentum
        norm.running_mean.lerp_(mean, share)
        norm.running_var.lerp_(variance * count / (count - 1), share)
    return _Normalize.apply(x, norm.weight, norm.bias, mean, (variance + norm.eps).rsqrt())


class _Normalize(torch.autograd.Function):
    """y = (x − mean) / deviation · weight + bias, where mean and deviation depend on the x of all processes."""

    @staticmethod
    def forward(ctx, x: Tensor, weight: Tensor, bias: Tensor, mean: Tensor, scale: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight, mean, scale)
        centerd = (_full(x) - _wide(mean)) * _wide(scale * weight)
        return (centerd + _wide(bias)).to(x.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor):
        x, weight, mean, scale = ctx.saved_tensors
        gradient, normal = _full(gradient), (_full(x) - _wide(mean)) * _wide(scale)
        mine = torch.stack([gradient.sum((0, 2, 3)), (gradient * normal).sum((0, 2, 3))])  # (2, C)
        of_all = mine.clone()
        dist.all_reduce(of_all)
        of_all /= x.numel() // x.shape[1] * dist.get_world_size()
        to_x = gradient - _wide(of_all[0]) - normal * _wide(of_all[1])
        return (to_x * _wide(scale * weight)).to(x.dtype), mine[1], mine[0], None, None


def _full(x: Tensor) -> Tensor:
    """x in float32, or in float64 as it was."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _wide(values: Tensor) -> Tensor:
    """(C,) as (1, C, 1, 1)."""
    return values[None, :, None, None]
