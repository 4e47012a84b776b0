"""The scenes that ship are composed as their list says: a drawing made here, on a photograph made here."""

import json

import numpy as np
import pytest
from PIL import Image

from abn.errors import ABNError
from abn.training.distillation.shipped_scenes import (
    FOLDER,
    SIDE,
    check_held_out,
    compose,
    drawing_name,
    listed_scenes,
    write_scenes,
)
from abn.training.sources.public_images import Source

COMPOSITION = {"crop": [10, 20, 100], "share": 0.1, "center": [0.3, 0.6], "height": 1.0}
RECORD = {
    "file": "disc.jpg",
    "mask": "disc.png",
    "object": {"source": "usr/share/openclipart/png/shapes/disc.png"},
    "ground": "ground.jpg",
    "composition": COMPOSITION,
}
RED, BLUE = (255, 0, 0, 255), (0, 0, 255, 255)


def changed(**changes) -> dict:
    return {**RECORD, "composition": {**COMPOSITION, **changes}}


@pytest.fixture
def packages(tmp_path):
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


def test_object_has_the_listed_place_and_size(packages):
    scene, mask = compose(RECORD, packages=packages, photographs=packages)
    assert scene.size == mask.shape == (SIDE, SIDE)
    assert mask.mean() == pytest.approx(0.1, abs=0.003)
    assert np.argwhere(mask).mean(0) / SIDE == pytest.approx((0.6, 0.3), abs=0.01)
    red = np.asarray(scene)[..., 0] > 127
    assert (red ^ mask).mean() < 0.002  # the shadow is no object
    assert np.asarray(scene)[5, -5, 2] > 250


def test_lower_part_of_a_drawing_can_be_left_off(packages):
    _, half = compose(changed(height=0.5), packages=packages, photographs=packages)
    rows, columns = np.flatnonzero(half.any(1)), np.flatnonzero(half.any(0))
    assert len(columns) / len(rows) == pytest.approx(2, abs=0.05)  # the upper half of the disc
    assert half.mean() == pytest.approx(0.1, abs=0.003)


@pytest.mark.parametrize("change", [{"center": [0.1, 0.6]}, {"center": [0.3, 0.95]}, {"share": 0.9}])
def test_object_outside_the_scene_is_refused(packages, change):
    with pytest.raises(ABNError, match=r"disc"):
        compose(changed(**change), packages=packages, photographs=packages)


def test_written_files_hold_what_was_composed(packages):
    record = {**RECORD, "ground": "hay-field.jpg"}
    write_scenes(packages / "out", packages=packages, records=[record])
    scene, mask = compose(record, packages=packages)
    with Image.open(packages / "out/disc.png") as stored:
        assert stored.mode == "1" and (np.asarray(stored) == mask).all()
    with Image.open(packages / "out/disc.jpg") as stored:
        assert np.abs(np.asarray(stored, int) - np.asarray(scene, int)).mean() < 5
    assert json.loads((packages / "out/scenes.json").read_text(encoding="utf-8")) == [record]


def test_drawing_of_the_training_side_is_refused(packages):
    assert not Source("clipart/shapes/disc.png", packages, "clipart").held_out
    with pytest.raises(ABNError, match=r"disc"):
        check_held_out([RECORD], packages=packages)


def test_shipped_scenes_are_held_out():
    assert all(Source(f"clipart/{drawing_name(record)}", FOLDER, "clipart").held_out for record in listed_scenes())
