"""A timm CNN cut into feature extractor and perception branch, and the trunk of an attention branch made from it.

The cut is found in the traced graph (torch.fx), never in a table of names: after the last node of the `feature_info`
module of reduction 16 (14 × 14 cells for 224 px), or at the nearest node that everything passes through. The two halves
reproduce the whole exactly.
"""

from dataclasses import dataclass

import torch
from timm.data import resolve_model_data_config
from torch import fx, nn

from abn.errors import BackboneError
from abn.network import tracing
from abn.network.tracing import CutPoint
from abn.network.trunk import build_trunk

REDUCTION = 16  # input pixels a cell of g(x), along each axis
MIN_CELLS = 7  # of the map along each axis, for an input of the backbone's own size


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
    point = _choose(graph, points, backbone)
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
