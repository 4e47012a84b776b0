"""Class folders: all that is wrong is named at once, and how the images are divided."""

import errno
import os
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


def test_missing_folder_is_an_error(tmp_path):
    with pytest.raises(DataError, match="nowhere"):
        opened(tmp_path / "nowhere")


def test_name_can_not_carry_control_characters_into_a_message(tmp_path):
    squares(tmp_path, 3)
    (tmp_path / "red/\x1b[31mbad\n.png").write_bytes(b"x")
    named = "\n".join(problems(tmp_path))
    assert "\x1b" not in named and "red/[31mbad" in named
