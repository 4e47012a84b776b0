"""Cut a timm CNN into feature extractor and perception branch, and grow the trunk of an attention branch from it.

The cut is found in the traced graph (torch.fx), never in a table of names: it stands after the last node of the
`feature_info` module of reduction 16 (14 × 14 cells for 224 px), or at the nearest node that everything passes through.
The two halves reproduce the whole exactly. The trunk is a copy of the perception branch up to its global pool with
every stride set to 1 and later kernels dilated instead, so that pretrained filters keep their meaning (the authors'
`att_layer4` is the same idea on a ResNet).
"""

import contextlib
import copy
import difflib
import functools
import logging
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import timm
import torch
from timm.data import resolve_model_data_config
from timm.layers import AvgPool2dSame, Conv2dSame, get_notrace_functions, get_notrace_modules
from timm.layers.pool2d_same import MaxPool2dSame
from torch import Tensor, fx, nn
from torch.fx.passes.shape_prop import ShapeProp
from torch.overrides import TorchFunctionMode

from abn import paper
from abn.errors import BackboneError
from abn.model import AttentionBranch, AttentionBranchNetwork, initialise, settle
from abn.picture import InputSpec

REDUCTION = 16  # input pixels a cell of g(x), along each axis
COPY = "a copy of the perception branch at stride 1"  # the kinds of trunk, as a card tells them
RESIDUAL = "two plain residual blocks, as no stage could be copied"

log = logging.getLogger(__name__)
_drawing = threading.RLock()  # torch has one generator for all threads


@dataclass(frozen=True)
class Halves:
    """A CNN cut in two, and a trunk grown from the second half. All three take what the first gives."""

    extractor: nn.Module  # (B, 3, H, W) → g(x) (B, C, h, w)
    perception_branch: nn.Module  # g(x) → logits (B, K)
    trunk: nn.Module  # g(x) → (B, trunk_channels, h, w)
    trunk_channels: int
    trunk_kind: str  # COPY or RESIDUAL
    cut_at: str  # the graph node whose output is g(x)


def create_model(
    backbone: str, *, num_classes: int = 1000, mechanism: str = "additive", seed: int | None = None
) -> AttentionBranchNetwork:
    """An Attention Branch Network from any timm CNN, or from the paper's own ("cifar-resnet20"), with random
    weights; nothing is fetched.

    `seed` makes the weights reproducible without touching the global generator. Raises `BackboneError` where the
    backbone is unknown or can't be cut.
    """
    if not isinstance(num_classes, int) or num_classes < 2:
        raise BackboneError(f"num_classes must be a whole number of at least 2; got {num_classes!r}.")
    with _drawing if seed is None else own_randomness(seed):
        network = build(backbone, num_classes=num_classes, mechanism=mechanism)
        size = input_spec(backbone).size
        settle(network, torch.randn(2, 3, size, size))
        return network.eval()


@contextlib.contextmanager
def own_randomness(seed: int | None = None) -> Iterator[None]:
    """What is drawn here, from `seed` if there is one, leaves the global generator as it was; and no other thread that
    makes a network draws in between."""
    with _drawing, torch.random.fork_rng(devices=[]):
        if seed is not None:
            torch.manual_seed(seed)
        yield


@contextlib.contextmanager
def shapes_only() -> Iterator[None]:
    """What torch makes here has a shape and a type, and no memory: a network of any size can be built and asked for
    the shapes of what it gives, at hardly any cost. It can't be asked for a value."""
    with torch.device("meta"), _RealNumbers():
        yield


class _RealNumbers(TorchFunctionMode):
    """Ranges and whole numbers that are written out stay real, since networks read them while they are built."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        if func in (torch.linspace, torch.arange):
            kwargs.setdefault("device", "cpu")
        elif func is torch.tensor and not (real := func(*args, **{**kwargs, "device": "cpu"})).is_floating_point():
            return real
        return func(*args, **kwargs)


@functools.cache
def convolutional() -> tuple[str, ...]:
    """The names that `create_model` may know: the paper's small networks, then those of timm whose metadata tells of a
    pooled feature map for inputs of any size, as convolutional networks have it. A few can't be cut all the same."""
    configs = {name: timm.get_pretrained_cfg(name) for name in timm.list_models()}
    return (
        *paper.DESIGNS,
        *(name for name, config in configs.items() if config and config.pool_size and not config.fixed_input_size),
    )


def build(backbone: str, *, num_classes: int, mechanism: str) -> AttentionBranchNetwork:
    """The layers of `create_model` with weights that are still to be loaded: its map may be saturated."""
    if paper.is_ours(backbone):
        return paper.build(backbone, num_classes=num_classes, mechanism=mechanism)
    halves = cut(load_backbone(backbone, num_classes=num_classes))
    return assemble(halves, num_classes=num_classes, mechanism=mechanism)


