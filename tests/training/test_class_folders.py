"""Class folders: what is found wrong is named at once and together, and how the pictures are divided."""

import os
from pathlib import Path

import numpy as np
import pytest
from class_folders import squares
from PIL import Image

from abn.training import class_folders
from abn.training.class_folders import DataError, open_folder


def opened(root: Path, **more):
    return open_folder(root, **{"held_out": 0.2, "seed": 1, "workers": 2, **more})


def pixel(path: Path, value: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (20, 20), (value, 0, 0)).save(path)


# ---- how they are divided ----


def test_the_same_share_of_each_class_is_held_out_by_the_seed(tmp_path):
    squares(tmp_path, 10)
    squares(tmp_path / "more", 20, seed=9, classes=("red",))
    (tmp_path / "more/red").rename(tmp_path / "crimson")
    (tmp_path / "more").rmdir()
    found = opened(tmp_path)
    assert found.classes == ("blue", "crimson", "green", "red")
    assert np.bincount(found.validation.labels).tolist() == [2, 4, 2, 2]
    assert np.bincount(found.training.labels).tolist() == [8, 16, 8, 8]
    assert not set(found.training.names) & set(found.validation.names)
    assert (found.held_out, found.test, found.notes) == (0.2, None, ())
    assert opened(tmp_path).validation.names == found.validation.names
    assert opened(tmp_path, seed=2).validation.names != found.validation.names
    assert found.validation.open(0).sha256 == found.validation.sha256[0]


@pytest.mark.parametrize("validation", ["val", "valid", "validation"])
def test_a_set_that_comes_divided_stays_so(tmp_path, validation):
    for part, each in (("train", 4), (validation, 2), ("test", 3)):
        squares(tmp_path / part, each, seed=each)
    found = opened(tmp_path)
    assert [len(part) for part in (found.training, found.validation, found.test)] == [12, 6, 9]
    assert found.held_out is None
    assert all(name.startswith(validation) for name in found.validation.names)


def test_without_a_folder_to_validate_with_it_is_held_out_of_train(tmp_path):
    for part, each in (("train", 5), ("test", 3)):
        squares(tmp_path / part, each, seed=each)
    found = opened(tmp_path)
    assert [len(part) for part in (found.training, found.validation, found.test)] == [12, 3, 9]
    assert all(name.startswith("train") for name in found.validation.names)


def test_a_class_may_be_called_train(tmp_path):
    squares(tmp_path, 3, classes=("red", "green"))
    (tmp_path / "red").rename(tmp_path / "train")
    assert opened(tmp_path).classes == ("green", "train")


def test_copies_within_a_class_are_held_out_together(tmp_path):
    for name in ("a", "b"):
        for i in range(6):
            pixel(tmp_path / name / f"{i}.png", 10 * i + (100 if name == "b" else 0))
            (tmp_path / name / f"{i} copy.png").write_bytes((tmp_path / name / f"{i}.png").read_bytes())
    found = opened(tmp_path, held_out=0.5)
    assert len(found.training) == len(found.validation) == 12
    assert not set(found.training.sha256) & set(found.validation.sha256)


def test_folders_may_be_nested_and_hidden_files_and_others_are_left_out(tmp_path):
    squares(tmp_path, 3)
    pixel(tmp_path / "red/deep/deeper/x.JPEG", 7)
    for name in (".hidden.png", ".folder/y.png", "../.git/z.png"):
        pixel(tmp_path / "red" / name, 9)
    (tmp_path / "red/notes.txt").write_text("not a picture")
    (tmp_path / "labels.csv").write_text("beside the classes")
    found = opened(tmp_path)
    names = found.training.names + found.validation.names
    assert len(names) == 10 and os.path.join("red", "deep", "deeper", "x.JPEG") in names
    assert found.notes == ("Left out, as their names don't end as a picture's: 1 files (red/notes.txt).",)


def test_links_are_followed_but_not_in_circles(tmp_path):
    data = squares(tmp_path / "data", 3)
    elsewhere = squares(tmp_path / "elsewhere", 2, seed=5, classes=("red",))
    (data / "green/up").symlink_to(data)
    (data / "green/itself").symlink_to(data / "green")
    (data / "green/back").symlink_to("itself")
    (data / "white").symlink_to(elsewhere / "red")
    found = opened(data)
    assert found.classes == ("blue", "green", "red", "white")
    assert len(found.training) + len(found.validation) == 11


# ---- what is wrong ----


