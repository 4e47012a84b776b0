"""Class folders: all that is wrong is named at once, and how the images are divided."""

import errno
import os
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from class_folders import squares
from PIL import Image

from abn.training.sources import class_folders
from abn.training.sources.class_folders import ClassFolders, DataError, open_folder


def opened(root: Path, **more) -> ClassFolders:
    return open_folder(root, **{"held_out": 0.2, "seed": 1, "workers": 2, **more})


def problems(root: Path, **more) -> list[str]:
    """What is wrong with a folder, a sentence each."""
    with pytest.raises(DataError) as error:
        opened(root, **more)
    return str(error.value).split("\n- ")[1:] or [str(error.value)]


def pixel(path: Path, value: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (20, 20), (value, 0, 0)).save(path)


# ---- how they are divided ----


def test_same_share_of_each_class_is_held_out_by_the_seed(tmp_path):
    squares(tmp_path, 10)
    for i in range(20):
        pixel(tmp_path / f"crimson/{i}.png", i)
    folders = opened(tmp_path)
    assert folders.classes == ("blue", "crimson", "green", "red")
    assert np.bincount(folders.validation.labels).tolist() == [2, 4, 2, 2]
    assert np.bincount(folders.training.labels).tolist() == [8, 16, 8, 8]
    assert not set(folders.training.names) & set(folders.validation.names)
    assert (folders.held_out, folders.test, folders.notes) == (0.2, None, ())
    assert opened(tmp_path).validation.names == folders.validation.names
    assert opened(tmp_path, seed=2).validation.names != folders.validation.names
    assert folders.validation.open(0).sha256 == folders.validation.sha256[0]


@pytest.mark.parametrize("validation", ["val", "validation", None])
def test_divided_data_set_stays_divided(tmp_path, validation):
    for part, each in (("train", 5), (validation, 2), ("test", 3)):
        if part:
            squares(tmp_path / part, each, seed=each)
    folders = opened(tmp_path)
    sizes = [len(part) for part in (folders.training, folders.validation, folders.test)]
    assert sizes == ([15, 6, 9] if validation else [12, 3, 9])  # without a folder, held out of train
    assert folders.held_out == (None if validation else 0.2)
    assert all(name.startswith(validation or "train") for name in folders.validation.names)


@pytest.mark.parametrize(
    "names",
    [("Train", "Val"), ("Training", "Testing"), ("train", "dev"), ("TRAIN", "TEST"), ("train", "validate", "test")],
)
def test_parts_in_any_usual_spelling(tmp_path, names):
    for seed, name in enumerate(names):
        squares(tmp_path / name, 4, seed=seed)
    folders = opened(tmp_path)
    assert folders.classes == ("blue", "green", "red") and len(folders.training) in (12, 9)
    assert (folders.test is None) == (not names[-1].casefold().startswith("test"))
    assert all(name.startswith(names[0]) for name in folders.training.names)


def test_two_folders_of_one_part_are_refused(tmp_path):
    for name in ("train", "val", "dev"):
        squares(tmp_path / name, 2)
    assert problems(tmp_path) == [class_folders.TWICE.format(names="dev and val")]


def test_folders_that_all_hold_the_same_folders_are_no_classes(tmp_path):
    for name in ("fold1", "fold2"):
        squares(tmp_path / name, 2)
    expected = class_folders.PARTS_OR_CLASSES.format(folders="fold1, fold2", classes="blue, green, red")
    assert problems(tmp_path) == [expected]
    pixel(tmp_path / "fold1/x.png", 3)  # an image of its own makes it a class
    assert opened(tmp_path).classes == ("fold1", "fold2")


def test_classes_are_in_natural_order_or_as_asked_for(tmp_path):
    for name in ("10", "2", "1", "a10", "a9"):
        for value in range(2):
            pixel(tmp_path / name / f"{value}.png", 10 * value)
    assert opened(tmp_path).classes == ("1", "2", "10", "a9", "a10")
    file = tmp_path / "order.txt"
    file.write_text("a9\n\n 10\na10\n1\n2\n", encoding="utf-8-sig")
    names = class_folders.read_class_names(file)
    folders = opened(tmp_path, classes=names)
    assert folders.classes == names == ("a9", "10", "a10", "1", "2")
    assert {Path(name).parent.name for name in np.array(folders.training.names)[folders.training.labels == 1]} == {"10"}
    wrong = problems(tmp_path, classes=("a9", "10", "10", "x", "1", "2"))
    assert [sentence.split("'")[1] for sentence in wrong] == ["a10", "x", "10"]
    file.write_bytes(b"caf\xe9")
    for bad in (file, tmp_path / "nowhere"):
        with pytest.raises(DataError, match=r"check --classes\.$"):
            class_folders.read_class_names(bad)


