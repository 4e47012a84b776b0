"""Photographs with masks, from a folder and from a zip; what is wrong is one sentence that names the file."""

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from abn.errors import ABNError
from abn.training.sources.masked_photographs import read_masked_photographs


def write(folder: Path) -> Path:
    """Two photographs: the object is the left half of the first one, and the upper half of the second one."""
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    noise = np.random.default_rng(0).integers(0, 255, (30, 40, 3), np.uint8)
    Image.fromarray(noise).save(folder / "images/a.jpg")
    Image.fromarray(255 - noise).save(folder / "images/b.png")
    left, upper = np.zeros((30, 40), np.uint8), np.zeros((30, 40), np.uint8)
    left[:, :20], upper[:15] = 255, 200
    Image.fromarray(left).save(folder / "masks/a.png")
    Image.fromarray(upper).convert("RGB").save(folder / "masks/b.png")
    return folder


def zipped(folder: Path) -> Path:
    archive = Path(shutil.make_archive(str(folder), "zip", folder))
    shutil.rmtree(folder)
    return archive


@pytest.fixture(params=[lambda folder: folder, zipped], ids=["folder", "zip"])
def place(request):
    """A folder as it is, or the zip that is made of it."""
    return request.param


def test_photographs_come_in_the_order_of_their_names_with_their_masks(tmp_path, place):
    first, second = read_masked_photographs(place(write(tmp_path / "x")))
    assert (first.name, second.name) == ("a.jpg", "b.png")
    assert first.picture.image.size == second.picture.image.size == (40, 30)
    assert first.mask.dtype == bool and first.mask[:, :20].all() and not first.mask[:, 20:].any()
    assert second.mask[:15].all() and not second.mask[15:].any()


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda x: Image.new("L", (40, 29)).save(x / "masks/b.png"), "b.png: its mask has another size."),
        (lambda x: (x / "masks/b.png").unlink(), "b.png: its mask, masks/b.png, is missing"),
        (lambda x: (x / "masks/b.png").write_bytes(b"no image"), "b.png: its mask, masks/b.png, is missing or can't"),
        (lambda x: (x / "images/a.jpg").write_bytes(b"no image"), "a.jpg: This file is not an image"),
        (lambda x: [path.unlink() for path in (x / "images").iterdir()], "'x"),
        (lambda x: shutil.rmtree(x / "images"), "holds no photographs with masks"),
    ],
)
def test_what_is_wrong_is_one_sentence_that_names_the_file(tmp_path, place, damage, expected):
    folder = write(tmp_path / "x")
    damage(folder)
    with pytest.raises(ABNError) as error:
        read_masked_photographs(place(folder))
    assert expected in str(error.value) and "\n" not in str(error.value)


def test_damaged_zip_and_missing_folder_are_one_sentence(tmp_path):
    archive = zipped(write(tmp_path / "x"))
    whole = archive.read_bytes()
    for data in (b"", b"no zip", whole[: len(whole) // 2]):
        archive.write_bytes(data)
        with pytest.raises(ABNError, match=r"x\.zip"):
            read_masked_photographs(archive)
    with pytest.raises(ABNError, match="nowhere"):
        read_masked_photographs(tmp_path / "nowhere")


def test_damage_within_a_zip_names_the_file(tmp_path):
    archive = zipped(write(tmp_path / "x"))
    with zipfile.ZipFile(archive) as file:
        info = file.getinfo("images/a.jpg")
    data = bytearray(archive.read_bytes())
    middle = info.header_offset + 30 + len(info.filename) + info.compress_size // 2
    data[middle] ^= 0x55
    archive.write_bytes(data)
    with pytest.raises(ABNError, match=r"^a\.jpg: "):
        read_masked_photographs(archive)
