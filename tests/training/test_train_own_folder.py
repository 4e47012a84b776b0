"""`python -m abn train` on class folders of one's own: it learns, keeps the best epoch, is stopped and goes on."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from class_folders import COLORS, ROOT, killed_at, process, squares, train

from abn.__main__ import main
from abn.explanations.explainer import explain
from abn.images.decode import open_picture
from abn.images.fit import fit_picture
from abn.network.backbone import load_backbone
from abn.training import epochs, image_files
from abn.training.class_folders import open_folder
from abn.training.sample_order import Order
from abn.variants.history import load_life
from abn.variants.store import find_variant, load_variant, problems

MINE = ["--epochs", "6", "--out", "mine", "--rate", "0.02", "--seed", "3"]


@pytest.fixture(scope="module")
def colors(tmp_path_factory) -> Path:
    """60 pictures in three class folders."""
    return squares(tmp_path_factory.mktemp("data") / "colors", 20)


# ---- it learns ----


@pytest.fixture(scope="module")
def learned(tmp_path_factory) -> Path:
    """A folder with a variant that came of 80 pictures in train, 15 in val and 15 in test."""
    root = tmp_path_factory.mktemp("divided")
    for part, each, seed in (("train", 27, 1), ("val", 5, 2), ("test", 5, 3)):
        squares(root / "shapes" / part, each, seed)
    assert main(train(root / "shapes", root, *MINE)) == 0
    return root


def test_it_learns_with_both_heads_and_the_test_pictures_are_measured_once(learned):
    card = find_variant("mine", learned / "variants")
    assert not problems(learned / "variants")
    for part in ("validation", "test"):
        assert card.measured[part]["count"] == 15
        assert card.measured[part]["accuracy"] >= 0.9
    before = card.measured["controls"]["before training"]["validation"]
    assert before["accuracy"] < 0.9 and before["count"] == 15
    assert json.loads(_lines(learned)[-1])["accuracy_auxiliary"] >= 0.9  # it learns more slowly than the other one


def _lines(folder: Path) -> list[str]:
    (found,) = (folder / "work").glob("*/metrics.jsonl")
    return found.read_text().splitlines()


def test_the_card_says_all(learned):
    card = find_variant("mine", learned / "variants")
    assert card.trained["command"] == (
        "python -m abn train --data shapes --backbone cifar-resnet20 --mechanism additive --out mine --epochs 6 "
        "--seed 3 --batch 16 --rate 0.02"
    )
    assert str(learned) not in json.dumps(card.to_json())
    assert "81 to train with, 15 to validate with, 15 to test with; moved by up to an eighth" in card.trained["data"]
    assert card.trained["kept"].startswith("epoch ") and "test pictures had no say" in card.trained["kept"]
    assert (card.trained["steps"], card.trained["schedule"]["batch"], card.trained["processes"]) == (30, 16, 1)
    assert (card.kind, card.license["weights"], card.classes) == ("photograph", "yours", list(COLORS))
    assert card.summary == "Knows 3 kinds of picture: blue, green, red."


def test_the_variant_is_ready_for_the_app(learned):
    card = find_variant("mine", learned / "variants")
    path = learned / "shapes/test/red/000.png"
    (found,) = explain(open_picture(path.read_bytes()), [card])
    assert found.top("perception", 1)[0].label == "red"
    life = load_life(card)
    assert life.steps[0] == 0 and life.steps[-1] == life.total
    with torch.inference_mode():
        images = [
            fit_picture(open_picture((learned / f"shapes/val/{name}/000.png").read_bytes()), card.input).normalized(
                card.input
            )
            for name in COLORS
        ]
        maps = load_variant(card)(torch.from_numpy(np.stack(images))).attention[:, 0].numpy()
    assert life.maps[-1, :3] == pytest.approx(maps, abs=0.03)  # those of the weights that were kept


def test_each_epoch_leaves_a_line_and_a_sheet_of_maps(learned):
    (work,) = (learned / "work").iterdir()
    records = [json.loads(line) for line in _lines(learned)]
    assert [record["epoch"] for record in records] == list(range(7))
    assert [record["step"] for record in records] == [int(81 * epoch / 16) for epoch in range(7)]
    assert records[-1]["loss"] < records[1]["loss"]
    assert all(record["seconds"] > 0 and record["images_per_second"] > 0 for record in records[1:])
    sheets = sorted(path.name for path in (work / "maps").iterdir())
    assert sheets == [f"epoch-{epoch:03}.png" for epoch in range(7)]
    assert len({(work / "maps" / name).read_bytes() for name in sheets}) == 7


def test_the_same_command_again_changes_nothing_and_another_is_refused(learned, capsys):
    before = find_variant("mine", learned / "variants")
    again = train(learned / "shapes", learned, *MINE)
    assert main(again) == 0
    assert find_variant("mine", learned / "variants") == before
    assert main([*again, "--weight-decay", "0"]) == 1
    assert "another command made" in capsys.readouterr().err
    assert main([*again, "--weight-decay", "0", "--out", "other"]) == 1
    assert "made with other settings" in capsys.readouterr().err


# ---- the best epoch ----


def test_what_is_kept_is_the_best_validation_epoch_and_not_the_last(colors, tmp_path, monkeypatch):
    seen, measure = [], epochs.measure

    def worse_and_worse(network, *args, **more):
        """Real figures, but for an accuracy that is best after epoch 1 and, equal to it, after epoch 2."""
        accuracy = [1.0, 0.8, 0.8, 0.3, 0.1][len(seen)]
        seen.append({name: value.clone() for name, value in network.state_dict().items()})
        return {**measure(network, *args, **more), "accuracy": accuracy}

    monkeypatch.setattr(epochs, "measure", worse_and_worse)
    assert main(train(colors, tmp_path, "--epochs", "4")) == 0
    card = find_variant("colors-cifar-resnet20-additive", tmp_path / "variants")
    kept = load_variant(card).state_dict()
    assert card.trained["kept"].startswith("epoch 1 of 4")
    for name, value in kept.items():
        assert torch.allclose(value.double(), seen[1][name].double(), atol=1e-2, rtol=1e-2), name
    assert not torch.allclose(kept["extractor.conv1.weight"], seen[-1]["extractor.conv1.weight"], atol=1e-3)
    assert load_life(card).total == 3  # the life ends with what was kept


# ---- stopped and resumed ----


@pytest.fixture(scope="module")
def whole(colors, tmp_path_factory) -> Path:
    """A variant of a training that nothing stopped."""
    folder = tmp_path_factory.mktemp("whole")
    assert main(train(colors, folder, "--epochs", "3", "--precision", "float32")) == 0
    return folder


def test_a_killed_training_comes_to_the_same_end_bit_for_bit(colors, whole, tmp_path):
    command = train(colors, tmp_path, "--epochs", "3", "--precision", "float32", "--save-each", "1", "--workers", "2")
    killed_at(5, process(command), tmp_path / "work")  # 51 pictures, 16 a step: in the middle of the second epoch
    assert not (tmp_path / "variants").exists()
    assert main(command) == 0
    name = "colors-cifar-resnet20-additive"
    first, second = (find_variant(name, folder / "variants") for folder in (whole, tmp_path))
    assert first.sha256 == second.sha256
    assert first.measured == second.measured
    assert np.array_equal(load_life(first).maps, load_life(second).maps)


def test_two_at_once_do_not_share_a_work_folder(colors, tmp_path, capsys):
    lock = tmp_path / "work/colors-cifar-resnet20-additive-1/colors-cifar-resnet20-additive-1.lock"
    lock.parent.mkdir(parents=True)
    code = (
        f"import fcntl, sys; file = open({str(lock)!r}, 'w'); fcntl.lockf(file, fcntl.LOCK_EX); "
        "print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        assert main(train(colors, tmp_path)) == 1
        other.stdin.close()
    assert "Another process is at this training" in capsys.readouterr().err


# ---- the pictures ----


def test_what_is_drawn_for_a_picture_depends_on_seed_pass_and_picture_alone(colors):
    found = open_folder(colors, held_out=0.15, seed=1)
    for augment in ("timm", "shift", "flip"):
        spec = find_input(32)
        order = Order(len(found.training), batch=8, epochs=3, seed=5)
        alone = image_files.FilePictures(found.training, spec, augment=augment)
        shared = image_files.FilePictures(found.training, spec, augment=augment, workers=2)
        everything = list(alone.batches(order, 0, slice(0, 8)))
        later = list(shared.batches(order, 10, slice(4, 8)))
        assert len(everything) == 19 and len(later) == 9
        for (images, labels), (halves, half_labels) in zip(everything[10:], later, strict=True):
            assert torch.equal(images[4:], halves) and torch.equal(labels[4:], half_labels)
        first = {int(i): image for i, image in zip(order[0][1], everything[0][0], strict=True)}
        again = [
            (first[int(i)], image)
            for step in range(7, 13)
            for i, image in zip(order[step][1], everything[step][0], strict=True)
            if int(i) in first
        ]
        assert again and not all(torch.equal(*pair) for pair in again)  # another pass, another draw


def find_input(size: int):
    from abn.network.architectures import registry

    assert registry.INPUTS[registry.CIFAR].size == size
    return registry.INPUTS[registry.CIFAR]


def test_pictures_are_measured_as_the_app_shows_them(colors):
    found = open_folder(colors, held_out=0.15, seed=1)
    spec = find_input(32)
    files = image_files.FilePictures(found.validation, spec, augment="timm")
    ((images, labels),) = files.plain(np.array([0, 4, 8]), 8)
    assert labels.tolist() == [0, 1, 2]
    expected = fit_picture(found.validation.open(4), spec).normalized(spec)
    assert np.array_equal(images[1].numpy(), expected)


def test_a_picture_that_goes_missing_while_training_is_named(colors, tmp_path):
    copy = squares(tmp_path / "copy", 3)
    found = open_folder(copy, held_out=0.3, seed=1)
    (copy / found.training.names[2]).unlink()
    files = image_files.FilePictures(found.training, find_input(32), workers=1)
    with pytest.raises(ValueError, match=f"^{found.training.names[2]}: this file can't be read"):
        list(files.plain(np.arange(4), 2))


def test_an_order_is_a_permutation_a_pass_and_can_be_entered_anywhere():
    order = Order(10, batch=4, epochs=3, seed=2)
    assert len(order) == 7 and order.ends() == [2, 5, 7]
    passes, which = (np.concatenate(part) for part in zip(*(order[step] for step in range(7)), strict=True))
    assert passes.tolist() == [0] * 10 + [1] * 10 + [2] * 8
    assert sorted(which[:10]) == sorted(which[10:20]) == list(range(10))
    assert which[:10].tolist() != which[10:20].tolist()
    other = Order(10, batch=4, epochs=3, seed=2)
    for step in (6, 1, 4, 2):
        assert np.array_equal(other[step][1], which[4 * step : 4 * step + 4])


# ---- other recipes, other backbones ----


def test_weights_of_a_plain_backbone_start_it_their_classifier_made_anew(colors, tmp_path):
    backbone = load_backbone("resnet10t", num_classes=7)
    weights = tmp_path / "plain.safetensors"
    safetensors.torch.save_file(backbone.state_dict(), weights)
    more = ["--backbone", "resnet10t", "--size", "64", "--epochs", "0.4", "--rate", "1e-9", "--weights", str(weights)]
    more += ["--optimizer", "adamw", "--warm-up", "0.2", "--augment", "timm", "--mechanism", "none", "--out", "grown"]
    assert main(train(colors, tmp_path, *more)) == 0
    card = find_variant("grown", tmp_path / "variants")
    assert card.trained["weights"] == "plain.safetensors, its classifier made anew for 3 classes"
    assert "whose license goes on" in card.license["source"]
    assert (card.input.size, card.map_size) == (64, (4, 4))
    state = load_variant(card).state_dict()
    assert torch.allclose(
        state["extractor.conv1.0.weight"], backbone.state_dict()["conv1.0.weight"], atol=1e-3, rtol=1e-3
    )
    (file,) = (tmp_path / "work").glob("*/*.pt")
    learned = torch.load(file, weights_only=True)["learned"]
    assert "attention_branch.map_head.weight" not in learned  # no loss reaches it


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--data", "nowhere"], "There is no folder 'nowhere'"),
        (["--backbone", "resnet81"], "timm knows no backbone named 'resnet81'"),
        (["--backbone", "cifar-resnet21"], "The paper has no network 'cifar-resnet21'"),
        (["--epochs", "0.1"], "not one step"),
        (["--epochs", "0"], "more than nothing"),
        (["--rate", "nan"], "more than nothing"),
        (["--out", "a/b"], "can't be a variant's name"),
        (["--validation", "1"], "between 0 and 1"),
        (["--cuts", "2"], "between 0 and 1"),
        (["--warm-up", "99"], "warm-up must end"),
        (["--size", "3"], "can't be 3 pixels"),
        (["--weights", "x.safetensors"], "start from random weights"),
        (["--backbone", "resnet10t", "--weights", "x.safetensors"], "x.safetensors can't be read"),
        (["--data", "fashion-mnist", "--backbone", "resnet18"], "small and gray"),
    ],
)
def test_what_can_not_be_is_one_sentence_before_the_first_step(colors, tmp_path, capsys, more, said):
    assert main(train(colors, tmp_path, *more)) == 1
    error = capsys.readouterr().err
    assert said in error and "Traceback" not in error
    assert not list(tmp_path.rglob("*.pt")) and not (tmp_path / "variants").exists()


def test_cuda_is_asked_for_in_vain_where_there_is_none(colors, tmp_path, capsys):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    assert main(train(colors, tmp_path, "--device", "cuda")) == 1
    assert "no CUDA device" in capsys.readouterr().err


def test_a_training_that_comes_apart_is_stopped_and_said(colors, tmp_path, capsys):
    assert main(train(colors, tmp_path, "--rate", "1e30", "--epochs", "2", "--precision", "float32")) == 1
    assert "The loss is no number any more" in capsys.readouterr().err
    assert not (tmp_path / "variants").exists()


def test_a_folder_that_can_not_be_written_is_one_sentence(colors, tmp_path, capsys):
    (tmp_path / "work").write_text("a file where the folder should be")
    assert main(train(colors, tmp_path)) == 1
    assert "work folder" in capsys.readouterr().err
    (tmp_path / "work").unlink()
    (tmp_path / "variants").write_text("here too")
    assert main(train(colors, tmp_path, "--epochs", "0.4")) == 1
    assert "variants (File exists)" in capsys.readouterr().err


@pytest.mark.parametrize("more", [["--peak", "0"], ["--utilization", "2"], ["--pictures", "0"], ["--gpus", "0"]])
def test_an_estimate_of_nothing_is_an_error(more, capsys):
    assert main(["train", "--estimate", "--backbone", "cifar-resnet20", *more]) == 1
    assert "more than nothing" in capsys.readouterr().err


def test_an_estimate_is_three_forward_passes_of_every_picture(capsys):
    assert main(["train", "--estimate", "--backbone", "cifar-resnet20", "--classes", "10", "--pictures", "1000"]) == 0
    told = capsys.readouterr().out
    forward = 55_410_688 + 105_000_000 + 26_214_784
    assert f"{3 * forward * 1000 * 90:.1e}"[:3] in told
    assert "1,000 pictures × 90 epochs" in told and "312 TFLOP/s" in told


def test_what_the_documentation_says_of_imagenet_is_what_the_command_prints(capsys):
    page = (ROOT / "docs/training.md").read_text(encoding="utf-8")
    assert main(["train", "--estimate"]) == 0
    told = page.partition("<!-- estimate: python -m abn train --estimate -->\n")[2].partition("<!-- /estimate -->")[0]
    assert told == capsys.readouterr().out
