"""How Compare draws its maps, through AppTest: fit, scales, colors, the brightest part, cell by cell."""

from dataclasses import replace

import numpy as np
import pytest
from reading import as_shown, captions, components, look, map_values, open_tab, pictures, predictions, ticks

from abn.explanations.explainer import explain
from abn.images import samples
from abn.images.decode import Picture, open_picture
from abn.plots import color_limits, color_maps, map_words, overlay
from abn.ui.compare import words
from abn.ui.components.look import color_table
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
    assert words.FITS[fit] in captions(at)


def test_scales_number_their_color_bars(ready, runner):
    explanations = explain(opened(PHOTOS[0]), IDS, load=runner)
    attention = [explanation.attention for explanation in explanations]
    assert ticks(ready.run())[0] == ["0.00", "0.25", "0.50", "0.75", "1.00"]
    for label, scale in list(SCALES.items())[1:]:
        at = ready.button_group(key="scale").set_value(label).run()
        spans = color_limits.limits(attention, scale)
        bars = spans if scale == "each" else spans[:1]  # one for all maps that share it
        assert ticks(at)[: len(bars)] == [color_maps.bar_numbers(*span) for span in bars]


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
    before = {tab: pictures(open_tab(ready, tab)) for tab in (words.WHOLE, words.DIFFERENCE)}
    predicted = predictions(ready)
    for key, value in {"opacity": 20, "colors": "paper JET", "cells": CELLS[1]}.items():
        ready.session_state[key] = value
    at = open_tab(ready, words.WHOLE)
    assert predictions(at) == predicted
    changed = [old != new for old, new in zip(before[words.WHOLE], pictures(at), strict=True)]
    assert changed == [False, True, True, True, False, True, True, True]
    shown = components(at, "abn_map_view")
    table = color_table("paper JET")
    drawn = {"opacity": 0.2, "colors": "paper JET", "table": table, "smooth": False, "top": 0, "fixed": False}
    assert all(drawn.items() <= shown[f"{place}-{ADDITIVE}"]["look"].items() for place in ("map", "whole"))
    at = open_tab(ready, words.DIFFERENCE)
    changed = [old != new for old, new in zip(before[words.DIFFERENCE], pictures(at), strict=True)]
    assert changed == [False, True, True, True, True]
    shown = components(at, "abn_map_view")
    signed = {"opacity": 0.2, "colors": color_maps.DIFFERENCE, "smooth": False, "fixed": True}  # has colors of its own
    assert signed.items() <= shown["difference"]["look"].items()
    assert look(at) == {"opacity": 20, "colors": "paper JET", "cells": CELLS[1], "top": 0, "mark": overlay.MARKS[0]}


def test_every_map_can_be_read_cell_by_cell(ready, runner):
    explanations = explain(opened(PHOTOS[0]), IDS, load=runner)
    shown_maps = components(open_tab(ready, words.WHOLE), "abn_map_view")
    for explanation in explanations:
        for place in ("map", "whole"):
            shown = shown_maps[f"{place}-{explanation.variant}"]
            assert (shown["height"], shown["width"]) == explanation.attention.shape and shown["symbol"] == "M"
            assert shown["values"] == map_values(explanation.attention)
        assert shown_maps[f"map-{explanation.variant}"]["box"] == [0, 0, 1, 1]
        assert shown_maps[f"whole-{explanation.variant}"]["box"] == list(explanation.fitted.extent)
    signed = explanations[0].attention - explanations[1].attention
    shown_maps = components(open_tab(ready, words.DIFFERENCE), "abn_map_view")
    assert shown_maps["difference"]["values"] == map_values(signed)


@pytest.mark.parametrize("how", overlay.MARKS)
def test_the_brightest_part_is_marked(ready, how):
    before = pictures(open_tab(ready, words.DIFFERENCE))
    ready.session_state["top"], ready.session_state["mark"] = 20, how
    at = ready.run()
    changed = [old != new for old, new in zip(before, pictures(at), strict=True)]
    assert changed == [False, True, True, True, False]  # a difference has no brightest part
    drawn = components(at, "abn_map_view")[f"map-{ADDITIVE}"]["look"]
    assert (drawn["top"], drawn["mark"]) == (20, how)


@pytest.mark.slow
def test_the_opacity_is_that_of_all_maps(ready):
    ready.query_params["opacity"] = "20"
    for tab, count in ((words.WHOLE, 6), (words.DIFFERENCE, 4)):
        shown = components(open_tab(ready, tab), "abn_map_view").values()
        assert [data["look"]["opacity"] for data in shown] == [0.2] * count
