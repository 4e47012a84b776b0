"""Parameters and FLOPs of each part of an Attention Branch Network, counted without running it on data."""

import torch
from torch.utils.flop_counter import FlopCounterMode

from abn.network.model import AttentionBranchNetwork
from abn.vocabulary import PARTS


def parameters(network: AttentionBranchNetwork) -> dict[str, int]:
    """Trainable numbers in each part of the network."""
    return {part: sum(p.numel() for p in getattr(network, part).parameters()) for part in PARTS}


def flops(network: AttentionBranchNetwork, size: int) -> dict[str, int]:
    """Floating-point operations of each part for one image of size × size pixels, multiply and add counted as two."""
    counted = {}
    with torch.inference_mode():
        features = _count(network.extractor, torch.zeros(1, 3, size, size), counted, "extractor")
        _count(network.attention_branch, features, counted, "attention_branch")
        _count(network.perception_branch, features, counted, "perception_branch")
    return counted


def _count(part: torch.nn.Module, given: torch.Tensor, counted: dict[str, int], name: str):
    with FlopCounterMode(display=False) as counter:
        result = part(given)
    counted[name] = counter.get_total_flops()
    return result
