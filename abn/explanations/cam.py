"""CAM and Grad-CAM of the perception head, on the very network that the attention map comes from (the paper's Fig. 1).

Both are computed after training and for one class; M is computed before the prediction and belongs to no class.
The layer is the last one of the perception branch that still has cells, as both papers choose it; M is applied on the
way there just as in the forward pass.

    CAM       Zhou et al. 2016, arXiv 1512.04150, Eq. 2: Σ_c w_kc · f_c, where a pool and one linear layer follow
    Grad-CAM  Selvaraju et al. 2017, arXiv 1610.02391, Eq. 1 and 2: ReLU(Σ_c α_kc · f_c), α the mean gradient of logit k
"""

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from abn.errors import ABNError
from abn.explanations.stages import Trace
from abn.network.model import AttentionBranchNetwork

METHODS = ("CAM", "Grad-CAM")


@dataclass(frozen=True, eq=False)
class ClassMap:
    """One method's evidence for one class, cell by cell."""

    method: str  # one of METHODS
    values: np.ndarray  # (h, w) float32; CAM is signed, Grad-CAM is not below zero
    layer: str  # where the cells are, as the network names it
    index: int  # the class
    seconds: float  # forward pass, and for Grad-CAM the backward pass, both from the image on


def class_map(
    network: AttentionBranchNetwork,
    images: Tensor,
    method: str,
    *,
    index: int | None = None,
    mechanism: str | None = None,
) -> ClassMap:
    """CAM or Grad-CAM of one image (1, 3, H, W) for class `index`; None: the class that the perception head predicts.

    Nothing stays on the network, whether this succeeds or fails. `ABNError` where the perception branch isn't made so
    that the method applies.
    """
    if method not in METHODS:
        raise ABNError(f"There is no method {method!r}. Choose one of: {', '.join(METHODS)}.")
    started = time.perf_counter()
    with torch.enable_grad() if method == "Grad-CAM" else torch.no_grad():
        images = images.detach().clone().requires_grad_(method == "Grad-CAM")
        with _last_spatial_output(network.perception_branch) as outputs:
            logits = network.explain_features(network.extractor(images), mechanism).logits
        if not outputs:
            raise ABNError("The perception branch has no layer with cells left, so there is nothing to draw.")
        layer, features = outputs[-1]  # (1, C, h, w)
        chosen = int(logits[0].argmax()) if index is None else index
        if method == "CAM":
            classifier = _classifier(network.perception_branch, features, logits)
            values = torch.einsum("chw,c->hw", features[0], classifier.weight[chosen])
        else:
            (gradient,) = torch.autograd.grad(logits[0, chosen], features)
            values = torch.einsum("chw,c->hw", features[0], gradient[0].mean((1, 2))).relu()
    return ClassMap(method, values.detach().float().numpy(), layer, chosen, time.perf_counter() - started)


def trace_class_map(network: AttentionBranchNetwork, trace: Trace, method: str, index: int) -> ClassMap:
    """The same for the image and the mechanism of a trace."""
    images = torch.from_numpy(trace.images.copy())[None]
    return class_map(network, images, method, index=index, mechanism=trace.mechanism)


@contextlib.contextmanager
def _last_spatial_output(branch: nn.Module) -> Iterator[list[tuple[str, Tensor]]]:
    """While it lasts, keeps the latest output of a module that has more than one cell, with the module's name.

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


def _classifier(branch: nn.Module, features: Tensor, logits: Tensor) -> nn.Linear:
    """The linear layer that reads the pooled features, without which there is no CAM: applied to their mean it must
    give the very logits (1, K), so that nothing else stands between."""
    layers = [module for module in branch.modules() if isinstance(module, nn.Linear)]
    if layers and layers[-1].in_features == features.shape[1]:
        again = layers[-1](features.mean((2, 3)))
        if again.shape == logits.shape and (again - logits).abs().max() <= 1e-3 * logits.abs().max():
            return layers[-1]
    raise ABNError("CAM needs a perception branch that ends in an average over cells and one linear layer.")
