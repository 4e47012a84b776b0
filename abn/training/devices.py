"""Where to train: CUDA, Apple's MPS, or the CPU. No Mac was available, so MPS was never run."""

import os

import torch

from abn.errors import ABNError

DEVICES = ("auto", "cpu", "cuda", "mps")
MISSING = "PyTorch finds no {name} device: leave out --device, or use --device cpu."
SEVERAL = "MPS trains in one process only: start without torchrun, or use --device cpu."


def choose_device(name: str) -> str:
    """The device of one of `DEVICES`; "auto" is CUDA, else MPS for a single process, else the CPU. Raises `ABNError`
    where it isn't there."""
    alone = os.environ.get("WORLD_SIZE", "1") == "1"
    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        return "cuda" if available["cuda"] else "mps" if available["mps"] and alone else "cpu"
    if not available[name]:
        raise ABNError(MISSING.format(name=name.upper()))
    if name == "mps" and not alone:
        raise ABNError(SEVERAL)
    return name


def sum_type(device: str) -> torch.dtype:
    """The type to sum in: float64, which MPS doesn't have."""
    return torch.float32 if device == "mps" else torch.float64
