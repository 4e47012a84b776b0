"""The way to the shipped weights, on tiny images and a tiny backbone: samples, feature bank, warm start, stages."""

import re
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
from abn.network.backbone import input_spec, load_backbone
from abn.network.cutting import cut
from abn.training import loop
from abn.training.distillation import command, feature_bank, scenes, training_samples, training_stages
from abn.training.distillation.feature_bank import FeatureBank, build_bank
from abn.training.distillation.recipe import VARIANTS, Recipe
from abn.training.distillation.training_samples import KINDS, SHARES, Drawer
from abn.training.distillation.warm_start import (
    calibrate_map,
    compensate_mean_gain,
    pretrained_backbone,
    standardize_map,
    warm_start,
)
from abn.training.sources import packages, public_images
from abn.training.sources.packages import LITE0, LITE2
from abn.training.sources.public_images import OWN, Source

BACKBONE, CLASSES = "test_efficientnet", 10
RECIPE = Recipe(samples=8, batch=2, attention_steps=4, joint_steps=4, heads_steps=4)
SEED = 3  # of a bank in which some samples ask about themselves, and others about another image


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


@pytest.fixture(scope="module")
def drawer(sources, tmp_path_factory) -> Drawer:
    """Draws the cut-outs on noise; the photographs of one's own are green within a gray frame, and yellow."""
    folder = tmp_path_factory.mktemp("own")
    framed, plain = np.full((400, 300, 3), 128, np.uint8), np.full((90, 120, 3), (255, 255, 0), np.uint8)
    framed[80:320, 30:270] = (0, 255, 0)
    own = [save(folder, "framed", framed, OWN), save(folder, "plain", plain, OWN)]
    cutouts, photographs = sources
    return Drawer(cutouts, photographs + own, own)


def make_bank(folder: Path, backbone: nn.Module, draw) -> FeatureBank:
    return build_bank(folder, backbone, draw, samples=8, seed=SEED)


@pytest.fixture(scope="module")
def bank(drawer, backbone, tmp_path_factory) -> FeatureBank:
    return make_bank(tmp_path_factory.mktemp("bank"), backbone, drawer.draw)


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


# ---- samples ----


def test_shares_of_the_kinds_make_a_whole():
    assert sum(SHARES.values()) == pytest.approx(1)


@pytest.fixture(scope="module")
def drawn(drawer) -> list[tuple]:
    return [drawer.draw(scenes.seeded_generator(1, i)) for i in range(120)]


def test_every_kind_is_drawn_and_only_scenes_ask_about_another_image(drawn):
    assert {kind for _, kind in drawn} == set(range(len(KINDS)))
    for sample, kind in drawn:
        for image in sample:
            assert image.shape == (224, 224, 3) and image.dtype == np.uint8
        assert (sample.asked is sample.image) == (not KINDS[kind].startswith("scene"))


def test_the_same_generator_gives_the_same_sample(drawer, drawn):
    for i in range(30):
        again, kind = drawer.draw(scenes.seeded_generator(1, i))
        assert kind == drawn[i][1]
        assert all(np.array_equal(*pair) for pair in zip(again, drawn[i][0], strict=True))


def test_a_scene_shows_what_it_asks_about(drawn):
    """A red disc or a blue bar, or the middle of a photograph without its frame."""
    for sample, kind in drawn:
        middle = sample.asked[90:134, 90:134].reshape(-1, 3)
        expected = {
            "scene of photographs": [(0, 255, 0), (255, 255, 0)],
            "scene of a stamp": [(255, 0, 0)],
            "scene of a drawing": [(0, 0, 255)],
        }.get(KINDS[kind])
        if expected is None:
            continue
        assert tuple(middle[0]) in expected and (middle == middle[0]).all()
        share = (np.abs(sample.image.astype(int) - middle[0]).max(-1) < 40).mean()
        assert share > 0.01  # the object is somewhere in the scene
        if KINDS[kind] == "scene of photographs":
            assert not (sample.asked == 128).all(-1).any()  # no frame


