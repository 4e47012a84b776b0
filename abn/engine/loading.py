"""The runner of a variant: ONNX Runtime where its architecture has a graph, PyTorch where it has none."""

import functools
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from abn.engine.graphs import FOLDER, GraphError, read_graphs
from abn.engine.runner import Runner
from abn.errors import ABNError
from abn.variants.card import Card
from abn.variants.store import load_variant, read_weights

if TYPE_CHECKING:
    from abn.network.model import AttentionBranchNetwork

NO_DEVICE = "There is no device {name!r} that can be used here: choose cpu, or leave --device out."
MPS = "mps"  # Apple's GPUs, by PyTorch alone; no Mac was available, so it was never run

MAX_KEPT = 8  # runners; one of lite0's takes 40 MB

log = logging.getLogger(__name__)


def load_runner(card: Card, *, threads: int = 1, device: str = "cpu", graphs: Path = FOLDER) -> Runner:
    """The runner of a variant on disk, its weights verified against the card. Raises `VariantError`."""
    if device != MPS:
        try:
            return _on_graphs(card, read_weights(card), graphs, threads=threads, device=device)
        except GraphError as error:
            log.warning("%s runs on PyTorch, which is slower. %s", card.id, error)
    from abn.engine.torch_runner import TorchRunner

    return TorchRunner(load_variant(card).to(device))


@functools.lru_cache(maxsize=MAX_KEPT)
def load_once(card: Card) -> Runner:
    """The same on the CPU, and the last `MAX_KEPT` runners are kept: for callers that load one variant repeatedly."""
    return load_runner(card)


def run_network(network: "AttentionBranchNetwork", card: Card, *, graphs: Path = FOLDER) -> Runner:
    """The runner of a network at hand, whose card names its architecture; it doesn't follow later changes of the
    network's weights."""
    from abn.engine.torch_runner import TorchRunner

    try:
        weights = {name: tensor.detach().cpu().numpy() for name, tensor in network.state_dict().items()}
        return _on_graphs(card, weights, graphs)
    except GraphError as error:
        log.info("%s runs on PyTorch. %s", card.id, error)
        return TorchRunner(network)


def find_device(name: str) -> str:
    """The name of a device, of which "auto" is a GPU where ONNX Runtime can use one, else the CPU: on a Mac, MPS is
    chosen by its name only, as it was never compared with the CPU. Raises `ABNError` where it isn't there."""
    if name == MPS and _has_mps():
        return name
    from abn.engine.onnx_runner import has_cuda

    if name == "auto":
        return "cuda" if has_cuda() else "cpu"
    kind, _, number = name.partition(":")
    if name != "cpu" and not (kind == "cuda" and has_cuda() and (not number or number.isdigit())):
        raise ABNError(NO_DEVICE.format(name=name))
    return name


def _has_mps() -> bool:
    import torch

    return torch.backends.mps.is_available()


def _on_graphs(card: Card, weights: Mapping[str, np.ndarray], graphs: Path, **options) -> Runner:
    from abn.engine.onnx_runner import OnnxRunner

    return OnnxRunner(read_graphs(card, graphs), weights, mechanism=card.mechanism, **options)
