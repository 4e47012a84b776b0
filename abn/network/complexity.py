"""Parameters and FLOPs of each part of an Attention Branch Network, counted without running it on data."""

import torch
from torch.utils.flop_counter import FlopCounterMode

from abn.network.model import AttentionBranchNetwork
from abn.vocabulary import PARTS


def count_parameters(network: AttentionBranchNetwork) -> dict[str, int]:
    """Trainable parameters of each of `PARTS`."""
    return {part: sum(p.numel() for p in getattr(network, part).parameters()) for part in PARTS}


@torch.inference_mode()
def count_flops(network: AttentionBranchNetwork, size: int) -> dict[str, int]:
    """FLOPs of each of `PARTS` for one image of size × size pixels; a multiply-add counts as two."""
    counts, inputs = {}, torch.zeros(1, 3, size, size)
    for part in PARTS:
        with FlopCounterMode(display=False) as counter:
            result = getattr(network, part)(inputs)
        counts[part] = counter.get_total_flops()
        inputs = result if part == "extractor" else inputs  # both branches read g(x)
    return counts
