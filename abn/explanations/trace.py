"""Look inside a network: every stage of one picture, the arithmetic of one cell, CAM and Grad-CAM of it."""

import time
from collections.abc import Callable

import numpy as np
import torch

from abn.explanations.cam import ClassMap, class_map
from abn.explanations.stages import Inside
from abn.images.decode import Picture
from abn.images.fit import fit_picture
from abn.network.model import AttentionBranchNetwork, attend
from abn.variants.card import Card
from abn.variants.store import load_variant
from abn.vocabulary import MECHANISMS


def trace_network(network: AttentionBranchNetwork, images: np.ndarray, mechanism: str | None = None) -> Inside:
    """Every stage of one picture (3, H, W), normalized; `mechanism` None: the one that it was trained with.

    Each is what the forward pass computes. It is copied as soon as it is there, as a later layer may work in place.
    """
    applied, branch = mechanism or network.mechanism, network.attention_branch
    with torch.inference_mode():
        given = torch.from_numpy(images.copy())[None]
        started = time.perf_counter()
        features = network.extractor(given)
        found = features.clone()
        class_maps, attention = branch(features)
        seconds = time.perf_counter() - started
        response = branch.respond(found.clone())
        changed = attend(found, attention, applied)
        logits = network.perception_branch(changed.clone())
    arrays = (found, response, class_maps, class_maps.mean((2, 3)), attention[:, 0], changed, logits)
    return Inside(images, *(values[0].numpy() for values in arrays), applied, _named(network), seconds)


def trace_picture(
    picture: Picture, card: Card, *, fit: str = "crop", load: Callable[[Card], AttentionBranchNetwork] = load_variant
) -> Inside:
    """The same for a picture in a variant as trained. Raises an `ABNError` for an unknown fit or broken weights."""
    network = load(card)
    return trace_network(network, fit_picture(picture, card.input, fit).normalized(card.input))


def attended(inside: Inside, row: int, column: int, channel: int) -> list[tuple[float, float, float, str]]:
    """(M, g, g′, mechanism) of one cell and channel for each mechanism, by the very function that the network uses."""
    m, g = inside.attention[row, column], inside.features[channel, row, column]
    one, other = (torch.tensor(float(value)).reshape(1, 1, 1, 1) for value in (g, m))
    return [(float(m), float(g), attend(one, other, name).item(), name) for name in MECHANISMS]


def asked_afterwards(network: AttentionBranchNetwork, inside: Inside, method: str, index: int) -> ClassMap:
    """CAM or Grad-CAM of the same picture for one class; `ABNError` where the method doesn't apply."""
    images = torch.from_numpy(inside.images.copy())[None]
    return class_map(network, images, method, index=index, mechanism=inside.mechanism)


def _named(network: AttentionBranchNetwork) -> bool:
    """Whether channel k of A speaks for class k: its weight outweighs all others to and from it together."""
    weights = network.attention_branch.class_head.weight[:, :, 0, 0]  # (K, K)
    own, sizes = weights.diagonal(), weights.abs()
    return bool((2 * own > sizes.sum(0)).all() and (2 * own > sizes.sum(1)).all())
