"""What is measured of networks with and without an attention branch, beside labels and beside masks of the objects."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from abn.evaluation.metrics import calibration_error, energy_ratio, pointing_hit, roc_auc
from abn.network.model import AttentionBranchNetwork


class Outputs(NamedTuple):
    """Outputs of a network for a batch."""

    logits: Tensor  # (B, K) perception head
    aux_logits: Tensor | None  # (B, K) auxiliary head
    attention: Tensor  # (B, h, w) M, or CAM of the first class where there is no attention branch


@dataclass(frozen=True, eq=False)
class MaskedImages:
    """Images whose objects' masks are known."""

    inputs: Tensor  # (N, 3, H, W) normalized, or with `features` (N, C, h, w) g(x)
    masks: Sequence[np.ndarray]  # (H, W) bool each
    features: bool = False


class PlainNetwork(nn.Module):
    """A CNN without an attention branch; the logits of several perception branches are averaged."""

    def __init__(self, extractor: nn.Module, *branches: nn.Module):
        super().__init__()
        self.extractor = extractor
        self.branches = nn.ModuleList(branches)

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, 3, H, W) → logits (B, K)."""
        return self.perceive(self.extractor(images))

    def perceive(self, features: Tensor) -> Tensor:
        """g(x) (B, C, h, w) → logits (B, K)."""
        return torch.stack([branch(features) for branch in self.branches]).mean(0)

    def perceive_with_cam(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Logits, and CAM of each image's first class (Zhou et al. 2016), (B, h, w), signed."""
        pooled: list[Tensor] = []
        pools = [m for m in self.branches.modules() if isinstance(m, nn.AdaptiveAvgPool2d)]
        hooks = [pool.register_forward_pre_hook(lambda _, inputs: pooled.append(inputs[0])) for pool in pools]
        try:
            logits = self.perceive(features)
        finally:
            for hook in hooks:
                hook.remove()
        first = logits.argmax(1)
        classifiers = [m for m in self.branches.modules() if isinstance(m, nn.Linear)]
        maps = [
            torch.einsum("bchw,bc->bhw", last, classifier.weight[first])
            for last, classifier in zip(pooled, classifiers, strict=True)
        ]
        return logits, torch.stack(maps).mean(0)


def predict(network: AttentionBranchNetwork | PlainNetwork, features: Tensor) -> Outputs:
    """All outputs of a network for g(x) (B, C, h, w)."""
    if isinstance(network, PlainNetwork):
        logits, cam = network.perceive_with_cam(features)
        return Outputs(logits, None, cam)
    output = network.explain_features(features)
    return Outputs(output.logits, output.aux_logits, output.attention[:, 0])


@torch.inference_mode()
def run_batches(
    network: AttentionBranchNetwork | PlainNetwork,
    batches: Iterable[Tensor],
    *,
    features: bool = False,
    device: str = "cpu",
) -> Outputs:
    """The outputs for batches of images (B, 3, H, W), or with `features` of g(x) (B, C, h, w), as one, on the CPU."""
    outputs = []
    for batch in batches:
        batch = batch.to(device).float().contiguous(memory_format=torch.channels_last)
        outputs.append(predict(network, batch if features else network.extractor(batch)))
    auxiliary = [output.aux_logits for output in outputs if output.aux_logits is not None]
    return Outputs(
        torch.cat([output.logits for output in outputs]).cpu(),
        torch.cat(auxiliary).cpu() if auxiliary else None,
        torch.cat([output.attention for output in outputs]).cpu(),
    )


def measure_heads(outputs: Outputs, labels: np.ndarray) -> dict[str, float]:
    """Accuracy and calibration error of each head, 0 … 1."""
    figures = {}
    for head, logits in (("", outputs.logits), ("_auxiliary", outputs.aux_logits)):
        if logits is not None:
            probabilities = logits.softmax(1).numpy()
            figures[f"accuracy{head}"] = float((probabilities.argmax(1) == labels).mean())
            figures[f"calibration_error{head}"] = calibration_error(probabilities, labels)
    return figures


def measure_maps(maps: Tensor, masks: Sequence[np.ndarray] | np.ndarray) -> dict[str, float]:
    """Means over maps (N, h, w) against masks (N, H, W) bool, of those that are defined."""
    pairs = list(zip(maps.numpy(), masks, strict=True))
    return {
        "pointing": float(np.mean([pointing_hit(*pair) for pair in pairs])),
        "roc_auc": float(np.nanmean([roc_auc(*pair) for pair in pairs])),
        "energy_over_area": float(np.nanmean([energy_ratio(*pair) for pair in pairs])),
    }
