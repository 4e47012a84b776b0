"""The trunk of an attention branch: the perception branch's last stage at stride 1, or two plain residual blocks.

The stage is copied up to the network's global pool, every stride set to 1 and later kernels dilated instead, so that
pretrained filters keep their meaning (the authors' `att_layer4` is the same idea on a ResNet).
"""

import copy
import logging
import math
from typing import Any, cast

import torch
from timm.layers import AvgPool2dSame, BlurPool2d, Conv2dSame
from timm.layers.pool2d_same import MaxPool2dSame
from torch import Tensor, fx, nn
from torch.nn import functional

from abn.network.initialization import initialize_weights

COPY = "a copy of the perception branch at stride 1"  # the kinds of trunk, as on the model card
RESIDUAL = "two plain residual blocks, as no stage could be copied"

POOLS = (functional.max_pool2d, functional.avg_pool2d)

log = logging.getLogger(__name__)


def build_trunk(stage: fx.GraphModule | None, example: Tensor) -> tuple[nn.Module, str]:
    """A trunk that keeps the cells of g(x), whatever their number, and its kind: COPY of a stage with weights that can,
    else RESIDUAL. `example` is a g(x) (1, C, h, w)."""
    if stage is not None and list(stage.parameters()):
        trunk = at_stride_one(copy.deepcopy(stage), example)
        fewer = example[:, :, : example.shape[2] // 2, : example.shape[3] // 2]
        if _cells(trunk, example) == example.shape[2:] and (
            _cells(stage, fewer) is None or _cells(trunk, fewer) == fewer.shape[2:]
        ):
            return trunk, COPY
    return _residual(example.shape[1]), RESIDUAL


def at_stride_one(stage: fx.GraphModule, example: Tensor) -> fx.GraphModule:
    """Set every stride of the stage to 1 and dilate the layers after it accordingly; in place.

    Every second cell of every second row is what the stage with one stride of 2 gives. The dilation of a layer follows
    from the size of its input for `example`, so that layers inside modules that torch.fx can't trace are found too.
    """
    sizes = _layer_sizes(stage, example)
    for name, layer in list(stage.named_modules()):
        if layer not in sizes:
            continue
        before, after = sizes[layer]
        dilation = 2 ** max(0, round(math.log2(example.shape[-1] / before[-1])))
        strided = _first(layer.stride) > 1
        if not strided and after != before:
            continue  # unpadded by design: a kernel over all of a block, say
        if isinstance(layer, nn.Conv2d) and (strided or dilation > 1):
            stage.set_submodule(name, _conv_at_stride_one(layer, dilation))
        elif isinstance(layer, nn.MaxPool2d) and strided:
            stage.set_submodule(name, MaxPool2dSame(layer.kernel_size, 1))
        elif isinstance(layer, nn.AvgPool2d) and strided:
            stage.set_submodule(name, AvgPool2dSame(layer.kernel_size, 1))
        elif isinstance(layer, BlurPool2d):
            layer.stride = 1
    for node in stage.graph.nodes:
        if node.op == "call_function" and node.target in POOLS:
            _pool_at_stride_one(node)
    stage.recompile()
    return stage


def _layer_sizes(stage: nn.Module, example: Tensor) -> dict[nn.Module, tuple[torch.Size, torch.Size]]:
    """Cells (h, w) before and after each convolution and pool of the stage."""
    sizes = {}

    def record(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        sizes[layer] = inputs[0].shape[2:], output.shape[2:]

    layers = [m for m in stage.modules() if isinstance(m, (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d, BlurPool2d))]
    handles = [layer.register_forward_hook(record) for layer in layers]
    with torch.no_grad():
        stage(example)
    for handle in handles:
        handle.remove()
    return sizes


def _pool_at_stride_one(node: fx.Node) -> None:
    """A pool that is no layer; one with an even kernel is left as it is, and the stage can't be copied."""
    options: dict[str, Any] = dict(zip(("kernel_size", "stride", "padding"), node.args[1:], strict=False)) | node.kwargs
    kernel = _first(options["kernel_size"])
    if _first(options.get("stride") or kernel) > 1 and kernel % 2:
        node.args, node.kwargs = node.args[:1], options | {"stride": 1, "padding": kernel // 2}


def _conv_at_stride_one(conv: nn.Conv2d, dilation: int) -> nn.Conv2d:
    """The convolution, changed in place to stride 1 and dilated, padded so that the number of cells is kept."""
    conv.stride, conv.dilation = (1, 1), tuple(d * dilation for d in conv.dilation)
    if all(kernel % 2 for kernel in conv.kernel_size):
        conv.padding = tuple(d * (k // 2) for d, k in zip(conv.dilation, conv.kernel_size, strict=True))
        return conv
    bias = conv.bias is not None  # an even kernel needs one cell more at its end: timm's class pads so
    kernel_size, dilated = cast(tuple[tuple[int, int], ...], (conv.kernel_size, conv.dilation))
    same = Conv2dSame(conv.in_channels, conv.out_channels, kernel_size, 1, 0, dilated, conv.groups, bias)
    same.weight, same.bias = conv.weight, conv.bias
    return same


def _first(value: int | tuple[int, int]) -> int:
    return value if isinstance(value, int) else value[0]


def _cells(stage: fx.GraphModule, features: Tensor) -> torch.Size | None:
    """(h, w) of the stage's output for g(x); None where it can't run on it."""
    try:
        with torch.no_grad():
            return fx.Interpreter(stage.eval()).run(features).shape[2:]
    except Exception as error:  # whatever a stage of fixed size may raise
        log.debug("a stage does not run on %s × %s cells", *features.shape[2:], exc_info=error)
        return None


class _ResidualBlock(nn.Module):
    """Two 3×3 convolutions beside an identity (He et al. 2016): the trunk where no stage can be copied."""

    def __init__(self, channels: int):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, features: Tensor) -> Tensor:
        return (features + self.body(features)).relu()


def _residual(channels: int) -> nn.Module:
    trunk = nn.Sequential(_ResidualBlock(channels), _ResidualBlock(channels))
    initialize_weights(trunk)
    return trunk.eval()
