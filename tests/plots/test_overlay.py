"""Colors where the numbers say, bars on one axis, and a flat map that is not stretched."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from abn.explanations.explanation import Explanation
from abn.plots import color_limits, color_maps, map_words, numbers, overlay

GRAY = Image.new("RGB", (4, 2), (100, 100, 100))


def explanation(auxiliary: list[float], perception: list[float], attention: np.ndarray | None = None) -> Explanation:
    return Explanation(
        variant="v", trained_with="additive", applied="additive", auxiliary=np.array(auxiliary, np.float32),
        perception=np.array(perception, np.float32), labels=tuple(f"class {k}, other" for k in range(len(auxiliary))),
        attention=np.zeros((2, 2), np.float32) if attention is None else attention,
        fitted=SimpleNamespace(), spec=SimpleNamespace(), seconds=0.0, shared_extractor=False,
    )  # fmt: skip


def test_overlay_mixes_by_opacity_and_clips_beyond_the_limits():
    values = np.array([[0, 1, -5, 9], [0.5, 0.5, 0.5, 0.5]], np.float32)
    full = np.asarray(overlay.overlay(GRAY, values, opacity=1, color_map="gray"))
    assert full[0, :, 0].tolist() == [0, 255, 0, 255]
    assert abs(int(full[1, 0, 0]) - 128) <= 1
    half = np.asarray(overlay.overlay(GRAY, values, opacity=0.5, color_map="gray"))
    assert half[0, :2, 0].tolist() == [50, 177]  # 177.5: Pillow rounds down
    assert np.array_equal(np.asarray(overlay.overlay(GRAY, values, opacity=0)), np.asarray(GRAY))


def test_overlay_respects_low_and_high():
    drawn = overlay.overlay(GRAY, np.full((2, 4), 0.6, np.float32), opacity=1, color_map="gray", low=0.2, high=0.6)
    assert np.asarray(drawn).min() == 255


def test_what_was_not_seen_is_gray_whatever_the_opacity():
    red = Image.new("RGB", (4, 2), "red")
    values = np.array([[np.nan, 1, 1, 1]] * 2, np.float32)
    unseen, shown = np.asarray(overlay.overlay(red, values, opacity=0))[0, :2].astype(int)
    assert len(set(unseen)) == 1
    assert shown.tolist() == [255, 0, 0]


def test_a_map_of_another_size_is_refused():
    with pytest.raises(ValueError, match="does not fit"):
        overlay.overlay(GRAY, np.zeros((4, 2), np.float32))


@pytest.mark.parametrize("name", color_maps.COLOR_MAPS)
def test_color_maps_are_full_tables(name):
    table = color_maps.COLOR_MAPS[name]
    assert table.shape == (256, 3) and table.dtype == np.uint8
    assert len(np.unique(table, axis=0)) > 200


def test_the_default_grows_lighter_without_a_step_back():
    lightness = color_maps.COLOR_MAPS[color_maps.DEFAULT_COLORS] @ np.array([0.2126, 0.7152, 0.0722])
    assert (np.diff(lightness) > -0.5).all() and lightness[0] < 5 and lightness[-1] > 240


def test_limits_of_each_scale():
    maps = [np.array([[0.2, 0.6]]), np.array([[0.4, 0.9]]), np.array([[0.5, 0.51]])]
    assert color_limits.limits(maps, "raw") == [(0, 1)] * 3
    assert color_limits.limits(maps, "each") == [(0.2, 0.6), (0.4, 0.9), (0, 1)]  # the flat one is not stretched
    assert color_limits.limits(maps, "shared") == [(0.2, 0.9)] * 3
    with pytest.raises(ValueError, match="scale"):
        color_limits.limits(maps, "log")


def test_flat_and_saturated_maps_say_so_with_their_range():
    assert (
        map_words.flat_sentence(np.full((14, 14), 0.5)) == "This map is flat: every cell lies between 0.500 and 0.500."
    )
    saturated = np.ones((14, 14))
    saturated[0, 0] = 0.1
    assert "saturated: nearly every cell is at 1 (min 0.100, max 1.000)" in map_words.flat_sentence(saturated)
    assert map_words.is_flat(saturated) and not map_words.is_flat(np.linspace(0, 1, 196).reshape(14, 14))


def test_a_saturated_map_is_not_stretched_but_a_faint_one_is():
    saturated, faint = np.ones((14, 14)), np.full((14, 14), 0.01)
    saturated[0, 0] = 0.1
    faint[5:8, 5:8] = 0.15  # as the inverted map draws: dark nearly everywhere, and yet a pattern
    assert color_limits.limits([saturated, faint], "each") == [(0, 1), (0.01, 0.15)]
    assert color_limits.limits([saturated, saturated], "shared") == [(0, 1)] * 2
    assert color_limits.limits([saturated, faint], "shared") == [(0.01, 1)] * 2
    assert not map_words.is_flat(faint)


def test_difference_limits_are_symmetric_and_never_stretch_noise():
    assert color_limits.symmetric_limit(np.array([[-0.4, 0.1]])) == pytest.approx(0.4)
    assert color_limits.symmetric_limit(np.array([[0.001, -0.002]])) == map_words.FLAT
    middle = np.asarray(overlay.overlay(GRAY, np.zeros((2, 4)), opacity=1, color_map=color_maps.DIFFERENCE, low=-1))
    assert middle.min() > 240


def test_bar_numbers_tell_themselves_apart():
    assert color_maps.bar_numbers(0, 1) == ["0.00", "0.25", "0.50", "0.75", "1.00"]
    assert color_maps.bar_numbers(-0.05, 0.05)[0] == "−0.05"
    assert len(set(color_maps.bar_numbers(0.5, 0.52))) == 5


def test_color_bar_runs_from_low_to_high():
    bar = np.asarray(color_maps.color_bar(color_map="gray", width=256))
    assert bar.shape[1] == 256 and bar[0, 0, 0] == 0 and bar[0, -1, 0] == 255
    assert (bar[20:] == 0).any()  # the numbers' ink


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ((0, 0), "at the upper left"),
        ((7, 7), "in the middle"),
        ((7, 13), "at the right"),
        ((13, 7), "at the lower middle"),
    ],
)
def test_where_a_map_is_brightest_in_words(cell, words):
    values = np.zeros((14, 14))
    values[cell] = 1
    assert map_words.brightest_place(values) == words


def test_percent():
    assert [numbers.percent(p) for p in (0.8312, 0.0001, 0.0, 1.0)] == ["83.1 %", "< 0.1 %", "0.0 %", "100.0 %"]


# ---- the brightest region ----


def test_the_brightest_level_is_that_of_so_many_cells_and_ties_are_told():
    values = np.arange(10.0).reshape(2, 5)
    assert overlay.brightest_level(values, 0.2) == (8.0, 0.2)
    assert overlay.brightest_level(np.where(values > 4, 1.0, 0.0), 0.2) == (1.0, 0.5)  # five are equally bright
    assert overlay.brightest_level(np.full((3, 3), 0.4), 0.1) == (0.4, 1.0)
    unseen = np.where(values < 2, np.nan, values)  # eight are seen
    assert overlay.brightest_level(unseen, 0.25) == (8.0, 0.25)


def test_the_contour_runs_along_both_sides_of_the_border_and_the_mask_dims_the_rest():
    plain = Image.new("RGB", (8, 8), (200, 100, 40))
    inside = np.zeros((8, 8), bool)
    inside[:, 4:] = True
    outlined = np.asarray(overlay.mark_brightest(plain, plain, inside, "contour"))
    assert (outlined[:, 4] == 255).all() and (outlined[:, 3] == 0).all()
    assert (outlined[:, [0, 1, 2, 5, 6, 7]] == (200, 100, 40)).all()  # no line along the picture's own border
    masked = np.asarray(overlay.mark_brightest(Image.new("RGB", (8, 8)), plain, inside, "mask"))
    assert (masked[inside] == (200, 100, 40)).all() and (masked[~inside] == (50, 25, 10)).all()
    with pytest.raises(ValueError, match="contour, mask"):
        overlay.mark_brightest(plain, plain, inside, "glow")
