"""Weights in the files that people have: any container, prefix and precision; what is no checkpoint is named."""

import argparse
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from authors_files import save, seeded

from abn.errors import CheckpointError
from abn.variants import authors, checkpoint, weight_files
from abn.variants.authors import convert_official
from abn.variants.weight_files import read_weights, unwrap

WEIGHTS = {"conv.weight": torch.arange(4.0).view(2, 2), "model.bias": torch.ones(2)}


def prefixed(prefix: str) -> dict[str, torch.Tensor]:
    return {prefix + name: value for name, value in WEIGHTS.items()}


def same(weights: dict, expected: dict = WEIGHTS) -> bool:
    return weights.keys() == expected.keys() and all(torch.equal(weights[name], expected[name]) for name in expected)


@pytest.mark.parametrize(
    "prefix", ["", *weight_files.PREFIXES, "module._orig_mod.", "_orig_mod.module.model.", "model.net."]
)
@pytest.mark.parametrize("container", [None, *weight_files.CONTAINERS])
def test_containers_and_prefixes(prefix, container):
    weights = prefixed(prefix)
    assert same(unwrap({container: weights, "epoch": 3, "acc": torch.tensor(93.1)} if container else weights))


def test_containers_in_each_other():
    averaged = {"n_averaged": torch.tensor(5), **prefixed("module.")}
    assert same(unwrap({"ema": {"state_dict": averaged}, "optimizer": {"state": {}}}))
    assert same(unwrap({"model": WEIGHTS, "ema": {"conv.weight": torch.zeros(2, 2)}}))
    looped: dict = {}
    looped["model"] = looped
    assert unwrap(looped) == unwrap([1]) == unwrap(None) == unwrap({"epoch": 3}) == unwrap({}) == {}


def test_a_layer_that_is_called_as_a_prefix_keeps_its_name():
    assert same(unwrap({"state_dict": WEIGHTS})) and "model.bias" in unwrap(WEIGHTS)


@pytest.mark.parametrize("old", [False, True])
def test_numbers_of_numpy_and_options_beside_weights(tmp_path, old):
    path = tmp_path / "x.pth"
    beside = {"acc": np.float64(0.93), "loss": np.float32(0.1), "epoch": np.int64(7), "best": np.bool_(True)}
    torch.save(
        {"model": WEIGHTS, **beside, "args": argparse.Namespace(lr=0.1)}, path, _use_new_zipfile_serialization=not old
    )
    assert same(read_weights(path))


def test_safetensors(tmp_path):
    path = tmp_path / "x.bin"  # whatever it is called
    safetensors.torch.save_file(prefixed("module."), path)
    assert same(read_weights(path))


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", checkpoint.EMPTY),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 9\n", checkpoint.LFS_POINTER),
        (b"\n <!DOCTYPE html><html>", checkpoint.WEB_PAGE),
        (b"<html>", checkpoint.WEB_PAGE),
        (b'<?xml version="1.0"?>', checkpoint.WEB_PAGE),
        (b"hello", weight_files.UNREADABLE),
        (b"PK\x03\x04", weight_files.UNREADABLE),
        ((2**40).to_bytes(8, "little") + b"{}", weight_files.UNREADABLE),
    ],
)
def test_what_is_no_checkpoint_is_named(tmp_path, data, sentence):
    path = tmp_path / "x.pth"
    path.write_bytes(data)
    with pytest.raises(CheckpointError) as error:
        read_weights(path)
    assert str(error.value) == sentence.format(name="x.pth")
    if sentence != weight_files.UNREADABLE:  # and the same where files are uploaded
        with pytest.raises(CheckpointError) as error:
            checkpoint.read_header(data)
        assert str(error.value) == sentence.format(name="This file")


def test_code_is_refused(tmp_path):
    path = tmp_path / "x.pth"
    torch.save({"model": WEIGHTS, "where": Path()}, path)
    with pytest.raises(CheckpointError) as error:
        read_weights(path)
    assert str(error.value) == weight_files.CODE.format(name="x.pth")


def test_no_weights(tmp_path):
    torch.save({"epoch": 3}, tmp_path / "x.pth")
    with pytest.raises(CheckpointError) as error:
        read_weights(tmp_path / "x.pth")
    assert str(error.value) == weight_files.NO_WEIGHTS.format(name="x.pth")


@pytest.mark.parametrize("precision", [torch.half, torch.bfloat16, torch.double])
def test_the_authors_networks_in_other_files(tmp_path, monkeypatch, precision):
    monkeypatch.setattr(authors, "read_in_child", lambda read, path, *, failure, **options: read(path, **options))
    weights = {name: value.to(precision) for name, value in seeded(20, 10).items()}
    expected = convert_official(save(tmp_path / "a.pth.tar", weights)).state_dict()
    safetensors.torch.save_file(weights, tmp_path / "a.safetensors")
    torch.save({"ema": {f"_orig_mod.module.{name}": value for name, value in weights.items()}}, tmp_path / "a.pt")
    for name in ("a.safetensors", "a.pt"):
        assert same(convert_official(tmp_path / name).state_dict(), expected)
