"""Fine-tune a network so that M comes near edited maps M′, and its predictions stay.

    Mitsuhara, Fukui, Sakashita, Ogata, Hirakawa, Yamashita, Fujiyoshi: Embedding Human Knowledge into Deep Neural
    Network via Attention Map. 2019. https://arxiv.org/abs/1905.03540

They fine-tune attention branch and perception branch with L = L_att + L_per + γ ‖M′ − M‖₂, where γ is a scale. Here

    L = L_att + L_per + λ · (mean over examples of ‖M′ − M‖² / (h · w)  +  κ · the same of the replayed photographs)

What differs from theirs: the distance is squared and divided by the number of cells h · w, so that λ means the same for
every map size (distance 0: equal maps; 1: black for white). Photographs of the gallery are replayed beside the
examples, with the network's own predictions as soft targets of both heads, and with its own maps (κ), so that other
predictions and maps stay near what they were. The feature extractor and the trunk are fixed, and batch norms keep their
statistics. The control is the same fine-tuning with λ = 0, which leaves the whole map loss out.
"""

import copy
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from abn.images.decode import Picture
from abn.images.fit import DEFAULT_FIT
from abn.network.model import AttentionBranchNetwork
from abn.training.distillation.training_stages import fit_on_bank, freeze_except_pointwise
from abn.training.map_teaching.cached_images import (
    CachedImages,
    cache_pictures,
    compute_outputs,
    join,
    outputs_of_batch,
)
from abn.training.map_teaching.examples import Example, check_edited
from abn.training.map_teaching.settings import BRANCHES, MAP, Settings
from abn.training.measures import Outputs
from abn.training.sample_order import SampleOrder, mixed_seed
from abn.vocabulary import InputSpec


class Losses(NamedTuple):
    """The parts of a step's loss; means over its images."""

    auxiliary: float  # L_att, both examples and replayed photographs
    perception: float  # L_per, likewise
    map: float  # squared distance of M and M′ on the examples, 0 … 1 per cell
    kept_map: float  # the same of M and the earlier M on the replayed photographs
    total: float  # what is minimized


class Progress(NamedTuple):
    """The state of a fine-tuning between two steps."""

    step: int  # steps that are done
    steps: int  # of all
    losses: Losses | None  # of the last step, before its update; None before the first step
    attention: np.ndarray  # (h, w) float32, M of the watched example as it is now
    control: bool = False  # whether this is the control, with λ = 0


@dataclass(frozen=True, eq=False)
class TeachingSet:
    """The examples, then the replayed photographs, with everything that the loss compares."""

    images: CachedImages
    own: Outputs  # of the network before
    maps: Tensor  # (N, h, w) target maps
    perception: Tensor  # (N, K) target probabilities of the perception head
    auxiliary: Tensor  # (N, K) of the auxiliary head
    count: int  # examples, which come first

    def __getitem__(self, which: np.ndarray) -> tuple[Tensor, ...]:
        """Images `which` (B,) as the arguments of the loss."""
        rows = torch.from_numpy(which)
        columns = (self.images.features, self.images.trunk, self.maps, self.perception, self.auxiliary, self._weights)
        return tuple(values[rows] for values in columns)

    @functools.cached_property
    def _weights(self) -> Tensor:
        """(N,) which images are examples."""
        return torch.arange(len(self.maps)) < self.count


def make_teaching_set(
    network: AttentionBranchNetwork,
    examples: Sequence[Example],
    replayed: Sequence[Picture],
    spec: InputSpec,
    *,
    fit: str = DEFAULT_FIT,
    pause: Callable[[], object] = lambda: None,
) -> TeachingSet:
    """All that is computed once. The examples' maps have the cells of M (see `examples.check_examples`); `fit` brings
    the examples to the network's input, replayed photographs are cropped. `pause` is called after each image. Raises
    `ABNError` where no map was edited."""
    images = [cache_pictures(network, [example.picture for example in examples], spec, fit=fit, pause=pause)]
    if replayed:
        images.append(cache_pictures(network, replayed, spec, pause=pause))
    targets = np.stack([example.target for example in examples])
    return build_teaching_set(network, join(images), targets, [example.label for example in examples])


def build_teaching_set(
    network: AttentionBranchNetwork, images: CachedImages, targets: np.ndarray, labels: Sequence[int | None]
) -> TeachingSet:
    """The same of images that are cached: first the examples, with target maps (N, h, w) and N labels, then the
    replayed photographs."""
    own = compute_outputs(network, images)
    check_edited(targets, own.attention[: len(targets)].numpy())
    return TeachingSet(
        images=images,
        own=own,
        maps=torch.cat([torch.from_numpy(targets), own.attention[len(targets) :]]),
        perception=_target_probabilities(own.logits, labels),
        auxiliary=_target_probabilities(own.aux_logits, labels),
        count=len(targets),
    )


def _target_probabilities(logits: Tensor | None, labels: Sequence[int | None]) -> Tensor:
    """The network's own probabilities (N, K), and where an example has a label, 1 for that class."""
    assert logits is not None
    targets = logits.softmax(1)
    for row, label in enumerate(labels):
        if label is not None:
            targets[row] = F.one_hot(torch.tensor(label), targets.shape[1])
    return targets


