"""Caltech-101's division, on made-up class folders: the same each time, nothing in both parts."""

import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image

from abn.errors import ABNError
from abn.images.decode import open_picture
from abn.images.fit import fit_picture
from abn.training.sources import caltech101
from abn.vocabulary import InputSpec

SPEC = InputSpec(size=16, crop_pct=1.0, interpolation="bicubic", mean=(0.5,) * 3, std=(0.5,) * 3)
COUNTS = {"wrench": 61, "accordion": 35, "BACKGROUND_Google": 40}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    root, rng = tmp_path_factory.mktemp("caltech"), np.random.default_rng(0)
    for name, count in COUNTS.items():
        (root / name).mkdir()
        for i in range(count):
            noise = rng.integers(0, 255, (20, 24 + i % 3, 3), np.uint8)
            Image.fromarray(noise).save(root / name / f"image_{i:04}.jpg")
    (root / "README.txt").write_text("no class")
    return root


def test_thirty_to_train_with_and_up_to_twenty_to_test_on(folder):
    divided = caltech101.divide(folder)
    assert divided.classes == ("accordion", "wrench")  # without the folder of others
    assert Counter(divided.training.labels.tolist()) == {0: 30, 1: 30}
    assert Counter(divided.test.labels.tolist()) == {0: 5, 1: 20}
    for part in (divided.training, divided.test):
        names = [divided.classes[label] for label in part.labels]
        assert [path.parent.name for path in part.paths] == names and len(part) == len(set(part.paths))
    assert not set(divided.training.paths) & set(divided.test.paths)


def test_division_is_the_same_each_time(folder):
    first, again = caltech101.divide(folder), caltech101.divide(folder)
    assert first.training.paths == again.training.paths and first.test.paths == again.test.paths
    names = [path.name for path in first.training.paths if path.parent.name == "wrench"]
    assert names != sorted(names)  # not the first ones by name


def test_images_are_measured_as_the_app_shows_them(folder):
    part = caltech101.divide(folder).test.part(np.array([3, 0, 7]))
    first, second = part.batches(SPEC, 2)
    assert (len(first), len(second)) == (2, 1)
    picture = open_picture(part.paths[1].read_bytes())
    assert np.array_equal(first[1].numpy(), fit_picture(picture, SPEC).normalized(SPEC))


def test_views_depend_on_seed_view_and_image_alone(folder):
    part = caltech101.divide(folder).test
    part = part.part(np.arange(3))
    views = list(part.views(2, SPEC, seed=4))
    assert len(views) == 2 and views[0].shape == (3, 3, 16, 16) and views[0].dtype == torch.float32
    again = list(part.views(2, SPEC, seed=4))
    assert all(torch.equal(*pair) for pair in zip(views, again, strict=True))
    assert not torch.equal(views[0], next(part.views(1, SPEC, seed=5)))


def test_zip_is_unpacked_once(folder, tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / caltech101.ARCHIVE, "w") as file:
        for path in folder.rglob("*.jpg"):
            file.write(path, path.relative_to(folder))
    found = caltech101.find(tmp_path)
    assert caltech101.divide(found).classes == ("accordion", "wrench")
    monkeypatch.setattr(caltech101, "unpack", lambda *_: pytest.fail("unpacked again"))
    assert caltech101.find(tmp_path) == found


def test_what_can_not_be_found_is_one_sentence(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise RuntimeError("no network")

    monkeypatch.setattr(torchvision.datasets, "Caltech101", refuse)
    with pytest.raises(ABNError, match=r"caltech101\.zip"):
        caltech101.find(tmp_path)
    (tmp_path / caltech101.ARCHIVE).write_bytes(b"no zip")
    with pytest.raises(ABNError, match=r"'caltech101\.zip' can't be unpacked"):
        caltech101.find(tmp_path)
    assert not (tmp_path / "caltech101").exists()
