"""Weights of a plain backbone from anybody: those that don't fit are one sentence, whatever their names are."""

from pathlib import Path

import pytest
import safetensors.torch
import torch
import torchvision
from torch import Tensor, nn

from abn.errors import CheckpointError
from abn.network.backbone import load_backbone
from abn.training.supervised import initial_network
from abn.training.supervised.initial_network import load_plain_weights

HOSTILE = "\x1b[2J\x1b[31mowned\nsecond line"


@pytest.fixture(autouse=True)
def in_process(monkeypatch):
    """The files here are our own, and child processes take seconds."""
    monkeypatch.setattr(initial_network, "read_in_child", lambda read, path, *, failure: read(path))


def store(folder: Path, tensors: dict[str, Tensor]) -> Path:
    path = folder / "plain.safetensors"
    safetensors.torch.save_file(tensors, path)
    return path


@pytest.fixture(scope="module")
def backbone() -> nn.Module:
    return load_backbone("test_resnet", num_classes=7)


@pytest.mark.parametrize(
    "surplus", [torch.zeros(1), torch.full((1,), float("nan")), torch.zeros(1).to(torch.float8_e4m3fn)]
)
def test_a_surplus_tensor_is_named_harmlessly(backbone, tmp_path, surplus):
    path = store(tmp_path, {**backbone.state_dict(), HOSTILE: surplus})
    with pytest.raises(CheckpointError, match=r"does not fit the backbone.*owned") as refusal:
        load_plain_weights(backbone, path)
    assert str(refusal.value).isprintable()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda tensor: tensor.to(torch.float8_e4m3fn), "of the type torch.float8_e4m3fn in NAME"),
        (lambda tensor: tensor.to(torch.complex64), "of the type torch.complex64 in NAME"),
        (lambda tensor: tensor[:1].clone(), "NAME has the shape 1 × "),
        (lambda tensor: tensor / 0, "not finite .in NAME"),
    ],
)
def test_a_tensor_that_cannot_be_taken(backbone, tmp_path, change, expected):
    name, tensor = next(iter(backbone.state_dict().items()))
    path = store(tmp_path, {**backbone.state_dict(), name: change(tensor)})
    with pytest.raises(CheckpointError, match=expected.replace("NAME", name)):
        load_plain_weights(backbone, path)


def test_batch_counters_may_be_missing_and_weights_be_halves(backbone, tmp_path):
    state = {name: tensor.half() for name, tensor in backbone.state_dict().items() if tensor.is_floating_point()}
    other = load_backbone("test_resnet", num_classes=7)
    assert load_plain_weights(other, store(tmp_path, state))
    assert all(torch.equal(other.state_dict()[name], tensor.float()) for name, tensor in state.items())


def test_a_missing_tensor_is_named(backbone, tmp_path):
    state = backbone.state_dict()
    name = next(iter(state))
    with pytest.raises(CheckpointError, match=f"{name} is missing"):
        load_plain_weights(backbone, store(tmp_path, {key: state[key] for key in state if key != name}))


def test_a_file_of_torchvision_with_and_without_its_classifier(tmp_path):
    network = torchvision.models.resnet18(weights=None).eval()
    images = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    torch.save(network.state_dict(), tmp_path / "all.pth")
    whole, fewer, headless = (load_backbone("resnet18", num_classes=count) for count in (1000, 7, 1000))
    assert load_plain_weights(whole, tmp_path / "all.pth")
    assert not load_plain_weights(fewer, tmp_path / "all.pth")
    state = {f"module.{name}": value for name, value in network.state_dict().items() if not name.startswith("fc.")}
    torch.save({"state_dict": state}, tmp_path / "headless.pth")
    assert not load_plain_weights(headless, tmp_path / "headless.pth")
    with torch.inference_mode():
        torch.testing.assert_close(whole(images), network(images))
        assert torch.equal(whole.forward_features(images), fewer.forward_features(images))
        assert torch.equal(whole.forward_features(images), headless.forward_features(images))


def test_names_that_timm_translates(tmp_path):
    network = torchvision.models.vgg11(weights=None).eval()
    torch.save(network.state_dict(), tmp_path / "vgg.pth")
    loaded = load_backbone("vgg11", num_classes=7)
    assert not load_plain_weights(loaded, tmp_path / "vgg.pth")
    assert torch.equal(loaded.pre_logits.fc1.weight.flatten(), network.classifier[0].weight.flatten())


def seeded(name: str) -> nn.Module:
    """A network of torchvision with random weights and statistics of batch norms, so that none equals another."""
    torch.manual_seed(0)
    network = getattr(torchvision.models, name)(weights=None).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, std=0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return network


@pytest.mark.parametrize(
    ("name", "backbone"),
    [
        ("mobilenet_v3_small", "mobilenetv3_small_100"),
        ("mobilenet_v2", "mobilenetv2_100"),
        ("mnasnet1_0", "mnasnet_100"),
        ("efficientnet_b0", "efficientnet_b0"),
        pytest.param("efficientnet_b5", "efficientnet_b5", marks=pytest.mark.slow),
        pytest.param("convnext_tiny", "convnext_tiny", marks=pytest.mark.slow),
        pytest.param("vit_b_16", "vit_base_patch16_224", marks=pytest.mark.slow),
    ],
)
def test_torchvisions_other_names_give_the_same_network(tmp_path, name, backbone):
    network = seeded(name)
    torch.save(network.state_dict(), tmp_path / "all.pth")
    whole, fewer = load_backbone(backbone, num_classes=1000), load_backbone(backbone, num_classes=7)
    assert load_plain_weights(whole, tmp_path / "all.pth")
    assert not load_plain_weights(fewer, tmp_path / "all.pth")
    images = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        torch.testing.assert_close(whole(images), network(images), rtol=1e-4, atol=1e-5)
        assert torch.equal(whole.forward_features(images), fewer.forward_features(images))


def test_torchvisions_weights_of_a_wider_network_are_refused(tmp_path):
    torch.save(seeded("efficientnet_b2").state_dict(), tmp_path / "b2.pth")
    with pytest.raises(CheckpointError, match="does not fit the backbone"):
        load_plain_weights(load_backbone("efficientnet_b0", num_classes=7), tmp_path / "b2.pth")


def test_weights_of_another_network_name_the_one_that_they_fit(tmp_path):
    path = store(tmp_path, load_backbone("resnet18", num_classes=7).state_dict())
    with pytest.raises(CheckpointError, match=r"79 more are missing. They fit --backbone resnet18\.$"):
        load_plain_weights(load_backbone("resnet34", num_classes=7), path)
    with pytest.raises(CheckpointError, match="other names"):
        load_plain_weights(load_backbone("mobilenetv3_small_100", num_classes=7), path)
