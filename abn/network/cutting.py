"""A timm CNN cut into feature extractor and perception branch, and the trunk of an attention branch made from it.

The cut is found in the traced graph (torch.fx), never in a table of names: after the last node of the `feature_info`
module of reduction 16 (14 × 14 cells for 224 px), or at the nearest node that everything passes through. Where a norm
over the channels of each cell follows, the cut lies after it: LN(c · x) = LN(x), so the norm would divide the map out.
The two halves reproduce the whole exactly.
"""

import copy
import itertools
from dataclasses import dataclass

import torch
from timm.data import resolve_model_data_config
from torch import Tensor, fx, nn

from abn.errors import BackboneError
from abn.network import tracing
from abn.network.tracing import CutPoint
from abn.network.trunk import build_trunk

REDUCTION = 16  # input pixels a cell of g(x), along each axis
MIN_CELLS = 7  # of the map along each axis, for an input of the backbone's own size
ROUNDING = 1e-3  # relative difference below which two outputs are equal: norms add an ε to the variance


@dataclass(frozen=True)
class Halves:
    """A CNN cut in two, and a trunk made from the second half.

    `extractor.meta` holds `cut_at`, the graph node whose output is g(x), and `channels_last`, whether the backbone
    itself keeps maps as (B, h, w, C).
    """

    extractor: fx.GraphModule  # (B, 3, H, W) → g(x) (B, C, h, w)
    perception_branch: nn.Module  # g(x) → logits (B, K)
    trunk: nn.Module  # g(x) → (B, trunk_channels, h, w)
    trunk_channels: int
    trunk_kind: str  # COPY or RESIDUAL


def cut(backbone: nn.Module) -> Halves:
    """Cut a timm CNN (put in evaluation mode) at reduction 16 and build the trunk. The halves share their weights with
    `backbone`; the trunk has its own copy. Raises `BackboneError` where there is no such cut."""
    backbone.eval()
    graph = tracing.trace(backbone, resolve_model_data_config(backbone)["input_size"][-1])
    points = tracing.cut_points(graph)
    point = _move_past_norm(graph, points, _choose(graph, points, backbone), backbone)
    stage = None if points[-1] is point else tracing.piece(backbone, graph, start=point, end=points[-1])
    example = torch.zeros(1, point.channels, point.cells, point.cells)
    trunk, kind = build_trunk(stage, example)
    with torch.no_grad():
        trunk_channels = trunk(example).shape[1]
    extractor = tracing.piece(backbone, graph, start=None, end=point)
    extractor.meta.update(cut_at=point.node.name, channels_last=point.channels_last)
    return Halves(
        extractor=extractor,
        perception_branch=tracing.piece(backbone, graph, start=point, end=None),
        trunk=trunk,
        trunk_channels=trunk_channels,
        trunk_kind=kind,
    )


def _choose(graph: fx.Graph, points: list[CutPoint], backbone: nn.Module) -> CutPoint:
    """The cut point at the end of the feature_info module nearest to reduction 16, or else the one nearest to it."""
    nodes, name = list(graph.nodes), type(backbone).__name__
    if len(tracing.shape(nodes[-1])) != 2:
        raise BackboneError(
            f"{name} computes no class scores, so it has no perception branch: choose a backbone with a classifier."
        )
    if not points:
        raise BackboneError(
            f"{name} can't be cut, as no single node carries a whole square feature map (transformers compute tokens). "
            f"{tracing.ALTERNATIVES}"
        )
    size = tracing.shape(nodes[0])[-1]
    fine = [point for point in points if point.cells >= MIN_CELLS] or points
    stages = [s for s in getattr(backbone, "feature_info", None) or [] if isinstance(s, dict) and s.get("module")]
    stage = min(reversed(stages), key=lambda s: abs(s["reduction"] - REDUCTION), default={}).get("module")
    last = max((i for i, node in enumerate(nodes) if stage in tracing.module_paths(node)), default=len(nodes))
    position = {node: i for i, node in enumerate(nodes)}
    exact = [point for point in fine if position[point.node] == last]
    nearest = min(exact or fine, key=lambda p: (abs(p.cells - size / REDUCTION), abs(position[p.node] - last)))
    if nearest is points[-1]:  # one resolution to the end: the last quarter of it takes the last stage's place
        same_size = [point for point in fine if point.cells == nearest.cells]
        nearest = same_size[3 * (len(same_size) - 1) // 4]
    return nearest


def _move_past_norm(graph: fx.Graph, points: list[CutPoint], point: CutPoint, backbone: nn.Module) -> CutPoint:
    """The end of the norm that divides the gain of each cell out right after `point`; `point` itself if there is none.

    Formulas of norms differ, so each next piece is run on features and on the same features with gains. The search
    ends where another layer reads the gains, or the number of cells changes.
    """
    later = points[points.index(point) + 1 :]
    same_size = list(itertools.takewhile(lambda p: p.cells == point.cells, later))
    paths = [tracing.module_paths(p.node)[-1:] for p in same_size]
    generator = torch.Generator("cpu").manual_seed(0)
    with torch.device("cpu"):  # also where the backbone has shapes only
        features = torch.randn(1, point.channels, point.cells, point.cells, generator=generator)
        gain = torch.rand(1, 1, point.cells, point.cells, generator=generator) + 0.5
    for i, end in enumerate(same_size):
        piece = _with_random_weights(tracing.piece(backbone, graph, start=point, end=end), generator)
        with torch.no_grad(), torch.device("cpu"):
            plain, weighted = piece(features), piece(features * gain)
        if _equal(weighted, plain):
            norm = paths[i]  # the norm's weights and permutes may be nodes of their own
            while norm and paths[i + 1 : i + 2] == [norm]:
                i += 1
            return same_size[i]
        if not _equal(weighted, plain * gain):
            break
    return point


def _with_random_weights(piece: fx.GraphModule, generator: torch.Generator) -> fx.GraphModule:
    """A copy on the CPU with gains from 0.5 to 1.5, and other weights such that no branch outweighs its skip."""
    drawn = copy.deepcopy(piece).to_empty(device="cpu").eval()
    with torch.no_grad():
        for values in itertools.chain(drawn.parameters(), drawn.buffers()):
            if values.dim() > 1 and values.is_floating_point():
                values.normal_(generator=generator).div_(values[0].numel() ** 0.5)
            elif values.is_floating_point():
                values.uniform_(0.5, 1.5, generator=generator)
    return drawn


def _equal(values: Tensor, expected: Tensor) -> bool:
    return bool((values - expected).norm() < ROUNDING * expected.norm())
