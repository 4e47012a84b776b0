"""Is the map made by what the network learned? Adebayo et al. 2018 (arXiv 1810.03292): forget a part, and compare.

A map that stays as it was when the weights behind it are gone never showed what they had learned. In an Attention
Branch Network M comes from the extractor and the attention branch; nothing that happens to the perception branch can
change it, which is the lesson of the third part.
"""

import copy
import time
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from abn.errors import ABNError
from abn.evaluation.metrics import rank_correlation
from abn.network.batchnorm import recalibrate_batchnorm
from abn.network.model import AttentionBranchNetwork
from abn.vocabulary import PARTS


@dataclass(frozen=True, eq=False)
class NetworkOutputs:
    """What a network makes of N pictures."""

    maps: np.ndarray  # (N, h, w) float32, M
    answers: np.ndarray  # (N, K) float32, the perception head's probabilities


@dataclass(frozen=True, eq=False)
class RandomizationResult:
    """What one forgotten part changes, picture by picture (N of them)."""

    part: str
    seed: int
    maps: np.ndarray  # (N, h, w) float32, M without what the part had learned
    alike: np.ndarray  # (N,) rank correlation of M before and after; NaN where either is constant
    same: bool  # every cell of every map is the very same number
    before: np.ndarray  # (N,) probability of the class that the whole network names
    after: np.ndarray  # (N,) what is left of it
    flips: np.ndarray  # (N,) bool, another class is named now
    seconds: float


@torch.no_grad()
def randomize_weights(
    network: AttentionBranchNetwork, part: str, images: Tensor, *, seed: int
) -> AttentionBranchNetwork:
    """A copy of the network, one of `PARTS` forgotten: each of its weights is shuffled among its own places.

    So every layer keeps the sizes of its weights and loses what they say. Batch norms of that part are then settled
    on `images` (B, 3, H, W), or the map would saturate for a reason that has nothing to do with the question.
    """
    if part not in PARTS:
        raise ABNError(f"There is no part {part!r}. Choose one of: {', '.join(PARTS)}.")
    changed = copy.deepcopy(network)
    generator = torch.Generator().manual_seed(seed)
    for parameter in getattr(changed, part).parameters():
        order = torch.randperm(parameter.numel(), generator=generator)
        parameter.copy_(parameter.flatten()[order].view_as(parameter))
    kept = {name: module for name, module in changed.named_children() if name != part}
    statistics = {name: copy.deepcopy(module.state_dict()) for name, module in kept.items()}
    recalibrate_batchnorm(changed, images)
    for name, module in kept.items():
        module.load_state_dict(statistics[name])
    return changed


@torch.inference_mode()
def network_outputs(network: AttentionBranchNetwork, images: Tensor) -> NetworkOutputs:
    """Maps and answers for images (N, 3, H, W)."""
    output = network(images)
    return NetworkOutputs(output.attention[:, 0].numpy(), output.logits.softmax(1).numpy())


def compare(
    network: AttentionBranchNetwork, own: NetworkOutputs, images: Tensor, part: str, *, seed: int
) -> RandomizationResult:
    """Forget a part and ask again; `own` is what the network itself `said` of these images. The copy is not kept."""
    begun = time.perf_counter()
    now = network_outputs(randomize_weights(network, part, images, seed=seed), images)
    each, named = np.arange(len(own.answers)), own.answers.argmax(1)
    return RandomizationResult(
        part,
        seed,
        now.maps,
        np.array([rank_correlation(*pair) for pair in zip(own.maps, now.maps, strict=True)]),
        np.array_equal(own.maps, now.maps),
        own.answers[each, named],
        now.answers[each, named],
        now.answers.argmax(1) != named,
        time.perf_counter() - begun,
    )
