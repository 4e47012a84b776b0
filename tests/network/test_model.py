"""The network itself: the equations, the exactness that the lessons build on, and which loss teaches which part."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import tiny
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from abn.errors import ABNError
from abn.network.batchnorm import recalibrate_batchnorm
from abn.network.initialization import compensate_gain, initialize_weights
from abn.network.model import AttentionBranch, AttentionBranchNetwork, attend
from abn.vocabulary import MECHANISMS


def images(count: int = 3) -> torch.Tensor:
    return torch.randn(count, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def test_the_mechanisms_are_equations_one_and_two():
    g, m = torch.tensor([2.0, -4.0]).view(1, 2, 1, 1), torch.tensor(0.25).view(1, 1, 1, 1)
    assert attend(g, m, "multiplicative").flatten().tolist() == [0.5, -1.0]
    assert attend(g, m, "additive").flatten().tolist() == [2.5, -5.0]
    assert attend(g, m, "none").flatten().tolist() == [2.0, -4.0]


@pytest.mark.parametrize("mechanism", ["Additive", "", None, "trained"])
def test_an_unknown_mechanism_is_refused(mechanism):
    with pytest.raises(ABNError, match="additive, multiplicative, none"):
        attend(torch.ones(1, 1, 1, 1), torch.ones(1, 1, 1, 1), mechanism)
    with pytest.raises(ValueError, match="mechanism must be one of"):
        tiny.network(mechanism)


@pytest.mark.parametrize("mechanism", MECHANISMS)
@torch.inference_mode()
def test_shapes_ranges_and_exactness(mechanism):
    network = tiny.network(mechanism)
    out = network(images())
    assert out.logits.shape == out.aux_logits.shape == (3, 10)
    assert out.attention.shape == (3, 1, 16, 16)
    assert out.class_maps.shape == (3, 10, 16, 16)
    assert out.features.shape == (3, 32, 16, 16)
    assert 0 < out.attention.min() < out.attention.max() < 1
    assert torch.equal(out.class_maps.mean((2, 3)), out.aux_logits)
    assert torch.equal(network.perceive(out.features, out.attention), out.logits)
    assert torch.equal(network.perception_branch(attend(out.features, out.attention, mechanism)), out.logits)


@torch.inference_mode()
def test_another_mechanism_or_map_changes_the_perception_head_alone():
    network = tiny.network("additive")
    out = network(images())
    swapped = network.explain_features(out.features, "multiplicative")
    assert torch.equal(swapped.attention, out.attention) and torch.equal(swapped.aux_logits, out.aux_logits)
    assert not torch.allclose(swapped.logits, out.logits, atol=1e-3)
    # M = 1 everywhere under (1 + M)·g is 2·g, and M = 0 is g itself
    plain = network.perceive(out.features, torch.zeros_like(out.attention))
    assert torch.equal(plain, network.perceive(out.features, out.attention, "none"))
    double = network.perceive(out.features, torch.ones_like(out.attention))
    assert torch.equal(double, network.perceive(2 * out.features, out.attention, "none"))


def learners(network: nn.Module, loss: torch.Tensor) -> set[str]:
    """The parts of the network that a loss sends gradient to."""
    network.zero_grad(set_to_none=True)
    loss.backward()
    with_gradient = {name for name, p in network.named_parameters() if p.grad is not None and p.grad.abs().max() > 0}
    branch = ("trunk", "trunk_norm", "to_classes", "class_norm", "class_head", "map_head", "map_norm")
    parts = ["extractor", "perception_branch", *(f"attention_branch.{name}" for name in branch)]
    return {part for part in parts if any(name.startswith(part + ".") for name in with_gradient)}


def test_which_loss_teaches_which_part():
    network, target = tiny.network("additive").train(), torch.tensor([0, 1, 2])
    trunk = {f"attention_branch.{name}" for name in ("trunk", "trunk_norm", "to_classes", "class_norm")}
    map_head = {"attention_branch.map_head", "attention_branch.map_norm"}
    attention = learners(network, cross_entropy(network(images()).aux_logits, target))
    assert attention == {"extractor", "attention_branch.class_head"} | trunk
    perception = learners(network, cross_entropy(network(images()).logits, target))
    assert perception == {"extractor", "perception_branch"} | trunk | map_head


def test_without_the_map_no_loss_reaches_the_attention_branch_through_perception():
    network = tiny.network("none").train()
    perception = learners(network, cross_entropy(network(images()).logits, torch.tensor([0, 1, 2])))
    assert perception == {"extractor", "perception_branch"}


def test_nothing_is_kept_between_calls_so_threads_can_share_a_network():
    network = tiny.network()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    attributes = {name: set(vars(module)) for name, module in network.named_modules()}

    def forward(seed: int) -> torch.Tensor:
        with torch.inference_mode():
            return network(torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(seed))).logits

    alone = [forward(seed) for seed in range(8)]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(forward, range(8)))
    assert all(torch.equal(a, b) for a, b in zip(alone, together, strict=True))
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())
    assert attributes == {name: set(vars(module)) for name, module in network.named_modules()}


def test_the_heads_have_no_bias_and_the_map_head_is_3_by_3():
    branch = AttentionBranch(nn.Identity(), trunk_channels=4, num_classes=7)
    for head, shape in {"to_classes": (7, 4, 1, 1), "class_head": (7, 7, 1, 1), "map_head": (1, 7, 3, 3)}.items():
        assert getattr(branch, head).bias is None and tuple(getattr(branch, head).weight.shape) == shape


def test_initialization_is_the_authors():
    conv, norm = nn.Conv2d(64, 128, 3), nn.BatchNorm2d(5)
    nn.init.constant_(norm.weight, 3.0)
    initialize_weights(nn.Sequential(conv, norm))
    assert conv.weight.std().item() == pytest.approx((2 / (9 * 128)) ** 0.5, rel=0.02)
    assert conv.bias.abs().max() == 0 and norm.weight.tolist() == [1.0] * 5


@torch.no_grad()
def test_a_compensated_gain_maps_gain_times_g_to_what_g_gave():
    network = tiny.network()
    g = network.extractor(images())
    before = network.perception_branch(g)
    first = network.perception_branch.layer3[0]
    compensate_gain(first.conv1, 1.5)
    compensate_gain(first.downsample, 1.5)
    after = network.perception_branch(1.5 * g)
    assert (after - before).abs().max() <= 1e-4 * before.abs().max()


@torch.no_grad()
def test_recalibration_leaves_a_norm_that_sees_too_little_as_it_is():
    """Two pooled pictures are two values a channel: statistics of those fit no other picture."""
    squeeze = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 3))
    network = AttentionBranchNetwork(
        extractor=nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)),
        attention_branch=AttentionBranch(nn.Identity(), trunk_channels=4, num_classes=3),
        perception_branch=squeeze,
        mechanism="additive",
    )
    recalibrate_batchnorm(network, 5 + torch.randn(2, 3, 8, 8))
    assert torch.equal(squeeze[1].running_mean, torch.zeros(4)) and torch.equal(squeeze[1].running_var, torch.ones(4))
    assert network.extractor[1].running_mean.abs().min() > 0 and not squeeze[1].training
    assert squeeze[1].momentum == network.extractor[1].momentum == 0.1
