"""Cut a timm CNN into feature extractor and perception branch, and grow the trunk of an attention branch from it.

The cut is found in the traced graph (torch.fx), never in a table of names: it stands after the last node of the
`feature_info` module of reduction 16 (14 × 14 cells for 224 px), or at the nearest node that everything passes through.
The two halves reproduce the whole exactly. The trunk is a copy of the perception branch up to its global pool with
every stride set to 1 and later kernels dilated instead, so that pretrained filters keep their meaning (the authors'
`att_layer4` is the same idea on a ResNet).
"""

import contextlib
import difflib
import functools
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import timm
import torch
from timm.data import resolve_model_data_config
from torch import fx, nn
from torch.overrides import TorchFunctionMode

from abn.errors import BackboneError
from abn.images.fit import InputSpec
from abn.network import tracing
from abn.network.architectures import registry
from abn.network.batchnorm import recalibrate_batchnorm
from abn.network.initialization import initialize_weights
from abn.network.model import MOST_CLASSES, AttentionBranch, AttentionBranchNetwork
from abn.network.tracing import CutPoint
from abn.network.trunk import build_trunk

REDUCTION = 16  # input pixels a cell of g(x), along each axis
GAIN = 0.1  # of residual branches that timm silences
QUIET = 0.01  # of the channels' mean variance: less counts as silence
CELLS = 7  # of the map along each axis, at least, for an input of the backbone's own size

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
    channels_last: bool  # the backbone itself keeps maps as (B, h, w, C)


def create_model(
    backbone: str, *, num_classes: int = 1000, mechanism: str = "additive", seed: int | None = None
) -> AttentionBranchNetwork:
    """An Attention Branch Network from any timm CNN, or from the paper's own ("cifar-resnet20"), with random
    weights; nothing is fetched.

    `seed` makes the weights reproducible without touching the global generator. Raises `BackboneError` where the
    backbone is unknown or can't be cut.
    """
    if not isinstance(num_classes, int) or not 2 <= num_classes <= MOST_CLASSES:
        raise BackboneError(f"num_classes must be a whole number, at least 2 and at most {MOST_CLASSES:,}.")
    with _drawing if seed is None else own_randomness(seed):
        network = build(backbone, num_classes=num_classes, mechanism=mechanism)
        _wake(network)
        _calm(network, input_spec(backbone).size)
        return network.eval()


@torch.no_grad()
def _wake(network: nn.Module) -> None:
    """Let gains that start at 0 start at `GAIN`, and layers of zeros at random, `GAIN` times as large; in place.

    timm silences residual branches so for long trainings from scratch; in the first step no gradient would come to what
    lies before such a gain. Nearly silent is as good for them, and every parameter learns.
    """
    for module in network.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if parameter.any():
                continue
            if isinstance(module, (nn.Conv2d, nn.Linear)) and name == "weight":
                nn.init.kaiming_normal_(parameter).mul_(GAIN)
            elif name == "gain" or (name == "weight" and parameter.dim() == 1):
                nn.init.constant_(parameter, GAIN)


@torch.no_grad()
def _calm(network: AttentionBranchNetwork, size: int) -> None:
    """Settle the network so that its map is far from 0 and 1 on images that it was not settled on, too; in place."""
    recalibrate_batchnorm(network, torch.randn(2, 3, size, size))
    for norm in network.modules():
        if isinstance(norm, nn.BatchNorm2d):  # a channel that is all but silent here would be out of scale elsewhere
            norm.running_var.clamp_(min=QUIET * norm.running_var.mean().item())
    branch = network.attention_branch
    recalibrate_batchnorm(network, torch.randn(2, 3, size, size), [branch.class_norm, branch.map_norm])


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
        *registry.DESIGNS,
        *(name for name, config in configs.items() if config and config.pool_size and not config.fixed_input_size),
    )


