"""Weights of a plain backbone from anybody: those that don't fit are one sentence, whatever their names are."""

from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor, nn

from abn.errors import CheckpointError
from abn.network.backbone import load_backbone
from abn.training.supervised.initial_network import load_plain_weights

HOSTILE = "\x1b[2J\x1b[31mowned\nsecond line"


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
        (lambda tensor: tensor.to(torch.float8_e4m3fn), "another shape or type"),
        (lambda tensor: tensor.to(torch.complex64), "another shape or type"),
        (lambda tensor: tensor[:1].clone(), "another shape or type"),
        (lambda tensor: tensor / 0, "not finite"),
    ],
)
def test_a_tensor_that_cannot_be_taken(backbone, tmp_path, change, expected):
    name, tensor = next(iter(backbone.state_dict().items()))
    path = store(tmp_path, {**backbone.state_dict(), name: change(tensor)})
    with pytest.raises(CheckpointError, match=f"{expected}.*{name}"):
        load_plain_weights(backbone, path)


def test_batch_counters_may_be_missing_and_weights_be_halves(backbone, tmp_path):
    state = {name: tensor.half() for name, tensor in backbone.state_dict().items() if tensor.is_floating_point()}
    other = load_backbone("test_resnet", num_classes=7)
    assert load_plain_weights(other, store(tmp_path, state))
    assert all(torch.equal(other.state_dict()[name], tensor.float()) for name, tensor in state.items())


def test_a_missing_tensor_is_named(backbone, tmp_path):
    state = backbone.state_dict()
    name = next(iter(state))
    with pytest.raises(CheckpointError, match=f"missing.*{name}"):
        load_plain_weights(backbone, store(tmp_path, {key: state[key] for key in state if key != name}))
