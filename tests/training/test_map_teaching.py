"""Teaching the map, on a tiny network: M comes near the edited maps by the map loss and not without it."""

import json
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch
from PIL import Image

from abn.__main__ import main
from abn.errors import ABNError
from abn.images.fit import fit_picture
from abn.training.map_teaching import command, example_folder, examples, fine_tuning, settings, teaching
from abn.training.map_teaching.cached_images import cache_pictures, compute_outputs
from abn.training.map_teaching.example_folder import read_examples
from abn.training.map_teaching.examples import Example, check_examples, check_map
from abn.training.map_teaching.fine_tuning import Progress, fine_tune, make_teaching_set
from abn.training.map_teaching.report import BEFORE, CONTROL, TAUGHT
from abn.training.map_teaching.settings import LEARNS, Settings
from abn.training.map_teaching.teaching import teach_variant
from abn.variants.card import Card
from abn.variants.store import find_variant, list_variants, load_variant

CELLS = (16, 16)
FEW = Settings(steps=10, batch=2, map_rate=0.1)


def weights(network: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def equal(first: dict, second: dict) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


@pytest.fixture(scope="module")
def network():
    return tiny.network()


@pytest.fixture(scope="module")
def card(network, tmp_path_factory) -> Card:
    return tiny.variant(tmp_path_factory.mktemp("variants"), "mine", network)


def corner(seed: int, label: int | None = None) -> Example:
    """Noise whose map is to be bright in a corner."""
    target = np.full(CELLS, 0.2, np.float32)
    target[:6, :6] = 0.9
    return Example(tiny.picture(seed=seed), target, label)


@pytest.fixture(scope="module")
def teaching_set(network, card):
    replayed = [tiny.picture(seed=seed) for seed in (7, 8, 9)]
    return make_teaching_set(network, [corner(1), corner(2)], replayed, card.input)


# ---- the fine-tuning ----


def test_what_is_cached_gives_the_very_forward_pass(network, card):
    pictures = [tiny.picture(seed=seed) for seed in range(3)]
    outputs = compute_outputs(network, cache_pictures(network, pictures, card.input))
    inputs = torch.stack([torch.from_numpy(fit_picture(p, card.input).normalized(card.input)) for p in pictures])
    with torch.inference_mode():
        whole = network(inputs)
    assert torch.allclose(outputs.logits, whole.logits, atol=1e-4)
    assert torch.allclose(outputs.aux_logits, whole.aux_logits, atol=1e-4)
    assert torch.allclose(outputs.attention, whole.attention[:, 0], atol=1e-5)


def distance(network, images) -> float:
    """The mean squared distance of M and M′ on the examples."""
    attention = compute_outputs(network, images.images).attention[: images.count]
    return (attention - images.maps[: images.count]).square().mean().item()


@pytest.mark.parametrize("learns", LEARNS)
def test_the_map_comes_near_the_target_by_the_map_loss_alone(network, teaching_set, learns):
    before = distance(network, teaching_set)
    taught, control = (
        distance(fine_tune(network, teaching_set, replace(FEW, map_weight=weight, learns=learns)), teaching_set)
        for weight in (20.0, 0.0)
    )
    assert taught < 0.8 * before and taught < 0.8 * control


def test_a_larger_weight_brings_the_map_nearer(network, teaching_set):
    small, large = (
        distance(fine_tune(network, teaching_set, replace(FEW, map_weight=weight)), teaching_set)
        for weight in (0.01, 50.0)
    )
    assert large < small


def test_the_fixed_parts_and_the_given_network_stay(network, teaching_set):
    before = weights(network)
    for learns in LEARNS:
        after = weights(fine_tune(network, teaching_set, replace(FEW, steps=2, learns=learns)))
        changed = {name for name in after if not torch.equal(after[name], before[name])}
        assert changed and all(name.startswith(("attention_branch.", "perception_branch.")) for name in changed)
        assert not any(".trunk." in name or "running" in name for name in changed)
        assert any("perception_branch." in name for name in changed) == (learns != settings.MAP)
        assert any("to_classes" in name for name in changed) == (learns == settings.BRANCHES)
    assert equal(weights(network), before)


def test_equal_seeds_give_equal_weights(network, teaching_set):
    first, again, other = (
        weights(fine_tune(network, teaching_set, replace(FEW, steps=4, batch=1, seed=seed))) for seed in (1, 1, 2)
    )
    assert equal(first, again) and not equal(first, other)


class Cancelled(Exception):
    """What a page raises."""


def test_cancelling_leaves_the_network_as_it_was(network, teaching_set):
    before, steps = weights(network), []

    def cancel(progress: Progress) -> None:
        steps.append(progress.step)
        if progress.step == 4:
            raise Cancelled

    with pytest.raises(Cancelled):
        fine_tune(network, teaching_set, FEW, each=2, progress=cancel)
    assert steps == [0, 2, 4] and equal(weights(network), before)
    assert all(parameter.requires_grad for parameter in network.parameters())


def test_progress_tells_the_parts_of_the_loss_and_the_map_as_it_is(network, teaching_set):
    seen: list[Progress] = []
    after = fine_tune(network, teaching_set, FEW, watched=1, each=4, progress=seen.append)
    assert [progress.step for progress in seen] == [0, 4, 8, 10] and seen[0].losses is None
    own = teaching_set.own.attention[1].numpy()
    assert np.allclose(seen[0].attention, own, atol=1e-6)
    last = seen[-1]
    assert np.allclose(last.attention, compute_outputs(after, teaching_set.images).attention[1].numpy(), atol=1e-5)
    losses = last.losses
    total = losses.auxiliary + losses.perception + FEW.map_weight * (losses.map + FEW.kept_maps * losses.kept_map)
    assert math.isclose(losses.total, total, rel_tol=1e-4)
    assert losses.total < seen[1].losses.total


def test_a_label_changes_both_heads_targets(network, card):
    images = make_teaching_set(network, [corner(1, label=3), corner(2)], [], card.input)
    for targets in (images.perception, images.auxiliary):
        assert targets[0].tolist() == [0, 0, 0, 1, 0, 0, 0, 0, 0, 0] and 0 < targets[1].max() < 1
    before = images.own.logits.softmax(1)[0, 3]
    after = compute_outputs(fine_tune(network, images, replace(FEW, rate=1e-3)), images.images).logits.softmax(1)[0, 3]
    assert after > before


def test_without_replayed_photographs_there_is_nothing_to_keep(network, card):
    images = make_teaching_set(network, [corner(1)], [], card.input)
    seen: list[Progress] = []
    fine_tune(network, images, replace(FEW, steps=1), progress=seen.append)
    assert fine_tuning.draw_batches(images, FEW).shape == (10, 1) and seen[-1].losses.kept_map == 0


# ---- what is wrong with examples and settings ----

WRONG = {
    "no example": ([], examples.NO_EXAMPLES),
    "two maps": ([corner(1), corner(1)], examples.TWO_MAPS),
    "no rows": ([replace(corner(1), target=np.ones(5))], examples.NO_MAP),
    "three channels": ([replace(corner(1), target=np.ones((16, 16, 3)))], examples.NO_MAP),
    "text": ([replace(corner(1), target=np.full(CELLS, "a"))], examples.NO_MAP),
    "NaN": ([replace(corner(1), target=np.full(CELLS, np.nan))], examples.NOT_FINITE),
    "infinite": ([replace(corner(1), target=np.full(CELLS, np.inf))], examples.NOT_FINITE),
    "gray levels": ([replace(corner(1), target=np.full(CELLS, 255))], examples.OUT_OF_RANGE),
    "negative": ([replace(corner(1), target=np.full(CELLS, -0.1))], examples.OUT_OF_RANGE),
    "zeros": ([replace(corner(1), target=np.zeros(CELLS))], examples.ZEROS),
    "class beyond the last": ([corner(1, label=10)], examples.NO_CLASS),
    "negative class": ([corner(1, label=-1)], examples.NO_CLASS),
}


def is_sentence(message: str, constant: str) -> bool:
    """Whether a message is one line made of this constant."""
    pattern = "".join(".*?" if i % 2 else re.escape(part) for i, part in enumerate(re.split(r"(\{[^}]*\})", constant)))
    return re.fullmatch(pattern, message) is not None


@pytest.mark.parametrize("case", WRONG)
def test_an_example_that_can_not_be_taught_is_one_sentence(card, case):
    given, constant = WRONG[case]
    with pytest.raises(ABNError) as error:
        check_examples(given, card)
    assert is_sentence(str(error.value), constant)


def test_maps_that_nobody_edited_are_refused_all_together_and_allowed_singly(network, card):
    own = compute_outputs(network, cache_pictures(network, [tiny.picture(seed=1)], card.input)).attention[0].numpy()
    unedited = Example(tiny.picture(seed=1), own)
    with pytest.raises(ABNError) as error:
        make_teaching_set(network, [unedited], [], card.input)
    assert str(error.value) == examples.NOTHING_EDITED
    assert make_teaching_set(network, [unedited, corner(2)], [], card.input).count == 2


def test_a_map_of_another_shape_is_averaged_or_enlarged(card):
    large = np.zeros((64, 64), np.float32)
    large[:2, :4] = 1
    small = check_map(large, CELLS, name="x")
    assert small.shape == CELLS and small[0, 0] == 0.5 and small.sum() == 0.5
    assert np.allclose(check_map(np.full((3, 5), 0.25), CELLS, name="x"), 0.25)
    half = check_map(np.array([[0, 1]]), CELLS, name="x")
    assert half.shape == CELLS and (np.diff(half[0]) >= 0).all() and half[0, 0] == 0 and half[0, -1] == 1


@pytest.mark.parametrize(
    ("wrong", "constant"),
    [
        ({"map_weight": -1.0}, settings.NEGATIVE),
        ({"map_weight": math.nan}, settings.NEGATIVE),
        ({"steps": 0}, settings.NO_STEP),
        ({"batch": 0}, settings.NO_STEP),
        ({"rate": -1.0}, settings.BAD_NUMBER),
        ({"kept_maps": math.inf}, settings.BAD_NUMBER),
        ({"learns": "extractor"}, settings.NOT_LEARNING),
    ],
)
def test_a_setting_that_can_not_be_is_one_sentence(wrong, constant):
    with pytest.raises(ABNError) as error:
        Settings(**wrong)
    assert is_sentence(str(error.value), constant)


# ---- the report and the new variant ----


@pytest.fixture(scope="module")
def few_photos():
    """Three photographs are replayed, so that the tests are quick."""
    patch = pytest.MonkeyPatch()
    chosen = teaching.photographs()[:3]
    patch.setattr(teaching, "photographs", lambda: chosen)
    yield chosen
    patch.undo()


@pytest.fixture(scope="module")
def taught(few_photos, card, network):
    seen: list[Progress] = []
    result = teach_variant(
        card,
        [corner(1), corner(2, label=4)],
        FEW,
        network=network,
        held_out=[tiny.picture(seed=5)],
        each=5,
        progress=seen.append,
    )
    return result, seen


def test_the_report_sets_before_taught_and_control_beside_each_other(taught, network):
    result, seen = taught
    assert [(progress.control, progress.step) for progress in seen] == [
        (c, s) for c in (False, True) for s in (0, 5, 10)
    ]
    for image in result.report.examples:
        before, after, control = (image.agreement(name) for name in (BEFORE, TAUGHT, CONTROL))
        assert after.squared_distance < 0.8 * min(before.squared_distance, control.squared_distance)
        assert after.rank_correlation > before.rank_correlation and 0 <= after.overlap <= 1
        for outcome in image.outcomes.values():
            assert outcome.attention.shape == CELLS and math.isclose(outcome.perception.sum(), 1, rel_tol=1e-4)
    (held_out,) = result.report.held_out
    assert (
        held_out.target is None
        and held_out.agreement(TAUGHT) is None
        and set(held_out.outcomes) == {BEFORE, TAUGHT, CONTROL}
    )
    assert result.report.labeled is None  # other classes than those of the labeled photographs
    data = result.report.to_json([str(i) for i in range(10)], top=2)
    json.dumps(data, allow_nan=False)
    assert data["examples"][1]["label"] == 4 and len(data["examples"][0]["networks"]["taught"]["auxiliary"]) == 2


def test_the_new_variant_loads_and_computes_what_was_reported(taught, card, tmp_path):
    result, _ = taught
    saved = result.save("corners", tmp_path, command="python -m abn teach …")
    (listed,) = list_variants(tmp_path)
    assert listed == saved and saved.lesson and saved.family == card.family
    assert saved.trained["taught from"] == "mine" and saved.trained["teaching"]["map_weight"] == FEW.map_weight
    assert [example["label"] for example in saved.trained["examples"]] == ["kept prediction", "deer"]
    loaded = load_variant(saved)
    assert equal(weights(loaded), weights(result.network))
    assert saved.extractor_sha256 == card.extractor_sha256  # so that the app runs it once for both


def test_a_photograph_that_is_taught_is_not_replayed(few_photos, card, network, monkeypatch):
    counts = []

    def count(network_, given, replayed, *options, **named):
        counts.append((len(given), len(replayed)))
        raise Cancelled

    monkeypatch.setattr(teaching, "make_teaching_set", count)
    picture = teaching.open_picture(few_photos[0].path.read_bytes())
    for examples_, held_out in (
        ([corner(1)], []),
        ([replace(corner(1), picture=picture)], []),
        ([corner(1)], [picture]),
    ):
        with pytest.raises(Cancelled):
            teach_variant(card, examples_, FEW, network=network, held_out=held_out)
    assert counts == [(1, 3), (1, 2), (1, 2)]


# ---- a folder, and the command ----


def write_examples(folder: Path) -> Path:
    """A map in cells beside the first image, a mask of its size beside the second one."""
    folder.mkdir()
    for name, seed in (("a.png", 1), ("b.jpg", 2)):
        tiny.picture(seed=seed).image.save(folder / name)
    np.save(folder / "a.npy", corner(1).target)
    mask = np.zeros((40, 48), np.uint8)
    mask[:, :24] = 255
    Image.fromarray(mask).save(folder / "b.map.png")
    return folder


def test_maps_are_read_from_beside_the_images(tmp_path, card):
    first, second = read_examples(write_examples(tmp_path / "x"), card)
    assert (first.name, second.name) == ("a.png", "b.jpg") and first.label is second.label is None
    assert np.array_equal(first.target, corner(1).target)
    size = card.input.size
    assert second.target.shape == (size, size)  # of the mask, what the network sees
    assert second.target[:, : size // 2].min() == 1 and second.target[:, size // 2 :].max() == 0


def test_labels_are_numbers_or_names(tmp_path, card):
    folder = write_examples(tmp_path / "x")
    for label, expected in (("3", 3), ("Cat", 3), ("", None), ("kept prediction", None)):
        (tmp_path / "labels.csv").write_text(f"image,label\na.png,{label}\n")
        first, second = read_examples(folder, card, labels=tmp_path / "labels.csv")
        assert first.label == expected and second.label is None


BROKEN = {
    "no folder": (lambda x: x.rename(x.with_name("y")), example_folder.NO_FOLDER),
    "no images": (lambda x: [path.unlink() for path in x.iterdir()], example_folder.NO_IMAGES),
    "two maps": (lambda x: (x / "a.map.png").write_bytes((x / "b.map.png").read_bytes()), examples.TWO_MAPS),
    "no map": (lambda x: (x / "a.npy").unlink(), example_folder.WITHOUT_MAP),
    "no image": (lambda x: (x / "a.png").unlink(), example_folder.WITHOUT_IMAGE),
    "one map for two": (lambda x: (x / "a.jpg").write_bytes((x / "b.jpg").read_bytes()), example_folder.SAME_STEM),
    "a map that is none": (lambda x: (x / "a.npy").write_bytes(b"none"), example_folder.UNREADABLE_MAP),
    "a pickle": (lambda x: np.save(x / "a.npy", np.array([{}]), allow_pickle=True), example_folder.UNREADABLE_MAP),
    "a PNG that is none": (lambda x: (x / "b.map.png").write_bytes(b"none"), example_folder.UNREADABLE_MAP),
    "NaN": (lambda x: np.save(x / "a.npy", np.full(CELLS, np.nan)), examples.NOT_FINITE),
    "zeros": (lambda x: np.save(x / "a.npy", np.zeros(CELLS)), examples.ZEROS),
    "no image in the file": (lambda x: (x / "a.png").write_bytes(b"none"), "a.png: This file is not an image"),
}


def teach(folder: Path, card: Card, *more: str) -> int:
    command_ = ["teach", "--variant", card.id, "--examples", str(folder), "--out", "new", "--folder", str(card.folder)]
    return main([*command_, "--steps", "3", *more])


@pytest.mark.parametrize("fault", BROKEN)
def test_what_is_wrong_with_a_folder_is_one_sentence_and_status_1(tmp_path, card, monkeypatch, capsys, fault):
    monkeypatch.setattr(command, "find_variant", lambda name: card)
    folder = write_examples(tmp_path / "x")
    spoil, constant = BROKEN[fault]
    spoil(folder)
    assert teach(folder, card) == 1
    lines = [line for line in capsys.readouterr().err.splitlines() if "examples," not in line]
    assert len(lines) == 1 and lines[0].startswith(constant.split("{")[0])
    assert not (card.folder / "new.json").exists()


@pytest.mark.parametrize(
    ("rows", "constant"),
    [
        ("image,class\na.png,1\n", example_folder.UNREADABLE_LABELS),
        ("image,label\nz.png,1\n", example_folder.UNKNOWN_IMAGE),
        ("image,label\na.png,1\na.png,2\n", example_folder.TWO_LABELS),
        ("image,label\na.png,teapot\n", example_folder.UNKNOWN_LABEL),
    ],
)
def test_what_is_wrong_with_a_table_is_one_sentence(tmp_path, card, rows, constant):
    folder = write_examples(tmp_path / "x")
    (tmp_path / "labels.csv").write_text(rows)
    with pytest.raises(ABNError) as error:
        read_examples(folder, card, labels=tmp_path / "labels.csv")
    assert str(error.value).startswith(constant.split("{")[0])


def test_the_command_makes_the_same_variant_again(tmp_path, network, few_photos, monkeypatch, capsys):
    card = tiny.variant(tmp_path / "variants", "mine", network)
    monkeypatch.setattr(command, "find_variant", lambda name: card)
    folder = write_examples(tmp_path / "x")
    assert teach(folder, card, "--json", "--no-control") == 0
    output = capsys.readouterr()
    result = json.loads(output.out)
    assert "step 3 of 3" in output.err and "control" not in output.err
    assert list(result["examples"][0]["networks"]) == [BEFORE, TAUGHT]
    made = find_variant("new", card.folder)
    assert made.sha256 == result["sha256"] and made.trained["command"].endswith("--out new --steps 3")
    assert teach(folder, card) == 1 and "exists already" in capsys.readouterr().err
    for end in (".json", ".safetensors"):
        (card.folder / f"new{end}").unlink()
    assert teach(folder, card) == 0  # with the control, as text
    text = capsys.readouterr().out
    assert find_variant("new", card.folder).sha256 == made.sha256 and "rank correlation" in text and "control" in text
