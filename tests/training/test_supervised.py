"""Training from scratch: the loss of the paper, an order that the seed decides, and going on where it was stopped."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from abn.errors import ABNError
from abn.study.arms import from_scratch
from abn.training import loop, supervised
from abn.training.fashion import Items

SCHEDULE = supervised.Schedule(epochs=2.0, batch=8, rate=0.05)


def _items() -> Items:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 32)
    images = rng.integers(0, 60, (32, 16, 16)).astype(np.uint8)
    images[labels == 1, 4:12, 4:12] += 150
    return Items(images, labels)


def _trained(path, arm="additive", **more):
    network = from_scratch(arm, backbone="cifar-resnet20", num_classes=2, seed=1)
    supervised.train(network, _items(), SCHEDULE, seed=1, path=path, **more)
    return network


def test_the_loss_is_the_sum_of_both_heads():
    network = from_scratch("additive", backbone="cifar-resnet20", num_classes=2, seed=1)
    output, labels = network(torch.rand(4, 3, 16, 16)), torch.tensor([0, 1, 1, 0])
    both = F.cross_entropy(output.logits, labels) + F.cross_entropy(output.aux_logits, labels)
    assert torch.equal(supervised.total_loss(output, labels), both)
    assert torch.equal(supervised.total_loss(output.logits, labels), F.cross_entropy(output.logits, labels))


def test_a_network_learns_what_can_be_learned(tmp_path):
    items = _items()
    network = from_scratch("additive", backbone="cifar-resnet20", num_classes=10, seed=1)
    schedule = supervised.Schedule(epochs=40.0, batch=16, rate=0.02)
    supervised.train(network, items, schedule, seed=1, path=tmp_path / "x.pt")
    assert not network.training
    with torch.inference_mode():
        output = network(torch.from_numpy(items.inputs(np.arange(32))))
    for head in (output.logits, output.aux_logits):
        assert (head.argmax(1).numpy() == items.labels).mean() >= 0.9


@pytest.mark.parametrize("data", ["half", b"no state", b""])
def test_a_damaged_state_is_one_sentence(tmp_path, data):
    path = tmp_path / "x.pt"
    loop.store(path, {"step": 3, "settings": {}, "learned": torch.zeros(100)})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2] if data == "half" else data)
    with pytest.raises(ABNError) as told:
        _trained(path)
    assert str(told.value) == loop.DAMAGED.format(name="x.pt")


def test_a_stopped_training_goes_on_to_the_same_end(tmp_path, monkeypatch):
    whole = _trained(tmp_path / "whole.pt")
    monkeypatch.setattr(supervised, "SAVE_EACH", 1)
    save = loop._save

    def stop_after_three(path, network, optimizer, schedule, step, *more):
        save(path, network, optimizer, schedule, step, *more)
        if step == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(loop, "_save", stop_after_three)
    with pytest.raises(KeyboardInterrupt):
        _trained(tmp_path / "halves.pt")
    monkeypatch.undo()
    assert torch.load(tmp_path / "halves.pt", weights_only=True)["step"] == 3
    resumed = _trained(tmp_path / "halves.pt")
    for name, value in whole.state_dict().items():
        assert torch.allclose(value, resumed.state_dict()[name], atol=1e-4), name


def test_a_file_of_other_settings_is_an_error(tmp_path):
    _trained(tmp_path / "x.pt")
    network = from_scratch("additive", backbone="cifar-resnet20", num_classes=2, seed=2)
    with pytest.raises(ABNError, match="other settings"):
        supervised.train(network, _items(), SCHEDULE, seed=2, path=tmp_path / "x.pt")


def test_moments_are_seen_in_evaluation_mode_and_training_goes_on_as_without(tmp_path):
    seen = []
    network = from_scratch("none", backbone="cifar-resnet20", num_classes=2, seed=1)

    def look(step):
        seen.append((step, network.training))

    supervised.train(network, _items(), SCHEDULE, seed=1, path=tmp_path / "a.pt", moments=(0, 3, 8), at_moment=look)
    assert seen == [(0, False), (3, False), (8, False)]
    plain = _trained(tmp_path / "b.pt", arm="none")
    assert all(torch.equal(value, plain.state_dict()[name]) for name, value in network.state_dict().items())


def test_the_rate_falls_by_ten_at_half_and_at_three_quarters(tmp_path):
    _trained(tmp_path / "x.pt")
    assert supervised.steps(32, SCHEDULE) == 8
    state = torch.load(tmp_path / "x.pt", weights_only=True)
    assert dict(state["schedule"]["milestones"]) == {4: 1, 6: 1}
    assert state["optimizer"]["param_groups"][0]["lr"] == pytest.approx(0.0005)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_what_drops_out_and_the_rising_rate_go_on_as_they_were(tmp_path, monkeypatch, optimizer):
    recipe = supervised.Recipe(epochs=2.0, batch=8, rate=0.05, warm_up=1.5, optimizer=optimizer)

    def trained(path):
        torch.manual_seed(0)
        network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Dropout(0.5), torch.nn.Linear(768, 2))
        torch.rand(3)  # whatever else has drawn
        supervised.train(network, _items(), recipe, seed=1, path=path)
        return network.state_dict()

    whole = trained(tmp_path / "whole.pt")
    monkeypatch.setattr(supervised, "SAVE_EACH", 1)
    save, rates = loop._save, []

    def stop_after_five(path, network, optimizer, schedule, step, *more):
        save(path, network, optimizer, schedule, step, *more)
        rates.append(schedule.get_last_lr()[0])
        if step == 5:
            raise KeyboardInterrupt

    monkeypatch.setattr(loop, "_save", stop_after_five)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "halves.pt")
    monkeypatch.undo()
    assert rates[:3] == pytest.approx([0.05 * share / 7 for share in (2, 3, 4)])  # six steps, from 1/7 up
    resumed = trained(tmp_path / "halves.pt")
    assert all(torch.equal(value, resumed[name]) for name, value in whole.items())
