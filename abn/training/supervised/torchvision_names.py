"""Weights of torchvision's networks under timm's names, where both build the same network.

For convolutional networks both list the tensors in the order of computing, so their order is the translation; for
vision transformers the names are.
"""

import re

from torch import Tensor, nn

COUNTER = "num_batches_tracked"  # of each batch norm; a file may lack it
ORDERED = {  # timm's names → the ε that torchvision's batch norms add to the variance
    re.compile(r"efficientnet_b[0-4]|mobilenetv2_100|mnasnet_100|convnext_(tiny|small|base|large)"): 1e-5,
    re.compile(r"efficientnet_b[5-7]|mobilenetv3_(small|large)_100"): 1e-3,
}
VIT = re.compile(r"vit_(base|large|huge)_patch\d+_\d+")
VIT_NAMES = (
    (r"^class_token$", "cls_token"),
    (r"^encoder\.pos_embedding$", "pos_embed"),
    (r"^conv_proj\.", "patch_embed.proj."),
    (r"^encoder\.layers\.encoder_layer_(\d+)\.", r"blocks.\1."),
    (r"\.ln_([12])\.", r".norm\1."),
    (r"\.self_attention\.in_proj_", ".attn.qkv."),
    (r"\.self_attention\.out_proj\.", ".attn.proj."),
    (r"\.mlp\.(?:0|linear_1)\.", ".mlp.fc1."),
    (r"\.mlp\.(?:3|linear_2)\.", ".mlp.fc2."),
    (r"^encoder\.ln\.", "norm."),
    (r"^heads\.head\.", "head."),
)


def by_timms_names(backbone: nn.Module, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights under timm's names; as they are where they aren't torchvision's of this network."""
    if backbone.state_dict().keys() & weights.keys():
        return weights
    architecture = str(backbone.pretrained_cfg["architecture"])  # type: ignore[index]  # timm's metadata
    if VIT.fullmatch(architecture) and "conv_proj.weight" in weights:
        return {_vit_name(name): value for name, value in weights.items()}
    for pattern, epsilon in ORDERED.items():
        if pattern.fullmatch(architecture):
            return _by_order(backbone, weights, epsilon) or weights
    return weights


def _vit_name(name: str) -> str:
    for pattern, replacement in VIT_NAMES:
        name = re.sub(pattern, replacement, name)
    return name


def _by_order(backbone: nn.Module, weights: dict[str, Tensor], epsilon: float) -> dict[str, Tensor]:
    """The weights under the network's names, in their order; empty where one is of another size. The classifier, which
    is last, may be missing or for other classes. What differs in `epsilon` goes into the variances."""
    state, given = _without_counters(backbone.state_dict()), _without_counters(weights)
    classifier = backbone.get_classifier()  # type: ignore[operator]  # timm's
    last = len(state) - len(list(classifier.parameters()))
    if len(given) not in (last, len(state)):
        return {}
    own = next((module.eps for module in backbone.modules() if isinstance(module, nn.BatchNorm2d)), epsilon)
    renamed = {}
    for place, (name, value) in enumerate(zip(state, given.values(), strict=False)):
        if place < last:
            if _sides(value) != _sides(state[name]):
                return {}
            value = value.reshape(state[name].shape)  # a linear layer is a convolution of 1 × 1
        renamed[name] = value + (epsilon - own) if name.endswith("running_var") else value
    return renamed


def _without_counters(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value for name, value in weights.items() if not name.endswith(COUNTER)}


def _sides(tensor: Tensor) -> list[int]:
    return [side for side in tensor.shape if side > 1]
