"""The scenes that ship are composed as their list says: a drawing made here, on a photograph made here."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from abn.errors import ABNError
from abn.training.public_sources import Source
from abn.training.scene_list import ITEMS, Item
from abn.training.shipped_scenes import FOLDER, SIDE, check_held_out, compose, write

ITEM = Item(
    id="disc",
    title="A disc",
    alt="A red disc.",
    cutout="shapes/disc.png",
    index=None,
    ground="ground.jpg",
    crop=(10, 20, 100),
    share=0.1,
    at=(0.3, 0.6),
)
RED, BLUE = (255, 0, 0, 255), (0, 0, 255, 255)


@pytest.fixture
def data(tmp_path):
    """A red disc of radius 40 on nothing, a faint shadow around it; the ground is blue."""
    across, down = np.meshgrid(np.arange(120) - 60, np.arange(120) - 60)
    distance = np.hypot(across, down)
    drawing = np.zeros((120, 120, 4), np.uint8)
    drawing[distance < 50] = (0, 0, 0, 60)
    drawing[distance < 40] = RED
    folder = tmp_path / "openclipart-png/usr/share/openclipart/png/shapes"
    folder.mkdir(parents=True)
    Image.fromarray(drawing).save(folder / "disc.png")
    Image.new("RGB", (200, 150), BLUE[:3]).save(tmp_path / "ground.jpg", quality=100)
    return tmp_path


def test_the_object_lies_where_and_as_large_as_the_list_says(data):
    scene, mask = compose(ITEM, data=data, photographs=data)
    assert scene.size == (SIDE, SIDE) and mask.shape == (SIDE, SIDE)
    assert mask.mean() == pytest.approx(0.1, abs=0.003)
    down, across = np.argwhere(mask).mean(0) / SIDE
    assert (across, down) == (pytest.approx(0.3, abs=0.01), pytest.approx(0.6, abs=0.01))
    red = np.asarray(scene)[..., 0] > 127
    assert (red ^ mask).mean() < 0.002  # the shadow is no object
    assert np.asarray(scene)[5, -5, 2] > 250


def test_what_lies_below_the_object_can_be_left_off(data):
    _, half = compose(replace(ITEM, bottom=0.5), data=data, photographs=data)
    rows, columns = np.flatnonzero(half.any(1)), np.flatnonzero(half.any(0))
    assert len(columns) / len(rows) == pytest.approx(2, abs=0.05)  # the upper half of the disc
    assert half.mean() == pytest.approx(0.1, abs=0.003)


@pytest.mark.parametrize("change", [{"at": (0.1, 0.6)}, {"at": (0.3, 0.95)}, {"share": 0.9}])
def test_an_object_that_would_stick_out_is_refused(data, change):
    with pytest.raises(ABNError, match=r"disc.*stick out"):
        compose(replace(ITEM, **change), data=data, photographs=data)


def test_what_is_written_is_what_was_composed(data):
    item = replace(ITEM, ground="hay-field.jpg")
    write(data / "out", data=data, items=[item])
    scene, mask = compose(item, data=data)
    with Image.open(data / "out/disc.png") as kept:
        assert kept.mode == "1" and (np.asarray(kept) == mask).all()
    with Image.open(data / "out/disc.jpg") as kept:
        assert np.abs(np.asarray(kept, int) - np.asarray(scene, int)).mean() < 5
    (record,) = json.loads((data / "out/scenes.json").read_text(encoding="utf-8"))
    assert (record["file"], record["mask"], record["class"]) == ("disc.jpg", "disc.png", None)
    assert record["ground"] == "hay-field.jpg" and record["object"]["source"].endswith("png/shapes/disc.png")


def test_a_cutout_of_the_training_side_is_refused(data):
    assert not Source("clipart/shapes/disc.png", data, "clipart").held_out
    with pytest.raises(ABNError, match=r"disc.*training"):
        check_held_out([ITEM], data=data)


def test_all_that_ships_is_held_out_and_on_the_list():
    assert all(Source(f"clipart/{item.cutout}", FOLDER, "clipart").held_out for item in ITEMS)
    records = json.loads((FOLDER / "scenes.json").read_text(encoding="utf-8"))
    listed = [(f"{item.id}.jpg", item.title, item.alt, item.index, item.ground) for item in ITEMS]
    assert [tuple(r[key] for key in ("file", "title", "alt", "class", "ground")) for r in records] == listed
