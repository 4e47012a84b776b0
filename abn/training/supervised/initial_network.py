"""The network before its first step: random weights, or those of a backbone, batch norms calibrated."""

import hashlib
from pathlib import Path

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from abn.errors import BackboneError, CheckpointError
from abn.network.backbone import assemble, create_model, load_backbone
from abn.network.batchnorm import recalibrate_batchnorm
from abn.network.contexts import isolated_generator
from abn.network.cutting import cut
from abn.network.model import AttentionBranchNetwork
from abn.training.supervised.datasets import Dataset
from abn.training.supervised.options import TrainingPlan
from abn.variants.checkpoint import quote_name

CALIBRATION_IMAGES = 64  # training images that give the batch norms their first statistics
FLOAT_TYPES = (torch.float64, torch.float32, torch.float16, torch.bfloat16)
INTEGER_TYPES = (torch.int64, torch.int32)


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
    """Load a plain timm backbone's weights from a safetensors file, strict, in place; returns whether its classifier
    was loaded. A classifier for another number of classes is left as it was. Raises `CheckpointError`."""
    try:
        loaded = safetensors.torch.load(path.read_bytes())
    except OSError as error:
        raise CheckpointError(
            f"The weights {path.name} can't be read ({error.strerror}): check the path of --weights."
        ) from error
    except (safetensors.SafetensorError, ValueError, KeyError) as error:
        raise CheckpointError(
            f"{path.name} is not a safetensors file, or is cut short: save the weights again."
        ) from error
    state = backbone.state_dict()
    classifiers = backbone.pretrained_cfg["classifier"]  # type: ignore[index]  # timm's metadata
    prefixes = tuple(f"{name}." for name in ([classifiers] if isinstance(classifiers, str) else classifiers))
    of_classifier = {name: state[name] for name in state.keys() & loaded.keys() if name.startswith(prefixes)}
    new = {name: tensor for name, tensor in of_classifier.items() if tensor.shape != loaded[name].shape}
    result = {**loaded, **new}
    missing = [name for name in state if name not in result and not name.endswith("num_batches_tracked")]
    wrong = missing + [name for name, tensor in result.items() if name not in state or not _fits(tensor, state[name])]
    if wrong:
        raise CheckpointError(
            f"{path.name} does not fit the backbone: tensors are missing, unknown, or of another shape or type "
            f"({len(wrong)}), {quote_name(wrong[0])} first."
        )
    for name, tensor in result.items():
        if not tensor.isfinite().all():
            raise CheckpointError(f"{path.name} holds values that are not finite (in {quote_name(name)}).")
    backbone.load_state_dict({**state, **result}, strict=True)
    return not new


def _fits(tensor: Tensor, other: Tensor) -> bool:
    """Whether a stored tensor has the shape of the network's and numbers of a type that it takes."""
    return tensor.shape == other.shape and tensor.dtype in (FLOAT_TYPES if other.is_floating_point() else INTEGER_TYPES)
