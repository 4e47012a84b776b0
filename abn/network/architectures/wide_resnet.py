"""The paper's wide residual network, cut before its last stage.

After Zagoruyko and Komodakis 2016 (https://arxiv.org/abs/1605.07146): batch norm and ReLU stand before each
convolution, so that a stage's sum leaves it bare, and g(x) with it: it may be negative.

    conv1 → block1 → block2 → g(x) │ block3, halving → bn1 → ReLU → pool → fc       (perception branch)
                                   │ block3 at stride 1                             (the attention branch's trunk)
"""

from collections import OrderedDict
from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True, kw_only=True)
class WideResNet:
    """WRN-`depth`-`widen`."""

    depth: int  # 6n + 4, with n blocks a stage
    widen: int  # factor of the channels

    trunk_kind = "block3 at stride 1"
    norm_trunk = True

    @property
    def trunk_channels(self) -> int:
        return 64 * self.widen

    def extractor(self) -> nn.Sequential:
        """Images (B, 3, H, W) → g(x) (B, 32 · widen, H/2, W/2)."""
        return nn.Sequential(
            OrderedDict(
                conv1=nn.Conv2d(3, 16, 3, padding=1, bias=False),
                block1=self._stage(16, 16 * self.widen, stride=1),
                block2=self._stage(16 * self.widen, 32 * self.widen, stride=2),
            )
        )

    def perception_branch(self, num_classes: int) -> nn.Sequential:
        """g(x) → logits (B, K)."""
        return nn.Sequential(
            OrderedDict(
                block3=self._stage(32 * self.widen, 64 * self.widen, stride=2),
                bn1=nn.BatchNorm2d(64 * self.widen),
                relu=nn.ReLU(inplace=True),
                pool=nn.AdaptiveAvgPool2d(1),
                flatten=nn.Flatten(),
                fc=nn.Linear(64 * self.widen, num_classes),
            )
        )

    def trunk(self) -> nn.Sequential:
        """g(x) (B, C, h, w) → (B, trunk_channels, h, w)."""
        return self._stage(32 * self.widen, 64 * self.widen, stride=1)

    def _stage(self, channels: int, width: int, *, stride: int) -> nn.Sequential:
        blocks = (self.depth - 4) // 6
        return nn.Sequential(Block(channels, width, stride), *(Block(width, width, 1) for _ in range(blocks - 1)))


class Block(nn.Module):
    """Two 3×3 convolutions beside the shortcut, each after batch norm and ReLU.

    Where the shortcut has a 1×1 convolution, it too follows the first norm and ReLU.
    """

    def __init__(self, channels: int, width: int, stride: int):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv1 = nn.Conv2d(channels, width, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.shortcut = nn.Conv2d(channels, width, 1, stride, bias=False) if channels != width else None

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, H, W) → (B, width, H / stride, W / stride)."""
        ready = self.bn1(x).relu_()
        shortcut = x if self.shortcut is None else self.shortcut(ready)
        return self.conv2(self.bn2(self.conv1(ready)).relu_()) + shortcut
