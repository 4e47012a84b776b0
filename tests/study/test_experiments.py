"""The experiments, on tiny data."""

import functools
import io
import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch
from fashion_files import packed
from PIL import Image
from torch import nn

from abn.errors import ABNError
from abn.network.backbone import load_backbone
from abn.network.cutting import cut
from abn.study import experiments
from abn.study.arm_measures import measure
from abn.study.arms import Arm
from abn.study.experiments import Caltech101, FineTuning, FromScratch, Place
from abn.study.findings import DATASETS
from abn.study.runs import Job, perform, plan
from abn.training import loop
from abn.training.sources import caltech101, cifar100
from abn.training.sources.array_images import ArrayImages
from abn.training.supervised import training


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """So that sums are taken in one order, and a resumed run can be compared with one that was never stopped."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def cluttered(tmp_path, monkeypatch) -> FromScratch:
    packed(tmp_path)
    monkeypatch.setattr(experiments, "CALIBRATION_IMAGES", 8)
    place = Place(tmp_path, tmp_path)
    return FromScratch(place, "cluttered-fashion", training.Recipe(epochs=1.0, batch=8), images=24, tested=8, deleted=2)


def tiny_cifar100(tmp_path, monkeypatch) -> FromScratch:
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (200, 32, 32, 3), np.uint8)
    made = ArrayImages(images, np.arange(200) % 100, tuple(map(str, range(100))), cifar100.SPEC, shift=4)
    monkeypatch.setattr(cifar100, "load", lambda folder, *, train: made)
    monkeypatch.setattr(experiments, "CALIBRATION_IMAGES", 8)
    recipe = training.Recipe(epochs=1.0, batch=8, schedule=training.ONE_CYCLE)
    return FromScratch(Place(tmp_path, tmp_path), "cifar100", recipe, images=24, tested=16, deleted=2)


def tiny_caltech101(tmp_path, monkeypatch) -> Caltech101:
    """Three classes of seven images, each of a color; and two photographs with masks."""
    random = np.random.default_rng(0)

    def picture(color: int, kind: str) -> bytes:
        pixels = random.integers(0, 100, (48, 64, 3), np.uint8)
        pixels[12:36, 16:48, color] += 150
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, kind)
        return file.getvalue()

    with zipfile.ZipFile(tmp_path / caltech101.ARCHIVE, "w") as archive:
        for color, name in enumerate(("apple", "leaf", "sea")):
            for i in range(7):
                archive.writestr(f"{name}/image_{i:04}.jpg", picture(color, "JPEG"))
        archive.writestr(f"{caltech101.OTHERS}/image_0001.jpg", picture(0, "JPEG"))
    mask = Image.new("L", (64, 48))
    mask.paste(255, (16, 12, 48, 36))
    for folder in ("images", "masks"):
        (tmp_path / "masked" / folder).mkdir(parents=True)
    for name in "ab":
        (tmp_path / "masked/images" / f"{name}.jpg").write_bytes(picture(1, "JPEG"))
        mask.save(tmp_path / "masked/masks" / f"{name}.png")
    for name, value in (("TRAINED", 4), ("TESTED", 2)):
        monkeypatch.setattr(caltech101, name, value)
    monkeypatch.setattr(experiments.packages, "fetch", lambda *_: None)
    monkeypatch.setattr(experiments, "pretrained_backbone", lambda *_: backbone())
    monkeypatch.setattr(Caltech101, "recipe", FineTuning(views=2, batch=8))
    monkeypatch.setattr(Caltech101, "deleted", 3)
    return Caltech101(Place(tmp_path, tmp_path, tmp_path / "masked"))


@functools.cache
def backbone() -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return load_backbone("test_efficientnet").eval().to(memory_format=torch.channels_last)


TINY = {"cifar100": tiny_cifar100, "caltech101": tiny_caltech101, "cluttered-fashion": cluttered}
STEPS = {"cifar100": 3, "caltech101": 6, "cluttered-fashion": 3}


@pytest.fixture(params=TINY)
def name(request) -> str:
    return request.param


@pytest.fixture
def tiny_experiment(name, tmp_path, monkeypatch):
    return TINY[name](tmp_path, monkeypatch)


def weights(network: Arm) -> torch.Tensor:
    return torch.cat([value.double().flatten() for value in network.state_dict().values()])


def test_an_experiment_is_run_from_data_to_metrics(name, tiny_experiment, tmp_path):
    assert DATASETS.keys() == TINY.keys()
    experiment, place = tiny_experiment, Place(tmp_path, tmp_path)
    for arm in ("matched", "multiplicative"):
        made = Job(name, arm, 1).perform(experiment, place)
        assert json.loads(json.dumps(made, allow_nan=False)) == made
        assert ("pointing" in made["metrics"]) == (name != "cifar100") == ("roc_auc_untrained" in made["metrics"])
        assert {"accuracy", "deletion", "insertion_random"} <= made["metrics"].keys()
    settings = {"cifar100": (24, 16, 2, None), "caltech101": (12, 6, 3, 2), "cluttered-fashion": (24, 8, 2, 8)}[name]
    assert tuple(made["settings"].get(key) for key in ("pictures", "test", "deleted", "located")) == settings
    assert len(experiment.test.labels) == len(experiment.test.inputs) == settings[1]


def test_a_stopped_run_resumes_where_it_was(name, tiny_experiment, tmp_path, monkeypatch):
    whole, done, left = tiny_experiment.trained("additive", 3, tmp_path / "whole.pt"), [], 2
    fit = loop.fit

    def fit_some_steps(network, loss, **options):
        def step(number: int) -> torch.Tensor:
            if len(done) == left:
                raise KeyboardInterrupt
            done.append(number)
            return loss(number)

        fit(network, step, **{**options, "save_each": 1})

    with monkeypatch.context() as patch:
        patch.setattr(loop, "fit", fit_some_steps)
        with pytest.raises(KeyboardInterrupt):
            tiny_experiment.trained("additive", 3, tmp_path / "stopped.pt")
        left = -1
        resumed = tiny_experiment.trained("additive", 3, tmp_path / "stopped.pt")
    assert done == [*range(STEPS[name])]
    assert torch.equal(weights(resumed), weights(whole))
    assert not torch.equal(weights(tiny_experiment.trained("additive", 4, tmp_path / "other.pt")), weights(whole))


def test_every_arm_of_a_seed_sees_the_same_images_in_the_same_order(name, tiny_experiment, tmp_path, monkeypatch):
    seen: dict[str, list] = {}

    def watch(kind: type, method: str) -> None:
        usual = getattr(kind, method)

        def watched(self, *given):
            result = usual(self, *given)
            seen.setdefault(arm, []).append(([np.asarray(values).tolist() for values in given], result))
            return result

        monkeypatch.setattr(kind, method, watched)

    tiny_experiment.untrained(3)  # what is computed once
    watch(*((experiments.LabeledFeatures, "__getitem__") if name == "caltech101" else (ArrayImages, "inputs")))
    for arm in ("baseline", "matched", "none", "additive"):
        tiny_experiment.trained(arm, 3, tmp_path / f"{arm}.pt")

    def images(result: torch.Tensor | tuple[torch.Tensor, ...]) -> torch.Tensor:
        return result if isinstance(result, torch.Tensor) else result[0]

    first = seen["baseline"]
    assert len(first) == STEPS[name] + (name == "caltech101")  # and the features that a map is centered on
    for order in seen.values():
        assert [given for given, _ in order] == [given for given, _ in first]
        assert all(torch.equal(images(a), images(b)) for (_, a), (_, b) in zip(order, first, strict=True))
    arm = "another seed"
    tiny_experiment.trained("baseline", 4, tmp_path / "another.pt")
    assert [given for given, _ in seen[arm]] != [given for given, _ in first]


def test_features_of_a_frozen_extractor_are_computed_once_and_those_of_the_images(tmp_path, monkeypatch):
    experiment = tiny_caltech101(tmp_path, monkeypatch)
    test = experiment.test
    assert test.features and test.maps.features and len(test.maps.inputs) == 2
    with torch.inference_mode():
        features = cut(backbone()).extractor(test.deleted)
    assert torch.allclose(test.inputs[: len(features)].float(), features, atol=2e-2)
    assert len({*test.labels[:3].tolist()}) > 1  # the first are not all of the first class

    def kept() -> list[str]:
        return sorted(path.name.split("-")[1] for path in tmp_path.glob("*.npy"))

    assert kept() == ["masked", "test"]
    experiment.prepare()
    assert kept() == ["masked", "test", "train"]
    with monkeypatch.context() as patched:
        patched.setattr(Caltech101, "recipe", replace(Caltech101.recipe, views=Caltech101.recipe.views + 1))
        Caltech101(experiment._place).prepare()
    assert kept() == ["masked", "test", "train", "train"]  # other views have features of their own
    monkeypatch.setattr(experiments, "cut", None)  # nothing is computed again
    again = Caltech101(Place(tmp_path, tmp_path, tmp_path / "masked")).test
    assert torch.equal(again.inputs, test.inputs) and torch.equal(again.maps.inputs, test.maps.inputs)


def test_an_experiment_names_what_its_command_needs_and_refuses_what_it_cannot_do_without(tmp_path, monkeypatch):
    assert tiny_caltech101(tmp_path, monkeypatch).options == " --masks masked"
    tiny_cifar100(tmp_path, monkeypatch)
    on_a_gpu = Place(tmp_path, tmp_path, device="cuda", short=True)
    assert experiments.cifar100(on_a_gpu).options == " --device cuda --short"
    assert experiments.cifar100(Place(tmp_path, tmp_path)).options == ""
    with pytest.raises(ABNError, match="--masks"):
        perform(
            plan(["cifar100", "caltech101"], ["none"], [1]), Place(tmp_path, tmp_path), again=False, results=tmp_path
        )


def test_where_no_gradient_flows_the_arms_are_one_computation(tmp_path, monkeypatch):
    """The extractor of Caltech-101 is frozen, so “none” is the baseline for the perception head: the pairing holds."""
    experiment = tiny_caltech101(tmp_path, monkeypatch)
    measured = {
        arm: measure(experiment.trained(arm, 1, tmp_path / f"{arm}.pt"), experiment.test)
        for arm in ("none", "baseline", "additive")
    }
    for key in ("accuracy", "calibration_error"):
        assert measured["none"][key] == measured["baseline"][key]
    assert measured["additive"]["calibration_error"] != measured["baseline"]["calibration_error"]


def test_the_experiments_are_as_large_as_they_say(tmp_path, monkeypatch):
    tiny_cifar100(tmp_path, monkeypatch)
    experiment = experiments.cifar100(Place(tmp_path, tmp_path))
    assert experiment.settings["schedule"] == training.ONE_CYCLE and experiment.settings["pictures"] == 50_000
    assert experiments.cifar100(Place(tmp_path, tmp_path, short=True)).settings["pictures"] == 20_000
    assert len({*experiment.test.labels[:100].tolist()}) == 100 and experiment.test.maps is None
