"""Batch-norm statistics taken from a batch of images, so that random weights give a map that is not saturated."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

ENOUGH = 8  # values of a channel that a batch norm's statistics can be taken from


@torch.no_grad()
def recalibrate_batchnorm(network: nn.Module, images: Tensor, norms: Sequence[nn.BatchNorm2d] | None = None) -> None:
    """Set every batch norm, or those given, to the statistics of `images`, as a training step would; in place, then
    evaluation mode.

    Without it the map of random weights is 0 or 1 in most cells, as far as float32 can tell. A norm that sees fewer
    than `ENOUGH` values a channel (after a global pool, say) keeps its statistics: those of a few would fit no others.
    """

    def enough(norm: nn.BatchNorm2d, given: tuple[Tensor]) -> None:
        norm.train(given[0].numel() >= ENOUGH * norm.num_features)

    network.eval()
    norms = norms or [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    handles = [norm.register_forward_pre_hook(enough) for norm in norms]
    for norm in norms:
        norm.momentum = 1.0
    network(images)
    for handle in handles:
        handle.remove()
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.eval().momentum = momentum
        norm.num_batches_tracked.zero_()
