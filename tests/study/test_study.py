"""The study's machinery: arms that pair, measures with known answers, statistics by hand, runs that resume."""

import functools
import io
import itertools
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from fashion_files import packed
from PIL import Image
from tiny import network
from torch import nn

from abn.__main__ import main
from abn.network.backbone import load_backbone
from abn.network.cutting import cut
from abn.study import arm_measures, experiments, runs, statistics
from abn.study.arm_measures import SHARES, MapImages, measure
from abn.study.arms import Arm, from_scratch, parameters, warm
from abn.study.experiments import EXPERIMENTS, Caltech101, FineTuning, FromScratch, Place
from abn.study.findings import DATASETS, read_summary
from abn.study.report import summarize
from abn.study.runs import UNTRAINED, Job, perform, plan
from abn.training import loop
from abn.training.measures import PlainNetwork, predict
from abn.training.sources import caltech101, cifar100
from abn.training.sources.array_images import ArrayImages
from abn.training.supervised import training
from abn.vocabulary import ARMS

# ---- arms ----


def build_arms(seed: int, num_classes: int = 10) -> dict[str, nn.Module]:
    return {arm: from_scratch(arm, backbone="cifar-resnet20", num_classes=num_classes, seed=seed) for arm in ARMS}


def test_arms_of_a_seed_start_equal_where_they_are_alike():
    arms, other = build_arms(1), from_scratch("additive", backbone="cifar-resnet20", num_classes=10, seed=2)
    start = arms["additive"].state_dict()
    for arm in ("none", "multiplicative"):
        assert all(torch.equal(value, start[name]) for name, value in arms[arm].state_dict().items())
    baseline = arms["baseline"]
    assert torch.equal(baseline.extractor.conv1.weight, start["extractor.conv1.weight"])
    assert torch.equal(baseline.branches[0].fc.weight, start["perception_branch.fc.weight"])
    assert not torch.equal(other.extractor.conv1.weight, start["extractor.conv1.weight"])


def test_matched_has_the_parameters_of_the_network_and_baseline_those_of_the_paper():
    counts = {arm: parameters(built) for arm, built in build_arms(0).items()}
    assert counts["additive"] == counts["multiplicative"] == counts["none"] == 479_150
    assert counts["baseline"] == 272_474
    assert counts["matched"] == pytest.approx(479_150, rel=0.01)
    counts = {arm: parameters(built) for arm, built in build_arms(0, num_classes=100).items()}
    assert counts["baseline"] == 278_324 and counts["matched"] == pytest.approx(counts["additive"], rel=0.01)


def test_making_an_arm_leaves_the_global_generator_alone():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    build_arms(3)
    assert torch.equal(torch.rand(1), expected)


def test_the_cam_of_a_plain_network_averages_to_its_logit():
    """The mean of CAM plus the bias is the logit of the first class (Zhou et al. 2016), as nothing is cut off."""
    plain = from_scratch("baseline", backbone="cifar-resnet20", num_classes=10, seed=0).eval()
    images = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        features = plain.extractor(images)
        logits, cam = plain.perceive_with_cam(features)
        last = plain.branches[0].layer3(features)
        classifier = plain.branches[0].fc
        first = logits.argmax(1)
        full = torch.einsum("bchw,bc->bhw", last, classifier.weight[first])
        assert torch.allclose(full.mean((1, 2)) + classifier.bias[first], logits.amax(1), atol=1e-5)
        assert torch.allclose(cam, full)
        assert torch.equal(plain(images), logits)


def test_warm_arms_predict_as_the_backbone_with_a_new_classifier():
    torch.manual_seed(0)
    backbone = load_backbone("test_efficientnet").eval()
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    images = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        features = cut(backbone).extractor(images)
        built = {arm: warm(arm, backbone, features, num_classes=3, seed=1).eval() for arm in ARMS}
        logits = {arm: predict(network, network.extractor(images)).logits for arm, network in built.items()}
        other = warm("none", backbone, features, num_classes=3, seed=2).eval()
        assert not torch.allclose(predict(other, features).logits, logits["none"], atol=1e-3)
    assert {tuple(values.shape) for values in logits.values()} == {(2, 3)}
    assert torch.allclose(logits["baseline"], logits["none"], atol=1e-4)
    classifier = built["none"].attention_branch.to_classes.weight[:, :, 0, 0]
    assert torch.equal(built["baseline"].branches[0].classifier.weight, classifier)
    first, second = (next(iter(branch.parameters())) for branch in built["matched"].branches)
    assert not torch.equal(first, second)  # equal branches would stay equal for ever
    assert all(torch.equal(value, before[name]) for name, value in backbone.state_dict().items())
    assert backbone.get_classifier().out_features == 1000


