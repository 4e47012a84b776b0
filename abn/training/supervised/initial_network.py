"""The network before its first step: random weights, or those of a backbone, batch norms calibrated."""

import difflib
import hashlib
import inspect
import logging
import sys
import time
from pathlib import Path

import numpy as np
import timm
import torch
from torch import Tensor, nn

from abn.errors import BackboneError, CheckpointError
from abn.images.display_name import one_line
from abn.network.backbone import assemble, create_model, load_backbone
from abn.network.batchnorm import recalibrate_batchnorm
from abn.network.contexts import isolated_generator
from abn.network.cutting import cut
from abn.network.model import AttentionBranchNetwork
from abn.training.supervised.datasets import Dataset
from abn.training.supervised.options import TrainingPlan
from abn.training.supervised.torchvision_names import COUNTER, by_timms_names
from abn.variants import weight_files
from abn.variants.fitting import describe_differences
from abn.variants.untrusted_torch import read_in_child

CALIBRATION_IMAGES = 64  # training images that give the batch norms their first statistics
FLOAT_TYPES = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
INTEGER_TYPES = (torch.int64, torch.int32)
MIN_SHARED = 1 / 3  # of the names, for a file to be one of a similar network
MAX_SEARCH = 5.0  # seconds for another backbone that a file fits

log = logging.getLogger(__name__)


def initial_network(plan: TrainingPlan, data: Dataset) -> tuple[AttentionBranchNetwork, dict[str, str]]:
    """The network, and the card's entries on the backbone's weights that it starts from, if any."""
    classes, origin = len(data.classes), {}
    if plan.weights is None:
        network = create_model(plan.backbone, num_classes=classes, mechanism=plan.mechanism, seed=plan.seed)
    else:
        with isolated_generator(plan.seed):
            plain = load_backbone(plan.backbone, num_classes=classes)
            classifier = "with its classifier" if load_plain_weights(plain, plan.weights) else "with a new classifier"
            network = assemble(cut(plain), num_classes=classes, mechanism=plan.mechanism)
        origin["weights"] = f"{plan.weights.name}, {classifier}"
        origin["weights_sha256"] = hashlib.sha256(plan.weights.read_bytes()).hexdigest()
    which = np.random.default_rng(plan.seed).permutation(len(data.training.labels))[:CALIBRATION_IMAGES]
    for images, _ in data.training.plain_batches(which, CALIBRATION_IMAGES):
        try:
            recalibrate_batchnorm(network, images)
        except RuntimeError as error:
            raise BackboneError(
                f"{plan.backbone} can't process images of {data.input.size} pixels: leave out --size, or give "
                "another size."
            ) from error
    return network, origin


def load_plain_weights(backbone: nn.Module, path: Path) -> bool:
    """Load the weights of a backbone alone, strict, in place, from a file of timm, of torchvision or of the network's
    authors; returns whether its classifier was loaded. One that is missing, or for another number of
    classes, is left as it was. Raises `CheckpointError`."""
    name = one_line(path.name)
    if not path.is_file():  # a pipe would never end
        raise CheckpointError(f"The weights {name} can't be read: check the path of --weights.")
    loaded = read_in_child(weight_files.read_weights, path, failure=weight_files.UNREADABLE.format(name=name))
    loaded = _translate(backbone, by_timms_names(backbone, loaded))
    state = backbone.state_dict()
    prefixes = _classifiers(backbone)
    new = {
        key
        for key, value in state.items()
        if key.startswith(prefixes) and (key not in loaded or loaded[key].shape != value.shape)
    }
    new |= {key for key in loaded if key.startswith(prefixes) and new}  # of a classifier, all or nothing
    result = {key: value for key, value in loaded.items() if key not in new}
    optional = {key for key in state if key in new or key.endswith(COUNTER)}
    expected = {key: tuple(value.shape) for key, value in state.items() if key in result or key not in optional}
    if differences := describe_differences(expected, {key: tuple(value.shape) for key, value in result.items()}):
        if len(state.keys() & loaded.keys()) < len(state) * MIN_SHARED:
            hint = "Its tensors have other names: use weights from timm."
        else:
            nearest = _find_fitting(backbone, loaded)
            hint = f"They fit --backbone {nearest}." if nearest else "Choose the weights of another network."
        raise CheckpointError(f"{name} does not fit the backbone: {differences}. {hint}")
    for key, value in result.items():
        if not _is_taken(value, state[key]):
            raise CheckpointError(f"{name} holds numbers of the type {value.dtype} in {key}: save them as float32.")
        if not value.isfinite().all():
            raise CheckpointError(f"{name} holds values that are not finite (in {key}).")
    backbone.load_state_dict({**state, **result}, strict=True)
    return not new


def _translate(backbone: nn.Module, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights under timm's names: its module of a network may know how to read those of the network's authors."""
    module = sys.modules[type(backbone).__module__]
    translate = getattr(module, "checkpoint_filter_fn", None) or getattr(module, "_filter_fn", None)
    if translate is None or weights.keys() <= backbone.state_dict().keys():
        return weights
    arguments = (weights, backbone)[: len(inspect.signature(translate).parameters)]
    try:
        return dict(translate(*arguments))
    except Exception as error:  # written for one kind of file, which this may not be
        log.debug("the names can't be translated", exc_info=error)
        return weights


def _classifiers(backbone: nn.Module) -> tuple[str, ...]:
    """Beginnings of the names of a classifier's tensors."""
    names = backbone.pretrained_cfg["classifier"]  # type: ignore[index]  # timm's metadata
    return tuple(f"{name}." for name in ([names] if isinstance(names, str) else names))


def _find_fitting(backbone: nn.Module, weights: dict[str, Tensor]) -> str:
    """The network of timm, written in the same module, that weights fit but for a classifier, the likest name first;
    empty where none does, or `MAX_SEARCH` is over."""
    end = time.monotonic() + MAX_SEARCH
    name = str(backbone.pretrained_cfg["architecture"])  # type: ignore[index]
    names = timm.list_models(module=type(backbone).__module__.rpartition(".")[2])
    for other in sorted(names, key=lambda other: -difflib.SequenceMatcher(None, name, other).ratio()):
        if time.monotonic() > end:
            break
        try:
            with torch.device("meta"):
                network = timm.create_model(other)
            classifiers = _classifiers(network)
        except Exception as error:  # a few need what isn't installed, or memory of their own
            log.debug("%s can't be built", other, exc_info=error)
            continue
        if _shapes(network.state_dict(), classifiers) == _shapes(weights, classifiers):
            return other
    return ""


def _shapes(weights: dict[str, Tensor], classifiers: tuple[str, ...]) -> dict[str, torch.Size]:
    """Shapes without those of classifiers and counters."""
    return {
        key: value.shape
        for key, value in weights.items()
        if not key.startswith(classifiers) and not key.endswith(COUNTER)
    }


def _is_taken(tensor: Tensor, other: Tensor) -> bool:
    """Whether a stored tensor holds numbers of a type that the network's takes."""
    return tensor.dtype in (FLOAT_TYPES if other.is_floating_point() else INTEGER_TYPES)
