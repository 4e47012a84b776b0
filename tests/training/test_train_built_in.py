"""`python -m abn train` on made-up built-in data: card, figures, control, map history, resuming."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import cifar_files
import numpy as np
import pytest
import torch
from class_folders import train
from fashion_files import packed

from abn.__main__ import main
from abn.images.decode import open_picture
from abn.images.fit import fit_picture
from abn.images.samples import gallery
from abn.network.model import ABNOutput
from abn.training.map_recorder import MapRecorder, recording_steps
from abn.training.sources import cifar100, fashion_mnist
from abn.training.sources.array_images import ArrayImages
from abn.training.supervised import built_in_data
from abn.training.supervised.datasets import sample_per_class
from abn.training.supervised.training_run import PREVIEWS
from abn.variants.history import load_history
from abn.variants.store import find_problems, find_variant, load_variant

NAME = "cluttered-resnet20-additive"


@pytest.fixture(scope="module")
def packages(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("packages")
    packed(folder)
    return folder


def run(packages: Path, folder: Path, *more: str, data: str = "cluttered-fashion") -> int:
    return main(
        train(data, folder, "--packages", str(packages), "--batch", "10", *more)
    )  # 40 items: four steps an epoch


@pytest.fixture(scope="module")
def trained(packages, tmp_path_factory) -> Path:
    """A folder with one variant, trained in one go."""
    folder = tmp_path_factory.mktemp("trained")
    assert run(packages, folder) == 0
    return folder / "variants"


def test_card_says_how_the_variant_was_trained(trained):
    card = find_variant(NAME, trained)
    assert not find_problems(trained)
    assert (card.family, card.backbone, card.mechanism) == ("cluttered-resnet20", "cifar-resnet20", "additive")
    assert (card.input, card.map_size) == (fashion_mnist.SPEC, (16, 16))
    assert tuple(card.classes) == fashion_mnist.CLASSES
    assert sum(card.parameters.values()) == 479_150  # of the paper's, as counted in the authors' code
    assert card.trained["command"] == (
        "python -m abn train --data cluttered-fashion --backbone cifar-resnet20 --mechanism additive "
        f"--out {NAME} --epochs 1 --seed 1 --batch 10 --rate 0.05 --precision float32"
    )
    assert (card.trained["seed"], card.trained["steps"], card.trained["schedule"]["batch"]) == (1, 4, 10)
    assert card.trained["data"].startswith("Fashion-MNIST, 40 items of 20 px")
    assert card.license["weights"] == "MIT"


def test_stored_weights_are_measured_beside_their_control(trained, packages):
    card = find_variant(NAME, trained)
    figures, control = card.measured["cluttered"], card.measured["controls"]["before training"]["cluttered"]
    assert figures.keys() == control.keys() >= {"accuracy", "calibration_error_auxiliary", "pointing", "roc_auc"}
    assert (figures["count"], figures["located"]) == (40, 40) and figures != control
    other = replace(card, input=replace(card.input, size=64))  # of no built-in data set
    assert list(built_in_data.measure_cards([other, card], packages)) == [(card, card.measured)]


@pytest.mark.slow
def test_stopped_training_comes_to_the_same_end(trained, packages, tmp_path, monkeypatch):
    record, steps = MapRecorder.record, []

    def stop_at_three(recorder, step: int) -> None:
        if step == 3:
            raise KeyboardInterrupt
        record(recorder, step)

    monkeypatch.setattr(MapRecorder, "record", stop_at_three)
    assert run(packages, tmp_path, "--save-each", "1") == 130
    assert not (tmp_path / "variants").exists()
    monkeypatch.setattr(MapRecorder, "record", lambda recorder, step: (steps.append(step), record(recorder, step)))
    assert run(packages, tmp_path, "--save-each", "1") == 0
    assert steps == [3, 4]
    whole, resumed = find_variant(NAME, trained), find_variant(NAME, tmp_path / "variants")
    assert resumed.sha256 == whole.sha256
    first, second = load_history(whole), load_history(resumed)
    assert first.steps.tolist() == second.steps.tolist() == list(recording_steps(4))
    assert np.array_equal(first.maps, second.maps)
    assert first.metrics["accuracy"].tolist() == second.metrics["accuracy"].tolist()


def test_map_history_leads_from_the_untrained_to_the_stored_network(trained, packages):
    card = find_variant(NAME, trained)
    history = load_history(card)
    assert history.maps.shape == (5, PREVIEWS, 16, 16) and history.pictures.shape == (PREVIEWS, 32, 32)
    assert history.ids[0].startswith("T-shirt ")
    test = fashion_mnist.cluttered(fashion_mnist.load(packages, train=False), 40, seed=built_in_data.TEST_SEED)
    shown = sample_per_class(test.labels, PREVIEWS)
    assert np.array_equal(history.pictures, test.images[shown])
    images = fashion_mnist.cluttered(fashion_mnist.load(packages, train=True), 40, seed=1)
    untrained = built_in_data.untrained_network("cifar-resnet20", "additive", images, seed=1)
    for network, maps in ((untrained, history.maps[0]), (load_variant(card), history.maps[-1])):
        with torch.inference_mode():
            expected = network(test.inputs(shown)).attention[:, 0].numpy()
        assert maps == pytest.approx(expected, abs=0.03)  # half precision
    assert history.maps[0].std() > 0.05  # neither flat nor saturated


@pytest.mark.slow
def test_built_in_images_may_be_divided(packages, tmp_path):
    more = ["--mechanism", "none", "--validation", "0.25", "--epochs", "2"]
    assert run(packages, tmp_path, *more) == 0
    card = find_variant("cluttered-resnet20-none", tmp_path / "variants")
    assert card.title == "Cluttered, none (control)" and card.measured["cluttered"]["count"] == 40
    assert "30 items" in card.trained["data"] and "10 held out to validate with" in card.trained["data"]
    assert card.trained["kept"].startswith("epoch ")
    state = torch.load(next((tmp_path / "work").glob("*/*.pt")), weights_only=True)
    assert "attention_branch.map_head.weight" not in state["learned"]  # no loss reaches it


# ---- CIFAR-100 ----


@pytest.fixture(scope="module")
def cifar(tmp_path_factory) -> Path:
    """A folder with the variant trained on 18 pictures of three classes, as its recipe says but for batch and length,
    and the package."""
    folder = tmp_path_factory.mktemp("cifar")
    cifar_files.packed(folder)
    assert run(folder, folder, "--batch", "6", "--epochs", "2", data="cifar100") == 0  # six steps
    return folder


def test_cifar_variant_is_of_photographs_and_has_no_masks(cifar):
    card = find_variant("cifar100-resnet20-additive", cifar / "variants")
    assert (card.family, card.kind, card.input) == ("cifar100-resnet20", "photograph", cifar100.SPEC)
    assert card.classes == ["apple", "aquarium fish", "sweet pepper"]
    assert card.title == "CIFAR-100, additive" and card.trained["data"].startswith("CIFAR-100, 18 images")
    assert (card.trained["schedule"]["schedule"], card.trained["schedule"]["weight_decay"]) == ("one-cycle", 5e-4)
    figures, control = card.measured["cifar100"], card.measured["controls"]["before training"]["cifar100"]
    assert figures["count"] == control["count"] == 6 and "roc_auc" not in figures and "located" not in figures
    assert "research" in card.license["source"]


def test_map_history_of_cifar_shows_photographs_that_may_be_shipped(cifar):
    card = find_variant("cifar100-resnet20-additive", cifar / "variants")
    history, photos = load_history(card), [photo for photo in gallery().values() if photo.kind == "photograph"]
    assert history.pictures is None and list(history.ids) == [photo.id for photo in photos]
    picture = open_picture(photos[2].path.read_bytes())
    with torch.inference_mode():
        given = torch.from_numpy(fit_picture(picture, card.input).normalized(card.input)[None])
        expected = load_variant(card)(given).attention[0, 0].numpy()
    assert history.maps[-1, 2] == pytest.approx(expected, abs=0.03)


@pytest.mark.slow
def test_stopped_training_on_moved_pictures_comes_to_the_same_end(cifar, tmp_path, monkeypatch):
    def stop_at_two(recorder, step: int) -> None:
        if step == 2:
            raise KeyboardInterrupt
        record(recorder, step)

    record, more = MapRecorder.record, ["--batch", "6", "--epochs", "2", "--save-each", "1"]
    monkeypatch.setattr(MapRecorder, "record", stop_at_two)
    assert run(cifar, tmp_path, *more, data="cifar100") == 130
    monkeypatch.setattr(MapRecorder, "record", record)
    assert run(cifar, tmp_path, *more, data="cifar100") == 0
    whole, resumed = (find_variant("cifar100-resnet20-additive", folder / "variants") for folder in (cifar, tmp_path))
    assert whole.sha256 == resumed.sha256


# ---- figures, previews, starts ----


def test_figures_of_a_network_that_is_always_right():
    labels, masks = np.arange(20) % 10, np.zeros((20, 32, 32), bool)
    masks[:, 8:18, 8:18] = True
    images = ArrayImages(np.zeros((20, 32, 32), np.uint8), labels, fashion_mnist.CLASSES, fashion_mnist.SPEC, masks)
    cells = torch.rand(20, 1, 16, 16, generator=torch.Generator().manual_seed(0)) / 10
    cells[:, :, 4:9, 4:9] += 0.8

    right = 50 * torch.eye(10)[torch.from_numpy(labels)]
    output = ABNOutput(right, right.roll(1, 1), cells, cells, cells)
    network = SimpleNamespace(extractor=lambda images: images, explain_features=lambda features: output)
    figures = built_in_data.measure(network, images, located=10)
    assert (figures["accuracy"], figures["accuracy_auxiliary"]) == (1, 0)
    assert (figures["calibration_error"], figures["calibration_error_auxiliary"]) == (0, 1)
    assert figures["pointing"] == 1 and figures["roc_auc"] > 0.99 and figures["energy_over_area"] > 4


def test_previews_are_of_all_classes():
    labels = np.array([3, 3, 1, 3, 1, 0, 2, 0])
    assert sample_per_class(labels, PREVIEWS).tolist() == [5, 2, 6, 0, 7, 4, 1, 3]


def test_one_seed_starts_all_mechanisms_alike(packages):
    images = fashion_mnist.load(packages, train=True).part(slice(8))
    first, second = (
        built_in_data.untrained_network("cifar-resnet20", mechanism, images, seed=4).attention_branch.map_head.weight
        for mechanism in ("additive", "none")
    )
    assert torch.equal(first, second)