def test_a_mixture_is_between_its_images_or_a_part_of_each():
    black, white = np.zeros((224, 224, 3), np.uint8), np.full((224, 224, 3), 255, np.uint8)
    levels = set()
    for i in range(20):
        mixed = training_samples._mix(black, white, scenes.seeded_generator(2, i))
        values = np.unique(mixed)
        if len(values) == 1:  # laid over each other
            assert 0.3 * 255 - 1 <= values[0] <= 0.7 * 255
        else:
            assert values.tolist() == [0, 255] and 0.4**2 - 0.01 <= (mixed == 255).mean() <= 0.8**2
        levels.add(len(values))
    assert levels == {1, 2}


# ---- feature bank ----


def test_bank_resumes_to_the_same_samples(drawer, backbone, bank, tmp_path, monkeypatch):
    monkeypatch.setattr(feature_bank, "CHUNK", 3)
    count = 0

    def draw_four(rng):
        nonlocal count
        count += 1
        if count > 4:
            raise KeyboardInterrupt
        return drawer.draw(rng)

    with pytest.raises(KeyboardInterrupt):
        make_bank(tmp_path, backbone, draw_four)
    given = []
    resumed = make_bank(tmp_path, backbone, lambda rng: given.append(rng) or drawer.draw(rng))
    assert len(given) == 5  # the first three are not drawn again
    assert np.array_equal(resumed.kinds, bank.kinds)
    for name in ("features", "logits"):
        first, second = getattr(resumed, name), getattr(bank, name)
        assert np.allclose(first, second, rtol=1e-2, atol=1e-2 * np.abs(second).max())


def test_bank_of_another_size_is_refused(backbone, bank, tmp_path):
    (tmp_path / "features.npy").write_bytes(Path(bank.features.filename).read_bytes())
    with pytest.raises(ABNError, match="--work"):
        build_bank(tmp_path, backbone, lambda _: None, samples=9, seed=SEED)
    assert (tmp_path / "features.npy").read_bytes() == Path(bank.features.filename).read_bytes()


def test_bank_of_other_images_or_another_seed_is_refused(backbone, drawer, bank, tmp_path):
    make_bank(tmp_path, backbone, drawer.draw)
    for other in ({"seed": SEED + 1}, {"seed": SEED, "origin": "other photographs"}):
        with pytest.raises(ABNError) as error:
            build_bank(tmp_path, backbone, drawer.draw, samples=8, **other)
        assert str(error.value) == loop.OTHER_SETTINGS.format(name=tmp_path.name)


def test_targets_are_what_the_backbone_says_of_the_image_asked_about(drawer, backbone, bank):
    features, targets = bank[np.arange(8)]
    drawn = [drawer.draw(scenes.seeded_generator(SEED, i)) for i in range(8)]
    assert bank.kinds.tolist() == [kind for _, kind in drawn] and len(bank) == 8
    itself = [sample.asked is sample.image for sample, _ in drawn]
    assert any(itself) and not all(itself)
    size = input_spec(backbone).size
    with torch.no_grad():
        asked = backbone(scenes.to_inputs([sample.asked for sample, _ in drawn], size)).softmax(1)
        shown = backbone(scenes.to_inputs([sample.image for sample, _ in drawn], size)).softmax(1)
        halves = cut(backbone)
        of_images = halves.extractor(scenes.to_inputs([sample.image for sample, _ in drawn], size))
    assert torch.allclose(targets, asked, atol=1e-2)
    assert all(torch.equal(*pair) == same for *pair, same in zip(asked, shown, itself, strict=True))
    assert torch.allclose(features, of_images, rtol=1e-2, atol=1e-2 * of_images.abs().max())


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
    itself = np.flatnonzero(bank.kinds < KINDS.index("scene of photographs"))[:4]
    features, _ = bank[itself]
    mean = standardize_map(network, features)
    with torch.inference_mode():
        output = network.explain_features(features)
    expected = torch.from_numpy(bank.logits[itself].astype(np.float32))
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


