"""Supervised training: the loss of the paper, an order that the seed decides, the schedule, and resuming."""

import pickle
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from abn.errors import ABNError
from abn.network.backbone import create_model
from abn.training import loop
from abn.training.sample_order import SampleOrder
from abn.training.sources.array_images import ArrayImages
from abn.training.supervised import training
from abn.training.supervised.training import ONE_CYCLE, Recipe
from abn.vocabulary import InputSpec

RECIPE = Recipe(epochs=2.0, batch=8, rate=0.05)  # eight steps
SPEC = InputSpec(size=16, crop_pct=1.0, interpolation="bilinear", mean=(0.3,) * 3, std=(0.3,) * 3)


@pytest.fixture(scope="module")
def images() -> ArrayImages:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 32)
    pixels = rng.integers(0, 60, (32, 16, 16)).astype(np.uint8)
    pixels[labels == 1, 4:12, 4:12] += 150
    return ArrayImages(pixels, labels, ("dark", "bright"), SPEC)


def abn(mechanism="additive") -> nn.Module:
    return create_model("cifar-resnet20", num_classes=2, mechanism=mechanism, seed=1)


def plain() -> nn.Module:
    """A network with dropout, in milliseconds."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(768, 2))


def run(network, images, path, schedule=RECIPE, seed=1, **more):
    training.train(network, images, schedule, seed=seed, path=path, **more)
    return network.state_dict()


def test_loss_is_the_sum_of_both_heads():
    output, labels = abn()(torch.rand(4, 3, 16, 16)), torch.tensor([0, 1, 1, 0])
    both = F.cross_entropy(output.logits, labels) + F.cross_entropy(output.aux_logits, labels)
    assert torch.equal(training.total_loss(output, labels), both)
    assert torch.equal(training.total_loss(output.logits, labels), F.cross_entropy(output.logits, labels))


@pytest.mark.parametrize("data", ["half", b"no state", b""])
def test_damaged_state_is_one_sentence(images, tmp_path, data):
    path = tmp_path / "x.pt"
    loop.write_state(path, {"step": 3, "settings": {}, "learned": torch.zeros(100)})
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2] if data == "half" else data)
    with pytest.raises(ABNError) as error:
        run(plain(), images, path)
    assert str(error.value) == loop.DAMAGED.format(name="x.pt")


WARM = replace(RECIPE, warm_up=1.5)
CYCLE = replace(RECIPE, schedule=ONE_CYCLE)


@pytest.mark.parametrize(
    ("recipe", "shift"),
    [(WARM, 0), (replace(WARM, optimizer="adamw"), 0), (CYCLE, 3), (replace(CYCLE, optimizer="adamw"), 3)],
    ids=["sgd", "adamw", "one cycle", "one cycle, adamw"],
)
def test_stopped_training_resumes_to_the_same_end(images, tmp_path, monkeypatch, recipe, shift):
    images = replace(images, shift=shift)
    whole = run(plain(), images, tmp_path / "whole.pt", recipe)
    write_state, rates = loop.write_state, []

    def stop_after_five(path, state):
        write_state(path, state)
        rates.append(state["schedule"]["_last_lr"][0])
        if state["step"] == 5:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(loop, "write_state", stop_after_five)
        with pytest.raises(KeyboardInterrupt):
            run(plain(), images, tmp_path / "x.pt", recipe, save_each=1)
    if recipe.warm_up:
        assert rates[:3] == pytest.approx([0.05 * share / 7 for share in (2, 3, 4)])  # six steps, from 1/7 up
    torch.rand(3)  # whatever else has drawn
    resumed = run(plain(), images, tmp_path / "x.pt", recipe)
    assert all(torch.equal(value, resumed[name]) for name, value in whole.items())
    with pytest.raises(ABNError) as error:
        run(plain(), images, tmp_path / "x.pt", recipe, seed=2)
    assert str(error.value) == loop.OTHER_SETTINGS.format(name="x.pt")


def test_moments_are_in_evaluation_mode_and_change_nothing(images, tmp_path):
    seen, network = [], abn("none")
    state = run(
        network,
        images,
        tmp_path / "a.pt",
        moments=(0, 3, 8),
        at_moment=lambda step: seen.append((step, network.training)),
    )
    assert seen == [(0, False), (3, False), (8, False)]
    without = run(abn("none"), images, tmp_path / "b.pt")
    assert all(torch.equal(value, without[name]) for name, value in state.items())


def test_all_seconds_but_those_of_moments_are_counted(images, tmp_path, monkeypatch):
    clock, counted = [0], []
    tally = torch.zeros(3, dtype=torch.double)

    def spend(seconds: int) -> None:
        clock[0] += seconds

    def at_moment(_):
        counted.append(tally[2].item())
        spend(1000)

    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    monkeypatch.setattr(loop, "write_state", lambda *_: spend(10))
    network = plain()
    network.register_forward_pre_hook(lambda *_: spend(1))
    run(network, images, tmp_path / "x.pt", moments=(0, 4, 8), at_moment=at_moment, tally=tally, save_each=4)
    assert counted == [0, 14, 28]  # four steps and a file each


def test_rate_is_divided_by_ten_at_half_and_at_three_quarters(images, tmp_path):
    run(plain(), images, tmp_path / "x.pt")
    state = torch.load(tmp_path / "x.pt", weights_only=True)
    assert dict(state["schedule"]["milestones"]) == {4: 1, 6: 1}
    assert state["optimizer"]["param_groups"][0]["lr"] == pytest.approx(0.0005)


@pytest.mark.parametrize("steps", [1, 2, 5, 8, 20])
def test_one_cycle_rises_for_a_fifth_and_ends_near_zero(images, tmp_path, monkeypatch, steps):
    after, write_state = [], loop.write_state

    def noted(path, state):
        after.append(state["schedule"]["_last_lr"][0])
        write_state(path, state)

    monkeypatch.setattr(loop, "write_state", noted)
    run(plain(), images, tmp_path / "x.pt", replace(CYCLE, epochs=steps / 4), save_each=1)
    assert len(after) == steps
    rates = after[:-1]  # of all steps but the first
    assert all(0 < rate <= CYCLE.rate for rate in rates)
    if steps > 1:
        assert rates[-1] < CYCLE.rate / 1000
    if steps == 20:
        assert int(np.argmax(rates)) == 2 and rates[2] == CYCLE.rate
        assert rates[2:] == sorted(rates[2:], reverse=True)


def test_order_is_a_permutation_an_epoch_and_can_be_entered_anywhere():
    order = SampleOrder(10, batch=4, epochs=3, seed=2)
    assert len(order) == 7 and order.epoch_ends() == [2, 5, 7]
    epochs, which = (np.concatenate(part) for part in zip(*(order[step] for step in range(7)), strict=True))
    assert epochs.tolist() == [0] * 10 + [1] * 10 + [2] * 8
    assert sorted(which[:10]) == sorted(which[10:20]) == list(range(10))
    rng = np.random.default_rng(2)
    assert np.array_equal(which, np.concatenate([rng.permutation(10) for _ in range(3)])[:28])
    assert np.array_equal(order.mirrored(), rng.random((7, 4)) < 0.5)
    other = pickle.loads(pickle.dumps(SampleOrder(10, batch=4, epochs=3, seed=2)))
    for step in (6, 1, 4, 2):
        assert np.array_equal(other[step][1], which[4 * step : 4 * step + 4])
