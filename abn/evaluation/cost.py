"""The cost of a network: parameters, FLOPs, seconds and memory of each part.

Parameters, FLOPs and memory are counted, and the same on every machine; seconds are measured. Speed varies between
machines and from minute to minute, so seconds are comparable only within a run: see `ratios`.
"""

import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakIdKeyDictionary

from abn.network.complexity import count_flops, count_parameters
from abn.network.model import AttentionBranchNetwork, attend
from abn.vocabulary import PARTS

PLAIN = "plain_cnn"  # extractor and perception branch: the CNN as it is without attention
WHOLE = "whole"  # the Attention Branch Network, with what joins its parts
BATCHES = (1, 32)  # images at once
ROUNDS = 7


@dataclass(frozen=True)
class PartCost:
    """The cost of one part, or of several together."""

    part: str  # one of `PARTS`, `PLAIN` or `WHOLE`
    parameters: int
    flops: int  # of one image, multiply and add counted as two
    seconds: dict[int, float]  # images at once → seconds for all of them, the median of the rounds
    peak_bytes: dict[int, int]  # images at once → `peak_bytes`


def peak_bytes(run: Callable[[Tensor], Any], inputs: Tensor, modules: Iterable[nn.Module]) -> int:
    """Peak bytes of live tensors while `run(inputs)` runs without gradients.

    Counted, each storage once: parameters and buffers of `modules` and the input, from beginning to end; every tensor
    that an operator returns, while something refers to it. Not counted: a kernel's workspace, the allocator's cache,
    the program. So the number depends on the network and the input's shape alone.
    """
    weights = [tensor for module in modules for tensor in (*module.parameters(), *module.buffers())]
    # inference mode would hide what composite operators make
    with torch.no_grad(), _Alive([inputs, *weights]) as alive:
        run(inputs)
    return alive.peak


def measure(
    network: AttentionBranchNetwork,
    size: int,
    *,
    batches: Sequence[int] = BATCHES,
    rounds: int = ROUNDS,
    progress: Callable[[float], object] = lambda share: None,
) -> list[PartCost]:
    """The cost of each of `PARTS`, then of `PLAIN` and `WHOLE`, for images of size × size pixels.

    Seconds are those of forward passes in inference mode, timed at the seams between the parts, with as many threads as
    torch has been given; every round passes each batch once, so that a busy machine disturbs all alike. The network is
    in evaluation mode. `progress` gets the share that is done after each batch; what it raises ends the measurement.
    """
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(max(batches), 3, size, size, generator=generator)
    numbers, operations = _with_sums(count_parameters(network)), _with_sums(count_flops(network, size))
    peaks: dict[int, dict[str, int]] = {}
    times: dict[int, list[dict[str, float]]] = {batch: [] for batch in batches}
    done, total = 0, sum(batches) * (3 + rounds)  # peaks take three passes, which warm up for the rounds
    for turn in range(1 + rounds):
        for batch in batches:
            if turn == 0:
                peaks[batch] = _peaks(network, images[:batch].clone())
            else:
                times[batch].append(time_parts(network, images[:batch]))
            done += batch if turn else 3 * batch
            progress(done / total)
    return [
        PartCost(
            part,
            parameters=numbers[part],
            flops=operations[part],
            seconds={batch: statistics.median(each[part] for each in times[batch]) for batch in batches},
            peak_bytes={batch: peaks[batch][part] for batch in batches},
        )
        for part in (*PARTS, PLAIN, WHOLE)
    ]


def ratios(costs: Sequence[PartCost]) -> dict[str, Any]:
    """The cost of attention: the whole network over the baseline; by batch size where it depends on it."""
    by_part = {cost.part: cost for cost in costs}
    whole, plain = by_part[WHOLE], by_part[PLAIN]
    return {
        "latency": {batch: seconds / plain.seconds[batch] for batch, seconds in whole.seconds.items()},
        "parameters": whole.parameters / plain.parameters,
        "flops": whole.flops / plain.flops,
        "peak_memory": {batch: peak / plain.peak_bytes[batch] for batch, peak in whole.peak_bytes.items()},
    }


class _Alive(TorchDispatchMode):
    """Counts the memory of tensors and of all that operators return, while they are alive."""

    def __init__(self, tensors: Iterable[Tensor]):
        super().__init__()
        self._bytes = WeakIdKeyDictionary()  # drops a storage when torch does
        self.peak = 0
        self._count(tensors)

    def _count(self, tensors: Iterable[Tensor]) -> None:
        for tensor in tensors:
            storage = tensor.untyped_storage()
            self._bytes[storage] = storage.nbytes()
        self.peak = max(self.peak, sum(self._bytes.values()))

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        self._count(leaf for leaf in tree_leaves(result) if isinstance(leaf, Tensor))
        return result


def _peaks(network: AttentionBranchNetwork, images: Tensor) -> dict[str, int]:
    """`peak_bytes` of each part, of the baseline and of the whole."""
    extractor, attention, perception = (getattr(network, part) for part in PARTS)
    with torch.no_grad():
        features = extractor(images)
    return {
        "extractor": peak_bytes(extractor, images, [extractor]),
        "attention_branch": peak_bytes(attention, features, [attention]),
        "perception_branch": peak_bytes(perception, features, [perception]),
        PLAIN: peak_bytes(lambda inputs: perception(extractor(inputs)), images, [extractor, perception]),
        WHOLE: peak_bytes(network, images, [network]),
    }


@torch.inference_mode()
def time_parts(network: AttentionBranchNetwork, images: Tensor) -> dict[str, float]:
    """Seconds of each part in one forward pass, of the baseline and of the whole."""
    start = time.perf_counter()
    features = network.extractor(images)
    extracted = time.perf_counter()
    class_maps, attention = network.attention_branch(features)
    attended = time.perf_counter()
    class_maps.mean((2, 3))
    features = attend(features, attention, network.mechanism)
    joined = time.perf_counter()
    network.perception_branch(features)
    end = time.perf_counter()
    parts = dict(zip(PARTS, (extracted - start, attended - extracted, end - joined), strict=True))
    return {**_with_sums(parts), WHOLE: end - start}


def _with_sums(parts: dict[str, Any]) -> dict[str, Any]:
    """The cost of each part, and the sums for `PLAIN` and `WHOLE`."""
    whole = sum(parts.values())
    return {**parts, PLAIN: whole - parts["attention_branch"], WHOLE: whole}