def test_what_systems_leave_is_passed_over_and_told(tmp_path):
    squares(tmp_path, 3)
    for name in ("@eaDir", "__MACOSX", "$RECYCLE.BIN", "System Volume Information", "lost+found"):
        pixel(tmp_path / name / "x.png", 1)
    pixel(tmp_path / ".ipynb_checkpoints/x.png", 1)
    pixel(tmp_path / "red/@eaDir/x.png", 1)
    folders = opened(tmp_path)
    assert folders.classes == ("blue", "green", "red") and len(folders.training) + len(folders.validation) == 9
    (note,) = folders.notes
    assert all(name in note for name in ("@eaDir", "__MACOSX", "$RECYCLE.BIN", "lost+found"))


@pytest.mark.parametrize(
    "names", [("cat", "cat\u200b"), ("caf\u00e9", "cafe\u0301"), ("a b", "a  b")], ids=["invisible", "accent", "space"]
)
def test_folders_that_look_the_same_are_refused_by_name(tmp_path, names):
    for name in names:
        pixel(tmp_path / name / "x.png", 1)
    (sentence,) = problems(tmp_path)
    assert all(ascii(name) in sentence for name in names)


def test_other_names_stay_classes_of_their_own(tmp_path):
    names = ["caf\udce9", "caf", "x" * 200 + "a", "x" * 200 + "b", "\u200b"]
    for name in names:
        pixel(tmp_path / name / "0.png", 1)
        pixel(tmp_path / name / "1.png", 2)
    assert set(opened(tmp_path).classes) == {"caf\\xe9", *names[1:4], ascii("\u200b")}


def test_parts_whose_names_differ_only_in_their_encoding_fit(tmp_path):
    for part, accent in (("train", "\u00e9"), ("val", "e\u0301")):
        pixel(tmp_path / part / f"caf{accent}/{part}.png", 1)
        pixel(tmp_path / part / f"tea/{part}.png", 2)
    assert opened(tmp_path).classes == ("caf\u00e9", "tea")


def test_class_may_be_called_train(tmp_path):
    squares(tmp_path, 3, classes=("red", "green"))
    (tmp_path / "red").rename(tmp_path / "train")
    assert opened(tmp_path).classes == ("green", "train")


def test_copies_within_a_class_are_held_out_together(tmp_path):
    for name in ("a", "b"):
        for i in range(6):
            pixel(tmp_path / name / f"{i}.png", 10 * i + (100 if name == "b" else 0))
            (tmp_path / name / f"{i} copy.png").write_bytes((tmp_path / name / f"{i}.png").read_bytes())
    folders = opened(tmp_path, held_out=0.5)
    assert len(folders.training) == len(folders.validation) == 12
    assert not set(folders.training.sha256) & set(folders.validation.sha256)


def test_nested_folders_count_and_hidden_and_other_files_do_not(tmp_path):
    squares(tmp_path, 3)
    pixel(tmp_path / "red/deep/deeper/x.JPEG", 7)
    for name in (".hidden.png", ".folder/y.png", "../.git/z.png"):
        pixel(tmp_path / "red" / name, 9)
    (tmp_path / "red/notes.txt").write_text("not an image")
    (tmp_path / "labels.csv").write_text("beside the classes")
    folders = opened(tmp_path)
    names = folders.training.names + folders.validation.names
    assert len(names) == 10 and os.path.join("red", "deep", "deeper", "x.JPEG") in names
    (note,) = folders.notes
    assert "1 files (red/notes.txt)" in note


def test_links_are_followed_but_not_in_circles(tmp_path):
    data = squares(tmp_path / "data", 3)
    elsewhere = squares(tmp_path / "elsewhere", 2, seed=5, classes=("red",))
    (data / "green/up").symlink_to(data)
    (data / "green/itself").symlink_to(data / "green")
    (data / "green/back").symlink_to("itself")
    (data / "white").symlink_to(elsewhere / "red")
    folders = opened(data)
    assert folders.classes == ("blue", "green", "red", "white")
    assert len(folders.training) + len(folders.validation) == 11


# ---- what is wrong ----


