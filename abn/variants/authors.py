"""The authors' checkpoints (machine-perception-robotics-group/attention_branch_network, `*.pth.tar`) as networks.

Such a file is a pickled dict {epoch, state_dict, acc, best_acc, optimizer}, its weights' names prefixed `module.` by
DataParallel and its tensors on the GPU that trained them; other containers and prefixes, and safetensors, are read as
well. A child process reads it (`weight_files`) and compares its names and shapes with those of the network.
"""

import functools
from numbers import Integral
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from abn.errors import CheckpointError
from abn.images.display_name import one_line
from abn.network.architectures import registry
from abn.network.model import AttentionBranchNetwork
from abn.variants import weight_files
from abn.variants.authors_names import ARCHS, CLASSES
from abn.variants.card import Card
from abn.variants.fitting import describe_differences
from abn.variants.new_card import create_card
from abn.variants.untrusted_torch import read_in_child

MIN_LIKENESS = 1 / 3  # share of names in common with a network for a file to look like it
DTYPES = (torch.float, torch.double, torch.half, torch.bfloat16, torch.long)  # what may become a weight
ONE_OUTPUT = "The checkpoint has one sigmoid output z; this network has two classes with the logits (0, z)."
COUNTER = "num_batches_tracked"  # of each batch norm; files from the days of torch 0.4 lack it


def convert_official(path: str | Path, *, arch: str = "resnet20", num_classes: int = 10) -> AttentionBranchNetwork:
    """The network of a checkpoint written by the authors' code, in evaluation mode (mechanism additive, as theirs).

    `arch` is one of `ARCHS`; "densenet" is BC-100-12, "wrn" 28-10 and "resnext" 29 layers of 8 × 64d. A checkpoint of
    one sigmoid output z (`num_classes` 1) becomes a network of two classes with the logits (0, z). Raises
    `CheckpointError` with one plain sentence for whatever is wrong.
    """
    path = Path(path)
    if not isinstance(arch, str) or arch not in ARCHS:
        raise CheckpointError(
            f"Checkpoints of {str(arch)[:40]!r} can't be converted: choose --arch from {', '.join(ARCHS)}."
        )
    if not isinstance(num_classes, Integral) or not 1 <= num_classes <= registry.MAX_CLASSES:
        raise CheckpointError(
            f"The number of classes must be a whole number, at least 1 and at most {registry.MAX_CLASSES:,}."
        )
    name = one_line(path.name)
    if not path.exists():
        raise CheckpointError(f"The file {name} does not exist: check its path.")
    failure = weight_files.UNREADABLE.format(name=name)
    if not path.is_file():  # a pipe would never end
        raise CheckpointError(failure)
    weights = read_in_child(read_weights, path, failure=failure, arch=arch, num_classes=int(num_classes))
    network = _bare(arch, max(2, int(num_classes)))
    if num_classes == 1:
        weights = _add_zero_class(weights, network.state_dict())
    network.load_state_dict(weights, strict=True, assign=True)
    return network.eval()


def make_converted_card(
    network: AttentionBranchNetwork, name: str, *, arch: str, num_classes: int, source: Path
) -> Card:
    """The card of a converted checkpoint; how it was trained is not known."""
    backbone, outputs = backbone_of(arch), num_classes
    num_classes = max(2, outputs)
    file = one_line(source.name)
    kind = registry.IMAGENET if backbone.startswith(registry.IMAGENET) else registry.CIFAR
    return create_card(
        network,
        id=name,
        title=f"{arch}, converted",
        summary=f"{arch} with {num_classes} classes, converted from a checkpoint of the authors' code.",
        family=name,
        backbone=backbone,
        classes=CLASSES.get((kind, num_classes)) or [f"class {i}" for i in range(num_classes)],
        input=registry.input_spec(backbone),
        trained={
            "command": f"python -m abn convert {file} --arch {arch} --num-classes {outputs} --out {name}",
            "data": "not known",
            **({"notes": [ONE_OUTPUT]} if outputs == 1 else {}),
        },
        license={"weights": "that of the checkpoint's author", "source": file},
    )


