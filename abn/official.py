"""The authors' checkpoints (machine-perception-robotics-group/attention_branch_network, `*.pth.tar`) as networks.

Such a file is a pickled dict {epoch, state_dict, acc, best_acc, optimizer}, its weights' names prefixed `module.` by
DataParallel. It is opened with `weights_only=True`, so nothing in it can run.
"""

import logging
import pickle
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from abn import cifar
from abn.cards import new_card
from abn.errors import CheckpointError
from abn.model import AttentionBranchNetwork
from abn.variants import Card

NAMES = {  # first part of the authors' names → ours; what follows it is the same
    "conv1": "extractor.conv1",
    "bn1": "extractor.bn1",
    "layer1": "extractor.layer1",
    "layer2": "extractor.layer2",
    "att_layer3": "attention_branch.trunk",
    "bn_att": "attention_branch.trunk_norm",
    "att_conv": "attention_branch.to_classes",
    "bn_att2": "attention_branch.class_norm",
    "att_conv2": "attention_branch.class_head",
    "att_conv3": "attention_branch.map_head",
    "bn_att3": "attention_branch.map_norm",
    "layer3": "perception_branch.layer3",
    "fc": "perception_branch.fc",
}

CIFAR10 = "airplane automobile bird cat deer dog frog horse ship truck".split()  # the authors' only data of 10 classes

log = logging.getLogger(__name__)


def convert_official(path: str | Path, *, arch: str = "resnet20", num_classes: int = 10) -> AttentionBranchNetwork:
    """The network of a checkpoint written by the authors' code, in evaluation mode (mechanism additive, as theirs).

    `arch` is "resnet20", 32, 44, 56 or 110. Raises `CheckpointError` with one plain sentence for whatever is wrong.
    """
    path = Path(path)
    if arch not in cifar.DEPTHS:
        raise CheckpointError(
            f"Checkpoints of {str(arch)[:40]!r} can't be converted yet; these can: {', '.join(cifar.DEPTHS)}."
        )
    if not isinstance(num_classes, int) or num_classes < 2:
        raise CheckpointError(f"The number of classes must be a whole number of at least 2, not {num_classes!r}.")
    theirs = _state_dict(_read(path), path.name)
    with torch.random.fork_rng(devices=[]):
        network = cifar.build(arch, num_classes=num_classes)
    _load(network, theirs, path.name, arch)
    return network.eval()


def make_card(network: AttentionBranchNetwork, name: str, *, arch: str, num_classes: int, source: Path) -> Card:
    """The card of a converted checkpoint; of how it was trained nothing is known but what the code does by itself."""
    return new_card(
        network,
        id=name,
        title=f"{arch}, converted",
        summary=f"{arch} with {num_classes} classes, converted from a checkpoint of the authors' code.",
        family=name,
        backbone=cifar.PREFIX + arch,
        classes=list(CIFAR10) if num_classes == 10 else [f"class {i}" for i in range(num_classes)],
        input=cifar.INPUT,
        trained={
            "command": f"python -m abn convert {source.name} --arch {arch} --num-classes {num_classes} --out {name}",
            "data": "not known",
        },
        licence={"weights": "that of the checkpoint's author", "source": source.name},
    )


def _read(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise CheckpointError(f"There is no file {path.name}.") from error
    except Exception as error:  # torch.load fails with EOFError, KeyError, OSError, RuntimeError, UnpicklingError …
        log.info("torch.load failed", exc_info=error)
        if isinstance(error, pickle.UnpicklingError) and "GLOBAL" in str(error):
            raise CheckpointError(
                f"{path.name} holds more than weights and numbers; it was not opened, since such a file can run code."
            ) from error
        raise CheckpointError(
            f"{path.name} can't be read as a PyTorch checkpoint: it is damaged, cut short or of another kind."
        ) from error


def _state_dict(checkpoint: Any, name: str) -> dict[str, Tensor]:
    """The weights by the authors' names, without the prefix."""
    weights = checkpoint.get("state_dict") if isinstance(checkpoint, dict) else None
    tensors = isinstance(weights, dict) and all(isinstance(value, Tensor) for value in weights.values())
    if not weights or not tensors or not all(isinstance(key, str) for key in weights):
        raise CheckpointError(
            f"{name} is no checkpoint of the authors' code, which has its weights under the entry state_dict."
        )
    return {key.removeprefix("module."): value for key, value in weights.items()}


def _load(network: AttentionBranchNetwork, theirs: dict[str, Tensor], name: str, arch: str) -> None:
    """Strict, but for the counters of batch norms, which files from the days of torch 0.4 lack; in place."""
    ours = network.state_dict()
    weights = {key: value for key, value in ours.items() if key.endswith("num_batches_tracked")}
    weights |= {_ours(key): value for key, value in theirs.items()}
    if weights.keys() != ours.keys():
        missing, surplus = sorted(ours.keys() - weights.keys()), sorted(weights.keys() - ours.keys())
        log.info("missing %s, not known %s", missing, surplus)
        raise CheckpointError(f"{name} does not hold the weights of {arch}{_looks_like(theirs)}.")
    given, wanted = theirs["fc.weight"], ours["perception_branch.fc.weight"]
    if given.ndim == 2 and given.shape[1] == wanted.shape[1] and len(given) != len(wanted):
        raise CheckpointError(f"{name} was trained with {len(given)} classes, not with {len(wanted)}.")
    for key, value in weights.items():
        if value.shape != ours[key].shape:
            raise CheckpointError(
                f"{name} does not fit {arch}: {key} is {tuple(value.shape)} and should be {tuple(ours[key].shape)}."
            )
        if not value.isfinite().all():
            raise CheckpointError(f"{name} holds values that are not finite (in {key}).")
    network.load_state_dict(weights, strict=True)


def _ours(key: str) -> str:
    first, dot, rest = key.partition(".")
    return NAMES.get(first, first) + dot + rest


def _looks_like(theirs: dict[str, Tensor]) -> str:
    """A hint from the number of blocks, as n = (depth − 2) / 6; empty where it gives none."""
    blocks = len({key.split(".")[1] for key in theirs if key.startswith("layer1.")})
    guess = f"resnet{6 * blocks + 2}"
    return f"; it looks like {guess}" if guess in cifar.DEPTHS else ""