def test_all_that_is_wrong_is_named_in_one_error(tmp_path):
    squares(tmp_path, 4)
    (tmp_path / "empty").mkdir()
    pixel(tmp_path / "lonely/one.png", 3)
    (tmp_path / "red/000.png").write_bytes(b"")
    whole = (tmp_path / "red/001.png").read_bytes()
    (tmp_path / "red/001.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "green/gone.jpg").symlink_to("nowhere.jpg")
    expected = ["green/gone.jpg: ", "red/000.png: ", "red/001.png: ", "--skip-bad", "'empty'", "'lonely'"]
    named = problems(tmp_path)
    assert len(named) == len(expected)
    assert all(text in sentence for text, sentence in zip(expected, named, strict=True))


def test_unreadable_folder_is_named_with_all_else_that_is_wrong(tmp_path, monkeypatch):
    squares(tmp_path, 4)
    (tmp_path / "red/000.png").write_bytes(b"")
    for name in ("blue/a", "green/b"):
        (tmp_path / name).mkdir()
    scandir = os.scandir

    def refuse(path):
        if Path(path).name in ("a", "b"):
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    expected = ["blue/a can't be read", "green/b can't be read", "red/000.png: ", "--skip-bad"]
    named = problems(tmp_path)
    assert len(named) == len(expected)
    assert all(text in sentence for text, sentence in zip(expected, named, strict=True))


def test_progress_is_logged_by_time(tmp_path, monkeypatch, caplog):
    squares(tmp_path, 2)
    seconds = iter(range(0, 100, 3))
    monkeypatch.setattr(class_folders, "time", SimpleNamespace(monotonic=lambda: next(seconds)))
    with caplog.at_level("INFO", class_folders.__name__):
        opened(tmp_path)
    assert [record.args for record in caplog.records] == [(2, 6), (4, 6), (6, 6)]


def test_bad_files_are_left_out_and_noted(tmp_path):
    squares(tmp_path, 4)
    (tmp_path / "red/000.png").write_bytes(b"<html>")
    folders = opened(tmp_path, skip_bad=True)
    assert len(folders.training) + len(folders.validation) == 11
    assert len(folders.notes) == 1 and "red/000.png" in folders.notes[0]
    for path in (tmp_path / "blue").iterdir():
        path.write_bytes(b"")
    (problem,) = problems(tmp_path, skip_bad=True)
    assert "'blue'" in problem


def test_many_bad_files_are_counted(tmp_path):
    squares(tmp_path, 4)
    for i in range(30):
        (tmp_path / f"red/bad{i}.png").write_bytes(b"x")
    named = problems(tmp_path)
    assert sum("red/bad" in sentence for sentence in named) == class_folders.MAX_LISTED
    assert any("10 more" in sentence for sentence in named)


@pytest.mark.parametrize("classes", [(), ("red",)])
def test_it_takes_two_classes(tmp_path, classes):
    squares(tmp_path, 3, classes=classes)
    (problem,) = problems(tmp_path)
    assert "two classes or more" in problem


def test_parts_must_have_the_same_classes(tmp_path):
    squares(tmp_path / "train", 3)
    squares(tmp_path / "val", 3, seed=1, classes=("red", "green"))
    pixel(tmp_path / "val/white/x.png", 200)
    white, blue = problems(tmp_path)
    assert "'white' is in val and not in train" in white and "'blue'" in blue


def test_image_to_train_and_to_validate_with_is_noted(tmp_path):
    for part, seed in (("train", 1), ("val", 2)):
        squares(tmp_path / part, 3, seed)
    (tmp_path / "val/red/copy.png").write_bytes((tmp_path / "train/red/001.png").read_bytes())
    (note,) = opened(tmp_path).notes
    assert note.startswith("1 of 10 ") and "val/red/copy.png is train/red/001.png" in note


def test_images_in_two_classes_are_noted(tmp_path):
    for i in range(6):
        pixel(tmp_path / f"cat/{i}.png", i)
        pixel(tmp_path / f"dog/{i}.png", i if i < 2 else 100 + i)
    pattern = re.escape(class_folders.TWO_CLASSES.format(count=2, copy="COPY", original="ORIGINAL"))
    pattern = pattern.replace("COPY", r"(?P<copy>\S+)").replace("ORIGINAL", r"(?P<original>\S+)")
    (pair,) = filter(None, (re.fullmatch(pattern, note) for note in opened(tmp_path).notes))
    copy, original = Path(pair["copy"]), Path(pair["original"])
    assert {copy.parent.name, original.parent.name} == {"cat", "dog"} and copy.name == original.name


def test_missing_folder_is_an_error(tmp_path):
    with pytest.raises(DataError, match="nowhere"):
        opened(tmp_path / "nowhere")


def test_name_can_not_carry_control_characters_into_a_message(tmp_path):
    squares(tmp_path, 3)
    (tmp_path / "red/\x1b[31mbad\n.png").write_bytes(b"x")
    named = "\n".join(problems(tmp_path))
    assert "\x1b" not in named and "red/[31mbad" in named
