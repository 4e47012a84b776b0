"""Is the map made by what the network learnt? Adebayo et al. 2018 (arXiv 1810.03292): forget a part, and compare.

A map that stays as it was when the weights behind it are gone never showed what they had learnt. In an Attention
Branch Network M comes from the extractor and the attention branch; nothing that happens to the perception branch can
change it, which is the lesson of the third part.
"""

import copy

import torch
from torch import Tensor

from abn.errors import ABNError
from abn.model import AttentionBranchNetwork, settle
from abn.variants import PARTS


@torch.no_grad()
def forget(network: AttentionBranchNetwork, part: str, images: Tensor, *, seed: int) -> AttentionBranchNetwork:
    """A copy of the network, one of `PARTS` forgotten: each of its weights is shuffled among its own places.

    So every layer keeps the sizes of its weights and loses what they say. Batch norms of that part are then settled
    on `images` (B, 3, H, W), or the map would saturate for a reason that has nothing to do with the question.
    """
    if part not in PARTS:
        raise ABNError(f"There is no part {part!r}. Choose one of: {', '.join(PARTS)}.")
    changed = copy.deepcopy(network)
    generator = torch.Generator().manual_seed(seed)
    for parameter in getattr(changed, part).parameters():
        order = torch.randperm(parameter.numel(), generator=generator)
        parameter.copy_(parameter.flatten()[order].view_as(parameter))
    kept = {name: module for name, module in changed.named_children() if name != part}
    statistics = {name: copy.deepcopy(module.state_dict()) for name, module in kept.items()}
    settle(changed, images)
    for name, module in kept.items():
        module.load_state_dict(statistics[name])
    return changed
