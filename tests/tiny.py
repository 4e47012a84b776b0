"""Tiny seeded networks and variants for the tests; nothing is fetched, and each takes milliseconds."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import nn

from abn.engine.loading import load_runner
from abn.images.decode import Picture
from abn.network.backbone import create_model
from abn.network.batchnorm import recalibrate_batchnorm
from abn.network.model import AttentionBranchNetwork
from abn.variants.authors import make_converted_card
from abn.variants.card import Card
from abn.variants.store import save_variant

torch.set_num_threads(1)  # two threads on a busy machine wait for each other


def stir(module: nn.Module, seed: int = 0) -> nn.Module:
    """Give every batch norm statistics and gains that are not trivial, as after training; in place."""
    generator = torch.Generator().manual_seed(seed)
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.running_mean.normal_(0, 0.1, generator=generator)
            norm.running_var.uniform_(0.5, 1.5, generator=generator)
            nn.init.uniform_(norm.weight, 0.5, 1.5, generator=generator)
            nn.init.normal_(norm.bias, 0, 0.1, generator=generator)
    return module


def network(mechanism: str = "additive", *, seed: int = 0) -> AttentionBranchNetwork:
    """The paper's ResNet-20 with 10 classes, its batch norms stirred, in evaluation mode."""
    built = stir(create_model("cifar-resnet20", num_classes=10, mechanism=mechanism, seed=seed), seed)
    recalibrate_batchnorm(built, torch.randn(8, 3, 32, 32, generator=torch.Generator().manual_seed(seed)))
    return built


def variant(folder: Path, name: str, built: AttentionBranchNetwork) -> Card:
    """Weights and card of a tiny network, as the command line's `convert` writes them."""
    card = make_converted_card(built, name, arch="resnet20", num_classes=10, source=Path("tiny.pth.tar"))
    return save_variant(built, card, folder, half=False)


class CountedRunner:
    """A runner that lists which parts of a variant run."""

    def __init__(self, card: Card, runs: list[str]):
        self._runner, self._runs = load_runner(card), runs

    def __getattr__(self, name: str):
        if name in ("extract", "attend", "respond", "classify"):
            self._runs.append(name)
        return getattr(self._runner, name)


def picture(width: int = 48, height: int = 40, seed: int = 0) -> Picture:
    """Noise, upright."""
    values = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Picture(Image.fromarray(values), f"noise {width} {height} {seed}", "noise.png")
