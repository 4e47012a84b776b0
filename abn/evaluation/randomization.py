"""Does the map depend on the learned weights? Adebayo et al. 2018 (arXiv 1810.03292): shuffle a part's, and compare.

A map that stays as it was when the weights behind it are shuffled never showed what they had learned. In an Attention
Branch Network M comes from the extractor and the attention branch; nothing that happens to the perception branch can
change it, which is the lesson of the third part.
"""

import copy
import time
from dataclasses import dataclass

import numpy as np
import torch

from abn.errors import ABNError
from abn.evaluation.metrics import rank_correlation
from abn.network.batchnorm import recalibrate_batchnorm
from abn.network.model import AttentionBranchNetwork
from abn.vocabulary import PARTS


@dataclass(frozen=True, eq=False)
class NetworkOutputs:
    """Maps and predictions for N images."""

    maps: np.ndarray  # (N, h, w) float32, M
    predictions: np.ndarray  # (N, K) float32, the perception head's probabilities


@dataclass(frozen=True, eq=False)
class RandomizationResult:
    """The effect of randomizing one part, for each of N images."""

    part: str
    seed: int
    maps: np.ndarray  # (N, h, w) float32, M of the randomized network
    rank_correlations: np.ndarray  # (N,) of M before and after; NaN where either is constant
    maps_identical: bool  # every cell of every map is the very same number
    before: np.ndarray  # (N,) probability of the class that the whole network predicts
    after: np.ndarray  # (N,) its probability in the randomized network
    changes_prediction: np.ndarray  # (N,) bool, another class is predicted
    seconds: float


@torch.no_grad()
def randomize_weights(
    network: AttentionBranchNetwork, part: str, images: np.ndarray, *, seed: int
) -> AttentionBranchNetwork:
    """A copy of the network with one of `PARTS` randomized: each of its weights is shuffled among its own places.

    So every layer keeps the distribution of its weights and loses what was learned. Batch norms of that part are then
    recalibrated on `images` (B, 3, H, W); otherwise the map would saturate for a reason unrelated to the question.
    """
    if part not in PARTS:
        raise ABNError(f"There is no part {part!r}. Choose one of: {', '.join(PARTS)}.")
    randomized = copy.deepcopy(network)
    generator = torch.Generator().manual_seed(seed)
    for parameter in getattr(randomized, part).parameters():
        order = torch.randperm(parameter.numel(), generator=generator)
        parameter.copy_(parameter.flatten()[order].view_as(parameter))
    others = {name: module for name, module in randomized.named_children() if name != part}
    statistics = {name: copy.deepcopy(module.state_dict()) for name, module in others.items()}
    recalibrate_batchnorm(randomized, torch.from_numpy(images))
    for name, module in others.items():
        module.load_state_dict(statistics[name])
    return randomized


@torch.inference_mode()
def network_outputs(network: AttentionBranchNetwork, images: np.ndarray) -> NetworkOutputs:
    """Maps and predictions for images (N, 3, H, W)."""
    output = network(torch.from_numpy(images))
    return NetworkOutputs(output.attention[:, 0].numpy(), output.logits.softmax(1).numpy())


def compare_randomized(
    network: AttentionBranchNetwork, own: NetworkOutputs, images: np.ndarray, part: str, *, seed: int
) -> RandomizationResult:
    """Randomize a part and run the network again; `own` are its own outputs for these images. The copy is not kept."""
    started = time.perf_counter()
    outputs = network_outputs(randomize_weights(network, part, images, seed=seed), images)
    rows, predicted = np.arange(len(own.predictions)), own.predictions.argmax(1)
    correlations = [rank_correlation(*pair) for pair in zip(own.maps, outputs.maps, strict=True)]
    return RandomizationResult(
        part=part,
        seed=seed,
        maps=outputs.maps,
        rank_correlations=np.array(correlations),
        maps_identical=np.array_equal(own.maps, outputs.maps),
        before=own.predictions[rows, predicted],
        after=outputs.predictions[rows, predicted],
        changes_prediction=outputs.predictions.argmax(1) != predicted,
        seconds=time.perf_counter() - started,
    )
