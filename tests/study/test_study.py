"""The study's machinery: arms that pair, measures with known answers, statistics by hand, runs that resume."""

import functools
import itertools
import json
from typing import ClassVar

import numpy as np
import pytest
import torch
from fashion_files import packed
from tiny import network
from torch import nn

from abn.__main__ import main
from abn.network.cutting import cut
from abn.study import runs, statistics
from abn.study.arm_measures import SHARES, Pictures, measure
from abn.study.arms import from_scratch, parameters, warm
from abn.study.experiments import Cluttered
from abn.study.findings import read_summary
from abn.study.report import summarize
from abn.study.runs import Job, perform, plan, polarity_plan
from abn.training.measures import PlainNetwork, predict
from abn.training.sources import fashion_mnist
from abn.training.supervised import training
from abn.vocabulary import ARMS

# ---- arms ----


def build_arms(seed: int) -> dict[str, nn.Module]:
    return {arm: from_scratch(arm, backbone="cifar-resnet20", num_classes=10, seed=seed) for arm in ARMS}


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


def test_warm_arms_answer_as_the_backbone_before_training():
    from abn.network.backbone import load_backbone

    torch.manual_seed(0)
    backbone = load_backbone("test_efficientnet").eval()
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    images = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        expected, features = backbone(images), cut(backbone).extractor(images)
        built = {arm: warm(arm, backbone, features, seed=1).eval() for arm in ("baseline", "none")}
        for network in built.values():
            assert torch.allclose(predict(network, network.extractor(images)).logits, expected, atol=1e-4)
    matched = warm("matched", backbone, features, seed=1)
    first, second = (next(iter(branch.parameters())) for branch in matched.branches)
    assert not torch.equal(first, second)  # equal branches would stay equal for ever
    assert all(torch.equal(value, before[name]) for name, value in backbone.state_dict().items())


# ---- measures ----


class Oracle(PlainNetwork):
    """Says class 1 the surer, the more of the top left quarter is white; its map is given."""

    def __init__(self, maps: torch.Tensor):
        super().__init__(nn.Identity(), nn.Identity())
        self._maps = maps

    def perceive_with_cam(self, features):
        white = features[:, 0, :4, :4].mean((1, 2))
        return torch.stack([torch.zeros_like(white), 6 * white - 3], 1), self._maps.expand(len(features), -1, -1)


def white_corner() -> Pictures:
    images = torch.zeros(2, 3, 8, 8)
    images[:, :, :4, :4] = 1
    masks = np.zeros((2, 8, 8), bool)
    masks[:, :4, :4] = True
    return Pictures(images, np.array([1, 0]), masks, deleted=2, batch=1)


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


def test_features_kept_give_the_same_figures_as_pictures():
    built = network("additive")
    images = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    masks = np.zeros((4, 32, 32), bool)
    masks[:, 8:20, 8:20] = True
    plain = Pictures(images, np.arange(4), masks, deleted=1, batch=4)
    with torch.inference_mode():
        kept = Pictures(images, np.arange(4), masks, deleted=1, batch=4, features=built.extractor(images))
    expected = measure(built, plain)
    assert measure(built, kept) == pytest.approx(expected, abs=1e-5)
    assert expected["accuracy_auxiliary"] is not None


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

    def __init__(self, data, work):
        masks = np.zeros((2, 16, 16), bool)
        masks[:, 4:10, 4:10] = True
        self.test = Pictures(torch.rand(2, 3, 16, 16), np.arange(2), masks, deleted=1, batch=2)

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
    monkeypatch.setattr(runs, "EXPERIMENTS", {"scenes": FakeExperiment, "cluttered-fashion": FakeExperiment})
    return FakeExperiment


