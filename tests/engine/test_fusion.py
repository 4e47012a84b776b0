"""A quickened network answers alike but for rounding, has no batch norm left where it folds, and is another network."""

import pytest
import tiny
import torch
from torch import nn

from abn.engine.fusion import fuse_for_inference
from abn.network.architectures import registry
from abn.network.batchnorm import recalibrate_batchnorm
from abn.variants.store import load_variant
from abn.vocabulary import MECHANISMS


def alike(network, images: torch.Tensor) -> None:
    quick = fuse_for_inference(network)
    with torch.inference_mode():
        for mechanism in MECHANISMS:
            features = network.extractor(images)
            given, wanted = (n.explain_features(features, mechanism) for n in (quick, network))
            for ours, theirs in zip(given, wanted, strict=True):
                assert (ours - theirs).abs().max() <= 1e-3 * theirs.abs().max()
        ours, theirs = quick(images).features, network(images).features
        assert (ours - theirs).abs().max() <= 1e-3 * theirs.abs().max()


@pytest.mark.parametrize("variant", ["imagenet-lite0-additive", "cluttered-resnet20-multiplicative"])
def test_shipped_weights_answer_alike(variant):
    network = load_variant(variant)
    size = 96 if variant.startswith("imagenet") else 32
    alike(network, torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(0)))


@pytest.mark.parametrize(
    "name",
    [
        "cifar-resnet44",
        *(pytest.param(name, marks=pytest.mark.slow) for name in ("cifar-densenet", "imagenet-resnet18")),
    ],
)
def test_the_papers_networks_answer_alike(name):
    torch.manual_seed(0)
    network, size = registry.build(name, num_classes=10), registry.input_spec(name).size
    images = torch.randn(2, 3, size, size)
    recalibrate_batchnorm(network, images)
    alike(network, images)


def test_what_it_was_made_of_stays_as_it_was():
    network = tiny.network(seed=2)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    quick = fuse_for_inference(network)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in quick.extractor.modules())
    assert not any(isinstance(module, nn.BatchNorm2d) for module in quick.attention_branch.trunk.modules())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert any(isinstance(module, nn.BatchNorm2d) for module in network.modules())
    assert not any(parameter.requires_grad for parameter in quick.parameters())
