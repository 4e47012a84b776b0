"""Weights in the files that people have: of PyTorch or safetensors, bare or in a container, their names with prefixes.

A pickle is read with `weights_only=True`, so that nothing in it can run; for a file from anybody, call this in a child
process (see `untrusted_torch`).
"""

import argparse
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.torch
import torch
from numpy._core import multiarray
from torch import Tensor

from abn.errors import CheckpointError
from abn.images.display_name import one_line
from abn.variants.checkpoint import name_other_kind

CONTAINERS = (
    *("state_dict", "model_state_dict", "model", "net", "network"),
    *("ema", "model_ema", "state_dict_ema", "ema_state_dict"),
)  # entries that hold the weights; of several, the first of these
PREFIXES = ("module.", "_orig_mod.", "model.", "net.", "network.")  # of DataParallel, torch.compile and wrappers
MAX_NESTED = 5  # containers in each other
BESIDE = {"n_averaged"}  # what torch's averaged models hold beside the weights

UNREADABLE = "{name} can't be read as a checkpoint: it is damaged, cut short or of another kind."
CODE = (
    "{name} was not opened, as it holds more than weights and numbers and could run code: save only the weights, as in "
    "`torch.save(model.state_dict(), path)`."
)
NO_WEIGHTS = "{name} holds no weights: save the network's state_dict."

_FLOATS = (np.dtypes.Float64DType, np.dtypes.Float32DType, np.dtypes.Float16DType)
_INTEGERS = (np.dtypes.Int64DType, np.dtypes.Int32DType, np.dtypes.BoolDType)
_HARMLESS: list[Callable | tuple[Callable, str]] = [  # beside weights: a metric as a numpy scalar, a script's options
    *(np.dtype, *_FLOATS, *_INTEGERS, argparse.Namespace),
    *((multiarray.scalar, f"{home}.multiarray.scalar") for home in ("numpy.core", "numpy._core")),
]


def read_weights(path: Path) -> dict[str, Tensor]:
    """The weights of a file by their names without prefixes. Raises `CheckpointError`."""
    name = one_line(path.name)
    try:
        with path.open("rb") as file:
            beginning = file.read(512)
        if sentence := name_other_kind(beginning, name):
            raise CheckpointError(sentence)
        if beginning[8:9] == b"{":
            weights: Any = safetensors.torch.load_file(path)
        else:
            with torch.serialization.safe_globals(_HARMLESS):
                weights = torch.load(path, map_location="cpu", weights_only=True)
    except CheckpointError:
        raise
    except Exception as error:  # torch.load fails with EOFError, KeyError, OSError, RuntimeError, UnpicklingError …
        code = isinstance(error, pickle.UnpicklingError) and "GLOBAL" in str(error)
        raise CheckpointError((CODE if code else UNREADABLE).format(name=name)) from error
    unwrapped = unwrap(weights)
    if not unwrapped:
        raise CheckpointError(NO_WEIGHTS.format(name=name))
    if any(value.is_nested for value in unwrapped.values()):  # without a shape
        raise CheckpointError(UNREADABLE.format(name=name))
    return unwrapped


def unwrap(checkpoint: Any) -> dict[str, Tensor]:
    """The weights in nested containers, without the prefixes that all their names share; empty where there are none."""
    for _ in range(MAX_NESTED):
        if not isinstance(checkpoint, dict):
            return {}
        inner = next((checkpoint[key] for key in CONTAINERS if isinstance(checkpoint.get(key), dict)), None)
        if not inner:
            break
        checkpoint = inner
    weights = {
        name: value.detach()
        for name, value in checkpoint.items()
        if isinstance(name, str) and isinstance(value, Tensor) and name not in BESIDE
    }
    while prefix := next((p for p in PREFIXES if weights and all(name.startswith(p) for name in weights)), ""):
        weights = {name.removeprefix(prefix): value for name, value in weights.items()}
    return weights
