"""The three stages of a variant's training on a feature bank; the losses are the paper's, against soft targets.

1. attention: the attention branch alone from L_att, once for all variants (L_per would not reach the class head, and
   the map head, which only L_per reaches, stays as it started);
2. joint: for each variant, both branches from L_att + L_per, the mechanism applied, its mean gain compensated (not for
   the inverted one): here the map becomes what it is. Then its logits are scaled and shifted to a set mean and span:
   the order of cells stays, and so does what the map points at;
3. heads: the perception branch, which begins again as pretrained, and the class head, from the same two losses, trunk
   and map fixed, on all samples but the scenes. So predictions on ordinary photographs stay near the backbone's: what
   the joint stage changes in the perception branch serves the scenes. The fixed parts are computed once for each
   sample, so that this costs little.

Only 1×1 convolutions, the classifiers and the map head learn; depthwise filters and batch norms of the pretrained parts
stay. That keeps the predictions on ordinary photographs, and costs less.
"""

import copy
import functools
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from abn.network.model import AttentionBranch, AttentionBranchNetwork
from abn.training import loop
from abn.training.distillation.feature_bank import FeatureBank, fill_arrays
from abn.training.distillation.recipe import Recipe, Variant
from abn.training.distillation.warm_start import (
    calibrate_map,
    compensate_mean_gain,
    rescale_map_head,
    standardize_map,
)
from abn.training.map_recorder import MapRecorder
from abn.training.sample_order import SampleOrder

