"""A second, independent writing of the authors' forward passes, from the table of their layers alone.

One text says names, shapes and order: a weight that is asked for the first time is drawn, so that a forward pass
without weights makes them all. Each returns auxiliary logits, perception logits and M.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

Outputs = tuple[Tensor, Tensor, Tensor]


class Layers:
    """Weights by the authors' names; drawn so that activations stay of order one, with statistics as after training.

    On the device "meta" there are only shapes.
    """

    def __init__(self, seed: int = 0, device: str = "cpu"):
        self.weights: dict[str, Tensor] = {}
        self.generator = torch.Generator().manual_seed(seed)
        self.device = device

    def conv(self, name: str, x: Tensor, out: int, k: int, stride: int = 1, groups: int = 1) -> Tensor:
        shape = (out, x.shape[1] // groups, k, k)
        weight = self._get(f"{name}.weight", shape, 0.0, math.sqrt(1 / math.prod(shape[1:])))
        return F.conv2d(x, weight, stride=stride, padding=k // 2, groups=groups)

    def norm(self, name: str, x: Tensor, gain: float = 1.0) -> Tensor:
        shape = (x.shape[1],)
        weight, bias = self._get(f"{name}.weight", shape, gain, 0.1 * gain), self._get(f"{name}.bias", shape, 0.0, 0.1)
        mean = self._get(f"{name}.running_mean", shape, 0.0, 0.1)
        variance = self._get(f"{name}.running_var", shape, 1.0, 0.1)
        return F.batch_norm(x, mean, variance, weight, bias)

    def linear(self, name: str, x: Tensor, out: int) -> Tensor:
        weight = self._get(f"{name}.weight", (out, x.shape[1]), 0.0, math.sqrt(1 / x.shape[1]))
        return F.linear(x, weight, self._get(f"{name}.bias", (out,), 0.0, 0.1))

    def _get(self, name: str, shape: tuple[int, ...], mean: float, deviation: float) -> Tensor:
        if name not in self.weights and self.device == "meta":
            self.weights[name] = torch.empty(shape, device="meta")
        elif name not in self.weights:
            self.weights[name] = torch.randn(shape, generator=self.generator) * deviation + mean
        assert self.weights[name].shape == shape, name
        return self.weights[name]


def resnet(w: Layers, x: Tensor, *, depth: int, classes: int) -> Outputs:
    """For CIFAR, by their rule for the depth."""
    n, bottleneck = (depth - 2) // 6, depth >= 44
    x = F.relu(w.norm("bn1", w.conv("conv1", x, 16, 3)))
    x = _stage(w, "layer1", x, n, 16, 1, bottleneck)
    x = _stage(w, "layer2", x, n, 32, 2, bottleneck)
    auxiliary, m = _branch(w, w.norm("bn_att", _stage(w, "att_layer3", x, n, 64, 1, bottleneck)), classes)
    x = _stage(w, "layer3", x * m + x, n, 64, 2, bottleneck)
    return auxiliary, w.linear("fc", _pool(x), classes), m


def large_resnet(
    w: Layers, x: Tensor, *, blocks: tuple[int, ...], bottleneck: bool, classes: int, width: int = 64
) -> Outputs:
    """For ImageNet."""
    x = F.relu(w.norm("bn1", w.conv("conv1", x, width, 7, 2)))
    x = F.max_pool2d(x, 3, 2, 1)
    for i in range(3):
        x = _stage(w, f"layer{i + 1}", x, blocks[i], width * 2**i, 1 if i == 0 else 2, bottleneck)
    a = _stage(w, "att_layer4", x, blocks[3], width * 8, 1, bottleneck)
    auxiliary, m = _branch(w, w.norm("bn_att", a), classes)
    x = _stage(w, "layer4", x * m + x, blocks[3], width * 8, 2, bottleneck)
    return auxiliary, w.linear("fc", _pool(x), classes), m


def resnext(w: Layers, x: Tensor, *, classes: int, groups: int = 8, width: int = 64) -> Outputs:
    """29 layers, 8 × 64d, widened by 4; `bn_att` is made, and not used."""

    def stage(name: str, x: Tensor, out: int, stride: int) -> Tensor:
        for i in range(3):
            block, inner, s = f"{name}.{name}_bottleneck_{i}", groups * out // 4, stride if i == 0 else 1
            y = F.relu(w.norm(f"{block}.bn_reduce", w.conv(f"{block}.conv_reduce", x, inner, 1)))
            y = F.relu(w.norm(f"{block}.bn", w.conv(f"{block}.conv_conv", y, inner, 3, s, groups)))
            y = w.norm(f"{block}.bn_expand", w.conv(f"{block}.conv_expand", y, out, 1))
            if x.shape[1] != out:
                x = w.norm(f"{block}.shortcut.shortcut_bn", w.conv(f"{block}.shortcut.shortcut_conv", x, out, 1, s))
            x = F.relu(x + y)
        return x

    x = F.relu(w.norm("bn_1", w.conv("conv_1_3x3", x, 64, 3)))
    x = stage("stage_2", stage("stage_1", x, 4 * width, 1), 8 * width, 2)
    a = stage("stage_att", x, 16 * width, 1)
    w.norm("bn_att", a)
    auxiliary, m = _branch(w, a, classes)
    return auxiliary, w.linear("classifier", _pool(stage("stage_3", x * m + x, 16 * width, 2)), classes), m


def wrn(w: Layers, x: Tensor, *, depth: int, widen: int, classes: int) -> Outputs:
    """Norm and ReLU before each convolution; they are shared with the shortcut where that has a convolution."""

    def stage(name: str, x: Tensor, out: int, stride: int) -> Tensor:
        for i in range((depth - 4) // 6):
            block, s = f"{name}.layer.{i}", stride if i == 0 else 1
            y = F.relu(w.norm(f"{block}.bn1", x))
            shortcut = w.conv(f"{block}.convShortcut", y, out, 1, s) if x.shape[1] != out else x
            y = F.relu(w.norm(f"{block}.bn2", w.conv(f"{block}.conv1", y, out, 3, s)))
            x = shortcut + w.conv(f"{block}.conv2", y, out, 3)
        return x

    x = stage("block2", stage("block1", w.conv("conv1", x, 16, 3), 16 * widen, 1), 32 * widen, 2)
    auxiliary, m = _branch(w, w.norm("bn_att", stage("att_block3", x, 64 * widen, 1)), classes)
    x = F.relu(w.norm("bn1", stage("block3", x * m + x, 64 * widen, 2)))
    return auxiliary, w.linear("fc", _pool(x), classes), m


def densenet(w: Layers, x: Tensor, *, depth: int, growth: int, classes: int) -> Outputs:
    """BC: a 1×1 convolution in each layer, half of the channels after each transition."""

    def dense(name: str, x: Tensor) -> Tensor:
        for i in range((depth - 4) // 6):
            y = w.conv(f"{name}.{i}.conv1", F.relu(w.norm(f"{name}.{i}.bn1", x)), 4 * growth, 1)
            y = w.conv(f"{name}.{i}.conv2", F.relu(w.norm(f"{name}.{i}.bn2", y)), growth, 3)
            x = torch.cat((x, y), 1)
        return x

    def transition(name: str, x: Tensor) -> Tensor:
        return F.avg_pool2d(w.conv(f"{name}.conv1", F.relu(w.norm(f"{name}.bn1", x)), x.shape[1] // 2, 1), 2)

    x = transition("trans1", dense("dense1", w.conv("conv1", x, 2 * growth, 3)))
    x = transition("trans2", dense("dense2", x))
    auxiliary, m = _branch(w, w.norm("bn_att", dense("att_dense3", x)), classes)
    x = F.relu(w.norm("bn", dense("dense3", x * m + x)))
    return auxiliary, w.linear("fc", _pool(x), classes), m


def _stage(w: Layers, name: str, x: Tensor, blocks: int, width: int, stride: int, bottleneck: bool) -> Tensor:
    out = 4 * width if bottleneck else width
    for i in range(blocks):
        block, s, given = f"{name}.{i}", stride if i == 0 else 1, x
        if bottleneck:
            x = F.relu(w.norm(f"{block}.bn1", w.conv(f"{block}.conv1", x, width, 1)))
            x = F.relu(w.norm(f"{block}.bn2", w.conv(f"{block}.conv2", x, width, 3, s)))
            x = w.norm(f"{block}.bn3", w.conv(f"{block}.conv3", x, out, 1), gain=0.2)  # so many blocks add up to little
        else:
            x = F.relu(w.norm(f"{block}.bn1", w.conv(f"{block}.conv1", x, width, 3, s)))
            x = w.norm(f"{block}.bn2", w.conv(f"{block}.conv2", x, width, 3), gain=0.2)
        if i == 0 and (s != 1 or given.shape[1] != out):
            given = w.norm(f"{block}.downsample.1", w.conv(f"{block}.downsample.0", given, out, 1, s))
        x = F.relu(x + given)
    return x


def _branch(w: Layers, a: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """What follows the trunk and its norm: auxiliary logits and M."""
    a = F.relu(w.norm("bn_att2", w.conv("att_conv", a, classes, 1)))
    m = torch.sigmoid(w.norm("bn_att3", w.conv("att_conv3", a, 1, 3)))
    return _pool(w.conv("att_conv2", a, classes, 1)), m


def _pool(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, x.shape[-1]).flatten(1)


FORWARD = {  # arch → its forward pass in full size: (layers, images, classes=K)
    **{f"resnet{d}": lambda w, x, classes, d=d: resnet(w, x, depth=d, classes=classes) for d in (20, 32, 44, 56, 110)},
    "densenet": lambda w, x, classes: densenet(w, x, depth=100, growth=12, classes=classes),
    "wrn": lambda w, x, classes: wrn(w, x, depth=28, widen=10, classes=classes),
    "resnext": lambda w, x, classes: resnext(w, x, classes=classes),
    **{
        f"imagenet-resnet{depth}": lambda w, x, classes, n=n, b=b: large_resnet(
            w, x, blocks=n, bottleneck=b, classes=classes
        )
        for depth, n, b in (
            (18, (2, 2, 2, 2), False),
            (34, (3, 4, 6, 3), False),
            (50, (3, 4, 6, 3), True),
            (101, (3, 4, 23, 3), True),
            (152, (3, 8, 36, 3), True),
        )
    },
}