def backbone_of(arch: str) -> str:
    """The name of an architecture in the registry."""
    return arch if arch.startswith(registry.IMAGENET) else registry.CIFAR + arch


def _bare(arch: str, num_classes: int) -> AttentionBranchNetwork:
    """The network on the meta device: names and shapes without memory."""
    with torch.device("meta"):
        return registry.layers(backbone_of(arch), num_classes=num_classes)


def read_weights(path: Path, *, arch: str, num_classes: int) -> dict[str, Tensor]:
    """The weights of a checkpoint under our names, ready for the network; `CheckpointError` for whatever is wrong.

    Runs without limits: for a file from anybody see `untrusted_torch`.
    """
    return fit_weights(weight_files.read_weights(path), name=one_line(path.name), arch=arch, num_classes=num_classes)


def fit_weights(original: dict[str, Tensor], *, name: str, arch: str, num_classes: int) -> dict[str, Tensor]:
    """A copy of the authors' weights under our names, checked against the network; `name` is the file's in errors."""
    expected, weights = _bare(arch, num_classes).state_dict(), _translated(original, arch)
    shapes = {key: tuple(value.shape) for key, value in expected.items() if key in weights or not key.endswith(COUNTER)}
    actual = {key: tuple(value.shape) for key, value in weights.items()}
    differences = describe_differences(shapes, actual)
    if actual.keys() != shapes.keys():
        raise CheckpointError(f"{name} does not hold the weights of {arch}{_hint(original, arch, differences)}.")
    last = "perception_branch.fc.weight"
    if weights[last].shape[1:] == expected[last].shape[1:] and len(weights[last]) != len(expected[last]):
        raise CheckpointError(
            f"{name} was trained with {len(weights[last])} outputs, not with {len(expected[last])}: correct "
            "--num-classes."
        )
    if differences:
        raise CheckpointError(f"{name} does not fit {arch}: {differences}.")
    for key, value in weights.items():
        if value.layout != torch.strided or value.is_meta or value.dtype not in DTYPES:
            raise CheckpointError(f"{name} holds something other than plain numbers in {key}: convert another file.")
        if not value.to(expected[key].dtype).isfinite().all():  # a double may be too large for it
            raise CheckpointError(f"{name} holds NaN or infinite values (in {key}): convert another file.")
    counters = {key: torch.zeros((), dtype=torch.long) for key in expected if key.endswith(COUNTER)}
    copied = {
        key: value.to(expected[key].dtype, memory_format=torch.contiguous_format, copy=True)
        for key, value in weights.items()
    }
    return counters | copied


def _add_zero_class(weights: dict[str, Tensor], expected: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a network with one output z as those of `expected`, whose first class has the logit 0 in both
    heads. That class is 0 in the trunk response, too, so M is the same."""

    def padded(value: Tensor, shape: torch.Size) -> Tensor:
        missing = [new - old for new, old in zip(reversed(shape), reversed(value.shape), strict=True)]
        return F.pad(value, [side for count in missing for side in (count, 0)]) if any(missing) else value

    return {name: padded(value, expected[name].shape) for name, value in weights.items()}


def _translated(original: dict[str, Tensor], arch: str) -> dict[str, Tensor]:
    """The weights under our names; one that has none keeps the authors', and a space behind it."""
    named = {key: ARCHS[arch].translate(key) for key in original}
    return {ours or f"{key} ": original[key] for key, ours in named.items() if ours is not None}


def _hint(original: dict[str, Tensor], arch: str, differences: str) -> str:
    """The network that the file resembles, or where it differs if that is `arch`; empty where none is near."""
    likeness = {}
    for other in ARCHS:
        expected, names = _names(other), {key for key in _translated(original, other) if not key.endswith(COUNTER)}
        likeness[other] = len(expected & names) / len(expected | names)
    nearest = max(likeness, key=likeness.__getitem__)
    if likeness[nearest] < MIN_LIKENESS:
        return ""
    return f": {differences}" if nearest == arch else f"; it looks like {nearest}"


@functools.cache
def _names(arch: str) -> frozenset[str]:
    """The names of the network's weights, without the counters."""
    return frozenset(key for key in _bare(arch, 2).state_dict() if not key.endswith(COUNTER))