RISING = 0.1  # share of the steps in which the learning rate rises
STAGES = ("attention", "joint", "heads")
OF_HEADS = ("map_mean", "map_span", "heads_steps", "heads_rate", "class_head_rate")
UNUSED = {  # settings that don't change a stage, because they belong to a later one
    "attention": ("joint_steps", "rate", "map_rate", *OF_HEADS),
    "joint": OF_HEADS,
    "heads": (),
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
    pretrained = copy.deepcopy(network.perception_branch.state_dict())
    if variant.gain_compensated:
        with torch.no_grad():
            _, attention = network.attention_branch(features)
        compensate_mean_gain(network, attention.mean().item())
    train_stage(network, bank, recipe, stage="joint", path=work / f"{name}.pt", fixed=variant.fixed, recorder=recorder)
    photographs, _ = bank[bank.whole_images[: len(features)]]
    calibrate_map(network, photographs, mean=recipe.map_mean, span=recipe.map_span)
    network.perception_branch.load_state_dict(pretrained)
    compensate_mean_gain(network, recipe.map_mean)
    responses = compute_responses(network, bank, work / f"{name}-responses")
    train_stage(network, responses, recipe, stage="heads", path=work / f"{name}-heads.pt")
    rescale_map_head(network)


def train_stage(
    network: AttentionBranchNetwork,
    bank: "FeatureBank | ResponseBank",
    recipe: Recipe,
    *,
    stage: str,
    path: Path,
    fixed: tuple[str, ...] = (),
    recorder: MapRecorder | None = None,
) -> None:
    """One stage ("attention", "joint" or "heads"), in place; resumes from `path` and leaves its end there."""
    freeze_pretrained(network, fixed)
    branch = network.attention_branch
    if stage == "attention":
        for part in (network.perception_branch, branch.map_head, branch.map_norm):
            part.requires_grad_(False)
    elif stage == "heads":
        branch.requires_grad_(False)
        branch.class_head.requires_grad_(True)
    which = bank.whole_images if stage == "heads" else np.arange(len(bank))
    steps = getattr(recipe, f"{stage}_steps")
    order = SampleOrder(len(which), batch=recipe.batch, epochs=steps * recipe.batch / len(which), seed=recipe.seed)
    before = recipe.attention_steps if stage == "joint" else 0  # a history counts on from the stage before
    fit_on_bank(
        network,
        bank,
        np.sort([which[order[step][1]] for step in range(steps)], axis=1),
        functools.partial(LOSSES[stage], network),
        rate=lambda name: recipe.rate_of(name, stage),
        weight_decay=recipe.weight_decay,
        path=path,
        settings={key: value for key, value in asdict(recipe).items() if key not in UNUSED[stage]},
        moments=[moment - before for moment in recorder.moments] if recorder else (),
        at_moment=lambda step: recorder.record(before + step) if recorder else None,
    )


# ---- the losses ----


def attention_loss(network: AttentionBranchNetwork, features: Tensor, target: Tensor) -> Tensor:
    """L_att for g(x) (B, C, h, w), against target probabilities (B, K) or classes (B,)."""
    branch = network.attention_branch
    return F.cross_entropy(pooled_logits(branch, branch.respond(features).mean((2, 3))), target)


def joint_loss(network: AttentionBranchNetwork, features: Tensor, target: Tensor) -> Tensor:
    """L_att + L_per."""
    branch = network.attention_branch
    response = branch.respond(features)  # A: (B, K, h, w)
    attention = _attention_map(branch, response)
    loss = F.cross_entropy(pooled_logits(branch, response.mean((2, 3))), target)
    return loss + F.cross_entropy(network.perceive(features, attention).float(), target)


def heads_loss(
    network: AttentionBranchNetwork, features: Tensor, attention: Tensor, pooled: Tensor, target: Tensor
) -> Tensor:
    """L_att + L_per where M (B, 1, h, w) and the mean of A over cells (B, K) are known."""
    loss = F.cross_entropy(pooled_logits(network.attention_branch, pooled), target)
    return loss + F.cross_entropy(network.perceive(features, attention).float(), target)


def _attention_map(branch: AttentionBranch, response: Tensor) -> Tensor:
    """A (B, K, h, w) → M (B, 1, h, w), without the class maps, which cost a quarter of the branch."""
    return branch.map_norm(branch.map_head(response)).sigmoid()


def pooled_logits(branch: AttentionBranch, pooled: Tensor) -> Tensor:
    """The auxiliary head of the mean of A over cells (B, K): the class head is 1×1, so that it may come after the mean
    as well as before, which is some hundred times cheaper."""
    return branch.class_head(pooled[:, :, None, None]).flatten(1).float()


LOSSES: dict[str, Callable[..., Tensor]] = {"attention": attention_loss, "joint": joint_loss, "heads": heads_loss}


# ---- what is fixed in the last stage ----


class ResponseBank:
    """The bank with M and the mean of A over cells, of a network whose attention branch no longer changes."""

    def __init__(self, bank: FeatureBank, attention: np.ndarray, pooled: np.ndarray):
        self._bank, self._attention, self._pooled = bank, attention, pooled

    def __len__(self) -> int:
        return len(self._bank)

    @property
    def whole_images(self) -> np.ndarray:
        """As in the bank."""
        return self._bank.whole_images

    def __getitem__(self, which: np.ndarray) -> tuple[Tensor, ...]:
        """Samples `which` (B,) → g(x), M (B, 1, h, w), the mean of A (B, K), and target probabilities (B, K)."""
        features, target = self._bank[which]
        attention, pooled = (torch.from_numpy(a[which].astype(np.float32)) for a in (self._attention, self._pooled))
        return features, attention, pooled, target


def compute_responses(network: AttentionBranchNetwork, bank: FeatureBank, folder: Path) -> ResponseBank:
    """The responses of a trained attention branch for all samples, made or resumed in `folder`."""
    branch = network.attention_branch

    @torch.no_grad()
    def respond(start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        features, _ = bank[np.arange(start, stop)]
        response = branch.respond(features)
        attention = _attention_map(branch, response)
        return attention.half().numpy(), response.mean((2, 3)).half().numpy()

    with depthwise_in_float32(network):
        shapes = [array.shape[1:] for array in respond(0, 1)]
        arrays = dict(zip(("attention", "pooled"), shapes, strict=True))
        weights = b"".join(tensor.numpy().tobytes() for tensor in branch.state_dict().values())
        origin = hashlib.sha256(weights).hexdigest()
        return ResponseBank(bank, *fill_arrays(folder, arrays, len(bank), respond, origin=origin))


# ---- the optimizer ----


class Bank(Protocol):
    """Samples to train with."""

    def __getitem__(self, which: np.ndarray) -> tuple[Tensor, ...]:
        """Samples `which` (B,) as the arguments of a loss."""


def fit_on_bank(
    network: nn.Module,
    bank: Bank,
    batches: np.ndarray,
    loss: Callable[..., Tensor],
    *,
    rate: Callable[[str], float],
    weight_decay: float,
    device: str = "cpu",
    **options: Any,
) -> None:
    """Train what is not frozen, in place, with the bank's samples `batches` (steps, batch); see `loop.fit` for the
    `options`. `loss`, of what the bank gives, is to be minimized.

    AdamW and one cycle: the parameter of a name learns at rates up to `rate(name)`. Batch norms keep the statistics of
    the pretrained backbone.
    """
    network.to(device)
    learning = [(rate(name), p) for name, p in network.named_parameters() if p.requires_grad]
    peaks = sorted({peak for peak, _ in learning})
    groups = [{"params": [p for own, p in learning if own == peak]} for peak in peaks]
    optimizer = torch.optim.AdamW(groups, weight_decay=weight_decay)
    schedule = loop.one_cycle(optimizer, peaks, steps=len(batches), rising=RISING)
    with depthwise_in_float32(network):
        loop.fit(
            network.eval(),
            lambda step: loss(*(part.to(device) for part in bank[batches[step]])),
            steps=len(batches),
            optimizer=optimizer,
            schedule=schedule,
            device=device,
            **options,
        )


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
    with torch.autocast(features.device.type, enabled=False):
        return forward(features.float())