def load_backbone(name: str, *, num_classes: int = 1000) -> nn.Module:
    """The plain timm CNN with random weights, or `BackboneError` with the nearest names."""
    if not timm.is_model(name):
        near = ", ".join(difflib.get_close_matches(str(name), timm.list_models(), n=5))
        hint = f" Near it: {near}." if near else ""
        raise BackboneError(f"timm knows no backbone named {name!r}.{hint}")
    return timm.create_model(name, pretrained=False, num_classes=num_classes).eval()


def input_spec(backbone: nn.Module | str) -> InputSpec:
    """Input size and normalisation from timm's own metadata; a name builds no weights."""
    if paper.is_ours(backbone):
        return paper.input_spec(backbone)
    if isinstance(backbone, str):
        metadata = timm.get_pretrained_cfg(backbone)
        if metadata is None:
            raise BackboneError(f"timm tells nothing of {backbone[:80]!r}, so its input isn't known: an older name?")
        config = timm.data.resolve_data_config(pretrained_cfg=metadata.to_dict())
    else:
        config = resolve_model_data_config(backbone)
    return InputSpec(
        size=config["input_size"][-1],
        crop_pct=config["crop_pct"],
        interpolation=config["interpolation"],
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
    )


def assemble(halves: Halves, *, num_classes: int, mechanism: str) -> AttentionBranchNetwork:
    """Join the halves of a CNN with a fresh attention branch around their trunk."""
    branch = AttentionBranch(
        halves.trunk,
        trunk_channels=halves.trunk_channels,
        num_classes=num_classes,
        trunk_kind=halves.trunk_kind,
    )
    for head in (branch.to_classes, branch.class_head, branch.map_head):
        initialise(head)
    return AttentionBranchNetwork(
        extractor=halves.extractor,
        attention_branch=branch,
        perception_branch=halves.perception_branch,
        mechanism=mechanism,
    )


def cut(backbone: nn.Module) -> Halves:
    """Cut a timm CNN (put in evaluation mode) at reduction 16 and grow the trunk; weights are shared with `backbone`,
    except for the trunk, which has its own copy. Raises `BackboneError` where there is no such cut."""
    backbone.eval()
    size = input_spec(backbone).size
    graph = _trace(backbone, size)
    nodes = list(graph.nodes)
    waists = _square_waists(nodes, size)
    at = _cut_node(nodes, waists, backbone, size)
    channels, height, width = _shape(at)[1:]
    extractor = _part(backbone, graph, start=None, end=at)
    perception = _part(backbone, graph, start=at, end=None)

    trunk, kind = None, COPY
    if waists[-1] is not at:
        trunk = _at_stride_one(copy.deepcopy(_part(backbone, graph, start=at, end=waists[-1])))
    example = torch.zeros(1, channels, height, width)
    if trunk is None or not list(trunk.parameters()) or _output_size(trunk, example) != (height, width):
        trunk, kind = _residual(channels), RESIDUAL
    with torch.no_grad():
        trunk_channels = trunk(example).shape[1]
    return Halves(extractor, perception, trunk, trunk_channels, kind, at.name)


# ---- the graph ----


class _Tracer(fx.Tracer):
    """torch.fx with timm's own list of what must not be looked into; a convolution of any kind stays one node."""

    def __init__(self):
        super().__init__(autowrap_functions=tuple(get_notrace_functions()))
        self._leaves = (nn.Conv2d, *get_notrace_modules())

    def is_leaf_module(self, module: nn.Module, qualified_name: str) -> bool:
        return isinstance(module, self._leaves) or super().is_leaf_module(module, qualified_name)


def _trace(backbone: nn.Module, size: int) -> fx.Graph:
    name = type(backbone).__name__
    try:
        graph = _Tracer().trace(backbone)
        with torch.no_grad():
            ShapeProp(fx.GraphModule(backbone, graph)).propagate(torch.zeros(1, 3, size, size))
    except Exception as error:  # torch.fx fails in as many ways as there are models
        log.info("tracing %s failed", name, exc_info=error)
        raise BackboneError(
            f"{name} can't be traced into a graph ({type(error).__name__}), so it can't be cut. "
            "Convolutional families such as resnet, efficientnet, convnext or regnet can."
        ) from error
    return graph


def _shape(node: fx.Node) -> tuple[int, ...]:
    meta = node.meta.get("tensor_meta")
    return tuple(meta.shape) if hasattr(meta, "shape") else ()


def _square_waists(nodes: list[fx.Node], size: int) -> list[fx.Node]:
    """The nodes that everything passes through (after them no earlier value is needed any more), where they hold a
    square map of more than one cell (B, C, n, n)."""
    position = {node: i for i, node in enumerate(nodes)}
    waists, needed_until = [], -1
    for i, node in enumerate(nodes):
        if node.op == "get_attr":
            continue  # a parameter can be fetched again in either half
        shape = _shape(node)
        if needed_until <= i and len(shape) == 4 and shape[2] == shape[3] and 1 < shape[2] < size:
            waists.append(node)
        needed_until = max([needed_until, *(position[user] for user in node.users)])
    return waists


