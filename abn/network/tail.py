"""The end of a perception branch: the last layer that still has cells, and the linear layer that reads their average.

CAM and Grad-CAM are maps of that layer, as both papers choose it.
"""

import contextlib
import threading
from collections.abc import Iterator

import torch
from torch import Tensor, nn


@contextlib.contextmanager
def record_last_cells(branch: nn.Module) -> Iterator[list[tuple[str, Tensor]]]:
    """While it lasts, keeps the latest output (B, C, h, w) of a module that has more than one cell, with the module's
    name; empty as long as there is none.

    Only of this thread's own forward pass: other sessions may be running the same network.
    """
    outputs: list[tuple[str, Tensor]] = []
    thread = threading.get_ident()

    def keep(name: str):
        def hook(_module: nn.Module, _inputs: tuple, output: object) -> None:
            if not isinstance(output, Tensor) or output.ndim != 4:
                return
            if output.shape[2:].numel() > 1 and threading.get_ident() == thread:
                outputs[:] = [(name, output)]

        return hook

    hooks = [module.register_forward_hook(keep(name)) for name, module in branch.named_modules() if name]
    try:
        yield outputs
    finally:
        for hook in hooks:
            hook.remove()


@torch.no_grad()
def pooled_classifier(branch: nn.Module, features: Tensor, logits: Tensor) -> str | None:
    """The name of the linear layer that reads the average of the last cells (1, C, h, w); None where there is none:
    applied to that average it must give the very logits (1, K), so that nothing else stands between."""
    layers = [(name, module) for name, module in branch.named_modules() if isinstance(module, nn.Linear)]
    if not layers or layers[-1][1].in_features != features.shape[1]:
        return None
    name, layer = layers[-1]
    again = layer(features.mean((2, 3)))
    same = again.shape == logits.shape and bool((again - logits).abs().max() <= 1e-3 * logits.abs().max())
    return name if same else None
