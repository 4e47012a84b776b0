"""How Compare draws its maps, through AppTest: fit, scales, colors, the brightest part, cell by cell."""

from dataclasses import replace

import numpy as np
import pytest
from reading import as_shown, captions, components, pictures, predictions, texts, ticks

from abn.explanations.explainer import explain
from abn.images import samples
from abn.images.decode import Picture, open_picture
from abn.images.fit import upsample
from abn.plots import color_limits, color_maps, map_words, overlay
from abn.ui import maps
from abn.ui.compare import panels
from abn.ui.controls.selection import default_variants
from abn.ui.controls.view_settings import CELLS, SCALES
from abn.ui.runtime import cached_inference
from abn.variants.store import list_variants

ADDITIVE, MULTIPLICATIVE, NONE = IDS = default_variants(list_variants())
STRETCHED = next(label for label, scale in SCALES.items() if scale == "each")
PHOTOS = list(samples.gallery().values())


def opened(photo: samples.Photo) -> Picture:
    return open_picture(photo.path.read_bytes(), name=photo.file)


@pytest.mark.parametrize("fit", ["pad"])
def test_the_fit_changes_what_the_model_sees_and_says(ready, runner, fit):
    ready.run()
    at = ready.button_group(key="fit").set_value(fit).run()
    assert predictions(at) == as_shown(explain(opened(PHOTOS[0]), IDS, load=runner, fit=fit))
    assert panels.FITTED[fit] in captions(at)


def test_scales_number_their_color_bars(ready, runner):
    explanations = explain(opened(PHOTOS[0]), IDS, load=runner)
    attention = [explanation.attention for explanation in explanations]
    assert ticks(ready.run())[:3] == [["0.00", "0.25", "0.50", "0.75", "1.00"]] * 3
    for label, scale in list(SCALES.items())[1:]:
        at = ready.button_group(key="scale").set_value(label).run()
        assert ticks(at)[:3] == [color_maps.bar_numbers(*span) for span in color_limits.limits(attention, scale)]


def test_a_flat_map_says_so(ready, monkeypatch):
    explain_image, attention = cached_inference.explain_image, np.full((14, 14), 0.5, np.float32)

    def flat(*given, **options):
        return [replace(explanation, attention=attention) for explanation in explain_image(*given, **options)]

    monkeypatch.setattr(cached_inference, "explain_image", flat)
    at = ready.run()
    assert captions(at).count(map_words.flat_sentence(attention)) == 3
    at = ready.button_group(key="scale").set_value(STRETCHED).run()
    assert ticks(at)[0] == ["0.00", "0.25", "0.50", "0.75", "1.00"]


def test_view_controls_change_the_pictures_and_nothing_else(ready):
    before = ready.run()
    drawn = pictures(before)
    predicted = predictions(before)
    ready.slider(key="opacity").set_value(20)
    ready.button_group(key="colors").set_value("paper JET")
    at = ready.button_group(key="cells").set_value(CELLS[1]).run()
    assert predictions(at) == predicted and "16 × 16" in captions(at)
    changed = [old != new for old, new in zip(drawn, pictures(at), strict=True)]
    assert changed == [False, True, True, True, False, True, True, True, True]


def test_every_map_can_be_read_cell_by_cell(ready, runner):
    at = ready.run()
    explanations = explain(opened(PHOTOS[0]), IDS, load=runner)
    shown_maps = components(at, "abn_map_view")
    for explanation in explanations:
        for place in ("map", "whole"):
            shown = shown_maps[f"{place}-{explanation.variant}"]
            assert (shown["height"], shown["width"]) == explanation.attention.shape and shown["symbol"] == "M"
            assert shown["values"] == np.round(explanation.attention, 2).ravel().tolist()
        assert shown_maps[f"map-{explanation.variant}"]["box"] == [0, 0, 1, 1]
        assert shown_maps[f"whole-{explanation.variant}"]["box"] == list(explanation.fitted.extent)
    signed = explanations[0].attention - explanations[1].attention
    assert shown_maps["difference"]["values"] == np.round(signed, 2).ravel().tolist()


@pytest.mark.parametrize("how", overlay.MARKS)
def test_the_brightest_part_is_marked_and_its_area_told(ready, runner, how):
    before = pictures(ready.run())
    ready.slider(key="top").set_value(20)
    at = ready.button_group(key="mark").set_value(how).run()
    changed = [old != new for old, new in zip(before, pictures(at), strict=True)]
    assert changed == [False, True, True, True, False, True, True, True, False]  # a difference has no brightest part
    explanation = explain(opened(PHOTOS[0]), [ADDITIVE], load=runner)[0]
    level, area = overlay.brightest_level(upsample(explanation.attention, (maps.PANEL, maps.PANEL)), 0.2)
    assert any(f"M ≥ {level:.2f}" in text and f"{100 * area:.0f} %" in text for text in texts(at.caption))


@pytest.mark.slow
def test_the_opacity_is_that_of_all_maps(ready, monkeypatch):
    draw, used = overlay.overlay, []

    def drawn(*given, **options):
        used.append(options["opacity"])
        return draw(*given, **options)

    monkeypatch.setattr(overlay, "overlay", drawn)
    ready.query_params["opacity"] = "20"
    ready.run()
    assert used == [0.2] * 7
