"""Maps against masks: cases solved by hand, the controls, the shipped scenes, and what shipped weights find on them."""

import functools
import json
from pathlib import Path

import numpy as np
import pytest
import tiny
from PIL import Image

from abn.engine.loading import load_runner
from abn.evaluation.localization import (
    BATCH,
    CENTER,
    CONSTANT,
    CONTROLS,
    FOLDER,
    MASK,
    LocalizationScore,
    Scene,
    fit_mask,
    localize,
    mean_scores,
    scenes,
    score_controls,
    score_map,
)
from abn.evaluation.metrics import energy_ratio, pointing_hit, roc_auc
from abn.explanations.explainer import explain
from abn.images.decode import Picture
from abn.images.fit import FITS, fit_picture
from abn.images.samples import photographs
from abn.variants.store import find_variant


@pytest.fixture(scope="module")
def card(tmp_path_factory):
    """A tiny network that is fed 32 × 32 pixels."""
    return tiny.variant(tmp_path_factory.mktemp("variants"), "tiny", tiny.network())


def made(count: int, *, width: int = 64, height: int = 64) -> list[Scene]:
    """Scenes of noise, the object in their lower left quarter."""
    mask = np.zeros((height, width), bool)
    mask[height // 2 :, : width // 2] = True
    return [
        Scene(f"scene {i}", "noise", "noise", tiny.picture(width, height, seed=i), mask, None, "") for i in range(count)
    ]


# ---- one map against one mask ----


def test_a_map_that_equals_the_mask_and_one_that_knows_nothing():
    mask = np.zeros((8, 8), bool)
    mask[2, 3] = True
    exact, constant = score_map("a", mask.astype(np.float32), mask), score_map("a", np.full((4, 4), 0.3), mask)
    assert (exact.hit, exact.energy, exact.auc) == (True, pytest.approx(64), 1)
    assert (constant.hit, constant.energy, constant.auc) == (False, pytest.approx(1), 0.5)


def test_a_case_solved_by_hand():
    mask = np.array([[True, False], [False, False]])
    result = score_map("a", np.array([[3.0, 4.0], [2.0, 1.0]]), mask)
    assert not result.hit  # the brightest cell is the upper right one
    assert result.energy == pytest.approx(3 / 10 / 0.25)
    assert result.auc == pytest.approx(2 / 3)  # brighter than two of the three beside it


def test_means_leave_out_what_cannot_be_measured():
    values = np.zeros((2, 2))
    figures = [(True, 3.0, 0.9), (False, 1.0, 0.5), (False, float("nan"), float("nan"))]
    result = mean_scores([LocalizationScore("a", values, *item) for item in figures])
    assert (result.count, result.pointing, result.energy, result.auc) == (2, 0.5, 2.0, pytest.approx(0.7))
    nothing = mean_scores([])
    assert nothing.count == 0 and np.isnan([nothing.pointing, nothing.energy, nothing.auc]).all()


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("size", [(90, 60), (60, 90), (64, 64)])
def test_a_mask_is_fitted_as_its_picture_is(card, fit, size):
    """Against the mask itself, drawn in white and fitted as a picture: all white is object, no black nor ground is."""
    mask = np.zeros(size[::-1], bool)
    mask[10:40, 20:50] = True
    drawn = Image.fromarray((255 * mask).astype(np.uint8)).convert("RGB")
    fitted = fit_picture(Picture(drawn, "mask", "mask"), card.input, fit)
    white = np.asarray(fitted.image).min(2)
    ground = [round(255 * value) for value in card.input.mean]
    result = fit_mask(mask, fitted)
    assert result.shape == white.shape and result[white > 250].all() and (white > 250).sum() > 60
    assert not result[white < 5].any()
    assert not result[(np.asarray(fitted.image) == ground).all(2)].any()


# ---- the controls ----


def test_the_constant_map_scores_as_knowing_nothing(card):
    for result in score_controls(card, scenes=made(2))[CONSTANT]:
        assert (result.hit, result.energy, result.auc) == (False, pytest.approx(1), 0.5)


def test_the_middle_of_the_picture_points_there_and_nowhere_else(card):
    middle = np.zeros((64, 64), bool)
    middle[24:40, 24:40] = True
    corner = made(1)[0]
    central = Scene("central", "", "", corner.picture, middle, None, "")
    result = score_controls(card, scenes=[central, corner])[CENTER]
    assert result[0].hit and result[0].energy > 1.5 and result[0].auc > 0.95
    assert result[1].energy == pytest.approx(1, abs=0.01)  # a quarter of the picture holds a quarter of it
    attention = result[0].attention
    assert attention.shape == card.map_size and (attention == attention.max()).sum() == 1
    side = card.map_size[0]
    row, column = np.unravel_index(attention.argmax(), attention.shape)
    assert {row, column} <= {(side - 1) // 2, side // 2}


def test_the_mask_itself_is_how_much_of_each_cell_the_object_covers(card):
    result = score_controls(card, scenes=made(1))[MASK][0]
    cells = card.map_size[0]
    expected = np.zeros(card.map_size)
    expected[cells // 2 :, : cells // 2] = 1
    assert result.attention == pytest.approx(expected, abs=2e-3)
    assert (
        result.hit and result.auc == 1 and 3.2 < result.energy < 4
    )  # 4, but for what the enlarging carries over the edge


def test_no_control_beats_the_mask_itself_on_the_shipped_scenes(card):
    result = {name: mean_scores(rows) for name, rows in score_controls(card, scenes=scenes()).items()}
    assert tuple(result) == CONTROLS and {item.count for item in result.values()} == {len(scenes())}
    assert result[MASK].pointing > 0.9 and result[MASK].auc > 0.99
    assert result[MASK].energy > result[CENTER].energy > result[CONSTANT].energy == pytest.approx(1)
    assert result[CENTER].pointing < 0.3  # or the scenes would say nothing: where the object is could be guessed


# ---- variants ----


@pytest.mark.parametrize("fit", FITS)
def test_each_scene_gets_its_own_map_and_figures(card, fit):
    part = made(BATCH + 2, width=80)
    shares = []
    result = localize([card], scenes=part, load=tiny_load, fit=fit, progress=shares.append)[card.id]
    assert [item.scene for item in result] == [scene.id for scene in part]
    assert shares == [BATCH / (BATCH + 2), 1]
    for item, scene in zip(result, part, strict=True):
        alone = explain(scene.picture, [card], fit=fit, load=tiny_load)[0]
        mask = fit_mask(scene.mask, alone.fitted)
        assert item.attention == pytest.approx(alone.attention, abs=1e-5)
        assert item.energy == pytest.approx(energy_ratio(alone.attention, mask), abs=1e-3)
        assert item.auc == pytest.approx(roc_auc(alone.attention, mask), abs=1e-2)
        assert item.hit == pointing_hit(item.attention, mask)
        assert item.auxiliary.index == alone.auxiliary.argmax() and item.perception.index == alone.perception.argmax()


def test_what_progress_raises_ends_the_work(card):
    class Stopped(Exception):
        pass

    def stop(share: float) -> None:
        raise Stopped

    loads = []
    with pytest.raises(Stopped):
        localize([card], scenes=made(3 * BATCH), load=lambda c: loads.append(c) or tiny_load(c), progress=stop)
    assert len(loads) == 1  # one batch was begun, and no other


def test_every_batch_takes_a_turn_and_gives_it_back(card):
    held = []

    class Turn:
        def __enter__(self):
            held.append(True)

        def __exit__(self, *_):
            held.append(False)

    def free(share: float) -> None:
        assert not held[-1]

    localize([card], scenes=made(BATCH + 1), load=tiny_load, turn=Turn(), progress=free)
    assert held == [True, False] * 2


def test_no_scenes_are_no_work(card):
    assert localize([card], scenes=[], load=tiny_load) == {card.id: []}
    assert localize([], scenes=made(1), load=tiny_load) == {}


@functools.cache
def _loaded(variant: str, folder: Path):
    return load_runner(find_variant(variant, folder))


def tiny_load(card):
    return _loaded(card.id, card.folder)


# ---- what ships ----


def test_the_scenes_are_as_the_page_needs_them():
    result = scenes()
    assert len(result) >= 24 and len({scene.id for scene in result}) == len(result)
    for scene in result:
        width, height = scene.picture.image.size
        assert scene.mask.shape == (height, width) and scene.mask.dtype == bool
        assert 0.05 <= scene.mask.mean() <= 0.40
        assert scene.title and scene.alt.endswith(".") and scene.credit
        assert scene.index is None or 0 <= scene.index < 1000
    shares = [scene.mask.mean() for scene in result]
    assert min(shares) < 0.08 and max(shares) > 0.3
    assert sum(bool(scene.mask[160, 160]) for scene in result) < len(result) / 3
    with pytest.raises(ValueError, match="read-only"):
        result[0].mask[0, 0] = True


def test_every_file_is_credited_and_under_a_license_that_allows_it():
    credits = (FOLDER.parent / "CREDITS").read_text(encoding="utf-8")
    records = json.loads((FOLDER / "scenes.json").read_text(encoding="utf-8"))
    grounds = {photo.file: photo for photo in photographs()}
    for record in records:
        drawing = record["object"]["source"].partition("openclipart/png/")[2]
        assert f"scenes/{record['file']}: {drawing} on {record['ground']}\n" in credits
        assert record["object"]["license"] == "public-domain"
        assert not {"SA", "ND", "NC"} & set(grounds[record["ground"]].license.split("-"))
        assert f"\n{record['ground']}\n" in credits  # whose license is told there
    named = {record[key] for record in records for key in ("file", "mask")} | {"scenes.json"}
    assert {path.name for path in FOLDER.iterdir()} == named
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 1_500_000


@pytest.mark.slow
def test_shipped_weights_find_the_objects_and_the_inverted_map_finds_all_else():
    ids = ["imagenet-lite0-additive", "imagenet-lite0-multiplicative", "imagenet-lite0-additive-unfolded"]
    cards = [find_variant(variant) for variant in ids]
    result = {name: mean_scores(rows) for name, rows in localize(cards, scenes=scenes(), load=tiny_load).items()}
    other = {name: mean_scores(rows) for name, rows in score_controls(cards[0], scenes=scenes()).items()}
    for variant in ids[:2]:
        assert result[variant].energy > other[CONSTANT].energy  # a map with a high mean has little energy to place
        for figure in ("pointing", "auc"):
            beaten = max(getattr(other[CONSTANT], figure), getattr(other[CENTER], figure))
            assert beaten < getattr(result[variant], figure), (variant, figure)
    inverted = result[ids[2]]
    assert inverted.pointing == 0 and inverted.energy < 0.6 and inverted.auc < 0.2
