"""`python -m abn train` on class folders of one's own: it learns, keeps the best epoch, is stopped and resumes."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from class_folders import COLORS, NAME, kill_at, squares, start_process, train

from abn.__main__ import main
from abn.explanations.explainer import explain
from abn.images.decode import open_picture
from abn.images.fit import fit_picture
from abn.network.architectures import registry
from abn.network.backbone import load_backbone
from abn.training import loop
from abn.training.sample_order import SampleOrder
from abn.training.sources.class_folders import open_folder
from abn.training.sources.image_files import FileImages
from abn.training.supervised import command, epochs
from abn.training.supervised.options import SQUARE, TABLE
from abn.variants.history import load_history
from abn.variants.store import find_problems, find_variant, load_variant

MINE = ["--epochs", "6", "--out", "mine", "--rate", "0.02", "--seed", "3"]
SPEC = registry.INPUTS[registry.CIFAR]


@pytest.fixture(scope="module")
def colors(tmp_path_factory) -> Path:
    """60 images in three class folders."""
    return squares(tmp_path_factory.mktemp("data") / "colors", 20)


# ---- it learns ----


@pytest.fixture(scope="module")
def learned(tmp_path_factory) -> Path:
    """A folder with a variant trained on 81 images, with 15 for validation and 15 for the test."""
    root = tmp_path_factory.mktemp("divided")
    for part, each, seed in (("train", 27, 1), ("val", 5, 2), ("test", 5, 3)):
        squares(root / "shapes" / part, each, seed)
    assert main(train(root / "shapes", root, *MINE)) == 0
    return root


def records(folder: Path) -> list[dict]:
    (path,) = (folder / "work").glob("*/metrics.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_both_heads_learn(learned):
    card = find_variant("mine", learned / "variants")
    assert not find_problems(learned / "variants")
    for part in ("validation", "test"):
        assert card.measured[part]["count"] == 15 and card.measured[part]["accuracy"] >= 0.9
    before = card.measured["controls"]["before training"]["validation"]
    assert before["accuracy"] < 0.9 and before["count"] == 15
    assert records(learned)[-1]["accuracy_auxiliary"] >= 0.9  # it learns more slowly than the other one


def test_card_says_how_the_variant_was_trained(learned):
    card = find_variant("mine", learned / "variants")
    assert card.trained["command"] == (
        "python -m abn train --data shapes --backbone cifar-resnet20 --mechanism additive --out mine --epochs 6 "
        "--seed 3 --batch 16 --rate 0.02 --precision float32"
    )
    assert str(learned) not in json.dumps(card.to_json())
    assert "81 to train with, 15 to validate with, 15 to test with; moved by up to an eighth" in card.trained["data"]
    assert card.trained["kept"].startswith("epoch ")
    assert (card.trained["steps"], card.trained["schedule"]["batch"], card.trained["processes"]) == (30, 16, 1)
    assert (card.kind, card.license["weights"], card.classes) == ("photograph", "yours", list(COLORS))


def test_variant_is_ready_for_the_app(learned):
    card = find_variant("mine", learned / "variants")
    (explanation,) = explain(open_picture((learned / "shapes/test/red/000.png").read_bytes()), [card])
    assert explanation.top("perception", 1)[0].label == "red"
    history = load_history(card)
    assert history.steps[0] == 0 and history.steps[-1] == history.total
    paths = [learned / f"shapes/val/{name}/000.png" for name in COLORS]
    inputs = [fit_picture(open_picture(path.read_bytes()), card.input).normalized(card.input) for path in paths]
    with torch.inference_mode():
        maps = load_variant(card)(torch.from_numpy(np.stack(inputs))).attention[:, 0].numpy()
    assert history.maps[-1, :3] == pytest.approx(maps, abs=0.03)  # those of the weights that were kept


def test_each_epoch_leaves_a_record_and_a_sheet_of_maps(learned):
    (work,) = (learned / "work").iterdir()
    lines = records(learned)
    assert [line["epoch"] for line in lines] == list(range(7))
    assert [line["step"] for line in lines] == [int(81 * epoch / 16) for epoch in range(7)]
    assert lines[-1]["loss"] < lines[1]["loss"]
    assert all(line["seconds"] > 0 and line["images_per_second"] > 0 for line in lines[1:])
    sheets = sorted(path.name for path in (work / "maps").iterdir())
    assert sheets == [f"epoch-{epoch:03}.png" for epoch in range(7)]
    assert len({(work / "maps" / name).read_bytes() for name in sheets}) == 7


def test_same_command_changes_nothing_and_another_is_refused(learned, capsys):
    before = find_variant("mine", learned / "variants")
    command = train(learned / "shapes", learned, *MINE)
    assert main(command) == 0
    assert find_variant("mine", learned / "variants") == before
    assert main([*command, "--weight-decay", "0"]) == 1
    assert "mine" in capsys.readouterr().err
    assert main([*command, "--weight-decay", "0", "--out", "other"]) == 1
    state = next((learned / "work").glob("*/*.pt")).name
    assert loop.OTHER_SETTINGS.format(name=state) in capsys.readouterr().err


# ---- the best epoch ----


@pytest.mark.slow
def test_best_validation_epoch_is_kept_and_not_the_last(colors, tmp_path, monkeypatch):
    states, measure = [], epochs.measure

    def worse_and_worse(network, *args, **more):
        """Real figures, but for an accuracy that is highest after epoch 1 and, equal to it, after epoch 2."""
        accuracy = [1.0, 0.8, 0.8, 0.3][len(states)]
        states.append({name: value.clone() for name, value in network.state_dict().items()})
        return {**measure(network, *args, **more), "accuracy": accuracy}

    monkeypatch.setattr(epochs, "measure", worse_and_worse)
    assert main(train(colors, tmp_path, "--epochs", "3")) == 0
    card = find_variant(NAME, tmp_path / "variants")
    kept = load_variant(card).state_dict()
    assert card.trained["kept"].startswith("epoch 1 of 3")
    for name, value in kept.items():
        assert torch.allclose(value.double(), states[1][name].double(), atol=1e-2, rtol=1e-2), name
    assert not torch.allclose(kept["extractor.conv1.weight"], states[-1]["extractor.conv1.weight"], atol=1e-3)
    assert load_history(card).total == 3  # the history ends with what was kept


# ---- stopped and resumed ----


@pytest.mark.slow
def test_killed_training_comes_to_the_same_end_bit_for_bit(colors, tmp_path):
    more = ["--epochs", "3"]
    assert main(train(colors, tmp_path / "whole", *more)) == 0
    command = train(colors, tmp_path / "killed", *more, "--save-each", "1", "--workers", "2")
    kill_at(5, start_process(command), tmp_path / "killed/work")  # 51 images, 16 a step: within the second epoch
    assert not (tmp_path / "killed/variants").exists()
    assert main(command) == 0
    first, second = (find_variant(NAME, tmp_path / folder / "variants") for folder in ("whole", "killed"))
    assert first.sha256 == second.sha256
    assert first.measured == second.measured
    assert np.array_equal(load_history(first).maps, load_history(second).maps)


def test_two_trainings_do_not_share_a_work_folder(colors, tmp_path, capsys):
    lock = tmp_path / f"work/{NAME}-1/{NAME}-1.lock"
    lock.parent.mkdir(parents=True)
    code = (
        f"import fcntl, sys; file = open({str(lock)!r}, 'w'); fcntl.lockf(file, fcntl.LOCK_EX); "
        "print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        assert main(train(colors, tmp_path)) == 1
        other.stdin.close()
    assert capsys.readouterr().err.strip() == command.IN_USE


# ---- the images ----


@pytest.mark.parametrize("augment", ["timm", "shift"])
def test_augmentation_depends_on_seed_epoch_and_image_alone(colors, augment):
    files = open_folder(colors, held_out=0.15, seed=1).training
    order = SampleOrder(len(files), batch=8, epochs=3, seed=5)
    alone = list(FileImages(files, SPEC, augment=augment).training_batches(order, 0, slice(8)))
    shared = FileImages(files, SPEC, augment=augment, workers=2)
    later = list(shared.training_batches(order, 10, slice(4, 8)))
    assert len(alone) == 19 and len(later) == 9
    for (images, labels), (half, half_labels) in zip(alone[10:], later, strict=True):
        assert torch.equal(images[4:], half) and torch.equal(labels[4:], half_labels)
    by_epoch = [
        {int(i): image for step in steps for i, image in zip(order[step][1], alone[step][0], strict=True)}
        for steps in (range(6), range(7, 12))
    ]
    pairs = [(by_epoch[0][i], by_epoch[1][i]) for i in by_epoch[0].keys() & by_epoch[1].keys()]
    assert pairs and not all(torch.equal(*pair) for pair in pairs)  # another epoch, another draw


def test_images_are_measured_as_the_app_shows_them(colors):
    files = open_folder(colors, held_out=0.15, seed=1).validation
    ((images, labels),) = FileImages(files, SPEC, augment="timm").plain_batches(np.array([0, 4, 8]), 8)
    assert labels.tolist() == [0, 1, 2]
    assert np.array_equal(images[1].numpy(), fit_picture(files.open(4), SPEC).normalized(SPEC))


def test_image_that_goes_missing_while_training_is_named(tmp_path):
    files = open_folder(squares(tmp_path, 3), held_out=0.3, seed=1).training
    (tmp_path / files.names[2]).unlink()
    with pytest.raises(ValueError, match=f"^{files.names[2]}: this file can't be read"):
        list(FileImages(files, SPEC, workers=1).plain_batches(np.arange(4), 2))


# ---- other recipes, other backbones ----


def test_weights_of_a_backbone_alone_start_it_with_a_new_classifier_and_classes_in_an_asked_order(colors, tmp_path):
    backbone = load_backbone("test_resnet", num_classes=7)
    weights = tmp_path / "plain.safetensors"
    safetensors.torch.save_file(backbone.state_dict(), weights)
    more = ["--backbone", "test_resnet", "--size", "64", "--epochs", "0.4", "--rate", "1e-9", "--weights", str(weights)]
    (tmp_path / "order.txt").write_text("red\nblue\ngreen\n")
    more += ["--classes", str(tmp_path / "order.txt")]
    more += ["--optimizer", "adamw", "--warm-up", "0.2", "--augment", "timm", "--mechanism", "none", "--out", "started"]
    assert main(train(colors, tmp_path, *more)) == 0
    card = find_variant("started", tmp_path / "variants")
    assert card.trained["weights"] == "plain.safetensors, with a new classifier"
    assert card.classes == ["red", "blue", "green"] and "--classes order.txt" in card.trained["command"]
    assert "plain.safetensors" in card.license["source"] and card.input.size == 64
    state, plain = load_variant(card).state_dict(), backbone.state_dict()
    name = next(name for name in plain if name.endswith("conv1.0.weight") or name == "conv1.weight")
    assert torch.allclose(state[f"extractor.{name}"], plain[name], atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (["--data", "nowhere"], "nowhere"),
        (["--backbone", "resnet81"], "resnet81"),
        (["--backbone", "cifar-resnet21"], "cifar-resnet21"),
        (["--epochs", "0.1"], "less than one step"),
        (["--rate", "nan"], "--rate"),
        (["--out", "a/b"], "variant's name"),
        (["--validation", "1"], "between 0 and 1"),
        (["--warm-up", "99"], "--warm-up"),
        (["--size", "3"], "--size 3"),
        (["--classes", "nowhere.txt"], "check --classes"),
        (["--weights", "x.safetensors"], "random weights"),
        (["--backbone", "test_resnet", "--weights", "x.safetensors"], "x.safetensors can't be read"),
        (["--data", "cluttered-fashion", "--backbone", "resnet18"], "have small images"),
        (["--data", "cifar100", "--size", "64"], "have small images"),
        (["--data", "fashion-mnist"], "choose cifar100 or cluttered-fashion"),
        (["--schedule", "one-cycle", "--cuts", "0.5"], "one-cycle schedule has no cuts and no warm-up"),
        (["--schedule", "one-cycle", "--warm-up", "1"], "one-cycle schedule has no cuts and no warm-up"),
        (["--data", "cifar100", "--cuts", "0.5"], "use --schedule cuts"),
    ],
)
def test_what_can_not_be_is_one_sentence_before_the_first_step(colors, tmp_path, capsys, more, expected):
    assert main(train(colors, tmp_path, *more)) == 1
    error = capsys.readouterr().err
    assert expected in error and "Traceback" not in error
    assert not list(tmp_path.rglob("*.pt")) and not (tmp_path / "variants").exists()


def test_table_of_labels_is_one_sentence(tmp_path, capsys):
    table = tmp_path / "labels.csv"
    table.write_text("a.jpg,cat dog\n")
    assert main(train(table, tmp_path)) == 1
    assert capsys.readouterr().err.strip() == TABLE.format(name="labels.csv")


def test_input_that_is_not_square_is_one_sentence(colors, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(train(colors, tmp_path, "--size", "224x160"))
    assert SQUARE.format(size="224x160") in " ".join(capsys.readouterr().err.split())


def test_missing_gpu_is_one_sentence(colors, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert main(train(colors, tmp_path, "--device", "cuda")) == 1
    assert "--device" in capsys.readouterr().err


def test_training_that_diverges_is_stopped(colors, tmp_path, capsys):
    assert main(train(colors, tmp_path, "--rate", "1e30", "--epochs", "1")) == 1
    assert epochs.NOT_FINITE.format(step=3) in capsys.readouterr().err
    assert not (tmp_path / "variants").exists()


def test_folder_that_can_not_be_written_is_one_sentence(colors, tmp_path, capsys):
    (tmp_path / "work").write_text("a file where the folder should be")
    assert main(train(colors, tmp_path)) == 1
    assert "work folder" in capsys.readouterr().err