# ---- measures ----


class Oracle(PlainNetwork):
    """Says class 1 the surer, the more of the top left quarter is white; its map is given."""

    def __init__(self, maps: torch.Tensor):
        super().__init__(nn.Identity(), nn.Identity())
        self._maps = maps

    def perceive_with_cam(self, features):
        white = features[:, 0, :4, :4].mean((1, 2))
        return torch.stack([torch.zeros_like(white), 6 * white - 3], 1), self._maps.expand(len(features), -1, -1)


def white_corner() -> arm_measures.EvaluationImages:
    images = torch.zeros(2, 3, 8, 8)
    images[:, :, :4, :4] = 1
    masks = np.zeros((2, 8, 8), bool)
    masks[:, :4, :4] = True
    return arm_measures.EvaluationImages(images, np.array([1, 0]), images, MapImages(images, [*masks]))


def test_a_map_that_equals_the_mask_is_perfect_and_its_deletion_falls_at_once():
    perfect = torch.zeros(1, 8, 8)
    perfect[:, :4, :4] = torch.linspace(0.6, 0.9, 16).reshape(4, 4)
    measured = measure(Oracle(perfect), white_corner())
    assert measured["accuracy"] == 0.5
    assert (
        measured["pointing"] == 1 and measured["roc_auc"] > 0.95 and measured["polarity"] == 2 * measured["roc_auc"] - 1
    )
    assert measured["deletion"] < measured["deletion_random"] < measured["deletion_dark_first"]
    assert measured["insertion"] > measured["insertion_random"] > measured["insertion_dark_first"]
    assert measured["accuracy_auxiliary"] is None
    turned = measure(Oracle(1 - perfect), white_corner())
    assert turned["pointing"] == 0 and turned["polarity"] < -0.9
    assert turned["deletion"] == pytest.approx(measured["deletion_dark_first"], abs=0.02)


def test_a_deletion_area_worked_out_by_hand():
    """All of the object goes in the first sixth of the cells but one: the score at each share is known."""
    perfect = torch.zeros(1, 8, 8)
    perfect[:, :4, :4] = torch.linspace(0.6, 0.9, 16).reshape(4, 4)
    measured = measure(Oracle(perfect), white_corner())
    gray = 0.25  # the mean color, which the removed cells take
    removed = np.minimum(np.round(SHARES * 64), 16)
    white = (16 - removed * (1 - gray)) / 16
    scores = 1 / (1 + np.exp(-(6 * white - 3)))
    assert measured["deletion"] == pytest.approx(((scores[1:] + scores[:-1]) / 2).mean(), abs=1e-4)


def test_features_kept_give_the_same_figures_as_images():
    built = network("additive")
    images = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    masks = np.zeros((4, 32, 32), bool)
    masks[:, 8:20, 8:20] = True
    plain = arm_measures.EvaluationImages(images, np.arange(4), images[:1], MapImages(images, [*masks]))
    with torch.inference_mode():
        features = built.extractor(images)
    maps = MapImages(features, [*masks], features=True)
    expected = measure(built, plain)
    assert measure(built, replace(plain, inputs=features, maps=maps, features=True)) == pytest.approx(
        expected, abs=1e-5
    )
    assert expected["accuracy_auxiliary"] is not None


def test_maps_are_measured_on_images_of_their_own_or_not_at_all():
    perfect, test = torch.zeros(1, 8, 8), white_corner()
    perfect[:, :4, :4] = 1
    elsewhere = np.zeros((3, 8, 8), bool)
    elsewhere[:, 4:, 4:] = True
    measured = measure(Oracle(perfect), replace(test, maps=MapImages(torch.zeros(3, 3, 8, 8), [*elsewhere])))
    assert measured["polarity"] < 0 < measure(Oracle(perfect), test)["polarity"]
    measured = measure(Oracle(perfect), replace(test, maps=None))
    assert {"accuracy", "deletion"} <= measured.keys() and not measured.keys() & {"pointing", "polarity"}


# ---- statistics ----


