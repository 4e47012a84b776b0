"""Images as far as the fixed layers of a variant take them, so that each step of the fine-tuning costs the rest alone.

Fixed are the feature extractor and the trunk; what follows them is the trunk's last layer (the 1×1 convolution to the
classes, with its batch norm and ReLU), both heads of the attention branch, and the perception branch.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from abn.images.decode import Picture
from abn.images.fit import DEFAULT_FIT, fit_picture
from abn.network.model import AttentionBranch, AttentionBranchNetwork
from abn.training.distillation.training_stages import pooled_logits
from abn.training.measures import Outputs
from abn.vocabulary import InputSpec

BATCH = 16


@dataclass(frozen=True, eq=False)
class CachedImages:
    """N images."""

    features: Tensor  # (N, C, h, w) g(x)
    trunk: Tensor  # (N, T, h, w) the trunk's output, after its batch norm

    def __len__(self) -> int:
        return len(self.features)

    def take(self, which: slice | np.ndarray) -> "CachedImages":
        """Some of the images."""
        rows = which if isinstance(which, slice) else torch.from_numpy(which)
        return CachedImages(self.features[rows], self.trunk[rows])


def cache_pictures(
    network: AttentionBranchNetwork,
    pictures: Iterable[Picture],
    spec: InputSpec,
    *,
    fit: str = DEFAULT_FIT,
    pause: Callable[[], object] = lambda: None,
) -> CachedImages:
    """Images as the network takes them, through its fixed layers; `pause` is called after each image and batch."""
    inputs = []
    for picture in pictures:
        inputs.append(torch.from_numpy(fit_picture(picture, spec, fit).normalized(spec)))
        pause()
    stacked = torch.stack(inputs) if inputs else torch.zeros(0, 3, spec.size, spec.size)
    return cache_inputs(network, stacked, pause=pause)


@torch.no_grad()  # not in inference mode: autograd must be able to keep what is cached
def cache_inputs(
    network: AttentionBranchNetwork, inputs: Tensor, *, pause: Callable[[], object] = lambda: None
) -> CachedImages:
    """Inputs (N, 3, H, W) through the network's fixed layers."""
    branch = network.attention_branch
    features, trunk = [], []
    for batch in inputs.split(BATCH) if len(inputs) else [inputs]:
        g = network.extractor(batch.contiguous(memory_format=torch.channels_last))
        features.append(g)
        trunk.append(branch.trunk_norm(branch.trunk(g)))
        pause()
    return CachedImages(torch.cat(features), torch.cat(trunk))


def join(parts: Sequence[CachedImages]) -> CachedImages:
    """Several sets as one."""
    return CachedImages(torch.cat([part.features for part in parts]), torch.cat([part.trunk for part in parts]))


def respond(branch: AttentionBranch, trunk: Tensor) -> Tensor:
    """The trunk's output (B, T, h, w) → A (B, K, h, w), as `AttentionBranch.respond` computes it of g(x)."""
    return branch.class_norm(branch.to_classes(trunk)).relu()


def outputs_of_batch(network: AttentionBranchNetwork, features: Tensor, trunk: Tensor) -> Outputs:
    """Both heads and M (B, h, w) of a batch; the class maps are left out, as they cost a quarter of the branch."""
    branch = network.attention_branch
    features, trunk = (values.contiguous(memory_format=torch.channels_last) for values in (features, trunk))
    response = respond(branch, trunk)  # A: (B, K, h, w)
    attention = branch.map_norm(branch.map_head(response)).sigmoid()  # M: (B, 1, h, w)
    auxiliary = pooled_logits(branch, response.mean((2, 3)))
    return Outputs(network.perceive(features, attention).float(), auxiliary, attention[:, 0])


@torch.no_grad()  # as above
def compute_outputs(
    network: AttentionBranchNetwork, images: CachedImages, *, pause: Callable[[], object] = lambda: None
) -> Outputs:
    """Both heads and M of all images, with whatever weights the network has now behind its fixed layers; `pause` is
    called after each batch."""
    batches = []
    for features, trunk in zip(images.features.split(BATCH), images.trunk.split(BATCH), strict=True):
        batches.append(outputs_of_batch(network, features, trunk))
        pause()
    return Outputs(*(torch.cat(values) for values in zip(*batches, strict=True)))


def to_arrays(outputs: Outputs) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities of the perception head (N, K) and the auxiliary head (N, K), and M (N, h, w)."""
    assert outputs.aux_logits is not None
    return outputs.logits.softmax(1).numpy(), outputs.aux_logits.softmax(1).numpy(), outputs.attention.numpy()
