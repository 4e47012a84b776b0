"""CIFAR-100 from a zip of sheets, made up here; nothing is downloaded."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torchvision
from cifar_files import NAMES, packed, tile
from PIL import Image

from abn.errors import ABNError
from abn.training.sources import cifar100


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """What is downloaded fails, as without a network."""

    def refuse(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr(torchvision.datasets, "CIFAR100", refuse)


def test_images_come_class_by_class_and_row_by_row(tmp_path):
    packed(tmp_path)
    for train, rows, columns in ((True, 2, 3), (False, 1, 2)):
        images = cifar100.load(tmp_path, train=train)
        each = rows * columns
        assert images.images.shape == (len(NAMES) * each, 32, 32, 3)
        assert images.labels.tolist() == [*range(len(NAMES))] * each  # the first of each class, then the second ones
        for k, (image, label) in enumerate(zip(images.images, images.labels, strict=True)):
            assert np.array_equal(image, tile(label, k // len(NAMES), train=train))
    assert images.classes == ("apple", "aquarium fish", "sweet pepper")
    assert (images.spec, images.shift, images.masks) == (cifar100.SPEC, 4, None)


def rewritten(archive: Path, change) -> None:
    """The zip with other contents: `change` (name, bytes) → bytes, or None to leave the file out."""
    with zipfile.ZipFile(archive) as file:
        contents = {name: change(name, file.read(name)) for name in file.namelist()}
    with zipfile.ZipFile(archive, "w") as file:
        for name, data in contents.items():
            if data is not None:
                file.writestr(name, data)


def smaller(data: bytes) -> bytes:
    """A sheet without its last 10 pixels of rows."""
    with Image.open(io.BytesIO(data)) as sheet:
        image = sheet.crop((0, 0, sheet.width, sheet.height - 10))
    stored = io.BytesIO()
    image.save(stored, "WEBP", lossless=True)
    return stored.getvalue()


@pytest.mark.parametrize(
    "change",
    [
        lambda name, data: None if name == "classes.json" else data,
        lambda name, data: None if name == "train/apple.webp" else data,
        lambda name, data: b"{" if name == "classes.json" else data,
        lambda name, data: json.dumps(7).encode() if name == "classes.json" else data,
        lambda name, data: b"no image" if name == "train/apple.webp" else data,
        lambda name, data: data[: len(data) // 2] if name == "train/apple.webp" else data,
        lambda name, data: smaller(data) if name == "train/apple.webp" else data,
    ],
    ids=["no classes", "no sheet", "no JSON", "no list", "no image", "half an image", "another size"],
)
def test_damaged_contents_are_one_sentence(tmp_path, change):
    rewritten(packed(tmp_path), change)
    with pytest.raises(ABNError) as error:
        cifar100.load(tmp_path, train=True)
    assert str(error.value) == "cifar100.zip holds no CIFAR-100 as sheets of tiles."


def test_damaged_zip_is_one_sentence_wherever_the_damage_is(tmp_path):
    archive = packed(tmp_path)
    whole = archive.read_bytes()
    rng = np.random.default_rng(0)
    damaged = [b"", b"no zip", whole[: len(whole) // 2]]
    for place in rng.integers(0, len(whole), 60):
        damaged.append(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
    refused = 0
    for data in damaged:
        archive.write_bytes(data)
        try:
            cifar100.load(tmp_path, train=True)  # damage to what isn't read goes unnoticed
        except ABNError as error:
            refused += 1
            assert str(error) == "cifar100.zip holds no CIFAR-100 as sheets of tiles."
    assert refused > 20


def test_missing_zip_without_a_network_is_one_sentence(tmp_path):
    with pytest.raises(ABNError, match=r"can't be downloaded.*cifar100\.zip"):
        cifar100.load(tmp_path, train=True)


def test_downloaded_files_give_the_same_order(tmp_path, monkeypatch):
    class Stored:
        """What torchvision reads: images in any order."""

        def __init__(self, root, *, train, download):
            assert Path(root) == tmp_path and download
            order = np.random.default_rng(0).permutation(6)
            self.classes = ["apple", "aquarium_fish", "sweet_pepper"]
            self.targets = (order % 3).tolist()
            self.data = np.stack([tile(i % 3, i // 3, train=train) for i in order])

    monkeypatch.setattr(torchvision.datasets, "CIFAR100", Stored)
    images = cifar100.load(tmp_path, train=True)
    assert images.labels.tolist() == [0, 1, 2, 0, 1, 2] and images.classes[1] == "aquarium fish"
    seen = {(int(label), int(image[0, 0, 1])) for image, label in zip(images.images, images.labels, strict=True)}
    assert seen == {(label, int(tile(label, k, train=True)[0, 0, 1])) for label in range(3) for k in range(2)}
