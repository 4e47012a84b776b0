"""The paper's small ResNets for 32 × 32 pictures, which timm lacks, as Attention Branch Networks.

The layers are those of the authors' code (machine-perception-robotics-group/attention_branch_network, models/cifar),
after He et al. 2016, Sec. 4.2. Their rule for the depth is kept, so that their checkpoints fit: n = (depth − 2) // 6
blocks a stage, basic blocks below 44 and bottlenecks from 44 on. The names 44, 56 and 110 are therefore not the depths,
which are 65, 83 and 164 layers.
"""

from collections import OrderedDict
from typing import NamedTuple

from torch import Tensor, nn

from abn.errors import BackboneError
from abn.model import AttentionBranch, AttentionBranchNetwork, initialise
from abn.picture import InputSpec

PREFIX = "cifar-"  # of the names that this module builds, as timm knows nothing of them
DEPTHS = {f"resnet{depth}": depth for depth in (20, 32, 44, 56, 110)}
INPUT = InputSpec(  # the means and deviations that the authors' script normalises by
    size=32, crop_pct=1.0, interpolation="bicubic", mean=(0.4914, 0.4822, 0.4465), std=(0.2023, 0.1994, 0.2010)
)


def build(name: str, *, num_classes: int, mechanism: str = "additive") -> AttentionBranchNetwork:
    """An Attention Branch Network by a name such as "cifar-resnet20", initialised as the authors do."""
    halves = plain(name, num_classes=num_classes)
    block, blocks = _block(name)
    trunk = _stage(block, blocks, 32 * block.expansion, 64)  # layer3 at stride 1
    network = AttentionBranchNetwork(
        extractor=halves.extractor,
        attention_branch=AttentionBranch(
            trunk, trunk_channels=64 * block.expansion, num_classes=num_classes, trunk_kind="layer3 at stride 1"
        ),
        perception_branch=halves.perception_branch,
        mechanism=mechanism,
    )
    initialise(network)
    return network


class Halves(NamedTuple):
    """A plain small ResNet, cut where its attention branch would stand."""

    extractor: nn.Sequential  # (B, 3, H, W) → g(x) (B, 32 · grow, H/2, W/2)
    perception_branch: nn.Sequential  # g(x) → logits (B, K)


def plain(name: str, *, num_classes: int, widths: tuple[int, int, int] = (16, 32, 64)) -> Halves:
    """The ResNet without an attention branch, torch's own initialisation; `widths` of its three stages."""
    block, blocks = _block(name)
    grow, (first, second, third) = block.expansion, widths
    extractor = OrderedDict(
        conv1=nn.Conv2d(3, first, 3, padding=1, bias=False),
        bn1=nn.BatchNorm2d(first),
        relu=nn.ReLU(inplace=True),
        layer1=_stage(block, blocks, first, first),
        layer2=_stage(block, blocks, first * grow, second, stride=2),
    )
    perception_branch = OrderedDict(
        layer3=_stage(block, blocks, second * grow, third, stride=2),
        pool=nn.AdaptiveAvgPool2d(1),
        flatten=nn.Flatten(),
        fc=nn.Linear(third * grow, num_classes),
    )
    return Halves(nn.Sequential(extractor), nn.Sequential(perception_branch))


def _block(name: str) -> "tuple[type[_Block], int]":
    """The kind of block of a network, and how many a stage has."""
    depth = DEPTHS.get(name.removeprefix(PREFIX))
    if depth is None:
        raise BackboneError(f"There is no small backbone {name!r}. Known: {', '.join(PREFIX + d for d in DEPTHS)}.")
    return Bottleneck if depth >= 44 else BasicBlock, (depth - 2) // 6


class _Block(nn.Module):
    """What both blocks share: the sum with the input, which a 1×1 convolution brings to shape where it has to."""

    expansion: int

    def __init__(self, channels: int, width: int, stride: int):
        super().__init__()
        out = width * self.expansion
        self.downsample = None
        if stride != 1 or channels != out:
            self.downsample = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def residual(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        return (self.residual(x) + shortcut).relu()


class BasicBlock(_Block):
    """Two 3×3 convolutions beside the shortcut."""

    expansion = 1

    def __init__(self, channels: int, width: int, stride: int = 1):
        super().__init__(channels, width, stride)
        self.conv1 = nn.Conv2d(channels, width, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)

    def residual(self, x: Tensor) -> Tensor:
        x = self.bn1(self.conv1(x)).relu()
        return self.bn2(self.conv2(x))


class Bottleneck(_Block):
    """A 3×3 convolution between two of 1×1, which narrow and widen the channels, beside the shortcut."""

    expansion = 4

    def __init__(self, channels: int, width: int, stride: int = 1):
        super().__init__(channels, width, stride)
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, width * self.expansion, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(width * self.expansion)

    def residual(self, x: Tensor) -> Tensor:
        x = self.bn1(self.conv1(x)).relu()
        x = self.bn2(self.conv2(x)).relu()
        return self.bn3(self.conv3(x))


def _stage(block: type[_Block], blocks: int, channels: int, width: int, *, stride: int = 1) -> nn.Sequential:
    """`blocks` blocks: (B, channels, H, W) → (B, width · expansion, H / stride, W / stride)."""
    first = block(channels, width, stride)
    return nn.Sequential(first, *(block(width * block.expansion, width) for _ in range(blocks - 1)))
