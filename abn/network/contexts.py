"""Two ways in which torch makes weights: from a seed that leaves the global generator alone, and as shapes alone."""

import contextlib
import threading
from collections.abc import Iterator

import torch
from torch.overrides import TorchFunctionMode

generator_lock = threading.RLock()  # torch has one generator for all threads


@contextlib.contextmanager
def isolated_generator(seed: int | None = None) -> Iterator[None]:
    """Random numbers from `seed`, if there is one, that leave the global generator as it was; no other thread that
    makes a network draws in between."""
    with generator_lock, torch.random.fork_rng(devices=[]):
        if seed is not None:
            torch.manual_seed(seed)
        yield


@contextlib.contextmanager
def shapes_only() -> Iterator[None]:
    """Tensors made here have shape and type, and no memory: a network of any size can be built and its output shapes
    computed at hardly any cost."""
    with torch.device("meta"), _RealNumbers():
        yield


class _RealNumbers(TorchFunctionMode):
    """Ranges and literal integers stay real, since networks read their values while they are built."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if func in (torch.linspace, torch.arange):
            kwargs.setdefault("device", "cpu")
        elif func is torch.tensor and not (real := func(*args, **{**kwargs, "device": "cpu"})).is_floating_point():
            return real
        return func(*args, **kwargs)