def test_paired_against_the_exact_test_by_enumeration_and_the_t_table():
    first, second = [0.71, 0.69, 0.74, 0.70, 0.73], [0.68, 0.70, 0.70, 0.66, 0.69]
    differences = np.subtract(first, second)
    flips = [abs(np.mean(differences * signs)) for signs in itertools.product((1, -1), repeat=5)]
    expected = np.mean(np.array(flips) >= abs(differences.mean()) - 1e-12)
    difference = statistics.paired(first, second)
    assert difference.mean_difference == pytest.approx(differences.mean())
    assert difference.p == pytest.approx(expected)
    half = 2.776445 * differences.std(ddof=1) / np.sqrt(5)  # t(0.975, 4)
    assert (difference.ci_low, difference.ci_high) == pytest.approx(
        (differences.mean() - half, differences.mean() + half), rel=1e-5
    )


def test_five_seeds_can_give_no_smaller_p_than_a_sixteenth():
    assert statistics.paired([2, 3, 4, 5, 6], [1, 1, 1, 1, 1]).p == 0.0625
    equal = statistics.paired([1, 1], [1, 1])
    assert (equal.mean_difference, equal.ci_low, equal.ci_high, equal.p) == (0, 0, 0, 1)


def test_holm_by_hand():
    assert statistics.holm([0.01, 0.04, 0.03, 0.5]) == pytest.approx([0.04, 0.09, 0.09, 0.5])
    assert statistics.holm([0.6, 0.7]) == [1, 1]
    assert statistics.holm([]) == []


# ---- runs and report ----


class FakeExperiment:
    """An experiment whose networks are built and not trained; lists what it was to train."""

    trained_arms: ClassVar[list[str]] = []
    settings: ClassVar[dict] = {"pictures": 4}

    def __init__(self, place, masked=True):
        masks = np.zeros((2, 16, 16), bool)
        masks[:, 4:10, 4:10] = True
        images = torch.rand(2, 3, 16, 16)
        maps = MapImages(images, [*masks]) if masked else None
        self.test = arm_measures.EvaluationImages(images, np.arange(2), images[:1], maps)

    def untrained(self, seed):
        return untrained_arm("none", seed)

    def trained(self, arm, seed, path, **_):
        self.trained_arms.append(f"{arm}-{seed}")
        path.write_text("steps done")
        return untrained_arm(arm, seed)


@functools.cache
def untrained_arm(arm: str, seed: int) -> nn.Module:
    return from_scratch(arm, backbone="cifar-resnet20", num_classes=10, seed=seed).eval()


@pytest.fixture
def fake(monkeypatch):
    monkeypatch.setattr(FakeExperiment, "trained_arms", [])
    without = functools.partial(FakeExperiment, masked=False)
    monkeypatch.setattr(runs, "EXPERIMENTS", {"cifar100": without, "cluttered-fashion": FakeExperiment})
    return FakeExperiment


def test_a_study_resumes_run_by_run_and_sums_up(fake, tmp_path):
    place = Place(tmp_path, tmp_path / "work")
    jobs = plan(["cifar100"], list(ARMS), [1, 2])
    assert [job.seed for job in jobs] == [1] * 5 + [2] * 5
    perform(jobs[:3], place, again=False, results=tmp_path)
    (tmp_path / "runs" / "cifar100-none-2.part").write_text("{half")  # what a killed run may leave
    perform(jobs, place, again=False, results=tmp_path)
    assert fake.trained_arms == [f"{job.arm}-{job.seed}" for job in jobs]
    assert not list((tmp_path / "work").glob("*.pt"))
    summary = summarize(tmp_path)
    assert len(summary["runs"]) == 10
    by_key = {(row["arm"], row["against"], row["metric"]): row for row in summary["comparisons"]}
    values = {(r["arm"], r["seed"]): r["metrics"]["accuracy"] for r in summary["runs"]}
    expected = np.mean([values["none", seed] - values["baseline", seed] for seed in (1, 2)])
    assert by_key["none", "baseline", "accuracy"]["mean_difference"] == pytest.approx(expected)
    assert not any(metric == "accuracy_auxiliary" and "baseline" in pair for *pair, metric in by_key)
    family = [row for (*_, metric), row in by_key.items() if metric == "deletion_below_random"]
    assert len(family) == 9 and all(row["p_holm"] >= row["p"] for row in family)
    perform(jobs[:1], place, again=True, results=tmp_path)
    assert fake.trained_arms[-1] == "baseline-1" and len(fake.trained_arms) == 11


