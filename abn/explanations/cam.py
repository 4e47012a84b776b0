"""CAM and Grad-CAM of the perception head, on the very network that the attention map comes from (the paper's Fig. 1).

Both are computed after training and for one class; M is computed before the prediction and belongs to no class.
The layer is the last one of the perception branch that still has cells, as both papers choose it; M is applied on the
way there just as in the forward pass.

    CAM       Zhou et al. 2016, arXiv 1512.04150, Eq. 2: Σ_c w_kc · f_c, where a pool and one linear layer follow
    Grad-CAM  Selvaraju et al. 2017, arXiv 1610.02391, Eq. 1 and 2: ReLU(Σ_c α_kc · f_c), α the mean gradient of logit k
"""

import time

import torch
from torch import Tensor, nn

from abn.errors import ABNError
from abn.explanations.class_map import CAM, GRAD_CAM, ClassMap, check_method
from abn.explanations.stages import Trace
from abn.network.model import AttentionBranchNetwork
from abn.network.tail import pooled_classifier, record_last_cells


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
    check_method(method)
    started = time.perf_counter()
    with torch.enable_grad() if method == GRAD_CAM else torch.no_grad():
        images = images.detach().clone().requires_grad_(method == GRAD_CAM)
        with record_last_cells(network.perception_branch) as outputs:
            logits = network.explain_features(network.extractor(images), mechanism).logits
        if not outputs:
            raise ABNError("The perception branch has no layer with cells left, so there is nothing to draw.")
        layer, features = outputs[-1]  # (1, C, h, w)
        chosen = int(logits[0].argmax()) if index is None else index
        if method == CAM:
            classifier = _find_classifier(network.perception_branch, features, logits)
            values = torch.einsum("chw,c->hw", features[0], classifier.weight[chosen])
        else:
            (gradient,) = torch.autograd.grad(logits[0, chosen], features)
            values = torch.einsum("chw,c->hw", features[0], gradient[0].mean((1, 2))).relu()
    return ClassMap(method, values.detach().float().numpy(), layer, chosen, time.perf_counter() - started)


def trace_class_map(network: AttentionBranchNetwork, trace: Trace, method: str, index: int) -> ClassMap:
    """The same for the image and the mechanism of a trace."""
    images = torch.from_numpy(trace.images.copy())[None]
    return class_map(network, images, method, index=index, mechanism=trace.mechanism)


def _find_classifier(branch: nn.Module, features: Tensor, logits: Tensor) -> nn.Linear:
    """The linear layer that reads the pooled features, without which there is no CAM."""
    name = pooled_classifier(branch, features, logits)
    layer = branch.get_submodule(name) if name is not None else None
    if not isinstance(layer, nn.Linear):
        raise ABNError("CAM needs a perception branch that ends in an average over cells and one linear layer.")
    return layer
