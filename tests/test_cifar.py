"""The paper's small ResNets: the authors' numbers of parameters, shapes and layers."""

import pytest
import torch
from torch import nn

from abn import cifar
from abn.backbone import create_model
from abn.cost import parameters
from abn.errors import BackboneError
from abn.variants import PARTS


def total(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_resnet20_has_the_authors_number_of_parameters():
    network = create_model("cifar-resnet20", num_classes=10)
    assert total(network) == 479_150
    counted = parameters(network)
    assert counted["extractor"] + counted["perception_branch"] == 272_474  # their ResNet-20 without attention branch
    assert set(counted) == set(PARTS)


def test_resnet110_has_the_authors_number_of_parameters():
    network = create_model("cifar-resnet110", num_classes=100)
    counted = parameters(network)
    assert round(total(network) / 1e6, 2) == 3.06
    assert round((counted["extractor"] + counted["perception_branch"]) / 1e6, 2) == 1.73


@pytest.mark.parametrize(("depth", "layers"), [(20, 20), (32, 32), (44, 65), (56, 83), (110, 164)])
def test_the_names_follow_the_authors_rule(depth, layers):
    network = create_model(f"cifar-resnet{depth}", num_classes=10)
    plain = nn.ModuleList([network.extractor, network.perception_branch])
    weighted = [n for n, m in plain.named_modules() if isinstance(m, (nn.Conv2d, nn.Linear)) and "downsample" not in n]
    assert len(weighted) == layers


@pytest.mark.parametrize("depth", [20, 56])
@torch.inference_mode()
def test_shapes(depth):
    network, grow = create_model(f"cifar-resnet{depth}", num_classes=10, seed=0), 1 if depth < 44 else 4
    out = network(torch.randn(2, 3, 32, 32))
    assert out.features.shape == (2, 32 * grow, 16, 16)
    assert out.class_maps.shape == (2, 10, 16, 16) and out.attention.shape == (2, 1, 16, 16)
    assert out.logits.shape == out.aux_logits.shape == (2, 10)
    assert network(torch.randn(1, 3, 48, 40)).attention.shape == (1, 1, 24, 20)  # the pools are adaptive


def test_no_convolution_has_a_bias():
    network = create_model("cifar-resnet44", num_classes=10)
    assert all(m.bias is None for m in network.modules() if isinstance(m, nn.Conv2d))


def test_an_unknown_depth_is_one_sentence():
    with pytest.raises(BackboneError, match="cifar-resnet20, cifar-resnet32"):
        cifar.build("cifar-resnet18", num_classes=10)
