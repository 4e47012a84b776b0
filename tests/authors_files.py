"""Checkpoints as the authors' script writes them."""

from pathlib import Path

import torch
from authors import Layers, resnet
from torch import Tensor

Weights = dict[str, Tensor]


def seeded(depth: int, classes: int) -> Weights:
    """The weights of a CIFAR ResNet."""
    layers = Layers(seed=depth)
    resnet(layers, torch.zeros(1, 3, 32, 32), depth=depth, classes=classes)
    return layers.weights


def save(path: Path, weights: Weights, *, counters: bool = False, old: bool = False, **more) -> Path:
    """A file as the authors' script writes it."""
    state = {f"module.{name}": value for name, value in weights.items()}
    if counters:
        means = [name for name in state if name.endswith("running_mean")]
        state |= {name.replace("running_mean", "num_batches_tracked"): torch.tensor(7) for name in means}
    parameter = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([parameter], lr=0.1, momentum=0.9)
    parameter.sum().backward()
    optimizer.step()
    checkpoint = {
        "epoch": 300,
        "state_dict": state,
        "acc": torch.tensor(93.1),
        "best_acc": torch.tensor(93.4),
        "optimizer": optimizer.state_dict(),
        **more,
    }
    torch.save(checkpoint, path, _use_new_zipfile_serialization=not old)
    return path
