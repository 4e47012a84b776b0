"""The five arms of the study, so built that what they share starts equal for a seed.

baseline        extractor and perception branch, no attention branch, L_per alone
(MATCHED)       the parameter-matched baseline, with about as many parameters as the Attention Branch Network: widened
                (from scratch), or two perception branches whose logits are averaged (warm start)
none            the whole network and both losses, the map computed and never applied
additive        Eq. 2 of the paper
multiplicative  Eq. 1
"""

import copy
from dataclasses import replace

import torch
from torch import Tensor, nn

from abn.network.architectures import registry
from abn.network.contexts import isolated_generator
from abn.network.cutting import cut
from abn.network.initialization import initialize_weights
from abn.network.model import AttentionBranchNetwork
from abn.training.distillation import warm_start
from abn.training.measures import PlainNetwork
from abn.vocabulary import BASELINE, MATCHED, MECHANISMS, NONE

PLAIN = (BASELINE, MATCHED)  # those without an attention branch
WIDER = {10: (22, 42, 85), 100: (22, 43, 86)}  # classes → widths of ResNet-20's stages that bring it to the parameters
# of its Attention Branch Network
BRANCH_NOISE = 0.02  # on each of two averaged branches, in standard deviations of each weight: equal ones stay equal
MAP_NOISE = 0.3  # noise on the warm map head, as a share of its weights: what a seed changes in it


Arm = AttentionBranchNetwork | PlainNetwork


def from_scratch(arm: str, *, backbone: str, num_classes: int, seed: int) -> Arm:
    """An arm on one of the paper's small ResNets; extractor and perception branch start equal in all arms but
    the parameter-matched baseline, whose widths differ."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        mechanism = arm if arm in MECHANISMS else NONE
        network = registry.build(backbone, num_classes=num_classes, mechanism=mechanism)
        if arm == MATCHED:
            widths = WIDER[num_classes]
            wider = replace(registry.SMALL_RESNETS[backbone], stem=widths[0], widths=widths)
            plain = PlainNetwork(wider.extractor(), wider.perception_branch(num_classes))
            initialize_weights(plain)
            return plain
    return PlainNetwork(network.extractor, network.perception_branch) if arm == BASELINE else network


def warm(arm: str, backbone: nn.Module, features: Tensor, *, num_classes: int, seed: int) -> Arm:
    """An arm made from a copy of a pretrained backbone, its classifier new; `features` (B, C, h, w) center the map."""
    generator = torch.Generator().manual_seed(seed)
    backbone = copy.deepcopy(backbone)
    with isolated_generator(seed):
        backbone.reset_classifier(num_classes)  # type: ignore[operator]  # timm's
    if arm in MECHANISMS:
        network = warm_start.warm_start(backbone, mechanism=arm)
        head = network.attention_branch.map_head.weight
        with torch.no_grad():
            head.mul_(1 + MAP_NOISE * torch.randn(head.shape, generator=generator))
        warm_start.compensate_mean_gain(network, warm_start.standardize_map(network, features))
        return network
    halves = cut(backbone)
    if arm == BASELINE:
        return PlainNetwork(halves.extractor, halves.perception_branch)
    branches = [halves.perception_branch, copy.deepcopy(halves.perception_branch)]
    with torch.no_grad():
        for branch in branches:
            for weight in branch.parameters():
                if weight.ndim > 1:  # convolutions and classifier
                    weight.add_(BRANCH_NOISE * weight.std() * torch.randn(weight.shape, generator=generator))
    return PlainNetwork(halves.extractor, *branches)


def parameters(network: Arm) -> int:
    """Trainable numbers of an arm."""
    return sum(p.numel() for p in network.parameters())
