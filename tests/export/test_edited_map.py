"""The export of an edited map: figure, caption and table state the edit and its effect."""

import csv
import io
from dataclasses import replace

import numpy as np
import pytest
from exporting import METADATA, cards, photograph_with_metadata
from PIL import Image

from abn.explanations import interventions
from abn.explanations.interventions import Effect
from abn.export import edited_map
from abn.export.edited_map import EditedMap
from abn.export.figures import MARGIN, MAX_SIDE, MapStyle
from abn.images.decode import open_picture
from abn.images.fit import upsample
from abn.plots.map_words import flat_sentence
from abn.plots.overlay import overlay
from abn.variants.card import UNTRAINED_KIND

BEFORE = np.array([0.5, 0.3, 0.12, 0.04, 0.03, 0.01, 0, 0, 0, 0], np.float32)
AFTER = np.array([0.25, 0.125, 0.02, 0.01, 0.015, 0.01, 0.5, 0.04, 0.02, 0.01], np.float32)


@pytest.fixture(scope="module")
def edited(tmp_path_factory) -> EditedMap:
    """An edit of a tiny variant's map of a photograph full of metadata, with known predictions."""
    card = replace(cards(tmp_path_factory.mktemp("variants"))[0], classes=tuple("abcdefghij"), title="Tiny")
    subject = interventions.attend_image(open_picture(photograph_with_metadata(), name="/home/me/mine.jpg"), card)
    attention = subject.attention.copy()
    attention[:4], attention[12:] = 0, 1
    return EditedMap(
        card=card,
        fitted=subject.fitted,
        own_map=subject.attention,
        effect=Effect("own map, then 2 strokes", attention, BEFORE, AFTER),
        applied="multiplicative",
        style=MapStyle(0.3, "viridis", smooth=False),
    )


def rows(edited: EditedMap) -> list[list[str]]:
    return list(csv.reader(io.StringIO(edited_map.before_after_csv(edited).decode("utf-8-sig"))))


def test_the_figure_holds_both_maps_on_the_models_input(edited):
    with Image.open(io.BytesIO(edited_map.figure_png(edited))) as opened:
        pixels = np.asarray(opened)
    assert pixels.shape[1] == 2 * MAX_SIDE + 3 * MARGIN
    image = edited.fitted.image.resize((MAX_SIDE, MAX_SIDE), Image.Resampling.BICUBIC)
    top = MARGIN + round(1.4 * (2 * MAX_SIDE // 32))
    for left, values in ((MARGIN, edited.own_map), (2 * MARGIN + MAX_SIDE, edited.effect.attention)):
        drawn = overlay(image, upsample(values, image.size, False), opacity=0.3, color_map="viridis")
        assert np.array_equal(pixels[top : top + MAX_SIDE, left : left + MAX_SIDE], drawn)


def test_the_caption_states_the_edit_and_its_effect(edited):
    own, values = edited.own_map, edited.effect.attention
    assert edited_map.caption(edited) == [
        "Tiny: trained with additive, applied multiplicative",
        f"Own map: M {own.min():.3f} to {own.max():.3f}, mean {own.mean():.3f}",
        f"Edited map (own map, then 2 strokes): M 0.000 to 1.000, mean {values.mean():.3f}",
        "Perception head before: a 50.0 %; after: g 50.0 %",
        "Change of p of a: −25.0 points, from 50.0 % to 25.0 %",
    ]
    zeros = np.zeros_like(own)
    flat = replace(
        edited, effect=Effect("zeros", zeros, BEFORE, BEFORE), card=replace(edited.card, kind=UNTRAINED_KIND)
    )
    lines = edited_map.caption(flat)
    assert lines[0] == "Tiny: never trained, applied multiplicative" and flat_sentence(zeros) in lines


def test_the_table_holds_the_top_classes_before_and_after(edited):
    head, *table = rows(edited)
    assert tuple(head) == edited_map.COLUMNS
    assert [row[5] for row in table] == ["a", "g", "b", "c", "d", "h", "e"]  # five before, and two more after
    assert all(row[:4] == ["tiny-additive", "additive", "multiplicative", "own map, then 2 strokes"] for row in table)
    assert table[0][4:] == ["0", "a", "1", "0.5", "2", "0.25", "-0.25"]
    assert table[1][4:] == ["6", "g", "7", "0", "1", "0.5", "0.5"]


def test_no_cell_is_a_formula(edited):
    formula = '=HYPERLINK("http://x")'
    card = replace(edited.card, classes=(formula,) * 10)
    _, *table = rows(replace(edited, card=card, effect=replace(edited.effect, name=formula)))
    assert {(row[3], row[5]) for row in table} == {(f"'{formula}", f"'{formula}")}


def test_no_metadata_of_the_photograph_is_in_any_file(edited):
    image = edited.fitted.image.copy()
    image.info["exif"] = photograph_with_metadata()[6:200]  # even if the image still had some
    edited = replace(edited, fitted=replace(edited.fitted, image=image))
    for content in (edited_map.figure_png(edited), edited_map.before_after_csv(edited)):
        assert not any(word in content for word in (*METADATA, b"mine", b"home"))
