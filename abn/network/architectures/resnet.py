"""Residual networks, cut before their last stage: the paper's ResNets for CIFAR and for ImageNet, and its ResNeXt.

After He et al. 2016 (https://arxiv.org/abs/1512.03385) and Xie et al. 2017 (https://arxiv.org/abs/1611.05431). They
differ in the block, in how many blocks a stage has and how many channels it gives, and in the first convolution; so
one description makes them all:

    first convolution → layer1 → … → g(x) │ last layer, halving → pool → fc       (perception branch)
                                          │ last layer at stride 1                (the attention branch's trunk)
"""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class ResNet:
    """The parameters of a residual network."""

    block: Callable[[int, int, int], nn.Module]  # (input channels, output channels, stride) → a block
    blocks: tuple[int, ...]  # of each stage; every stage but the first halves h and w
    widths: tuple[int, ...]  # output channels of each stage
    stem: int  # output channels of the first convolution
    large: bool = False  # for images of 224 px the first convolution is 7×7 at stride 2, and a max-pool follows
    norm_trunk: bool = True  # whether a batch norm follows the trunk

    @property
    def trunk_channels(self) -> int:
        return self.widths[-1]

    @property
    def trunk_kind(self) -> str:
        return f"{self._last} at stride 1" + ("" if self.norm_trunk else ", no batch norm after it")

    def extractor(self) -> nn.Sequential:
        """Images (B, 3, H, W) → g(x) (B, C, h, w); h is H / 2 for three stages, H / 16 for four and a large stem."""
        layers = OrderedDict(
            conv1=nn.Conv2d(3, self.stem, 7, 2, padding=3, bias=False)
            if self.large
            else nn.Conv2d(3, self.stem, 3, padding=1, bias=False),
            bn1=nn.BatchNorm2d(self.stem),
            relu=nn.ReLU(inplace=True),
        )
        if self.large:
            layers["maxpool"] = nn.MaxPool2d(3, 2, padding=1)
        for i in range(len(self.blocks) - 1):
            layers[f"layer{i + 1}"] = self._stage(i, stride=1 if i == 0 else 2)
        return nn.Sequential(layers)

    def perception_branch(self, num_classes: int) -> nn.Sequential:
        """g(x) → logits (B, K)."""
        layers = {self._last: self._stage(-1, stride=2), "pool": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten()}
        return nn.Sequential(OrderedDict(layers, fc=nn.Linear(self.widths[-1], num_classes)))

    def trunk(self) -> nn.Sequential:
        """g(x) (B, C, h, w) → (B, trunk_channels, h, w)."""
        return self._stage(-1, stride=1)

    @property
    def _last(self) -> str:
        return f"layer{len(self.blocks)}"

    def _stage(self, i: int, *, stride: int) -> nn.Sequential:
        channels, width = (self.stem, *self.widths)[i - 1 if i < 0 else i], self.widths[i]
        first = self.block(channels, width, stride)
        return nn.Sequential(first, *(self.block(width, width, 1) for _ in range(self.blocks[i] - 1)))


class _Block(nn.Module):
    """Base of both blocks: adds the input, through a 1×1 convolution where its shape differs."""

    def __init__(self, channels: int, width: int, stride: int):
        super().__init__()
        self.downsample = None
        if stride != 1 or channels != width:
            self.downsample = nn.Sequential(nn.Conv2d(channels, width, 1, stride, bias=False), nn.BatchNorm2d(width))

    def residual(self, x: Tensor) -> Tensor:
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, H, W) → (B, width, H / stride, W / stride)."""
        shortcut = x if self.downsample is None else self.downsample(x)
        return (self.residual(x) + shortcut).relu_()


class BasicBlock(_Block):
    """Two 3×3 convolutions beside the shortcut."""

    def __init__(self, channels: int, width: int, stride: int):
        super().__init__(channels, width, stride)
        self.conv1 = nn.Conv2d(channels, width, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)

    def residual(self, x: Tensor) -> Tensor:
        x = self.bn1(self.conv1(x)).relu_()
        return self.bn2(self.conv2(x))


class Bottleneck(_Block):
    """A 3×3 convolution between two of 1×1, beside the shortcut.

    `inner` is the ratio of the 3×3 convolution's channels to the block's: a quarter in a ResNet. A ResNeXt has a wider
    grouped convolution.
    """

    def __init__(self, channels: int, width: int, stride: int, *, inner: float = 0.25, groups: int = 1):
        super().__init__(channels, width, stride)
        between = int(width * inner)
        self.conv1 = nn.Conv2d(channels, between, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(between)
        self.conv2 = nn.Conv2d(between, between, 3, stride, padding=1, groups=groups, bias=False)
        self.bn2 = nn.BatchNorm2d(between)
        self.conv3 = nn.Conv2d(between, width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(width)

    def residual(self, x: Tensor) -> Tensor:
        x = self.bn1(self.conv1(x)).relu_()
        x = self.bn2(self.conv2(x)).relu_()
        return self.bn3(self.conv3(x))
