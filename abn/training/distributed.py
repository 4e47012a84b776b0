"""The processes that train one network together, as `torchrun` starts them; or one process alone.

Each process takes its share of every batch, and DistributedDataParallel averages the gradients (gloo on CPUs, NCCL on
GPUs). Batch norms see their own process's share unless they are synchronized, which torch can do on GPUs only; the
running statistics are those of the first process. Only the first process writes files and logs progress.
"""

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from timm.layers import convert_sync_batchnorm
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from abn.errors import ABNError

TIMEOUT = timedelta(minutes=30)  # that a process waits for the others
CPU_SYNC = "Batch norms can be synchronized on GPUs only: leave out --sync-bn, or train with --device cuda."
Result = TypeVar("Result")


class SharedError(ABNError):
    """An error that every process raises alike, so that only the first one needs to report it."""


@dataclass(frozen=True)
class Processes:
    """The processes of one training, as one of them sees them."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0  # among the processes of this machine; the number of the GPU

    @property
    def is_first(self) -> bool:
        """Whether this process writes files and logs progress."""
        return self.rank == 0

    def share(self, batch: int) -> slice:
        """This process's share of a batch; `SharedError` where the processes don't divide it evenly."""
        if batch % self.size:
            raise SharedError(
                f"A batch of {batch} can't be divided among {self.size} processes: give a multiple of {self.size} "
                "as --batch."
            )
        each = batch // self.size
        return slice(self.rank * each, (self.rank + 1) * each)

    def run_on_first(self, work: Callable[[], Result]) -> Result:
        """The result of `work()` in the first process, in all of them; its `ABNError` is a `SharedError` in all."""
        return self._gather(work if self.is_first else lambda: None)[0]

    def run_on_all(self, work: Callable[[], Result]) -> Result:
        """The result of this process's `work()`; an `ABNError` in any process is a `SharedError` in all."""
        results: list[Result] = []
        self._gather(lambda: results.append(work()))
        return results[0]

    def _gather(self, work: Callable) -> list:
        """The result of each process's `work()`, in their order."""
        if self.size == 1:
            return [work()]
        own: tuple[Any, str | None]
        try:
            own = work(), None
        except ABNError as error:
            own = None, str(error)
        gathered: list = [None] * self.size
        dist.all_gather_object(gathered, own)
        for _, message in gathered:
            if message is not None:
                raise SharedError(message)
        return [result for result, _ in gathered]

    def sum(self, values: Tensor) -> Tensor:
        """The sum over the processes, in place."""
        if self.size > 1:
            dist.all_reduce(values)
        return values

    def wrap(self, network: nn.Module) -> nn.Module:
        """What to call in place of `network` while training, so that gradients are averaged.

        Every trainable parameter must get a gradient in every step: freeze the others before.
        """
        return network if self.size == 1 else DistributedDataParallel(network)

    def broadcast_buffers(self, network: nn.Module) -> None:
        """Give all processes the first one's buffers, which are its running statistics; in place."""
        for buffer in network.buffers() if self.size > 1 else ():
            dist.broadcast(buffer, 0)

    def synchronize_batchnorm(self, network: nn.Module, device: str) -> None:
        """Let batch norms take their statistics over the whole batch; in place. `SharedError` on CPUs."""
        if self.size > 1:
            if device != "cuda":
                raise SharedError(CPU_SYNC)
            convert_sync_batchnorm(network)


SINGLE = Processes()


@contextmanager
def join_processes(device: str) -> Iterator[Processes]:
    """Join the processes that `torchrun` started, by the variables that it sets; `device` is "cpu" or "cuda".

    An error that all processes raise ends all but the first silently.
    """
    if "WORLD_SIZE" not in os.environ or int(os.environ["WORLD_SIZE"]) == 1:
        yield SINGLE
        return
    processes = Processes(*(int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK")))
    if device == "cuda":
        torch.cuda.set_device(processes.local_rank)
    # a 1×1 convolution, channels last: its gradient has two right orders of memory, and torch copies one into the other
    warnings.filterwarnings("ignore", message="Grad strides do not match bucket view strides")
    dist.init_process_group("nccl" if device == "cuda" else "gloo", timeout=TIMEOUT)
    try:
        yield processes
    except SharedError as error:
        if processes.is_first:
            raise
        raise SystemExit(1) from error
    dist.destroy_process_group()  # not after an error: others may wait for this process, and must see it end