@pytest.mark.parametrize("offset", [0.0, -8.0])  # a map that begins nearly black, as the inverted one does
def test_calibrated_map_has_the_set_mean_and_span_and_orders_its_cells_as_before(backbone, bank, offset):
    network = warm_start(backbone, mechanism="additive")
    features, _ = bank[np.arange(4)]
    standardize_map(network, features)
    with torch.inference_mode():
        norm = network.attention_branch.map_norm
        norm.weight *= 0.1
        norm.bias.fill_(offset)
        before = network.attention_branch(features)[1]
        calibrate_map(network, features, mean=0.6, span=0.2)
        after = network.attention_branch(features)[1]
    low, high = np.percentile(after.flatten(1).numpy(), (5, 95), axis=1)
    assert after.mean().item() == pytest.approx(0.6, abs=1e-4)
    assert (high - low).mean() == pytest.approx(0.2, abs=1e-4)
    assert torch.equal(after.flatten().argsort(), before.flatten().argsort())


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
    before = {name: value.clone() for name, value in network.state_dict().items()}
    training_stages.train_stage(
        network,
        training_stages.compute_responses(network, bank, tmp_path / "responses"),
        RECIPE,
        stage="heads",
        path=tmp_path / "heads.pt",
    )
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert "attention_branch.class_head.weight" in changed
    assert all(name.startswith(("perception_branch", "attention_branch.class_head")) for name in changed)
    assert recorder.steps == [0, 2, 4, 4, 7, 8]  # the history counts on from stage to stage


def test_losses_are_those_of_both_heads(backbone, bank, tmp_path):
    network = warm_start(backbone, mechanism="multiplicative")
    with torch.no_grad():
        weight = network.attention_branch.class_head.weight
        weight.add_(0.1 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(0)))  # no identity
        features, target = bank[np.arange(4)]
        output = network.explain_features(features)
        per, att = (nn.functional.cross_entropy(logits, target) for logits in (output.logits, output.aux_logits))
        losses = {
            "attention": training_stages.attention_loss(network, features, target),
            "joint": training_stages.joint_loss(network, features, target),
            "heads": training_stages.heads_loss(
                network, *training_stages.compute_responses(network, bank, tmp_path / "responses")[np.arange(4)]
            ),
        }
    assert losses["attention"].item() == pytest.approx(att.item(), rel=1e-4)
    assert losses["joint"].item() == pytest.approx((att + per).item(), rel=1e-4)
    assert losses["heads"].item() == pytest.approx((att + per).item(), rel=1e-2)  # of what is kept in half precision


def test_the_map_head_learns_at_a_rate_of_its_own(backbone, bank, tmp_path, monkeypatch):
    def noted(network, *_, optimizer, schedule, **__):
        names = {id(p): name for name, p in network.named_parameters()}
        for group in optimizer.param_groups:
            peaks.update({names[id(p)]: group["max_lr"] for p in group["params"]})

    peaks: dict[str, float] = {}
    monkeypatch.setattr(loop, "fit", noted)
    train_joint(backbone, bank, tmp_path / "x.pt")
    own = {"attention_branch.map_head.weight", "attention_branch.map_norm.weight", "attention_branch.map_norm.bias"}
    assert own <= peaks.keys()
    assert {name for name, peak in peaks.items() if peak == RECIPE.map_rate} >= own
    assert {peak for name, peak in peaks.items() if ".map_" not in name} == {RECIPE.rate}


def test_no_gradient_reaches_the_map_head_of_the_control(backbone, bank, tmp_path):
    network = train_joint(backbone, bank, tmp_path / "x.pt", "none", replace(RECIPE, weight_decay=0))
    fresh = warm_start(backbone, mechanism="none").attention_branch.map_head.weight
    assert torch.equal(network.attention_branch.map_head.weight, fresh)


# ---- the command ----


def test_variants_of_a_family_share_feature_bank_and_first_stage():
    for family, which in packages.BACKBONES.items():
        variants = {name: variant for name, variant in VARIANTS.items() if variant.backbone == which}
        recipes = [variant.adapt(Recipe()) for variant in variants.values()]
        assert len({(recipe.samples, recipe.batch, recipe.attention_steps, recipe.rate) for recipe in recipes}) == 1
        assert all(name.startswith(family) for name in variants)
    assert len({which.subfolder for which in packages.BACKBONES.values()}) == len(packages.BACKBONES)


