"""The three stages of a variant's training on a feature bank; the losses are the paper's, against soft targets.

1. attention: the attention branch alone from L_att, once for all variants (L_per would not reach the class head, and
   the map head, which only L_per reaches, stays as it started);
2. joint: for each variant, both branches from L_att + L_per, the mechanism applied, its mean gain compensated;
3. perception: the perception branch alone from L_per; cheap, and where accuracy still rises.

Only 1×1 convolutions, the classifiers and the map head learn; depthwise filters and batch norms of the pretrained parts
stay, and so does the K×K class head, an identity. That keeps the predictions on ordinary photographs, and costs less.
"""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from abn.network.model import AttentionBranchNetwork
from abn.training import loop
from abn.training.distillation.feature_bank import FeatureBank
from abn.training.distillation.recipe import Recipe, Variant
from abn.training.distillation.warm_start import compensate_mean_gain, rescale_map_head, standardize_map
from abn.training.map_recorder import MapRecorder
from abn.training.sample_order import SampleOrder

UNUSED = {  # settings that don't change a stage, because they belong to a later one
    "attention": ("joint_epochs", "map_rate", "perception_epochs"),
    "joint": ("perception_epochs",),
    "perception": (),
}


def distil(
    network: AttentionBranchNetwork,
    bank: FeatureBank,
    recipe: Recipe,
    variant: Variant,
    *,
    name: str,
    work: Path,
    recorder: MapRecorder | None = None,
) -> None:
    """Take a warm-started network through all stages, in place; the first is shared through its file in `work`."""
    features, _ = bank[np.arange(min(256, len(bank)))]
    standardize_map(network, features)
    train_stage(network, bank, recipe, stage="attention", path=work / "attention.pt", recorder=recorder)
    if variant.gain_compensated:
        with torch.no_grad():
            _, attention = network.attention_branch(features)
        compensate_mean_gain(network, attention.mean().item())
    train_stage(network, bank, recipe, stage="joint", path=work / f"{name}.pt", fixed=variant.fixed, recorder=recorder)
    train_stage(network, bank, recipe, stage="perception", path=work / f"{name}-perception.pt")
    rescale_map_head(network)


def train_stage(
    network: AttentionBranchNetwork,
    bank: FeatureBank,
    recipe: Recipe,
    *,
    stage: str,
    path: Path,
    fixed: tuple[str, ...] = (),
    recorder: MapRecorder | None = None,
) -> None:
    """One stage ("attention", "joint" or "perception"), in place; resumes from `path` and leaves its end there."""
    freeze_pretrained(network, fixed)
    branch = network.attention_branch
    if stage == "attention":
        for part in (network.perception_branch, branch.map_head, branch.map_norm):
            part.requires_grad_(False)
    elif stage == "perception":
        branch.requires_grad_(False)
    order = SampleOrder(len(bank), batch=recipe.batch, epochs=getattr(recipe, f"{stage}_epochs"), seed=recipe.seed)
    before = recipe.steps("attention") if stage == "joint" else 0  # a history counts on from the stage before
    fit_on_bank(
        network,
        bank,
        np.sort([order[step][1] for step in range(len(order))], axis=1),
        lambda features, target: distillation_loss(network, features, target, stage),
        rate=recipe.rate,
        map_rate=recipe.map_rate,
        weight_decay=recipe.weight_decay,
        path=path,
        settings={key: value for key, value in asdict(recipe).items() if key not in UNUSED[stage]},
        moments=[moment - before for moment in recorder.moments] if recorder else (),
        at_moment=lambda step: recorder.record(before + step) if recorder else None,
    )


def fit_on_bank(
    network: nn.Module,
    bank: FeatureBank,
    batches: np.ndarray,
    loss: Callable[[Tensor, Tensor], Tensor],
    *,
    rate: float,
    map_rate: float,
    weight_decay: float,
    **options: Any,
) -> None:
    """Train what is not frozen, in place, with the bank's samples `batches` (steps, batch); see `loop.fit` for the
    `options`. `loss(features, targets)` is to be minimized.

    AdamW and one cycle: pretrained weights learn at rates up to `rate`, the map head up to `map_rate`. Batch norms keep
    the statistics of the pretrained backbone.
    """
    learning = [(".map_" in f".{name}", p) for name, p in network.named_parameters() if p.requires_grad]
    groups = [([p for of_map, p in learning if not of_map], rate), ([p for of_map, p in learning if of_map], map_rate)]
    groups = [(params, peak) for params, peak in groups if params]
    optimizer = torch.optim.AdamW([{"params": params} for params, _ in groups], weight_decay=weight_decay)
    peaks = [peak for _, peak in groups]
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, peaks, total_steps=len(batches), pct_start=0.1)
    with depthwise_in_float32(network):
        loop.fit(
            network.eval(),
            lambda step: loss(*bank[batches[step]]),
            steps=len(batches),
            optimizer=optimizer,
            schedule=schedule,
            **options,
        )


def distillation_loss(network: AttentionBranchNetwork, features: Tensor, target: Tensor, stage: str) -> Tensor:
    """L_att ("attention"), L_att + L_per ("joint") or L_per ("perception"), against target probabilities (B, K)."""
    if stage == "attention":
        class_maps, _ = network.attention_branch(features)
        return F.cross_entropy(class_maps.float().mean((2, 3)), target)
    output = network.explain_features(features)
    loss = F.cross_entropy(output.logits.float(), target)
    return loss if stage == "perception" else loss + F.cross_entropy(output.aux_logits.float(), target)


# ---- what learns ----


def freeze_pretrained(network: AttentionBranchNetwork, fixed: tuple[str, ...] = ()) -> None:
    """Freeze what stays as pretrained, and the parts named in `fixed`; in place."""
    freeze_except_pointwise(network, network.attention_branch, network.perception_branch)
    network.attention_branch.map_norm.requires_grad_(True)
    network.attention_branch.class_head.requires_grad_(False)
    for part in fixed:
        network.get_submodule(part).requires_grad_(False)


def freeze_except_pointwise(network: nn.Module, *parts: nn.Module) -> None:
    """Freeze all but the 1×1 convolutions and the classifiers of `parts`; in place."""
    network.requires_grad_(False)
    for part in parts:
        for module in part.modules():
            if isinstance(module, nn.Linear) or (isinstance(module, nn.Conv2d) and module.groups == 1):
                module.requires_grad_(True)


@contextmanager
def depthwise_in_float32(network: nn.Module) -> Iterator[None]:
    """Let depthwise convolutions compute in float32 meanwhile: under bfloat16 they take five times as long."""
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d) and module.groups > 1]
    for convolution in convolutions:
        convolution.forward = functools.partial(_in_float32, convolution.forward)  # type: ignore[method-assign]
    try:
        yield
    finally:
        for convolution in convolutions:
            del convolution.forward


def _in_float32(forward: Callable[[Tensor], Tensor], features: Tensor) -> Tensor:
    with torch.autocast("cpu", enabled=False):
        return forward(features.float())
