"""Every stage of one image in a network, the arithmetic of one cell, and CAM or Grad-CAM of the same image."""

import time

import numpy as np
import torch

from abn.engine.inference import Load
from abn.explanations.cam import ClassMap, class_map
from abn.explanations.stages import Trace
from abn.images.decode import Picture
from abn.images.fit import fit_picture
from abn.network.model import AttentionBranchNetwork, attend
from abn.variants.card import Card
from abn.variants.store import load_variant
from abn.vocabulary import MECHANISMS


def trace_network(network: AttentionBranchNetwork, image: np.ndarray, mechanism: str | None = None) -> Trace:
    """Every stage of one normalized image (3, H, W); `mechanism` None: the one that the network was trained with.

    Each is what the forward pass computes, copied at once because a later layer may work in place.
    """
    applied, branch = mechanism or network.mechanism, network.attention_branch
    with torch.inference_mode():
        images = torch.from_numpy(image.copy())[None]
        started = time.perf_counter()
        extracted = network.extractor(images)
        features = extracted.clone()
        class_maps, attention = branch(extracted)
        seconds = time.perf_counter() - started
        response = branch.respond(features.clone())
        reweighted = attend(features, attention, applied)
        logits = network.perception_branch(reweighted.clone())
    return Trace(
        images=image,
        features=features[0].numpy(),
        response=response[0].numpy(),
        class_maps=class_maps[0].numpy(),
        aux_logits=class_maps.mean((2, 3))[0].numpy(),
        attention=attention[0, 0].numpy(),
        reweighted=reweighted[0].numpy(),
        logits=logits[0].numpy(),
        mechanism=applied,
        channels_are_classes=_channels_are_classes(network),
        seconds=seconds,
    )


def trace_picture(picture: Picture, card: Card, *, fit: str = "crop", load: Load = load_variant) -> Trace:
    """The same for a picture in a variant as trained. Raises an `ABNError` for an unknown fit or broken weights."""
    network = load(card)
    return trace_network(network, fit_picture(picture, card.input, fit).normalized(card.input))


def cell_products(trace: Trace, row: int, column: int, channel: int) -> list[tuple[float, float, float, str]]:
    """(M, g, g′, mechanism) of one cell and channel for each mechanism, by the function that the network uses."""
    m, g = trace.attention[row, column], trace.features[channel, row, column]
    features, attention = (torch.tensor(float(value)).reshape(1, 1, 1, 1) for value in (g, m))
    return [(float(m), float(g), attend(features, attention, name).item(), name) for name in MECHANISMS]


def trace_class_map(network: AttentionBranchNetwork, trace: Trace, method: str, index: int) -> ClassMap:
    """CAM or Grad-CAM of the same image for one class; `ABNError` where the method doesn't apply."""
    images = torch.from_numpy(trace.images.copy())[None]
    return class_map(network, images, method, index=index, mechanism=trace.mechanism)


def _channels_are_classes(network: AttentionBranchNetwork) -> bool:
    """Whether channel k of A stands for class k: its weight outweighs all others to and from it together."""
    weights = network.attention_branch.class_head.weight[:, :, 0, 0]  # (K, K)
    diagonal, sizes = weights.diagonal(), weights.abs()
    return bool((2 * diagonal > sizes.sum(0)).all() and (2 * diagonal > sizes.sum(1)).all())
