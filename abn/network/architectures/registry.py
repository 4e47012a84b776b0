"""The paper's own networks by name, with the layers of the authors' code, so that their checkpoints fit.

The code is machine-perception-robotics-group/attention_branch_network (models/cifar and models/imagenet). timm lacks
the small ones; the large ones are ResNets as timm has them too, but with the authors' attention branch.

Their rule for the depth of a CIFAR ResNet is kept: n = (depth − 2) // 6 blocks a stage, basic blocks below 44 and
bottlenecks from 44 on. The names 44, 56 and 110 are therefore not the depths, which are 65, 83 and 164 layers.
"""

from functools import partial
from typing import TypeGuard

from torch import nn

from abn.errors import BackboneError
from abn.network.architectures.densenet import DenseNet
from abn.network.architectures.resnet import BasicBlock, Bottleneck, ResNet
from abn.network.architectures.wide_resnet import WideResNet
from abn.network.initialization import initialize_weights
from abn.network.model import AttentionBranch, AttentionBranchNetwork
from abn.vocabulary import InputSpec

MAX_CLASSES = 100_000  # the class head alone has their square in weights: 40 GB
CIFAR, IMAGENET = "cifar-", "imagenet-"  # what the names begin with; timm has none such
INPUTS = {  # as the authors' scripts test
    CIFAR: InputSpec(
        size=32, crop_pct=1.0, interpolation="bicubic", mean=(0.4914, 0.4822, 0.4465), std=(0.2023, 0.1994, 0.2010)
    ),
    IMAGENET: InputSpec(
        size=224, crop_pct=0.875, interpolation="bilinear", mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)
    ),
}


Design = ResNet | DenseNet | WideResNet  # a CNN cut in two, and the trunk that goes with it; all are built on demand


def _small_resnet(depth: int) -> ResNet:
    block, expansion = (BasicBlock, 1) if depth < 44 else (Bottleneck, 4)
    return ResNet(
        block=block, blocks=((depth - 2) // 6,) * 3, widths=tuple(w * expansion for w in (16, 32, 64)), stem=16
    )


def _large_resnet(block: type[nn.Module], blocks: tuple[int, int, int, int]) -> ResNet:
    expansion = 1 if block is BasicBlock else 4
    return ResNet(
        block=block, blocks=blocks, widths=tuple(w * expansion for w in (64, 128, 256, 512)), stem=64, large=True
    )


SMALL_RESNETS = {f"{CIFAR}resnet{depth}": _small_resnet(depth) for depth in (20, 32, 44, 56, 110)}
DESIGNS: dict[str, Design] = {
    **SMALL_RESNETS,
    f"{CIFAR}densenet": DenseNet(depth=100, growth=12),
    f"{CIFAR}wrn": WideResNet(depth=28, widen=10),
    f"{CIFAR}resnext": ResNet(  # 29 layers, 8 × 64d: 8 groups of 64 channels where a stage gives 256, and so on
        block=partial(Bottleneck, inner=2, groups=8),
        blocks=(3, 3, 3),
        widths=(256, 512, 1024),
        stem=64,
        norm_trunk=False,
    ),
    f"{IMAGENET}resnet18": _large_resnet(BasicBlock, (2, 2, 2, 2)),
    f"{IMAGENET}resnet34": _large_resnet(BasicBlock, (3, 4, 6, 3)),
    f"{IMAGENET}resnet50": _large_resnet(Bottleneck, (3, 4, 6, 3)),
    f"{IMAGENET}resnet101": _large_resnet(Bottleneck, (3, 4, 23, 3)),
    f"{IMAGENET}resnet152": _large_resnet(Bottleneck, (3, 8, 36, 3)),
}


def is_ours(backbone: object) -> TypeGuard[str]:
    """Whether this is a name for the functions below, and not for timm; there may still be no such network."""
    return isinstance(backbone, str) and backbone.startswith((CIFAR, IMAGENET))


def build(name: str, *, num_classes: int, mechanism: str = "additive") -> AttentionBranchNetwork:
    """An Attention Branch Network by a name such as "cifar-resnet20", initialized as the authors do."""
    network = layers(name, num_classes=num_classes, mechanism=mechanism)
    initialize_weights(network)
    return network


def layers(name: str, *, num_classes: int, mechanism: str = "additive") -> AttentionBranchNetwork:
    """The same with torch's own initialization, for weights that are still to be loaded."""
    parts = design(name)
    return AttentionBranchNetwork(
        extractor=parts.extractor(),
        perception_branch=parts.perception_branch(num_classes),
        attention_branch=AttentionBranch(
            parts.trunk(),
            trunk_channels=parts.trunk_channels,
            num_classes=num_classes,
            trunk_kind=parts.trunk_kind,
            norm_trunk=parts.norm_trunk,
        ),
        mechanism=mechanism,
    )


def design(name: str) -> Design:
    """The description behind a name, or `BackboneError` with the names that there are."""
    if name not in DESIGNS:
        raise BackboneError(f"The paper has no network {name!r}. Known: {', '.join(DESIGNS)}.")
    return DESIGNS[name]


def input_spec(name: str) -> InputSpec:
    """Input size and normalization of the images that a network was made for."""
    return next(spec for prefix, spec in INPUTS.items() if name.startswith(prefix))
