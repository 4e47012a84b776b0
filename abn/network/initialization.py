"""The authors' initialization of the weights, and the compensation of the map's gain."""

import torch
from torch import nn


def initialize_weights(network: nn.Module) -> None:
    """The authors' initialization: convolutions N(0, √(2 / (k²·out))), batch norms 1 and 0; in place."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.BatchNorm2d) and module.affine:
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)


@torch.no_grad()
def compensate_gain(module: nn.Module, gain: float) -> None:
    """Divide the first convolution of `module` by `gain`, so that it maps gain·g to what it mapped g to; in place."""
    first = next(m for m in module.modules() if isinstance(m, nn.Conv2d))
    first.weight /= gain
