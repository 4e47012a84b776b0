"""Variants: trained networks as pairs of files, NAME.safetensors and its card NAME.json.

A card describes the network, its training and its measured figures, and holds the hash of the weights. Weights are
loaded only if hash, names, shapes and values are right; a broken file never stops the other variants. The header of the
weights holds a copy of the card as it was when they were saved, so that one file can be passed on: weights without a
card beside them are read with that one.
"""

import functools
import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from abn import files
from abn.errors import VariantError
from abn.images.display_name import one_line
from abn.variants.card import CHECKPOINTS, IMAGENET, Card, card_from_json

if TYPE_CHECKING:  # a card is read without torch, so that the app's first view need not wait for it
    import numpy as np
    from torch import Tensor

    from abn.network.model import AttentionBranchNetwork

HASH_FIELDS = ("sha256", "extractor_sha256")  # left out of the card inside the file that they are computed from
CARD_KEY = "abn.card"  # under this name the weights' own header holds the card

NO_WEIGHTS = "The weights of {variant} ({variant}.safetensors) are missing beside its card: copy them there again."
NO_CARD = (
    "The card of {variant} ({variant}.json) is missing beside its weights, so this variant is not listed: copy it "
    "there again."
)
UNREADABLE_CARD = "The card {card} can't be read, so this variant is not listed: copy the file again."
OTHERS_CARD = "The card {card} belongs to another variant ({variant}), so it is not listed: rename the file."
NO_SAFETENSORS = "The weights of {variant} are not a safetensors file, or are cut short: copy the file again."
NOT_FINITE = "The weights of {variant} hold NaN or infinite values (in {name}): train or copy the variant again."
OTHER_WEIGHTS = "The weights of {variant} do not match its card, as the file was changed or cut short: copy it again."

log = logging.getLogger(__name__)


def list_variants(folder: Path | None = None) -> list[Card]:
    """The cards that can be read: what knows photographs first, in a family plain siblings first, then lessons;
    `problems` tells of the others."""
    cards = [card for card in _read_all(folder or CHECKPOINTS).values() if isinstance(card, Card)]
    order = {"additive": 0, "multiplicative": 1, "none": 2}
    return sorted(
        cards,
        key=lambda card: (
            card.kind != "photograph",
            card.classes != IMAGENET,
            card.family,
            bool(card.lesson),
            order.get(card.mechanism, 3),
            card.id,
        ),
    )


def find_problems(folder: Path | None = None) -> dict[str, str]:
    """Variant id → one sentence, for each card that can't be read, and where of weights and card one is missing."""
    sentences = {}
    for name, card in _read_all(folder or CHECKPOINTS).items():
        if isinstance(card, str):
            sentences[name] = card
        elif not card.weights.is_file():
            sentences[name] = _missing(card)
    return sentences


def find_variant(variant: str, folder: Path | None = None) -> Card:
    """The card of a variant, or `VariantError` with the ids that there are."""
    card = _read_all(folder or CHECKPOINTS).get(variant)
    if isinstance(card, Card):
        return card
    if isinstance(card, str):
        raise VariantError(card)
    known = ", ".join(card.id for card in list_variants(folder)) or "none"
    raise VariantError(f"There is no variant {str(variant)[:80]!r}: choose one of {known}.")


def find_sibling(
    card: Card, mechanism: str, folder: Path | None = None, *, among: Sequence[Card] | None = None
) -> Card | None:
    """The plain variant of the same family trained with `mechanism`; the card itself where it is that; None: none.

    It is looked for among all variants of the folder, or `among` these cards.
    """
    if card.mechanism == mechanism:
        return card
    cards = list_variants(folder) if among is None else among
    family = [other for other in cards if other.family == card.family and not other.lesson]
    return next((other for other in family if other.mechanism == mechanism), None)


def load_variant(variant: str | Card, folder: Path | None = None) -> "AttentionBranchNetwork":
    """The network of a variant in evaluation mode, its weights verified against the card.

    Raises `VariantError` with one plain sentence where a file is missing, altered, or not what its card says.
    """
    card = variant if isinstance(variant, Card) else find_variant(variant, folder)
    return load_weights(_verified(card), card)


def read_weights(card: Card) -> "dict[str, np.ndarray]":
    """A variant's weights by name as they are stored, verified against the card, their values finite, without torch.
    Raises `VariantError`."""
    import numpy as np
    import safetensors.numpy

    data = _verified(card)
    try:
        weights = safetensors.numpy.load(data)
    except (safetensors.SafetensorError, ValueError, KeyError) as error:
        raise VariantError(NO_SAFETENSORS.format(variant=card.id)) from error
    broken = [name for name, values in weights.items() if not np.isfinite(values).all()]
    if broken:
        raise VariantError(NOT_FINITE.format(variant=card.id, name=broken[0]))
    return weights


