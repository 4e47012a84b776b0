"""Which device trains, and that nothing of a training on MPS needs float64. MPS itself is not at hand."""

import pytest
import tiny
import torch
from class_folders import squares, train
from torch.overrides import TorchFunctionMode

from abn.__main__ import main
from abn.engine import loading
from abn.engine.loading import find_device
from abn.engine.torch_runner import TorchRunner
from abn.errors import ABNError
from abn.explanations.explainer import explain
from abn.training import devices, loop
from abn.training.devices import choose_device
from abn.training.supervised import epochs
from abn.variants.store import find_variant, load_variant


@pytest.fixture
def machine(monkeypatch):
    """Pretends that a machine has these devices."""

    def pretend(*names: str, processes: int = 1) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in names)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in names)
        monkeypatch.setenv("WORLD_SIZE", str(processes))

    return pretend


@pytest.mark.parametrize(
    ("names", "processes", "chosen"),
    [
        (("cuda", "mps"), 1, "cuda"),
        (("cuda",), 2, "cuda"),
        (("mps",), 1, "mps"),
        (("mps",), 2, "cpu"),
        ((), 1, "cpu"),
    ],
)
def test_auto_is_cuda_else_mps_else_the_cpu(machine, names, processes, chosen):
    machine(*names, processes=processes)
    assert choose_device("auto") == chosen and choose_device("cpu") == "cpu"
    assert loop.has_bfloat16("mps") is False


def test_device_that_is_not_there_is_one_sentence(machine):
    machine()
    for name in ("cuda", "mps"):
        with pytest.raises(ABNError) as error:
            choose_device(name)
        assert str(error.value) == devices.MISSING.format(name=name.upper())
    machine("mps", processes=2)
    with pytest.raises(ABNError) as error:
        choose_device("mps")
    assert str(error.value) == devices.SEVERAL


def test_explain_uses_mps_only_when_it_is_asked_for(machine, monkeypatch):
    monkeypatch.setattr("abn.engine.onnx_runner.has_cuda", lambda: False)
    machine("mps")
    assert (find_device("mps"), find_device("auto")) == ("mps", "cpu")
    machine()
    with pytest.raises(ABNError) as error:
        find_device("mps")
    assert str(error.value) == loading.NO_DEVICE.format(name="mps")


class NoDoubles(TorchFunctionMode):
    """Fails where a tensor of float64 comes up, which MPS doesn't have."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        assert not isinstance(result, torch.Tensor) or result.dtype != torch.float64, func
        return result


def test_training_and_measuring_on_mps_needs_no_float64(tmp_path, monkeypatch):
    for module in (loop, epochs):
        monkeypatch.setattr(module, "sum_type", lambda _: devices.sum_type("mps"))
    data = squares(tmp_path / "colors", 10)
    with NoDoubles():
        assert main(train(data, tmp_path, "--epochs", "1", "--out", "mine")) == 0
    card = find_variant("mine", tmp_path / "variants")
    with NoDoubles():
        (explanation,) = explain(tiny.picture(), [card], load=lambda card: TorchRunner(load_variant(card)))
    assert explanation.perception.shape == (3,)