def test_all_that_is_wrong_is_named_in_one_error(tmp_path):
    squares(tmp_path, 4)
    (tmp_path / "empty").mkdir()
    pixel(tmp_path / "lonely/one.png", 3)
    (tmp_path / "red/000.png").write_bytes(b"")
    whole = (tmp_path / "red/001.png").read_bytes()
    (tmp_path / "red/001.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "green/gone.jpg").symlink_to("nowhere.jpg")
    with pytest.raises(DataError) as caught:
        opened(tmp_path)
    lines = str(caught.value).split("\n- ")
    assert lines[0] == f"The pictures in {tmp_path.name} can't be trained with:"
    assert lines[1:] == [
        "green/gone.jpg: this file can't be read (No such file or directory).",
        "red/000.png: This file is empty: choose it again, or choose another picture.",
        "red/001.png: This picture cannot be decoded; it may be damaged, cut short or of a rare kind: "
        "save it again as PNG or JPEG.",
        "Files that can't be opened are left out with --skip-bad.",
        "The class 'empty' has no picture.",
        "The class 'lonely' has one picture: it takes two, to train and to validate with.",
    ]


def test_bad_files_are_left_out_where_that_is_wanted_and_told(tmp_path):
    squares(tmp_path, 4)
    (tmp_path / "red/000.png").write_bytes(b"<html>")
    found = opened(tmp_path, skip_bad=True)
    assert len(found.training) + len(found.validation) == 11
    assert len(found.notes) == 1 and found.notes[0].startswith("Left out: red/000.png: This file is not a picture")
    for path in (tmp_path / "blue").iterdir():
        path.write_bytes(b"")
    with pytest.raises(DataError, match="The class 'blue' has no picture that can be opened"):
        opened(tmp_path, skip_bad=True)


def test_many_bad_files_are_counted(tmp_path):
    squares(tmp_path, 4)
    for i in range(30):
        (tmp_path / f"red/bad{i}.png").write_bytes(b"x")
    with pytest.raises(DataError) as caught:
        opened(tmp_path)
    assert str(caught.value).count("is not a picture") == class_folders.NAMED and "… and 10 more." in str(caught.value)


@pytest.mark.parametrize(
    ("classes", "said"),
    [((), "There are no class folders in it"), (("red",), "There is one class only, 'red', in it")],
)
def test_it_takes_two_classes(tmp_path, classes, said):
    squares(tmp_path, 3, classes=classes)
    with pytest.raises(DataError, match=said):
        opened(tmp_path)


def test_parts_must_have_the_same_classes(tmp_path):
    squares(tmp_path / "train", 3)
    squares(tmp_path / "val", 3, seed=1, classes=("red", "green"))
    pixel(tmp_path / "val/white/x.png", 200)
    with pytest.raises(DataError) as caught:
        opened(tmp_path)
    assert "The class 'white' is in val and not in train." in str(caught.value)
    assert "The class 'blue' has no picture in val." in str(caught.value)


def test_a_picture_to_train_and_to_validate_with_is_told(tmp_path):
    for part, seed in (("train", 1), ("val", 2)):
        squares(tmp_path / part, 3, seed)
    (tmp_path / "val/red/copy.png").write_bytes((tmp_path / "train/red/001.png").read_bytes())
    found = opened(tmp_path)
    assert found.notes == (
        "1 of 10 pictures to validate with are trained with too, byte for byte (val/red/copy.png is "
        "train/red/001.png): figures on them say too much.",
    )


def test_a_folder_that_is_none_is_an_error(tmp_path):
    with pytest.raises(DataError, match="There is no folder"):
        opened(tmp_path / "nowhere")


def test_a_name_can_not_carry_control_characters_into_a_message(tmp_path):
    squares(tmp_path, 3)
    (tmp_path / "red/\x1b[31mbad\n.png").write_bytes(b"x")
    with pytest.raises(DataError) as caught:
        opened(tmp_path)
    assert "\x1b" not in str(caught.value) and "red/[31mbad.png: " in str(caught.value)


# ---- a second time ----


def test_what_was_checked_is_remembered_until_it_changes(tmp_path, monkeypatch):
    data, remembered = squares(tmp_path / "data", 4), tmp_path / "checked.json"
    first = opened(data, remembered=remembered)
    seen, open_file = [], class_folders.open_file
    monkeypatch.setattr(class_folders, "open_file", lambda root, name: (seen.append(name), open_file(root, name))[1])
    again = opened(data, remembered=remembered)
    assert not seen and again.training.sha256 == first.training.sha256
    pixel(data / "red/002.png", 77)
    os.utime(data / "red/002.png", (1, 1))
    opened(data, remembered=remembered)
    assert seen == ["red/002.png"]
    remembered.write_text("[broken")
    assert len(opened(data, remembered=remembered).training) == len(first.training)
    assert len(seen) == 13