def load_weights(data: bytes, card: Card) -> "AttentionBranchNetwork":
    """A network from the bytes of a safetensors file, strict, its values finite; `VariantError` otherwise."""
    import safetensors
    import safetensors.torch

    from abn.network.backbone import build
    from abn.network.contexts import isolated_generator

    try:
        tensors = safetensors.torch.load(data)
    except (safetensors.SafetensorError, ValueError, KeyError) as error:
        raise VariantError(NO_SAFETENSORS.format(variant=card.id)) from error
    floats = {name: tensor.float() for name, tensor in tensors.items() if tensor.is_floating_point()}
    broken = [name for name, tensor in floats.items() if not tensor.isfinite().all()]  # nor too large for the network
    if broken:
        raise VariantError(NOT_FINITE.format(variant=card.id, name=broken[0]))
    with isolated_generator():  # the weights drawn here are replaced at once
        network = build(card.backbone, num_classes=card.num_classes, mechanism=card.mechanism)
    try:
        network.load_state_dict(tensors, strict=True)
    except RuntimeError as error:
        log.info("strict loading failed", exc_info=error)
        raise VariantError(
            f"The weights of {card.id} do not fit its backbone {card.backbone} with {card.num_classes} classes."
        ) from error
    return network.eval()


def save_variant(network: "AttentionBranchNetwork", card: Card, folder: Path, *, half: bool = True) -> Card:
    """Write the weights, in half precision or as they are, with the card in their header and, with its hashes, beside
    them; returns the latter."""
    data, card = pack_variant(network, replace(card, folder=folder), half=half)
    with files.atomic_file(card.weights) as file:
        file.write(data)
        file.flush()
        write_card(card)  # once there was room for the weights; weights alone would stand in the way of a second try
    return card


def pack_variant(network: "AttentionBranchNetwork", card: Card, *, half: bool = True) -> tuple[bytes, Card]:
    """The file of the weights as `save_variant` writes it, and the card with its hashes."""
    import safetensors.torch
    import torch

    tensors = {
        name: tensor.to(
            dtype=torch.half if half and tensor.is_floating_point() else None, memory_format=torch.contiguous_format
        )
        for name, tensor in network.state_dict().items()
    }
    fields = {key: value for key, value in card.to_json().items() if key not in HASH_FIELDS}
    data = safetensors.torch.save(tensors, {CARD_KEY: json.dumps(fields, ensure_ascii=False)})
    extractor = {name: tensor for name, tensor in tensors.items() if name.startswith("extractor.")}
    sha256 = hashlib.sha256(data).hexdigest()
    return data, replace(card, sha256=sha256, extractor_sha256=tensors_sha256(extractor))


def write_card(card: Card) -> None:
    """Write the card's JSON beside its weights."""
    text = json.dumps(card.to_json(), indent=1, ensure_ascii=False)
    files.write_file(card.folder / f"{card.id}.json", text + "\n")


def tensors_sha256(tensors: "dict[str, Tensor]") -> str:
    """One hash over names, types, shapes and values."""
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()


# ---- reading ----


def _read_all(folder: Path) -> dict[str, Card | str]:
    """Every card of the folder by its id; a sentence in place of one that is missing or can't be read."""
    cards = {path.stem: _read(path, files.stamp(path)) for path in sorted(folder.glob("*.json"))}
    alone = [path for path in sorted(folder.glob("*.safetensors")) if path.stem not in cards]
    return {path.stem: _read_from_weights(path, files.stamp(path)) for path in alone} | cards


@functools.lru_cache(maxsize=256)
def _read(path: Path, _stamp: tuple[int, int] | None) -> Card | str:
    try:
        card = card_from_json(json.loads(path.read_text(encoding="utf-8")), path.parent)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        log.warning("card %s", path.name, exc_info=error)
        return UNREADABLE_CARD.format(card=path.name)
    if card.id != path.stem:
        return OTHERS_CARD.format(card=path.name, variant=one_line(card.id))
    return card


@functools.lru_cache(maxsize=256)
def _read_from_weights(path: Path, _stamp: tuple[int, int] | None) -> Card | str:
    """The card in the header of weights, under the name that their file has now."""
    try:
        data = path.read_bytes()
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        fields = json.loads(header["__metadata__"][CARD_KEY])
        hashes = dict.fromkeys(HASH_FIELDS, hashlib.sha256(data).hexdigest())  # no extractor is taken for another's
        card = card_from_json(fields | hashes, path.parent)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        log.info("no card in %s", path.name, exc_info=error)
        return NO_CARD.format(variant=path.stem)
    return replace(card, id=path.stem)


def _missing(card: Card) -> str:
    return NO_WEIGHTS.format(variant=card.id)


def _verified(card: Card) -> bytes:
    try:
        data = card.weights.read_bytes()
    except OSError as error:
        raise VariantError(_missing(card)) from error
    if hashlib.sha256(data).hexdigest() != card.sha256:
        raise VariantError(OTHER_WEIGHTS.format(variant=card.id))
    return data