def build(backbone: str, *, num_classes: int, mechanism: str) -> AttentionBranchNetwork:
    """The layers of `create_model` with weights that are still to be loaded: its map may be saturated."""
    if registry.is_ours(backbone):
        return registry.build(backbone, num_classes=num_classes, mechanism=mechanism)
    halves = cut(load_backbone(backbone, num_classes=num_classes))
    return assemble(halves, num_classes=num_classes, mechanism=mechanism)


def load_backbone(name: str, *, num_classes: int = 1000) -> nn.Module:
    """The plain timm CNN with random weights, or `BackboneError` with the nearest names."""
    if not timm.is_model(name):
        near = ", ".join(difflib.get_close_matches(str(name), timm.list_models(), n=5))
        hint = f" Near it: {near}." if near else ""
        raise BackboneError(f"timm knows no backbone named {str(name)[:80]!r}.{hint}")
    try:
        return timm.create_model(name, pretrained=False, num_classes=num_classes).eval()
    except Exception as error:  # a model may need what isn't installed, or take no number of classes
        raise BackboneError(f"timm can't build {name} with {num_classes} classes ({type(error).__name__}).") from error


def input_spec(backbone: nn.Module | str) -> InputSpec:
    """Input size and normalization from timm's own metadata; a name builds no weights."""
    if registry.is_ours(backbone):
        return registry.input_spec(backbone)
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
        initialize_weights(head)
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
    traced = tracing.trace(backbone, input_spec(backbone).size)
    found = tracing.cut_points(traced)
    at = _choose(traced, found, backbone)
    stage = None if found[-1] is at else tracing.piece(backbone, traced, start=at, end=found[-1])
    example = torch.zeros(1, at.channels, at.cells, at.cells)
    trunk, kind = build_trunk(stage, example)
    with torch.no_grad():
        trunk_channels = trunk(example).shape[1]
    extractor = tracing.piece(backbone, traced, start=None, end=at)
    extractor.meta.update(cut_at=at.node.name, channels_last=at.channels_last)
    return Halves(
        extractor=extractor,
        perception_branch=tracing.piece(backbone, traced, start=at, end=None),
        trunk=trunk,
        trunk_channels=trunk_channels,
        trunk_kind=kind,
        cut_at=at.node.name,
        channels_last=at.channels_last,
    )


def _choose(traced: fx.Graph, found: list[CutPoint], backbone: nn.Module) -> CutPoint:
    """The waist at the end of the feature_info module nearest to reduction 16, or else the nearest one to it."""
    nodes, name = list(traced.nodes), type(backbone).__name__
    if len(tracing.shape(nodes[-1])) != 2:
        raise BackboneError(
            f"{name} gives no scores of classes, so it has no perception branch. Choose a backbone with a classifier."
        )
    if not found:
        raise BackboneError(
            f"{name} has no place where all of a square feature map passes through one node (transformers keep tokens "
            f"instead), so it can't be cut. {tracing.WOULD_DO}"
        )
    size = tracing.shape(nodes[0])[-1]
    fine = [waist for waist in found if waist.cells >= CELLS] or found
    stages = [s for s in getattr(backbone, "feature_info", None) or [] if isinstance(s, dict) and s.get("module")]
    stage = min(reversed(stages), key=lambda s: abs(s["reduction"] - REDUCTION), default={}).get("module")
    last = max((i for i, node in enumerate(nodes) if stage in tracing.module_paths(node)), default=len(nodes))
    position = {node: i for i, node in enumerate(nodes)}
    exact = [waist for waist in fine if position[waist.node] == last]
    at = min(exact or fine, key=lambda w: (abs(w.cells - size / REDUCTION), abs(position[w.node] - last)))
    if at is found[-1]:  # one resolution to the end: the last quarter of it takes the last stage's place
        alike = [waist for waist in fine if waist.cells == at.cells]
        at = alike[3 * (len(alike) - 1) // 4]
    return at
