"""Batch-norm statistics taken from a batch of images, so that random weights give a map that is not saturated."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

MIN_VALUES = 8  # of a channel, for statistics that fit other images too


@torch.no_grad()
def recalibrate_batchnorm(network: nn.Module, images: Tensor, norms: Sequence[nn.BatchNorm2d] | None = None) -> None:
    """Set the running statistics of every batch norm, or of `norms`, to those of `images` (B, 3, H, W); in place. The
    network is left in evaluation mode.

    Without it the map of random weights is 0 or 1 in most cells, in float32. A norm that gets fewer than `MIN_VALUES`
    values a channel (after a global pool, say) keeps its statistics.
    """

    def train_where_enough(norm: nn.BatchNorm2d, inputs: tuple[Tensor]) -> None:
        norm.train(inputs[0].numel() >= MIN_VALUES * norm.num_features)

    network.eval()
    norms = norms or [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    momenta = [norm.momentum for norm in norms]
    handles = [norm.register_forward_pre_hook(train_where_enough) for norm in norms]
    try:
        for norm in norms:
            norm.momentum = 1.0  # the new statistics replace the old ones
        network(images)
    finally:
        for norm, momentum, handle in zip(norms, momenta, handles, strict=True):
            handle.remove()
            norm.eval().momentum = momentum
            if norm.num_batches_tracked is not None:
                norm.num_batches_tracked.zero_()
