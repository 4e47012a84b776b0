"""`python -m abn train` on a made-up data set of 64 items: card, figures, control, resuming."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from abn.__main__ import main
from abn.network.model import ABNOutput
from abn.training import (
    datasets,
    fashion,
    fashion_variants,
    history_recorder,
    loop,
    options,
    public_sources,
    supervised,
)
from abn.variants.history import load_life
from abn.variants.store import find_variant, load_variant, problems

SHORT = supervised.Schedule(epochs=1, batch=16)  # four steps
CLUTTERED = ["train", "--data", "cluttered-fashion"]


@pytest.fixture(scope="module")
def packages(tmp_path_factory) -> Path:
    """The Debian package's files, 64 pictures to train with and 40 to test: class k is a bar at row 2k."""
    folder = tmp_path_factory.mktemp("packages")
    place = folder / public_sources.FASHION / fashion.PLACE
    place.mkdir(parents=True)
    for name, count in (("train", 64), ("t10k", 40)):
        labels = (np.arange(count) * 3 % 10).astype(np.uint8)
        images = np.random.default_rng(count).integers(0, 30, (count, 28, 28)).astype(np.uint8)
        for image, label in zip(images, labels, strict=True):
            image[2 * label : 2 * label + 8, 6:22] = 200
        for kind, values in (("images-idx3", images), ("labels-idx1", labels)):
            head = bytes([0, 0, 8, values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
            (place / f"{name}-{kind}-ubyte.gz").write_bytes(gzip.compress(head + values.tobytes()))
    return folder


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    monkeypatch.setattr(options, "SCHEDULE", SHORT)


def _options(packages: Path, folder: Path) -> list[str]:
    return ["--packages", str(packages), "--work", str(folder / "work"), "--folder", str(folder / "variants")]


@pytest.fixture(scope="module")
def trained(packages, tmp_path_factory) -> Path:
    """A folder with one variant, trained in one go."""
    folder = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(options, "SCHEDULE", SHORT)
        assert main([*CLUTTERED, *_options(packages, folder)]) == 0
    return folder / "variants"


def test_the_variant_is_whole_and_its_card_says_all(trained):
    card = find_variant("cluttered-resnet20-additive", trained)
    assert not problems(trained)
    assert (card.family, card.backbone, card.mechanism) == ("cluttered-resnet20", "cifar-resnet20", "additive")
    assert (card.input, card.map_size) == (fashion.spec("cluttered"), (16, 16))
    assert tuple(card.classes) == fashion.CLASSES
    assert sum(card.parameters.values()) == 479_150  # of the paper's, as counted in the authors' code
    assert card.flops["extractor"] == 55_410_688
    assert card.trained["command"] == (
        "python -m abn train --data cluttered-fashion --backbone cifar-resnet20 --mechanism additive "
        "--out cluttered-resnet20-additive --epochs 1 --seed 1"
    )
    assert (card.trained["seed"], card.trained["steps"], card.trained["schedule"]["batch"]) == (1, 4, 16)
    assert card.trained["data"].startswith("Fashion-MNIST, 64 items of 20 px")
    assert "mirrored" in card.trained["data"]
    assert card.license["weights"] == "MIT"
    assert load_variant(card).mechanism == "additive"


def test_it_is_measured_as_it_is_read_beside_its_control(trained, packages):
    card = find_variant("cluttered-resnet20-additive", trained)
    figures, control = card.measured["cluttered"], card.measured["controls"]["before training"]["cluttered"]
    assert (
        figures.keys()
        == control.keys()
        == set(
            "count located accuracy accuracy_auxiliary calibration_error calibration_error_auxiliary pointing roc_auc "
            "energy_over_area".split()
        )
    )
    assert (figures["count"], figures["located"]) == (40, 40)
    assert figures != control
    test = fashion.cluttered(fashion.load(packages, train=False), 40, seed=fashion_variants.TEST_SEED)
    again = fashion_variants.measure(load_variant(card), test)
    assert again == pytest.approx({name: figures[name] for name in again}, abs=0.03)


def test_the_figures_can_be_measured_again(trained, packages):
    card = find_variant("cluttered-resnet20-additive", trained)
    assert list(fashion_variants.figures([card], packages)) == [(card, card.measured)]


def test_a_stopped_training_comes_to_the_same_end(trained, packages, tmp_path, monkeypatch):
    fit, record = loop.fit, history_recorder.Recorder.record
    monkeypatch.setattr(loop, "fit", lambda *a, **more: fit(*a, **{**more, "save_each": 1}))

    def stop(recorder, step: int) -> None:
        if step == 3:
            raise KeyboardInterrupt
        record(recorder, step)

    monkeypatch.setattr(history_recorder.Recorder, "record", stop)
    assert main([*CLUTTERED, *_options(packages, tmp_path)]) == 130
    assert not (tmp_path / "variants").exists()

    seen = []
    monkeypatch.setattr(
        history_recorder.Recorder, "record", lambda recorder, step: (seen.append(step), record(recorder, step))
    )
    assert main([*CLUTTERED, *_options(packages, tmp_path)]) == 0
    assert seen == [3, 4]
    whole = find_variant("cluttered-resnet20-additive", trained)
    resumed = find_variant("cluttered-resnet20-additive", tmp_path / "variants")
    assert resumed.sha256 == whole.sha256
    first, second = load_life(whole), load_life(resumed)
    assert first.steps.tolist() == second.steps.tolist() == list(history_recorder.moments(4))
    assert np.array_equal(first.maps, second.maps)
    assert first.metrics["accuracy"].tolist() == second.metrics["accuracy"].tolist()


def test_the_life_begins_before_training_and_ends_as_the_variant_is(trained, packages):
    card = find_variant("cluttered-resnet20-additive", trained)
    found = load_life(card)
    assert found.maps.shape == (5, datasets.SHOWN, 16, 16)
    assert (found.steps[0], found.steps[-1], found.total) == (0, 4, 4)
    assert found.pictures.shape == (datasets.SHOWN, 32, 32)
    assert found.ids[0].startswith("T-shirt ")
    assert found.metrics.keys() >= {"accuracy", "accuracy_auxiliary", "pointing", "roc_auc"}
    test = fashion.cluttered(fashion.load(packages, train=False), 40, seed=fashion_variants.TEST_SEED)
    shown = datasets.pictures_of_all_classes(test.labels)
    assert np.array_equal(found.pictures, test.images[shown])
    with torch.inference_mode():
        end = load_variant(card)(torch.from_numpy(test.inputs(shown))).attention[:, 0].numpy()
    assert found.maps[-1] == pytest.approx(end, abs=0.03)  # half precision
    some = fashion.cluttered(fashion.load(packages, train=True), 64, seed=1)
    start = fashion_variants.untrained("cifar-resnet20", "additive", some, seed=1)
    with torch.inference_mode():
        assert found.maps[0] == pytest.approx(
            start(torch.from_numpy(test.inputs(shown))).attention[:, 0].numpy(), abs=0.01
        )
    assert found.maps[0].std() > 0.05  # settled: neither flat nor saturated


def test_plain_pictures_have_no_masks_to_measure_the_map_with(packages, tmp_path):
    assert main(["train", "--data", "fashion-mnist", "--mechanism", "none", *_options(packages, tmp_path)]) == 0
    card = find_variant("fashion-resnet20-none", tmp_path / "variants")
    assert (card.map_size, card.input.size) == ((14, 14), 28)
    assert "roc_auc" not in card.measured["fashion"]
    assert card.title == "Clothing, none (control)"


def test_a_built_in_set_may_be_divided_too_and_its_best_epoch_kept(packages, tmp_path):
    more = ["--validation", "0.25", "--epochs", "2", "--batch", "8", "--out", "divided"]
    assert main([*CLUTTERED, *more, *_options(packages, tmp_path)]) == 0
    card = find_variant("divided", tmp_path / "variants")
    assert "48 items" in card.trained["data"] and "16 held out to validate with" in card.trained["data"]
    assert card.trained["kept"].startswith("epoch ") and card.trained["schedule"]["rate"] == 0.1
    assert load_life(card).total in (6, 12) and card.measured["cluttered"]["count"] == 40


@pytest.mark.parametrize(
    ("more", "said"), [(["--epochs", "0.01"], "not one step"), (["--out", "a/b"], "variant's name")]
)
def test_what_can_not_be_is_said_before_anything_is_trained(packages, tmp_path, capsys, more, said):
    assert main([*CLUTTERED, *more, *_options(packages, tmp_path)]) == 1
    assert said in capsys.readouterr().err
    assert not (tmp_path / "work").exists()


def test_figures_of_a_network_that_is_always_right():
    labels, masks = np.arange(20) % 10, np.zeros((20, 32, 32), bool)
    masks[:, 8:18, 8:18] = True
    items = fashion.Items(np.zeros((20, 32, 32), np.uint8), labels, masks)
    cells = torch.rand(20, 1, 16, 16, generator=torch.Generator().manual_seed(0)) / 10
    cells[:, :, 4:9, 4:9] += 0.8

    def network(images):
        right = 50 * torch.eye(10)[torch.from_numpy(labels)]
        return ABNOutput(right, right.roll(1, 1), cells, cells, images)

    figures = fashion_variants.measure(network, items, located=10)
    assert (figures["accuracy"], figures["accuracy_auxiliary"]) == (1, 0)
    assert (figures["calibration_error"], figures["calibration_error_auxiliary"]) == (0, 1)
    assert figures["pointing"] == 1
    assert figures["roc_auc"] > 0.99
    assert figures["energy_over_area"] > 4


def test_the_pictures_shown_are_of_all_classes():
    labels = np.array([3, 3, 1, 3, 1, 0, 2, 0])
    assert datasets.pictures_of_all_classes(labels).tolist() == [5, 2, 6, 0, 7, 4, 1, 3]


def test_one_seed_starts_all_mechanisms_alike():
    some = fashion.Items(np.random.default_rng(0).integers(0, 255, (8, 28, 28)).astype(np.uint8), np.zeros(8, int))
    networks = [
        fashion_variants.untrained("cifar-resnet20", mechanism, some, seed=4) for mechanism in ("additive", "none")
    ]
    first, second = (network.attention_branch.map_head.weight for network in networks)
    assert torch.equal(first, second)
