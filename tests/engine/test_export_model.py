"""A model that was exported runs without this package, on batches of any size, and computes the same."""

import json

import numpy as np
import pytest
import tiny
import torch

from abn.__main__ import main
from abn.engine import export_model
from abn.network.model import AttentionBranchNetwork

pytest.importorskip("onnxscript")
onnxruntime = pytest.importorskip("onnxruntime")


@pytest.mark.slow
@pytest.mark.parametrize("beside", [True, False])
def test_a_variant_of_ones_own_becomes_one_file(tmp_path, capsys, beside):
    network = tiny.network("multiplicative", seed=4)
    card = tiny.variant(tmp_path, "mine", network)
    if not beside:  # the header holds the card too
        card.weights.with_suffix(".json").unlink()
    target = tmp_path / "mine.onnx"
    assert main(["export", str(card.weights), "--onnx", str(target)]) == 0
    assert "opset 20" in capsys.readouterr().out
    session = onnxruntime.InferenceSession(str(target))
    mean, std = (np.array(values, np.float32)[:, None, None] for values in (card.input.mean, card.input.std))
    for count in (1, 5):
        images = np.random.default_rng(count).uniform(size=(count, 3, 32, 32)).astype(np.float32)
        with torch.inference_mode():
            expected = network(torch.from_numpy((images - mean) / std))
        for name, values in zip(
            export_model.OUTPUTS, session.run(export_model.OUTPUTS, {"images": images}), strict=True
        ):
            assert values == pytest.approx(getattr(expected, name).numpy(), abs=1e-4)
    metadata = session.get_modelmeta().custom_metadata_map
    assert json.loads(metadata["abn.card"])["mechanism"] == "multiplicative"
    assert len(json.loads(metadata["abn.classes"])) == 10
    assert main(["export", str(card.weights), "--onnx", str(target)]) == 1 and "already" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["nobody", "missing.safetensors"])
def test_what_is_not_there_is_one_sentence(tmp_path, capsys, name):
    assert main(["export", name, "--onnx", str(tmp_path / "x.onnx")]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1 and not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_model_that_computes_something_else_is_not_written(tmp_path, capsys, monkeypatch):
    card, right = tiny.variant(tmp_path, "mine", tiny.network()), AttentionBranchNetwork.forward
    exporting = torch.onnx.export

    def export_and_change(*given, **options):
        program = exporting(*given, **options)
        monkeypatch.setattr(
            AttentionBranchNetwork, "forward", lambda *given: right(*given)._replace(logits=torch.ones(3, 10))
        )
        return program

    monkeypatch.setattr(torch.onnx, "export", export_and_change)
    assert main(["export", str(card.weights), "--onnx", str(tmp_path / "x.onnx")]) == 1
    assert "logits" in capsys.readouterr().err and not (tmp_path / "x.onnx").exists()
