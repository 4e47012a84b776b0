"""CAM and Grad-CAM against their definitions, on networks with weights of their own; nothing stays on a network."""

import threading

import numpy as np
import pytest
import tiny
import torch
from torch import nn

from abn.errors import ABNError
from abn.explanations.cam import class_map
from abn.explanations.class_map import METHODS
from abn.network.model import AttentionBranch, AttentionBranchNetwork

IMAGES = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(7))


@pytest.fixture(scope="module", params=["additive", "none"])
def network(request):
    return tiny.network(request.param, seed=5)


def last_features(network) -> torch.Tensor:
    out = network(IMAGES)
    features = network.extractor(IMAGES)
    if network.mechanism == "additive":
        features = (1 + out.attention) * features
    return network.perception_branch.layer3(features)


def test_cam_is_the_classifier_on_the_last_features(network):
    result = class_map(network, IMAGES, "CAM")
    with torch.no_grad():
        last, out = last_features(network)[0], network(IMAGES)
    classifier = network.perception_branch.fc
    assert result.index == int(out.logits.argmax()) and result.layer == "layer3" and result.values.shape == (8, 8)
    expected = torch.einsum("chw,c->hw", last, classifier.weight[result.index]).detach()
    torch.testing.assert_close(torch.from_numpy(result.values), expected)
    bias = float(classifier.bias[result.index].detach())
    assert result.values.mean() + bias == pytest.approx(float(out.logits.max()), abs=1e-4)


def test_grad_cam_of_a_pooled_linear_layer_is_cam_without_what_is_below_zero(network):
    """With a global average the gradient of logit k is w_kc / (h·w) in every cell (Selvaraju et al., Sec. 3.1)."""
    for index in (0, 6):
        cam, grad = (class_map(network, IMAGES, method, index=index) for method in METHODS)
        assert grad.index == index and grad.layer == cam.layer
        torch.testing.assert_close(torch.from_numpy(grad.values) * 64, torch.from_numpy(cam.values).relu())
        assert grad.seconds > 0


def hooks(network: nn.Module) -> int:
    return sum(len(module._forward_hooks) + len(module._backward_hooks) for module in network.modules())


def test_nothing_stays_on_the_network_after_success_or_failure(network):
    before = {name: value.clone() for name, value in network.state_dict().items()}
    for method in METHODS:
        class_map(network, IMAGES, method)
        with pytest.raises(IndexError):
            class_map(network, IMAGES, method, index=10)
        with pytest.raises(RuntimeError):
            class_map(network, IMAGES[:, :2], method)
    assert hooks(network) == 0 and not network.training
    assert all(parameter.grad is None for parameter in network.parameters())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_a_branch_that_does_not_fit_is_one_sentence():
    def network(*perception: nn.Module) -> AttentionBranchNetwork:
        branch = AttentionBranch(nn.Identity(), trunk_channels=3, num_classes=2)
        return AttentionBranchNetwork(
            extractor=nn.Identity(),
            attention_branch=branch,
            perception_branch=nn.Sequential(*perception),
            mechanism="additive",
        ).eval()

    pool = (nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with pytest.raises(ABNError, match="one linear layer"):
        class_map(network(nn.Conv2d(3, 2, 1), *pool), IMAGES, "CAM")
    between = nn.LayerNorm(3)  # as in ConvNeXt: what the linear layer reads is no mean over cells any more
    with pytest.raises(ABNError, match="one linear layer"):
        class_map(network(nn.Identity(), *pool, between, nn.Linear(3, 2)), IMAGES, "CAM")
    with pytest.raises(ABNError, match="no layer with cells"):
        class_map(network(*pool, nn.Linear(3, 2)), IMAGES, "Grad-CAM")
    with pytest.raises(ABNError, match="Choose one of: CAM, Grad-CAM"):
        class_map(tiny.network(), IMAGES, "LIME")


def test_shipped_weights_answer_alike_with_and_without_it(network):
    from abn.variants.store import load_variant

    shipped = load_variant("imagenet-lite0-additive")
    images = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        named = int(shipped(images).logits.argmax())
    cam, grad = (class_map(shipped, images, method) for method in METHODS)
    assert cam.index == grad.index == named and cam.values.shape == grad.values.shape == (7, 7)
    torch.testing.assert_close(torch.from_numpy(grad.values) * 49, torch.from_numpy(cam.values).relu())


def test_another_thread_that_asks_the_same_network_changes_nothing(network):
    other, stop = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(9)), threading.Event()

    def ask() -> None:
        while not stop.is_set():
            with torch.inference_mode():
                network(other)

    alone = {method: class_map(network, IMAGES, method).values for method in METHODS}
    asking = threading.Thread(target=ask)
    asking.start()
    try:
        for _ in range(30):
            for method in METHODS:
                assert np.array_equal(class_map(network, IMAGES, method).values, alone[method])
    finally:
        stop.set()
        asking.join()
