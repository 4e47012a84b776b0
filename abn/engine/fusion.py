"""The same network made faster for inference: batch norms folded into the convolutions before them, channels last.

Folding is exact arithmetic done earlier: what a batch norm multiplies and adds in evaluation mode is multiplied into
the weights and added to the bias, so only the rounding differs. It is done where a part of the network is made of
torch's own layers; parts cut from a timm CNN keep theirs, whose convolutions pad as they go. `python -m abn bench`
says what it brings.
"""

import copy

import torch
from torch import fx, nn
from torch.fx.experimental.optimization import fuse
from torch.nn.utils.fusion import fuse_conv_bn_eval

from abn.network.model import AttentionBranchNetwork


def fuse_for_inference(network: AttentionBranchNetwork) -> AttentionBranchNetwork:
    """A copy in evaluation mode with the same outputs but for rounding; it can't be trained any further."""
    fused = copy.deepcopy(network).eval().requires_grad_(False)
    fused.extractor, fused.perception_branch = _fold(fused.extractor), _fold(fused.perception_branch)
    branch = fused.attention_branch
    branch.trunk = _fold(branch.trunk)
    for convolution, norm in (("to_classes", "class_norm"), ("map_head", "map_norm")):
        setattr(branch, convolution, fuse_conv_bn_eval(getattr(branch, convolution), getattr(branch, norm)))
        setattr(branch, norm, nn.Identity())
    return fused.to(memory_format=torch.channels_last)


def _fold(part: nn.Module) -> nn.Module:
    return part if isinstance(part, fx.GraphModule) else fuse(part)