def test_a_study_resumes_run_by_run_and_sums_up(fake, tmp_path):
    jobs = plan(["scenes"], list(ARMS), [1, 2])
    assert [job.seed for job in jobs] == [1] * 5 + [2] * 5
    perform(jobs[:3], tmp_path, tmp_path / "work", again=False, results=tmp_path)
    (tmp_path / "runs" / "scenes-none-2.part").write_text("{half")  # what a killed run may leave
    perform(jobs, tmp_path, tmp_path / "work", again=False, results=tmp_path)
    assert fake.trained_arms == [f"{job.arm}-{job.seed}" for job in jobs]
    assert not list((tmp_path / "work" / "study").glob("*.pt"))
    summary = summarize(tmp_path)
    assert len(summary["runs"]) == 10
    by_key = {(row["arm"], row["against"], row["metric"]): row for row in summary["comparisons"]}
    values = {(r["arm"], r["seed"]): r["metrics"]["accuracy"] for r in summary["runs"]}
    expected = np.mean([values["none", seed] - values["baseline", seed] for seed in (1, 2)])
    assert by_key["none", "baseline", "accuracy"]["mean_difference"] == pytest.approx(expected)
    assert not any(metric == "accuracy_auxiliary" and "baseline" in pair for *pair, metric in by_key)
    family = [row for (*_, metric), row in by_key.items() if metric == "deletion_below_random"]
    assert len(family) == 9 and all(row["p_holm"] >= row["p"] for row in family)
    perform(jobs[:1], tmp_path, tmp_path / "work", again=True, results=tmp_path)
    assert fake.trained_arms[-1] == "baseline-1" and len(fake.trained_arms) == 11


def test_a_run_file_says_how_to_make_it_again(fake, tmp_path):
    perform([Job("scenes", "additive", 3)], tmp_path, tmp_path / "work", again=False, results=tmp_path)
    made = json.loads((tmp_path / "runs" / "scenes-additive-3.json").read_text())
    assert made["command"] == "python -m abn study run --dataset scenes --arm additive --seed 3"
    assert made["parameters"] == 479_150 and made["seconds"] >= made["seconds_training"]
    assert {"accuracy", "roc_auc_untrained", "deletion_random"} <= made["metrics"].keys()


def test_trials_on_polarity_stand_apart(fake, tmp_path):
    jobs = polarity_plan([1])
    assert len(jobs) == 6 and Job("scenes", "additive", 1, True, "usual") not in jobs
    perform(jobs[:2], tmp_path, tmp_path / "work", again=False, results=tmp_path)
    summary = summarize(tmp_path)
    assert not summary["runs"] and len(summary["polarity"]) == 2
    assert {"mechanism", "folded", "map_head", "seed"} <= summary["polarity"][0].keys()


def test_the_command_prints_the_summary(fake, tmp_path, capsys):
    perform(plan(["scenes"], ["none", "additive"], [1, 2]), tmp_path, tmp_path / "w", again=False, results=tmp_path)
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
    for dataset in ("scenes", "cluttered-fashion"):
        runs = [run for run in summary["runs"] if run["dataset"] == dataset]
        seeds = {arm: {run["seed"] for run in runs if run["arm"] == arm} for arm in ARMS}
        assert all(len(trained) >= 5 and trained == seeds["baseline"] for trained in seeds.values())
        assert len({json.dumps(run["settings"]) for run in runs}) == 1
        numbers = [value for run in runs for value in run["metrics"].values() if value is not None]
        assert np.isfinite(numbers).all()


def test_where_no_gradient_flows_the_arms_are_one_computation():
    """On scenes the extractor is fixed, so that “none” is the baseline for the perception head: the pairing holds."""
    runs = [run for run in read_summary()["runs"] if run["dataset"] == "scenes"]
    right = {(run["arm"], run["seed"]): run["metrics"]["accuracy"] for run in runs}
    assert all(right["none", seed] == right["baseline", seed] for arm, seed in right if arm == "none")


def test_every_arm_of_a_seed_sees_the_same_pictures_in_the_same_order(tmp_path, monkeypatch):
    seen = {}

    class Watched(fashion_mnist.FashionImages):
        def inputs(self, which, flip=None):
            if flip is not None:
                seen.setdefault(arm, []).append((which.tolist(), flip.tolist(), self.images[which].sum()))
            return super().inputs(which, flip)

    packed(tmp_path)
    monkeypatch.setattr(Cluttered, "train_pictures", 32)
    monkeypatch.setattr(Cluttered, "test_pictures", 8)
    monkeypatch.setattr(Cluttered, "recipe", training.Recipe(epochs=1.0, batch=16))
    clutter = fashion_mnist.cluttered
    monkeypatch.setattr(fashion_mnist, "cluttered", lambda *given, **more: Watched(**vars(clutter(*given, **more))))
    experiment = Cluttered(tmp_path, tmp_path)
    for arm in ("baseline", "matched", "additive"):
        experiment.trained(arm, 3, tmp_path / f"{arm}.pt")
    assert len(seen["baseline"]) == 2 and all(order == seen["baseline"] for order in seen.values())
