"""The paper's own networks: the authors' numbers of parameters, shapes and layers."""

import pytest
import torch
from torch import nn

from abn.errors import BackboneError
from abn.network.architectures import registry
from abn.network.backbone import create_model, input_spec
from abn.network.complexity import count_parameters
from abn.network.model import AttentionBranchNetwork
from abn.vocabulary import PARTS


def bare(name: str, num_classes: int) -> AttentionBranchNetwork:
    """Without memory for weights, so that the large ones cost nothing."""
    with torch.device("meta"):
        return registry.layers(name, num_classes=num_classes)


@pytest.mark.parametrize(
    ("name", "classes", "whole", "plain"),
    [
        ("cifar-resnet20", 10, 479_150, 272_474),
        ("cifar-resnet110", 100, 3.06, 1.73),
        ("cifar-wrn", 100, 64.5, 36.5),
        ("imagenet-resnet50", 1000, 43.58, 25.56),
        ("imagenet-resnet152", 1000, 78.22, 60.19),
    ],
)
def test_the_authors_numbers_of_parameters(name, classes, whole, plain):
    """In millions where they are not whole, and to as many digits as are known."""
    counted = count_parameters(bare(name, classes))
    assert set(counted) == set(PARTS)
    for count, known in ((sum(counted.values()), whole), (counted["extractor"] + counted["perception_branch"], plain)):
        digits = len(str(known).partition(".")[2])
        assert known == (round(count / 1e6, digits) if digits else count)


@pytest.mark.parametrize(
    ("name", "channels", "size", "cells"),
    [
        ("cifar-resnet20", 32, 32, 16),
        ("cifar-resnet56", 128, 32, 16),
        ("cifar-densenet", 150, 32, 8),
        ("cifar-wrn", 320, 32, 16),
        ("cifar-resnext", 512, 32, 16),
        ("imagenet-resnet18", 256, 224, 14),
        ("imagenet-resnet50", 1024, 224, 14),
    ],
)
@torch.inference_mode()
def test_shapes(name, channels, size, cells):
    network = bare(name, 10).eval()
    out = network(torch.empty(2, 3, size, size, device="meta"))
    assert out.features.shape == (2, channels, cells, cells)
    assert out.class_maps.shape == (2, 10, cells, cells) and out.attention.shape == (2, 1, cells, cells)
    assert out.logits.shape == out.aux_logits.shape == (2, 10)
    other = network(torch.empty(1, 3, size + 32, size + 64, device="meta"))  # the pools are adaptive
    reduction = size // cells
    assert other.attention.shape == (1, 1, cells + 32 // reduction, cells + 64 // reduction)
    assert other.logits.shape == (1, 10)


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        *((f"cifar-resnet{depth}", layers) for depth, layers in ((20, 20), (32, 32), (44, 65), (56, 83), (110, 164))),
        ("cifar-densenet", 100),
        ("cifar-wrn", 26),  # 28 with the three convolutions of shortcuts and without the classifier
        ("cifar-resnext", 29),
        *((f"imagenet-resnet{depth}", depth) for depth in (18, 34, 50, 101, 152)),
    ],
)
def test_layers_follow_the_authors_rule(name, layers):
    network = bare(name, 10)
    plain = nn.ModuleList([network.extractor, network.perception_branch])
    weighted = [n for n, m in plain.named_modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    assert len([n for n in weighted if "downsample" not in n and "shortcut" not in n]) == layers
    assert all(m.bias is None for m in network.modules() if isinstance(m, nn.Conv2d))
    assert "at stride 1" in network.attention_branch.trunk_kind or "no stride" in network.attention_branch.trunk_kind
    assert network.attention_branch.trunk is not network.perception_branch[0]
    assert isinstance(network.attention_branch.trunk_norm, nn.Identity) == (name == "cifar-resnext")


@pytest.mark.parametrize("name", ["cifar-resnet20", pytest.param("imagenet-resnet18", marks=pytest.mark.slow)])
def test_they_are_built_by_name_settled_and_reproducible(name):
    network, again = (create_model(name, num_classes=4, seed=0) for _ in range(2))
    size = input_spec(name).size
    images = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        out = network(images)
        assert torch.equal(out.logits, again(images).logits)
    assert not network.training and out.attention.std() > 0.01 and 0.1 < out.attention.mean() < 0.9


def test_the_input_is_that_of_the_authors_scripts():
    small, large = input_spec("cifar-wrn"), input_spec("imagenet-resnet101")
    assert (small.size, small.crop_pct, small.mean[0]) == (32, 1.0, 0.4914)
    assert (large.size, large.crop_pct, large.interpolation) == (224, 0.875, "bilinear")
    assert (large.mean, large.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@pytest.mark.parametrize("name", ["cifar-resnet18", "cifar-", "imagenet-resnet20", "imagenet-wrn"])
def test_an_unknown_name_is_one_sentence(name):
    with pytest.raises(BackboneError, match="cifar-resnet20, cifar-resnet32"):
        create_model(name, num_classes=10)