def _cut_node(nodes: list[fx.Node], waists: list[fx.Node], backbone: nn.Module, size: int) -> fx.Node:
    """The last node of the feature_info module nearest to reduction 16, moved to the nearest waist if it is none."""
    if not waists:
        raise BackboneError(
            f"{type(backbone).__name__} has no place where all of a square feature map passes through one node, "
            "so it can't be cut. Choose a convolutional backbone with feature maps in NCHW order."
        )
    stages = [s for s in getattr(backbone, "feature_info", None) or [] if isinstance(s, dict) and s.get("module")]
    stage = min(reversed(stages), key=lambda s: abs(s["reduction"] - REDUCTION), default={}).get("module")
    last = max((i for i, node in enumerate(nodes) if stage in _module_paths(node)), default=len(nodes))
    if last < len(nodes) and nodes[last] in waists:
        return nodes[last]
    position = {node: i for i, node in enumerate(nodes)}
    return min(waists, key=lambda n: (abs(_shape(n)[2] - size / REDUCTION), abs(position[n] - last)))


def _module_paths(node: fx.Node) -> list[str]:
    stack = [path for path, _ in node.meta.get("nn_module_stack", {}).values()]
    return [*stack, str(node.target)] if node.op == "call_module" else stack


def _part(root: nn.Module, graph: fx.Graph, *, start: fx.Node | None, end: fx.Node | None) -> fx.GraphModule:
    """The piece of the graph after `start` (None: from the input) up to `end` (None: to the output)."""
    piece, copies, nodes = fx.Graph(), {}, list(graph.nodes)
    if start is not None:
        copies[start] = piece.placeholder("features")
        before, nodes = nodes[: nodes.index(start)], nodes[nodes.index(start) + 1 :]
        later = set(nodes)
        for node in before:  # parameters fetched early and used late
            if node.op == "get_attr" and not later.isdisjoint(node.users):
                copies[node] = piece.node_copy(node)
    for node in nodes:
        copies[node] = piece.node_copy(node, copies.__getitem__)
        if node is end:
            piece.output(copies[node])
            break
    return fx.GraphModule(root, piece)


# ---- the trunk ----


def _at_stride_one(trunk: fx.GraphModule) -> fx.GraphModule:
    """Set every stride of the graph to 1 and dilate what follows by what was taken away; in place.

    Nothing is lost by it: after one stride of 2, every second cell of every second row is what the strided stage gives.
    """
    modules = dict(trunk.named_modules())
    dilation: dict[fx.Node, int] = {}
    for node in trunk.graph.nodes:
        here = max((dilation[given] for given in node.all_input_nodes), default=1)
        module = modules.get(node.target) if node.op == "call_module" else None
        strided = isinstance(module, (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d))
        stride = _one(module.stride) if strided else 1
        dilation[node] = here * stride
        if isinstance(module, nn.Conv2d) and here * stride > 1:
            trunk.set_submodule(node.target, _conv_at_stride_one(module, here))
        elif isinstance(module, nn.MaxPool2d) and stride > 1:
            trunk.set_submodule(node.target, MaxPool2dSame(module.kernel_size, 1))
        elif isinstance(module, nn.AvgPool2d) and stride > 1:
            trunk.set_submodule(node.target, AvgPool2dSame(module.kernel_size, 1))
    return trunk


def _conv_at_stride_one(conv: nn.Conv2d, dilation: int) -> nn.Conv2d:
    """The convolution, changed in place to stride 1 and dilated, padded so that the number of cells is kept."""
    conv.stride, conv.dilation = (1, 1), tuple(d * dilation for d in conv.dilation)
    if all(kernel % 2 for kernel in conv.kernel_size):
        conv.padding = tuple(d * (k // 2) for d, k in zip(conv.dilation, conv.kernel_size, strict=True))
        return conv
    bias = conv.bias is not None  # an even kernel needs one cell more at its end: timm's class pads so
    same = Conv2dSame(conv.in_channels, conv.out_channels, conv.kernel_size, 1, 0, conv.dilation, conv.groups, bias)
    same.weight, same.bias = conv.weight, conv.bias
    return same


def _one(value: int | tuple[int, int]) -> int:
    return value if isinstance(value, int) else value[0]


def _output_size(trunk: nn.Module, example: Tensor) -> tuple[int, ...] | None:
    try:
        with torch.no_grad():
            return tuple(trunk.eval()(example).shape[2:])
    except Exception as error:  # torch raises RuntimeError, timm's layers check their input by assertions
        log.info("the stride-1 trunk does not run", exc_info=error)
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
    initialise(trunk)
    return trunk.eval()
