"""A person's own variants: from anybody's checkpoint, and from any CNN with random weights.

The network of a card is first built without memory: its size, FLOPs and every tensor's name and shape are compared with
the file before weights are loaded. Whatever can be counted on the network replaces what the card claims. torch is
imported by the functions that need it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from abn.errors import ABNError, BackboneError, CheckpointError, VariantError
from abn.images.display_name import one_line
from abn.variants.card import IMAGENET, UNTRAINED_KIND, Card
from abn.variants.checkpoint import FLOATS, PREFIX, Checkpoint, Header
from abn.variants.fitting import describe_differences
from abn.variants.store import load_weights, tensors_sha256
from abn.vocabulary import ADDITIVE, InputSpec

if TYPE_CHECKING:
    from abn.network.model import AttentionBranchNetwork

MAX_PARAMETERS = 50_000_000  # 200 MB in memory
MAX_FLOPS = 50_000_000_000  # of one image: a few seconds on one core
CLAIMED = (  # fields of a card that can't be counted on the network
    *("title", "summary", "family", "backbone", "mechanism", "classes", "input", "kind", "lesson"),
    *("id", "trained", "measured", "license"),
)
NOT_FINITE = "The network of this file computes NaN or infinite values: train it again or choose another file."


@dataclass(frozen=True)
class Sketch:
    """A network known by its shapes alone."""

    card: Card  # parameters, FLOPs, map size and trunk as counted
    shapes: dict[str, tuple[int, ...]]  # symbol → shape for one image, in the order of computation
    tensors: dict[str, tuple[bool, tuple[int, ...]]]  # name → whether it is of floats, shape

    @property
    def parameters(self) -> int:
        return sum(self.card.parameters.values())

    @property
    def flops(self) -> int:
        return sum(self.card.flops.values())


@dataclass(frozen=True, eq=False)
class OwnVariant:
    """A variant of a person's own, loaded."""

    card: Card
    shapes: dict[str, tuple[int, ...]]
    network: "AttentionBranchNetwork"


def is_own(variant: str) -> bool:
    """Whether an id is that of a person's own variant."""
    return variant.startswith(PREFIX)


def is_drawn(card: Card) -> bool:
    """Whether it is a person's own and has random weights of `draw_weights`, so that no file holds them."""
    return is_own(card.id) and card.id != f"{PREFIX}{card.sha256[:12]}"  # the id of a checkpoint's


def sketch(*, backbone: str, mechanism: str, classes: str | list[str], input: InputSpec, **claims: Any) -> Sketch:
    """The network of a backbone, without its weights, and its card with everything that can be counted counted.

    `claims` are the card's other fields. Raises `BackboneError` where there is no such network, or it can't be an
    Attention Branch Network.
    """
    import torch

    from abn.network.backbone import build
    from abn.network.contexts import shapes_only
    from abn.variants.new_card import create_card

    num_classes = 1000 if classes == IMAGENET else len(classes)
    try:
        with shapes_only(), torch.inference_mode():
            network = build(backbone, num_classes=num_classes, mechanism=mechanism)
            output = network(torch.zeros(1, 3, input.size, input.size))
            card = create_card(network, classes=classes, input=input, backbone=backbone, **claims)
    except ABNError:
        raise
    except Exception as error:  # timm and torch fail in as many ways as there are models
        raise BackboneError(
            f"{one_line(backbone)} can't carry an attention branch with an input of {input.size} × {input.size} "
            "pixels: "
            "choose another backbone."
        ) from error
    tensors = {name: (t.is_floating_point(), tuple(t.shape)) for name, t in network.state_dict().items()}
    shapes = {
        "x": (3, input.size, input.size),
        "g": tuple(output.features.shape[1:]),
        "A": tuple(output.class_maps.shape[1:]),  # the class head keeps the shape of the trunk's response
        "M": tuple(output.attention.shape[1:]),
        "auxiliary": tuple(output.aux_logits.shape[1:]),
        "perception": tuple(output.logits.shape[1:]),
    }
    return Sketch(card, shapes, tensors)


def too_large(sketched: Sketch) -> str | None:
    """One sentence where a network is more than a shared server takes in."""
    if sketched.parameters > MAX_PARAMETERS:
        return (
            f"This network has {sketched.parameters / 1e6:,.0f} million parameters; "
            f"the limit is {MAX_PARAMETERS / 1e6:.0f} million: choose a smaller one."
        )
    if sketched.flops > MAX_FLOPS:
        return (
            f"This network needs {sketched.flops / 1e9:,.0f} GFLOPs per image; "
            f"the limit is {MAX_FLOPS / 1e9:.0f}: choose a smaller one."
        )
    return None


