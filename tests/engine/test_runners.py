"""Both engines compute the same; a graph that is missing, altered or of another network is never run."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import tiny

from abn.engine import graphs
from abn.engine.export_graphs import write_graphs
from abn.engine.graphs import GraphError, graph_file, read_graphs
from abn.engine.loading import find_device, load_runner, run_network
from abn.engine.onnx_runner import OnnxRunner
from abn.engine.runner import class_maps, perceive, reweight, softmax
from abn.engine.torch_runner import TorchRunner
from abn.errors import ABNError
from abn.variants.store import find_variant, list_variants, load_variant, read_weights
from abn.vocabulary import MECHANISMS

SHIPPED = [card.id for card in list_variants()]


def outputs(runner, images: np.ndarray) -> dict[str, np.ndarray]:
    features = runner.extract(images)
    aux_logits, attention = runner.attend(features)
    response = runner.respond(features)
    return {
        "features": features,
        "response": response,
        "class maps": class_maps(runner, response),
        "attention": attention,
        "auxiliary logits": aux_logits,
        **{name: perceive(runner, features, attention, name) for name in MECHANISMS},
    }


def assert_equal(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> None:
    for name, expected in theirs.items():
        assert ours[name].dtype == np.float32, name
        np.testing.assert_allclose(ours[name], expected, rtol=1e-4, atol=1e-4, err_msg=name)


@pytest.mark.parametrize("variant", SHIPPED)
def test_both_engines_agree_on_each_shipped_variant(variant):
    card = find_variant(variant)
    images = np.random.default_rng(0).normal(size=(3, 3, card.input.size, card.input.size)).astype(np.float32)
    runner, network = load_runner(card), load_variant(card)
    assert runner.engine == "ONNX Runtime" and runner.mechanism == card.mechanism
    ours, theirs = outputs(runner, images), outputs(TorchRunner(network), images)
    assert_equal(ours, theirs)
    assert np.array_equal(runner.class_head, TorchRunner(network).class_head)
    alone = outputs(runner, images[:1])
    assert_equal(alone, {name: values[:1] for name, values in ours.items()})  # a batch of any size


def test_an_edited_map_is_applied_as_by_the_network():
    import torch

    network = tiny.network("multiplicative")
    features = np.random.default_rng(1).normal(size=(1, 32, 16, 16)).astype(np.float32)
    maps = np.random.default_rng(2).uniform(-1, 2, (4, 1, 16, 16)).astype(np.float32)
    for name in MECHANISMS:
        with torch.inference_mode():
            given = torch.from_numpy(features).expand(4, -1, -1, -1).clone()
            expected = network.perceive(given, torch.from_numpy(maps), name).numpy()
        got = perceive(TorchRunner(network), features, maps, name)
        assert got == pytest.approx(expected, abs=1e-5) and len(got) == 4
    with pytest.raises(ABNError, match="additive, multiplicative, none"):
        reweight(features, maps, "squared")


def test_softmax_of_large_logits():
    assert softmax(np.array([[1000.0, 1000, -1000]], np.float32)) == pytest.approx(np.array([[0.5, 0.5, 0]]))


# ---- graphs ----


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(graphs.FOLDER, tmp_path / "graphs")


def test_every_shipped_variant_has_its_graphs_and_no_graph_holds_weights():
    for card in list_variants():
        parts = read_graphs(card)
        assert sum(map(len, parts.values())) < 120_000
    listed = {path.name for path in graphs.FOLDER.glob("*.onnx")}
    assert listed == json.loads((graphs.FOLDER / graphs.INDEX).read_text()).keys()


def test_without_a_graph_a_variant_runs_on_pytorch_and_this_is_logged(tmp_path, folder, caplog):
    card = tiny.variant(tmp_path, "mine", tiny.network())
    assert load_runner(card, graphs=folder).engine == "ONNX Runtime"
    fast = outputs(load_runner(card, graphs=folder), np.ones((1, 3, 32, 32), np.float32))
    (folder / graph_file(card, "attend")).unlink()
    slow = load_runner(card, graphs=folder)
    assert slow.engine == "PyTorch" and "mine runs on PyTorch" in caplog.text
    assert_equal(fast, outputs(slow, np.ones((1, 3, 32, 32), np.float32)))


@pytest.mark.parametrize("harm", ["altered", "another", "no index", "broken index"])
def test_a_graph_that_is_not_the_one_that_was_made_is_not_run(tmp_path, folder, harm):
    card = tiny.variant(tmp_path, "mine", tiny.network())
    path = folder / graph_file(card, "classify")
    if harm == "altered":
        path.write_bytes(path.read_bytes()[:-1] + b"\0")
    elif harm == "another":
        path.write_bytes((folder / graph_file(find_variant("imagenet-lite0-none"), "classify")).read_bytes())
    elif harm == "no index":
        (folder / graphs.INDEX).unlink()
    else:
        (folder / graphs.INDEX).write_text("{")
    with pytest.raises(GraphError):
        read_graphs(card, folder)
    assert load_runner(card, graphs=folder).engine == "PyTorch"


@pytest.mark.parametrize("harm", ["missing", "of another shape", "more"])
def test_weights_that_do_not_fit_a_graph_are_refused(tmp_path, harm):
    card = tiny.variant(tmp_path, "mine", tiny.network())
    weights, name = read_weights(card), "extractor.conv1.weight"
    if harm == "missing":
        del weights[name]
    elif harm == "of another shape":
        weights[name] = weights[name][:, :, :1]
    else:
        weights["extractor.other.weight"] = weights[name]
    with pytest.raises(GraphError):
        OnnxRunner(read_graphs(card), weights, mechanism="additive")


def test_a_network_at_hand_runs_on_its_architectures_graph(tmp_path):
    network = tiny.network(seed=3)
    card = tiny.variant(tmp_path, "mine", network)
    runner = run_network(network, card)
    assert runner.engine == "ONNX Runtime"
    images = np.random.default_rng(0).normal(size=(2, 3, 32, 32)).astype(np.float32)
    assert_equal(outputs(runner, images), outputs(TorchRunner(network), images))
    assert run_network(network, replace(card, backbone="resnet18")).engine == "PyTorch"


def test_a_device_that_is_not_there_is_one_sentence():
    assert find_device("auto") in ("cpu", "cuda") and find_device("cpu") == "cpu"
    for name in ("tpu", "cuda:x", ""):
        with pytest.raises(ABNError, match="no device"):
            find_device(name)


@pytest.mark.slow
def test_graphs_are_made_again_byte_for_byte(tmp_path):
    pytest.importorskip("onnxscript")
    card = next(card for card in list_variants() if card.backbone == "cifar-resnet20")
    write_graphs(card, tmp_path)
    made = {path.name: path.read_bytes() for path in tmp_path.glob("*.onnx")}
    assert len(made) == 3 and all((graphs.FOLDER / name).read_bytes() == data for name, data in made.items())


def test_running_a_variant_needs_no_torch():
    code = (
        "import sys, numpy as np; from abn.engine.loading import load_runner; from abn.variants.store import *\n"
        "runner = load_runner(find_variant('imagenet-lite0-additive'))\n"
        "runner.attend(runner.extract(np.zeros((1, 3, 224, 224), np.float32)))\n"
        "print(sorted({'torch', 'timm', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