def fine_tune(
    network: AttentionBranchNetwork,
    images: TeachingSet,
    settings: Settings,
    *,
    watched: int = 0,
    each: int = 5,
    progress: Callable[[Progress], object] = lambda _: None,
    control: bool = False,
) -> AttentionBranchNetwork:
    """A fine-tuned copy, in evaluation mode; the network itself stays as it is, whatever happens.

    `progress` is called before the first step, after each `each` steps and at the end, with M of the example number
    `watched`. Whatever it raises ends the fine-tuning and reaches the caller: that is how to cancel it. Equal settings,
    images and weights give equal weights on the same machine. `control` is only passed on to `progress`.
    """
    half = is_half(network)
    network = copy.deepcopy(network)
    set_learning(network, settings.learns)
    losses: list[Losses] = []

    def loss(*batch: Tensor) -> Tensor:
        total, parts = teaching_loss(network, *batch, settings=settings)
        losses[:] = [parts]
        return total

    def report(step: int) -> None:
        attention = compute_outputs(network, images.images.take(slice(watched, watched + 1))).attention[0]
        done = losses[0] if losses else None
        progress(Progress(step, settings.steps, done, attention.numpy().copy(), control))

    fit_on_bank(
        network,
        images,
        draw_batches(images, settings),
        loss,
        rate=functools.partial(learning_rate, network, settings),
        weight_decay=0.0,
        path=None,
        settings={},
        moments={*range(0, settings.steps, max(1, each)), settings.steps},
        at_moment=report,
        bfloat16=False,  # a map moves by less than bfloat16 can tell apart
        log_each=settings.steps + 1,
    )
    network.requires_grad_(True)
    if half:  # as it will be stored, so that all figures are those of the file
        for tensor in (*network.parameters(), *network.buffers()):
            if tensor.is_floating_point():
                tensor.data = tensor.data.half().float()
    return network


def teaching_loss(
    network: AttentionBranchNetwork,
    features: Tensor,
    trunk: Tensor,
    maps: Tensor,
    perception: Tensor,
    auxiliary: Tensor,
    taught: Tensor,
    *,
    settings: Settings,
) -> tuple[Tensor, Losses]:
    """The loss of a batch: g(x) (B, C, h, w), the trunk's output (B, T, h, w), target maps (B, h, w), target
    probabilities of both heads (B, K), and which images are examples (B,) bool. The parts are detached."""
    outputs = outputs_of_batch(network, features, trunk)
    assert outputs.aux_logits is not None
    of_auxiliary = F.cross_entropy(outputs.aux_logits, auxiliary)
    of_perception = F.cross_entropy(outputs.logits, perception)
    distances = (outputs.attention - maps).square().mean((1, 2))  # (B,)
    of_map, of_kept = (_mean(distances[which]) for which in (taught, ~taught))
    total = of_auxiliary + of_perception + settings.map_weight * (of_map + settings.kept_maps * of_kept)
    parts = (of_auxiliary, of_perception, of_map, of_kept, total)
    return total, Losses(*(value.item() for value in parts))


def _mean(values: Tensor) -> Tensor:
    """The mean, 0 of no values; always a part of the graph."""
    return values.sum() / max(1, len(values))


def draw_batches(images: TeachingSet, settings: Settings) -> np.ndarray:
    """The images of each step, (steps, B): up to `batch` examples, then as many replayed photographs."""
    parts = []
    for first, count, seed in (
        (0, images.count, settings.seed),
        (images.count, len(images.maps) - images.count, mixed_seed(settings.seed, 1)),
    ):
        if count:
            batch = min(settings.batch, count)
            order = SampleOrder(count, batch=batch, epochs=settings.steps * batch / count, seed=seed)
            parts.append(np.stack([first + order[step][1] for step in range(settings.steps)]))
    return np.concatenate(parts, axis=1)


def set_learning(network: AttentionBranchNetwork, learns: str) -> None:
    """Freeze what doesn't learn; in place. Of the perception branch the same layers learn as when the shipped variants
    were trained."""
    branch = network.attention_branch
    parts: list[nn.Module] = [branch.map_head, branch.map_norm]
    if learns == MAP:
        network.requires_grad_(False)
    else:
        freeze_except_pointwise(network, network.perception_branch)
        parts.append(branch.class_head)
    if learns == BRANCHES:
        parts.append(branch.to_classes)
    for part in parts:
        part.requires_grad_(True)


def learning_rate(network: AttentionBranchNetwork, settings: Settings, parameter: str) -> float:
    """The peak learning rate of a parameter. That of the map head's convolution follows the size of its weights, which
    differs by orders of magnitude between variants: it sums up a response for each of K classes."""
    if ".map_head." not in parameter:
        return settings.rate
    weight = network.attention_branch.map_head.weight.detach()
    return settings.map_rate * weight.square().mean().sqrt().item()


def is_half(network: AttentionBranchNetwork) -> bool:
    """Whether half precision holds the weights exactly, as those of most shipped variants."""
    tensors = [tensor for tensor in network.state_dict().values() if tensor.is_floating_point()]
    return all(torch.equal(tensor.half().float(), tensor) for tensor in tensors)