def load_checkpoint(checkpoint: Checkpoint) -> OwnVariant:
    """The variant of a checkpoint. Its size and each tensor's name and shape are compared before its network is built;
    then it is loaded strictly and run once. Raises an `ABNError`."""
    import torch

    sketched = sketch(**{name: getattr(checkpoint.card, name) for name in CLAIMED})
    refusal = too_large(sketched)
    if refusal:
        raise CheckpointError(refusal)
    _check_tensors(checkpoint.header, sketched)
    card = replace(
        sketched.card,
        id=checkpoint.id,
        title=f"{sketched.card.title} (yours)",
        family=PREFIX + sketched.card.family,  # its siblings are other own variants, never shipped ones
        sha256=checkpoint.sha256,
        extractor_sha256=checkpoint.sha256,  # never as the card claims: networks with equal hashes share features
    )
    try:
        network = load_weights(checkpoint.data, card)
    except VariantError as error:
        raise CheckpointError(str(error).replace(f"of {card.id}", "of this file")) from error
    with torch.inference_mode():
        output = network(torch.randn(1, *sketched.shapes["x"], generator=torch.Generator().manual_seed(0)))
    if not all(values.isfinite().all() for values in (output.logits, output.aux_logits, output.attention)):
        raise CheckpointError(NOT_FINITE)
    return OwnVariant(card, sketched.shapes, network)


def sketch_random(backbone: str, *, num_classes: int) -> Sketch:
    """The sketch of any CNN with random weights that are still to be drawn: see `with_seed`. Raises `BackboneError`."""
    from abn.network.backbone import input_spec

    return sketch(
        id="",
        family="",
        title=f"{one_line(backbone)} (random)",
        summary="Random weights: predictions and map mean nothing until the network is trained.",
        backbone=backbone,
        mechanism=ADDITIVE,
        classes=[f"class {k}" for k in range(num_classes)],
        input=input_spec(backbone),
        license={"weights": "drawn at random, nobody's"},
        kind=UNTRAINED_KIND,
        trained={},
    )


def with_seed(sketched: Sketch, *, mechanism: str, seed: int) -> Sketch:
    """The sketch for one mechanism and seed; neither changes a shape."""
    card = sketched.card
    name = f"{PREFIX}{card.backbone}-{card.num_classes}-{mechanism}-{seed}"
    trained = {"steps": 0, "seed": seed}
    return replace(sketched, card=replace(card, id=name, family=name, mechanism=mechanism, trained=trained))


def draw_weights(sketched: Sketch) -> OwnVariant:
    """The network of a sketch of `with_seed`, its weights drawn from the seed. Raises an `ABNError`."""
    from abn.network.backbone import create_model

    card, refusal = sketched.card, too_large(sketched)
    if refusal:
        raise BackboneError(refusal)
    seed = card.trained["seed"]
    network = create_model(card.backbone, num_classes=card.num_classes, mechanism=card.mechanism, seed=seed)
    sha256 = tensors_sha256(network.state_dict())
    return OwnVariant(replace(card, sha256=sha256, extractor_sha256=sha256), sketched.shapes, network)


def unique_title(title: str, taken: Sequence[str]) -> str:
    """The title, numbered where it is taken."""
    count, unique = 1, title
    while unique in taken:
        count += 1
        unique = f"{title[:-1]}, {count})" if title.endswith(")") else f"{title}, {count}"
    return unique


def _check_tensors(header: Header, sketched: Sketch) -> None:
    """Raise `CheckpointError` where the file's tensors are not those of the network."""
    network = f"{sketched.card.backbone} with {sketched.card.num_classes} classes"
    shapes = {name: shape for name, (_, shape) in sketched.tensors.items()}
    actual = {name: shape for name, (_, shape) in header.tensors.items()}
    if differences := describe_differences(shapes, actual):
        raise CheckpointError(f"The weights don't fit {network}: {differences}.")
    for name, (floating, _) in sketched.tensors.items():
        kind, _ = header.tensors[name]
        if floating != (kind in FLOATS) or (not floating and kind != "I64"):
            raise CheckpointError(f"The weights don't fit {network}: {name} is of the type {kind}.")
