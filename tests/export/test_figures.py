"""Figures: the raw map to the bit, the image as the page draws it, the caption, and names that stay in their folder."""

from dataclasses import replace

import numpy as np
import pytest
import tiny
from exporting import STYLE, cards
from PIL import Image

from abn.explanations.explainer import explain
from abn.export import figures
from abn.export.figures import MARGIN, MAX_SIDE, MIN_WIDTH, Comparison, MapStyle
from abn.images.fit import upsample
from abn.plots import color_limits, overlay
from abn.variants.card import UNTRAINED_KIND


@pytest.fixture(scope="module")
def card(tmp_path_factory):
    return cards(tmp_path_factory.mktemp("variants"))[0]


@pytest.fixture(scope="module")
def picture():
    return tiny.picture(300, 200)


@pytest.fixture(scope="module")
def explanation(card, picture):
    return explain(picture, [card], mechanism="multiplicative")[0]


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB"), int)


# ---- files ----


@pytest.mark.parametrize(("stem", "name"), [("zebra", "zebra"), ("../../escape", "escape")])
def test_map_and_figure_are_written_into_the_folder(explanation, picture, tmp_path, stem, name):
    folder = tmp_path / "new" / "folder"
    npy_path, png_path = figures.save_explanation(explanation, picture, folder, stem)
    assert {npy_path, png_path} == {folder / f"{name}--tiny-additive.{suffix}" for suffix in ("npy", "png")}
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == {npy_path, png_path}
    saved = np.load(npy_path, allow_pickle=False)
    assert saved.dtype == np.float32 and np.array_equal(saved, explanation.attention)
    with Image.open(png_path) as image:
        assert image.format == "PNG" and np.array_equal(image, figures.draw_figure(explanation, picture))


@pytest.mark.parametrize(("width", "height"), [(1, 900), (900, 1), (2000, 1500), (7, 7)])
def test_an_image_of_any_shape_can_be_drawn(card, width, height):
    picture = tiny.picture(width, height)
    figure = figures.draw_figure(explain(picture, [card])[0], picture)
    assert MIN_WIDTH <= figure.width <= MAX_SIDE + 2 * MARGIN and figure.height < 2 * MAX_SIDE


# ---- the map on the image ----


@pytest.mark.parametrize("smooth", [True, False])
def test_the_map_on_the_models_input(explanation, smooth):
    style = MapStyle(opacity=1.0, colors="gray", smooth=smooth)
    drawn = figures.draw_overlay(explanation, None, style, (0.2, 0.7))
    values = upsample(explanation.attention, (MAX_SIDE, MAX_SIDE), smooth)
    gray = np.rint(255 * np.clip((values - 0.2) / 0.5, 0, 1))
    assert drawn.size == (MAX_SIDE, MAX_SIDE) and np.abs(pixels(drawn) - gray[..., None]).max() <= 1
    figure = figures.draw_figure(explanation, None, style, (0.2, 0.7))
    assert np.array_equal(pixels(figure)[MARGIN : MARGIN + MAX_SIDE, MARGIN : MARGIN + MAX_SIDE], pixels(drawn))


def test_opacity_0_shows_the_image(explanation, picture):
    drawn = figures.draw_overlay(explanation, picture, MapStyle(opacity=0.0))
    left, top, right, bottom = (round(side) for side in explanation.fitted.visible)
    assert drawn.size == picture.image.size
    assert np.array_equal(pixels(drawn)[top:bottom, left:right], pixels(picture.image)[top:bottom, left:right])


def test_the_brightest_region_is_marked_with_the_threshold_of_the_page(explanation):
    style = MapStyle(top=20, mark="mask", opacity=0.0)
    threshold, area = figures.brightest_region(explanation, style)
    assert (threshold, area) == overlay.brightest_level(upsample(explanation.attention, (448, 448)), 0.2)
    marked = pixels(figures.draw_overlay(explanation, None, style))
    plain = pixels(figures.draw_overlay(explanation, None, MapStyle(opacity=0.0)))
    region = upsample(explanation.attention, (MAX_SIDE, MAX_SIDE)) >= threshold
    assert np.array_equal(marked[region], plain[region]) and (marked[~region] <= plain[~region] / 4 + 1).all()
    assert figures.mark_text(explanation, style) in figures.caption(explanation, style)


def test_color_ranges_are_those_of_all_maps_together(explanation, picture, card):
    other = replace(explanation, attention=explanation.attention / 2)
    comparison = Comparison(picture=picture, explanations=[explanation, other], cards=[card] * 2, style=STYLE)
    assert comparison.color_ranges == color_limits.limits([explanation.attention, other.attention], "shared")
    assert comparison.fit == "crop"


# ---- the caption ----


def test_the_caption_states_mechanism_range_and_predictions(explanation, card):
    values, lines = explanation.attention, figures.caption(explanation)
    assert lines[0] == "tiny-additive: trained with additive, applied multiplicative"
    assert f"16 by 16 cells, {values.min():.3f} to {values.max():.3f}, mean {values.mean():.3f}" in lines[1]
    assert lines[-2].startswith(f"Auxiliary head: {explanation.top('auxiliary')[0].label}")
    assert lines[-1].startswith(f"Perception head: {explanation.top('perception')[0].label}")
    untrained = replace(card, title="My own", kind=UNTRAINED_KIND)
    assert figures.caption(explanation, card=untrained)[0] == "My own: never trained, applied multiplicative"


@pytest.mark.parametrize(
    ("scale", "color_range", "text"),
    [
        ("raw", (0.0, 1.0), "colors from 0 to 1"),
        ("each", (0.25, 0.75), "colors from 0.250 to 0.750, this map's own range"),
        ("shared", (0.25, 0.75), "colors from 0.250 to 0.750, shared by the variants"),
    ],
)
def test_the_caption_states_the_color_range(explanation, scale, color_range, text):
    assert figures.caption(explanation, MapStyle(scale=scale), color_range)[1].endswith(text)


@pytest.mark.parametrize("label", ["café − ñandú ≥ Straße", "写真", "long " * 40])
def test_a_caption_in_any_script_is_drawn(explanation, label):
    explanation = replace(explanation, labels=(label,) * 10)
    assert figures.draw_figure(explanation, None).width == MAX_SIDE + 2 * MARGIN