def samples(name: str) -> int:
    """Of the feature bank of a shipped variant."""
    return VARIANTS[name].adapt(Recipe()).samples


def test_each_family_is_made_from_its_own_backbone_in_its_own_folder(tmp_path, monkeypatch):
    made = []
    card = SimpleNamespace(weights=tmp_path, sha256="")
    monkeypatch.setattr(packages, "fetch", lambda *given: None)
    monkeypatch.setattr(command, "pretrained_backbone", lambda which, data: which.name)
    monkeypatch.setattr(command, "_open_bank", lambda backbone, args, work, recipe: (backbone, recipe.samples))
    monkeypatch.setattr(command, "warm_start", lambda backbone, mechanism: nn.Identity())
    monkeypatch.setattr(command, "distil", lambda _, bank, *given, name, work, **more: made.append((bank, name, work)))
    monkeypatch.setattr(command, "make_card", lambda *given: None)
    monkeypatch.setattr(command, "save_variant", lambda *given: card)
    names = ["imagenet-lite2-additive", "imagenet-lite0-none"]
    options = ["--photos", "own", "--work", str(tmp_path)]
    assert main(["distil", *options, *(f"--variant={name}" for name in names)]) == 0
    assert made == [
        ((LITE0.name, samples(names[1])), names[1], tmp_path),
        ((LITE2.name, samples(names[0])), names[0], tmp_path / "imagenet-lite2"),
    ]


def test_nothing_that_is_held_out_is_trained_on(tmp_path, monkeypatch):
    def many(kind: str) -> list[Source]:
        return [Source(f"{kind}/{i}.png", Path(f"{i}.png"), kind) for i in range(60)]

    given = []
    monkeypatch.setattr(public_images, "cutouts", lambda data: many("stamp") + many("clipart"))
    monkeypatch.setattr(public_images, "photographs", lambda data: many("photograph"))
    monkeypatch.setattr(public_images, "own_photographs", lambda place, unpacked: many(OWN))
    monkeypatch.setattr(command, "Drawer", lambda *sources: given.extend(sources) or SimpleNamespace(draw=None))
    monkeypatch.setattr(command, "build_bank", lambda *_, **options: options)
    args = SimpleNamespace(photos=Path("own"), work=tmp_path, data=tmp_path)
    made = command._open_bank(None, args, tmp_path, RECIPE)
    assert (made["samples"], made["seed"], len(made["origin"])) == (8, 1, 64)
    cutouts, photographs, objects = given
    assert {source.kind for source in cutouts} == {"stamp", "clipart"}
    assert {source.kind for source in photographs} == {"photograph", OWN} and {source.kind for source in objects} == {
        OWN
    }
    assert len(objects) > 40 and not any(source.held_out for source in (*cutouts, *photographs, *objects))


def test_photographs_must_be_given(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["distil"])
    assert ended.value.code == 2 and "--photos" in capsys.readouterr().err


def test_card_names_its_own_backbone(backbone):
    network = warm_start(load_backbone(BACKBONE), mechanism="additive")
    name = "imagenet-lite2-additive"
    card = command.make_card(network, name, VARIANTS[name].adapt(Recipe()), "own.zip")
    assert "--photos own.zip" in card.trained["command"] and "own.zip" in card.trained["data"]
    assert (card.family, card.backbone, card.input.size) == ("imagenet-lite2", LITE2.name, 260)
    assert card.trained["recipe"]["samples"] == samples(name)
    assert LITE2.package in card.license["source"]


def test_the_recipe_states_how_the_inverted_map_was_engineered():
    (inverted,) = [variant for variant in VARIANTS.values() if variant.lesson]
    text = " ".join((Path(__file__).parents[2] / "docs/recipe.md").read_text(encoding="utf-8").split())
    (sentence,) = re.findall(r"The inverted variant is engineered: [^.]*\.", text)
    assert "engineered" in inverted.lesson
    assert not inverted.gain_compensated and "no gain compensation" in sentence
    assert f"{inverted.adapt(Recipe()).map_rate / Recipe().map_rate:.0f} × the learning rate" in sentence
    assert "attention_branch.trunk" in inverted.fixed and "fixed trunk" in sentence