def test_a_run_file_says_how_to_make_it_again(fake, tmp_path):
    masks = Place(tmp_path, tmp_path / "work", masks=Path("some/masks of.zip"), device="cuda")
    perform([Job("cluttered-fashion", "additive", 3)], masks, again=False, results=tmp_path)
    made = json.loads((tmp_path / "runs" / "cluttered-fashion-additive-3.json").read_text())
    command = "python -m abn study run --dataset cluttered-fashion --arm additive --seed 3"
    assert made["command"] == f"{command} --masks 'masks of.zip' --device cuda"
    assert made["parameters"] == 479_150 and made["seconds"] >= made["seconds_training"]
    assert {"accuracy", "roc_auc_untrained", "deletion_random"} <= made["metrics"].keys()
    perform([Job("cifar100", "none", 3)], Place(tmp_path, tmp_path / "work"), again=False, results=tmp_path)
    made = json.loads((tmp_path / "runs" / "cifar100-none-3.json").read_text())
    assert made["command"] == "python -m abn study run --dataset cifar100 --arm none --seed 3"
    assert not {"pointing", *(f"{name}_untrained" for name in UNTRAINED)} & made["metrics"].keys()  # no masks


def test_runs_at_full_size_never_stand_among_the_others(fake, tmp_path, capsys):
    assert main(["study", "run", "--dataset", "cifar100", "--full"]) == 1
    assert "--results" in capsys.readouterr().err and not fake.trained_arms
    folders = ["--results", str(tmp_path), "--work", str(tmp_path / "work")]
    assert main(["study", "run", "--dataset", "cifar100", "--full", "--seed", "1", "--arm", "none", *folders]) == 0
    made = json.loads((tmp_path / "runs" / "cifar100-none-1.json").read_text())
    assert made["command"].endswith(" --full")


def test_the_command_prints_the_summary(fake, tmp_path, capsys):
    perform(
        plan(["cifar100"], ["none", "additive"], [1, 2]), Place(tmp_path, tmp_path / "w"), again=False, results=tmp_path
    )
    assert main(["study", "report", "--results", str(tmp_path)]) == 0
    assert "additive − none" in capsys.readouterr().out
    assert main(["study", "--json", "--results", str(tmp_path)]) == 0
    printed = json.loads(capsys.readouterr().out)
    keys = {"dataset", "arm", "against", "metric", "mean_difference", "ci_low", "ci_high", "p", "p_holm"}
    assert keys == printed["comparisons"][0].keys()
    assert {"dataset", "arm", "seed", "metrics", "seconds", "command"} <= printed["runs"][0].keys()
    assert main(["study", "--json", "--results", str(tmp_path / "nowhere")]) == 1
    assert "study report" in capsys.readouterr().err


# ---- the shipped results ----


def test_the_shipped_summary_is_that_of_the_shipped_runs_and_whole():
    summary = read_summary()
    assert json.loads(json.dumps(summarize())) == summary
    shipped = {run["dataset"] for run in summary["runs"]}
    assert shipped and shipped <= DATASETS.keys() == EXPERIMENTS.keys()
    for dataset in shipped:
        runs = [run for run in summary["runs"] if run["dataset"] == dataset]
        seeds = {arm: {run["seed"] for run in runs if run["arm"] == arm} for arm in ARMS}
        assert all(len(trained) >= 5 and trained == seeds["baseline"] for trained in seeds.values())
        assert len({json.dumps(run["settings"]) for run in runs}) == 1
        numbers = [value for run in runs for value in run["metrics"].values() if value is not None]
        assert np.isfinite(numbers).all()


# ---- the experiments, on tiny data ----


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
    assert Caltech101(Place(tmp_path, tmp_path)).test.maps is None


def test_where_no_gradient_flows_the_arms_are_one_computation(tmp_path, monkeypatch):
    """The extractor of Caltech-101 is frozen, so “none” is the baseline for the perception head: the pairing holds."""
    experiment = tiny_caltech101(tmp_path, monkeypatch)
    measured = {
        arm: measure(experiment.trained(arm, 1, tmp_path / f"{arm}.pt"), experiment.test, curves=False)
        for arm in ("none", "baseline", "additive")
    }
    for key in ("accuracy", "calibration_error"):
        assert measured["none"][key] == measured["baseline"][key]
    assert measured["additive"]["calibration_error"] != measured["baseline"]["calibration_error"]


def test_the_experiments_are_as_large_as_they_say(tmp_path, monkeypatch):
    tiny_cifar100(tmp_path, monkeypatch)
    experiment = experiments.cifar100(Place(tmp_path, tmp_path))
    assert experiment.settings["schedule"] == training.ONE_CYCLE and experiment.settings["pictures"] == 20_000
    assert len({*experiment.test.labels[:100].tolist()}) == 100 and experiment.test.maps is None
