"""The paper's densely connected network, DenseNet-BC, cut after its second transition.

After Huang et al. 2017 (https://arxiv.org/abs/1608.06993): each layer reads all that came before it in its block and
appends `growth` channels; a transition between blocks halves the channels (the C of BC; B is for the 1×1 convolution
in each layer) as well as h and w.

    conv1 → dense1 → trans1 → dense2 → trans2 → g(x) │ dense3 → bn → ReLU → pool → fc     (perception branch)
                                                     │ a dense block of its own           (the attention branch's trunk)

No stride stands in the last block, so map and last features have the same size: 8 × 8 cells for 32 px.
"""

from collections import OrderedDict
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True, kw_only=True)
class DenseNet:
    """DenseNet-BC-`depth`-`growth`."""

    depth: int  # 6n + 4, with n layers a block
    growth: int  # channels that each layer appends

    trunk_kind = "a copy of dense3, which has no stride"
    norm_trunk = True

    @property
    def trunk_channels(self) -> int:
        return self._features + self._layers * self.growth

    def extractor(self) -> nn.Sequential:
        """Images (B, 3, H, W) → g(x) (B, C, H/4, W/4)."""
        appended = self._layers * self.growth
        stem, first = 2 * self.growth, (2 * self.growth + appended) // 2
        return nn.Sequential(
            OrderedDict(
                conv1=nn.Conv2d(3, stem, 3, padding=1, bias=False),
                dense1=self._block(stem),
                trans1=Transition(stem + appended, first),
                dense2=self._block(first),
                trans2=Transition(first + appended, self._features),
            )
        )

    def perception_branch(self, num_classes: int) -> nn.Sequential:
        """g(x) → logits (B, K)."""
        return nn.Sequential(
            OrderedDict(
                dense3=self._block(self._features),
                bn=nn.BatchNorm2d(self.trunk_channels),
                relu=nn.ReLU(inplace=True),
                pool=nn.AdaptiveAvgPool2d(1),
                flatten=nn.Flatten(),
                fc=nn.Linear(self.trunk_channels, num_classes),
            )
        )

    def trunk(self) -> nn.Sequential:
        """g(x) (B, C, h, w) → (B, trunk_channels, h, w)."""
        return self._block(self._features)

    @property
    def _layers(self) -> int:
        return (self.depth - 4) // 6

    @property
    def _features(self) -> int:
        """C, the channels of g(x)."""
        appended = self._layers * self.growth
        return ((2 * self.growth + appended) // 2 + appended) // 2

    def _block(self, channels: int) -> nn.Sequential:
        return nn.Sequential(*(Layer(channels + i * self.growth, self.growth) for i in range(self._layers)))


class Layer(nn.Module):
    """1×1, then 3×3 convolution, each after batch norm and ReLU; their output is concatenated to their input."""

    def __init__(self, channels: int, growth: int):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, 4 * growth, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(4 * growth)
        self.conv2 = nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, H, W) → (B, channels + growth, H, W)."""
        new = self.conv1(self.bn1(x).relu_())
        return torch.cat([x, self.conv2(self.bn2(new).relu_())], 1)


class Transition(nn.Module):
    """Between two dense blocks: fewer channels by a 1×1 convolution, then half of h and w by averages of 2×2."""

    def __init__(self, channels: int, width: int):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, H, W) → (B, width, H/2, W/2)."""
        return F.avg_pool2d(self.conv1(self.bn1(x).relu_()), 2)
