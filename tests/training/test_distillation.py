"""The way to the shipped weights, on tiny images and a tiny backbone: scenes, feature bank, warm start, stages."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from abn.__main__ import main
from abn.errors import ABNError, CheckpointError
from abn.network.backbone import load_backbone
from abn.training import loop
from abn.training.distillation import command, feature_bank, scenes, training_stages
from abn.training.distillation.feature_bank import FeatureBank, build_bank, draw_sample
from abn.training.distillation.recipe import VARIANTS, Recipe
from abn.training.distillation.warm_start import (
    compensate_mean_gain,
    pretrained_backbone,
    standardize_map,
    warm_start,
)
from abn.training.sources import packages
from abn.training.sources.packages import LITE0, LITE2
from abn.training.sources.public_images import Source

BACKBONE, CLASSES = "test_efficientnet", 10
RECIPE = Recipe(samples=8, batch=2, attention_epochs=1, joint_epochs=1)  # four steps each


@pytest.fixture(scope="module")
def sources(tmp_path_factory) -> tuple[list[Source], list[Source]]:
    """Two cut-outs (a red disc, a blue bar) and noise for photographs."""
    folder = tmp_path_factory.mktemp("sources")
    disc = np.zeros((80, 80, 4), np.uint8)
    disc[np.hypot(*np.mgrid[-40:40, -40:40]) < 38] = (255, 0, 0, 255)
    bar = np.zeros((90, 90, 4), np.uint8)
    bar[20:70, 5:85] = (0, 0, 255, 255)
    bar[20:30, 5:20] = (0, 255, 0, 255)
    noise = np.random.default_rng(0).integers(0, 255, (2, 300, 400, 3)).astype(np.uint8)
    cutouts = [save(folder, "disc", disc, "stamp"), save(folder, "bar", bar, "clipart")]
    return cutouts, [save(folder, f"noise{i}", noise[i], "photograph") for i in range(2)]


def save(folder: Path, name: str, pixels: np.ndarray, kind: str) -> Source:
    path = folder / f"{name}.png"
    Image.fromarray(pixels).save(path)
    return Source(f"{kind}/{name}", path, kind)


@pytest.fixture(scope="module")
def backbone() -> nn.Module:
    torch.manual_seed(0)
    return load_backbone(BACKBONE, num_classes=CLASSES).eval().to(memory_format=torch.channels_last)


def make_bank(folder: Path, backbone: nn.Module, draw) -> FeatureBank:
    return build_bank(folder, backbone, draw, cutout_targets=torch.eye(CLASSES)[:2], samples=8, seed=3)


@pytest.fixture(scope="module")
def bank(sources, backbone, tmp_path_factory) -> FeatureBank:
    return make_bank(tmp_path_factory.mktemp("bank"), backbone, lambda rng: draw_sample(*sources, rng))


# ---- scenes ----


def test_object_lies_where_the_mask_says(sources):
    scene = scenes.compose(*sources, scenes.seeded_generator(5, 1), which=0)
    red = (scene.image[..., 0] > 200) & (scene.image[..., 1:].max(-1) < 60)
    assert scene.mask.sum() > 60 * 60 * 0.5
    assert red[scene.mask].mean() > 0.9 and red[~scene.mask].mean() < 0.02
    again = scenes.compose(*sources, scenes.seeded_generator(5, 1), which=0)
    assert np.array_equal(scene.image, again.image)


def test_scenes_are_enlarged_for_a_backbone_that_takes_more(sources):
    image = scenes.compose(*sources, scenes.seeded_generator(5, 1), which=0).image
    same, enlarged = scenes.to_inputs([image], 224)[0], scenes.to_inputs([image], 260)[0]
    assert torch.equal(same, torch.tensor(image).permute(2, 0, 1).float() / 127.5 - 1)
    assert enlarged.shape == (3, 260, 260) and enlarged.min() >= -1 and enlarged.max() <= 1
    assert torch.allclose(*(nn.functional.adaptive_avg_pool2d(x, 4) for x in (same, enlarged)), atol=0.02)


def test_mirrored_copy_is_the_same_object(sources, tmp_path):
    disc, bar = sources[0]
    with Image.open(bar.path) as image:
        mirrored = save(tmp_path, "mirrored", np.asarray(image)[:, ::-1], "stamp")
    known = [scenes.object_thumbnails(bar)]
    assert scenes.shows_known_object(mirrored, known) and not scenes.shows_known_object(disc, known)


# ---- feature bank ----


def test_bank_resumes_to_the_same_samples(sources, backbone, bank, tmp_path, monkeypatch):
    monkeypatch.setattr(feature_bank, "CHUNK", 3)
    drawn = 0

    def draw_four(rng):
        nonlocal drawn
        drawn += 1
        if drawn > 4:
            raise KeyboardInterrupt
        return draw_sample(*sources, rng)

    with pytest.raises(KeyboardInterrupt):
        make_bank(tmp_path, backbone, draw_four)
    resumed = make_bank(tmp_path, backbone, lambda rng: draw_sample(*sources, rng))
    assert np.array_equal(resumed.cutout, bank.cutout)
    assert np.allclose(resumed.features, bank.features, rtol=1e-2, atol=1e-2 * np.abs(bank.features).max())


def test_bank_of_another_size_is_refused(backbone, bank, tmp_path):
    (tmp_path / "features.npy").write_bytes(Path(bank.features.filename).read_bytes())
    with pytest.raises(ABNError, match="--work"):
        build_bank(tmp_path, backbone, lambda _: None, cutout_targets=torch.eye(CLASSES), samples=9, seed=3)
    assert (tmp_path / "features.npy").read_bytes() == Path(bank.features.filename).read_bytes()


def test_targets_are_those_of_the_cutout_or_of_the_image_itself(bank):
    _, targets = bank[np.arange(8)]
    own = torch.from_numpy(bank.logits.astype(np.float32)).softmax(1)
    assert set(bank.cutout.tolist()) >= {-1, 0}
    for target, cutout, of_image in zip(targets, bank.cutout, own, strict=True):
        assert torch.equal(target, torch.eye(CLASSES)[cutout] if cutout >= 0 else of_image)


# ---- warm start ----


def test_pretrained_weights_must_match_in_order_and_shape(tmp_path):
    which = replace(LITE0, name=BACKBONE, file="weights.pth")
    renamed = {f"_{name}": value for name, value in load_backbone(BACKBONE).state_dict().items()}
    torch.save(renamed, tmp_path / which.file)
    loaded = pretrained_backbone(which, tmp_path).state_dict()
    assert all(torch.equal(value, renamed[f"_{name}"]) for name, value in loaded.items())
    torch.save(dict(reversed(renamed.items())), tmp_path / which.file)
    with pytest.raises(CheckpointError, match=BACKBONE):
        pretrained_backbone(which, tmp_path)


def test_warm_start_is_the_backbone_and_its_cam(backbone, bank):
    network = warm_start(backbone, mechanism="none")
    features, _ = bank[np.arange(4)]
    mean = standardize_map(network, features)
    with torch.inference_mode():
        output = network.explain_features(features)
    expected = torch.from_numpy(bank.logits[:4].astype(np.float32))
    assert torch.allclose(output.logits, expected, atol=1e-2 * expected.abs().max())
    assert 0.3 < mean < 0.7
    assert torch.equal(network.attention_branch.to_classes.weight[:, :, 0, 0], backbone.get_classifier().weight)


@pytest.mark.parametrize("mechanism", ["additive", "multiplicative", "none"])
def test_compensated_gain_keeps_the_predictions_under_a_constant_map(backbone, bank, mechanism):
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    network = warm_start(backbone, mechanism=mechanism)
    features, _ = bank[np.arange(2)]
    with torch.inference_mode():
        plain = network.perceive(features, features[:, :1] * 0, "none")
        compensate_mean_gain(network, 0.4)
        compensated = network.perceive(features, torch.full_like(features[:, :1], 0.4))
    assert torch.allclose(compensated, plain, atol=1e-4 * plain.abs().max())
    assert all(torch.equal(value, before[name]) for name, value in backbone.state_dict().items())


# ---- stages ----


def train_joint(backbone, bank, path, mechanism="additive", recipe=RECIPE):
    network = warm_start(backbone, mechanism=mechanism)
    training_stages.train_stage(network, bank, recipe, stage="joint", path=path)
    return network


def test_stopped_stage_resumes_to_the_same_end(backbone, bank, tmp_path, monkeypatch):
    whole = train_joint(backbone, bank, tmp_path / "whole.pt").state_dict()
    write_state, states = loop.write_state, []

    def stop_after_two(path, state):
        write_state(path, state)
        states.append(state["step"])
        if state["step"] == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(loop.fit, "__kwdefaults__", {**loop.fit.__kwdefaults__, "save_each": 1})
        patched.setattr(loop, "write_state", stop_after_two)
        with pytest.raises(KeyboardInterrupt):
            train_joint(backbone, bank, tmp_path / "x.pt")
    assert states == [1, 2]
    resumed = train_joint(backbone, bank, tmp_path / "x.pt").state_dict()
    assert all(torch.allclose(value, resumed[name], atol=1e-4) for name, value in whole.items())
    with pytest.raises(ABNError) as error:
        train_joint(backbone, bank, tmp_path / "x.pt", recipe=replace(RECIPE, batch=4))
    assert str(error.value) == loop.OTHER_SETTINGS.format(name="x.pt")


def test_each_stage_changes_what_it_should_and_nothing_else(backbone, bank, tmp_path):
    class Recorder:
        moments = (0, 2, 4, 7, 8)

        def __init__(self):
            self.steps = []

        def record(self, step):
            self.steps.append(step)

    recorder, network = Recorder(), warm_start(backbone, mechanism="additive")
    before = {name: value.clone() for name, value in network.state_dict().items()}

    def run(stage, **more) -> set[str]:
        path = tmp_path / f"{stage}.pt"
        training_stages.train_stage(network, bank, RECIPE, stage=stage, path=path, recorder=recorder, **more)
        return {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}

    changed = run("attention")
    assert changed
    assert all(name.startswith(("attention_branch.trunk", "attention_branch.to_classes")) for name in changed)
    changed = run("joint")
    assert "attention_branch.map_head.weight" in changed
    assert any(name.startswith("perception_branch") for name in changed)
    assert not any(name.startswith("extractor") or "running_" in name or "class_head" in name for name in changed)
    assert RECIPE.steps("attention") == RECIPE.steps("joint") == 4
    assert recorder.steps == [0, 2, 4, 4, 7, 8]  # the history counts on from stage to stage


def test_no_gradient_reaches_the_map_head_of_the_control(backbone, bank, tmp_path):
    network = train_joint(backbone, bank, tmp_path / "x.pt", "none", replace(RECIPE, weight_decay=0))
    fresh = warm_start(backbone, mechanism="none").attention_branch.map_head.weight
    assert torch.equal(network.attention_branch.map_head.weight, fresh)


# ---- the command ----


def test_variants_of_a_family_share_feature_bank_and_first_stage():
    for family, which in packages.BACKBONES.items():
        variants = {name: variant for name, variant in VARIANTS.items() if variant.backbone == which}
        recipes = [variant.adapt(Recipe()) for variant in variants.values()]
        assert len({(recipe.samples, recipe.batch, recipe.attention_epochs, recipe.rate) for recipe in recipes}) == 1
        assert all(name.startswith(family) for name in variants)
    assert len({which.subfolder for which in packages.BACKBONES.values()}) == len(packages.BACKBONES)


def test_each_family_is_made_from_its_own_backbone_in_its_own_folder(tmp_path, monkeypatch):
    made = []
    card = SimpleNamespace(weights=tmp_path, sha256="")
    monkeypatch.setattr(packages, "fetch", lambda *given: None)
    monkeypatch.setattr(command, "pretrained_backbone", lambda which, data: which.name)
    monkeypatch.setattr(command, "open_bank", lambda backbone, data, work, samples, seed: (backbone, samples))
    monkeypatch.setattr(command, "warm_start", lambda backbone, mechanism: nn.Identity())
    monkeypatch.setattr(command, "distil", lambda _, bank, *given, name, work, **more: made.append((bank, name, work)))
    monkeypatch.setattr(command, "make_card", lambda *given: None)
    monkeypatch.setattr(command, "save_variant", lambda *given: card)
    names = ["imagenet-lite2-additive", "imagenet-lite0-none"]
    assert main(["distil", "--work", str(tmp_path), *(f"--variant={name}" for name in names)]) == 0
    assert made == [
        ((LITE0.name, 12_000), names[1], tmp_path),
        ((LITE2.name, 4_800), names[0], tmp_path / "imagenet-lite2"),
    ]


def test_card_names_its_own_backbone(backbone):
    network = warm_start(load_backbone(BACKBONE), mechanism="additive")
    name = "imagenet-lite2-additive"
    card = command.make_card(network, name, VARIANTS[name].adapt(Recipe()))
    assert (card.family, card.backbone, card.input.size) == ("imagenet-lite2", LITE2.name, 260)
    assert card.trained["recipe"]["samples"] == 4_800
    assert LITE2.package in card.license["source"]
