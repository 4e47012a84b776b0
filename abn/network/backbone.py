"""Attention Branch Networks from any timm CNN, or from the paper's own, with random weights; nothing is fetched."""

import difflib
import functools
from numbers import Integral

import timm
import torch
from timm.data import resolve_data_config, resolve_model_data_config
from torch import nn

from abn.errors import BackboneError
from abn.network.architectures import registry
from abn.network.batchnorm import recalibrate_batchnorm
from abn.network.contexts import generator_lock, isolated_generator
from abn.network.cutting import Halves, cut
from abn.network.initialization import initialize_weights
from abn.network.model import AttentionBranch, AttentionBranchNetwork
from abn.network.tracing import ALTERNATIVES
from abn.vocabulary import ADDITIVE, InputSpec

RESIDUAL_GAIN = 0.1  # of residual branches that timm starts at 0
MIN_VARIANCE = 0.01  # of a channel, as a share of the channels' mean
MIN_EFFECT = 0.01  # of another map on the logits, as a share of their spread over images
RGB = 3  # channels of an image
ONE_OUTPUT = (
    "One class can't be predicted, as both heads end in a softmax. For one sigmoid output z, give num_classes=2: the "
    "logits (0, z) predict the same."
)
NO_EFFECT = "The map would have no effect in {name}: layers after the cut divide its gain out. {alternatives}"
NOT_RGB = "Networks read RGB images, and gray images become RGB when they are opened: leave out in_chans."


def create_model(
    backbone: str,
    *,
    num_classes: int = 1000,
    mechanism: str = "additive",
    seed: int | None = None,
    in_chans: int = RGB,
) -> AttentionBranchNetwork:
    """An Attention Branch Network with random weights from timm's name of a CNN, or one of the paper's
    ("cifar-resnet20"), in evaluation mode.

    `seed` makes the weights reproducible without touching the global generator. `in_chans` is named as in timm; images
    are RGB, so it can only be 3. Raises `BackboneError` where the backbone is unknown, can't be cut, or the map would
    have no effect on the logits.
    """
    if in_chans != RGB:
        raise BackboneError(NOT_RGB)
    if isinstance(num_classes, Integral) and num_classes == 1:
        raise BackboneError(ONE_OUTPUT)
    if not isinstance(num_classes, Integral) or not 2 <= num_classes <= registry.MAX_CLASSES:
        raise BackboneError(f"num_classes must be a whole number, at least 2 and at most {registry.MAX_CLASSES:,}.")
    with generator_lock if seed is None else isolated_generator(seed):
        network = build(backbone, num_classes=int(num_classes), mechanism=mechanism)
        _raise_zero_gains(network)
        _center_map(network, input_spec(backbone).size)
        if not _has_effect(network.eval(), input_spec(backbone).size):
            raise BackboneError(NO_EFFECT.format(name=backbone, alternatives=ALTERNATIVES))
        return network


@torch.no_grad()
def _raise_zero_gains(network: nn.Module) -> None:
    """Start at `RESIDUAL_GAIN` the gains that timm starts at 0, and draw layers of zeros at random, scaled by it.

    Gains of 0 serve long trainings from scratch: in the first step no gradient reaches what lies before them.
    """
    for module in network.modules():
        for name, parameter in module.named_parameters(recurse=False):
            if parameter.any():
                continue
            if isinstance(module, (nn.Conv2d, nn.Linear)) and name == "weight":
                nn.init.kaiming_normal_(parameter).mul_(RESIDUAL_GAIN)
            elif name == "gain" or (name == "weight" and parameter.dim() == 1):
                nn.init.constant_(parameter, RESIDUAL_GAIN)


@torch.no_grad()
def _center_map(network: AttentionBranchNetwork, size: int) -> None:
    """Recalibrate the batch norms so that the map is far from 0 and 1 on other images as well; in place."""
    recalibrate_batchnorm(network, torch.randn(2, 3, size, size))
    for norm in network.modules():
        if (
            isinstance(norm, nn.BatchNorm2d) and norm.running_var is not None
        ):  # a channel that hardly varies here would be out of scale elsewhere
            norm.running_var.clamp_(min=MIN_VARIANCE * norm.running_var.mean().item())
    branch = network.attention_branch
    recalibrate_batchnorm(network, torch.randn(2, 3, size, size), [branch.class_norm, branch.map_norm])


@torch.no_grad()
def _has_effect(network: AttentionBranchNetwork, size: int) -> bool:
    """Whether two random maps give different logits."""
    features = network.extractor(torch.randn(2, 3, size, size))  # (B, C, h, w)
    maps = torch.rand(2, *features[:, :1].shape)  # (2, B, 1, h, w)
    logits, other = (network.perceive(features, attention, ADDITIVE) for attention in maps)  # (B, K) each
    return bool((other - logits).norm() >= MIN_EFFECT * (logits - logits.mean(0)).norm())


def build(backbone: str, *, num_classes: int, mechanism: str) -> AttentionBranchNetwork:
    """The layers of `create_model` for weights that are still to be loaded: the map may be saturated."""
    if registry.is_ours(backbone):
        return registry.build(backbone, num_classes=num_classes, mechanism=mechanism)
    halves = cut(load_backbone(backbone, num_classes=num_classes))
    return assemble(halves, num_classes=num_classes, mechanism=mechanism)


def load_backbone(name: str, *, num_classes: int = 1000) -> nn.Module:
    """The timm CNN with random weights, or `BackboneError` with the nearest names."""
    if not timm.is_model(name):
        near = ", ".join(difflib.get_close_matches(str(name), timm.list_models(), n=5))
        hint = f" Similar names: {near}." if near else ""
        raise BackboneError(f"timm has no backbone named {str(name)[:80]!r}: check the name.{hint}")
    try:
        return timm.create_model(name, pretrained=False, num_classes=num_classes).eval()
    except Exception as error:  # a model may need what isn't installed, or take no number of classes
        raise BackboneError(
            f"timm can't build {name} with {num_classes} classes ({type(error).__name__}): choose another backbone."
        ) from error


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


def input_spec(backbone: nn.Module | str) -> InputSpec:
    """Input size and normalization from timm's own metadata; a name builds no weights."""
    if registry.is_ours(backbone):
        return registry.input_spec(backbone)
    if isinstance(backbone, str):
        metadata = timm.get_pretrained_cfg(backbone)
        if metadata is None:
            raise BackboneError(
                f"timm has no metadata of {backbone[:80]!r}, so its input size is unknown: choose another name."
            )
        config = resolve_data_config(pretrained_cfg=metadata.to_dict())
    else:
        config = resolve_model_data_config(backbone)
    return InputSpec(
        size=config["input_size"][-1],
        crop_pct=config["crop_pct"],
        interpolation=config["interpolation"],
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
    )


@functools.cache
def list_backbones() -> tuple[str, ...]:
    """The names that `create_model` may know: the paper's networks, then those of timm whose metadata has a pooled
    feature map for inputs of any size, as CNNs have it. A few of them can't be cut."""
    configs = {name: timm.get_pretrained_cfg(name) for name in timm.list_models()}
    return (
        *registry.DESIGNS,
        *(name for name, config in configs.items() if config and config.pool_size and not config.fixed_input_size),
    )
