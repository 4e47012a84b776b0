"""A kept edit: its picture, numbers and table say what was done; a map given back is checked before it is believed."""

import csv
import io
import pickle
import struct
from dataclasses import replace

import exporting
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from PIL import Image

from abn.errors import ABNError
from abn.explanations import interventions
from abn.explanations.interventions import Effect
from abn.export import edited_map, figures
from abn.export.edited_map import COLUMNS, MAX_BYTES, NO_MAP, EditedMap, read_map
from abn.export.figures import MARGIN, SIDE, Drawing, npy_of
from abn.images.decode import open_picture
from abn.images.fit import upsample
from abn.plots import overlay
from abn.variants.card import NOTHING

BEFORE = np.array([0.5, 0.3, 0.12, 0.04, 0.03, 0.01, 0, 0, 0, 0], np.float32)
AFTER = np.array([0.25, 0.125, 0.02, 0.01, 0.015, 0.01, 0.5, 0.04, 0.02, 0.01], np.float32)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> EditedMap:
    """An edit of a tiny network's map of a photograph full of metadata, with answers by hand."""
    card = replace(exporting.cards(tmp_path_factory.mktemp("variants"))[0], classes=tuple("abcdefghij"), title="Tiny")
    asked = interventions.subject(open_picture(exporting.photographed(), name="/home/me/mine.jpg"), card)
    attention = asked.attention.copy()
    attention[:4] = 0
    attention[12:] = 1
    effect = Effect("own map, then 2 strokes", attention, BEFORE, AFTER)
    return EditedMap(
        card, asked.fitted, asked.attention, effect, "multiplicative", Drawing(0.3, "viridis", smooth=False)
    )


def test_the_picture_holds_both_maps_as_the_page_draws_them(made):
    drawn = edited_map.draw(made)
    with Image.open(io.BytesIO(edited_map.panel(made))) as opened:
        assert opened.format == "PNG" and np.array_equal(np.asarray(opened), np.asarray(drawn))
    assert drawn.width == 2 * SIDE + 3 * MARGIN
    below, pixels = made.fitted.image.resize((SIDE, SIDE), Image.Resampling.BICUBIC), np.asarray(drawn)
    top = MARGIN + round(1.4 * (2 * SIDE // 32))
    for place, values in enumerate((made.own, made.effect.attention)):
        left = MARGIN + place * (SIDE + MARGIN)
        laid = overlay.overlay(below, upsample(values, (SIDE, SIDE), False), opacity=0.3, color_map="viridis")
        assert np.array_equal(pixels[top : top + SIDE, left : left + SIDE], np.asarray(laid))


def test_the_caption_says_what_was_done_and_what_came_of_it(made):
    own, now = made.own, made.effect.attention
    assert edited_map.caption(made) == [
        "Tiny: trained with additive, applied multiplicative",
        f"Own map: M {own.min():.3f} to {own.max():.3f}, mean {own.mean():.3f}",
        f"Edited map (own map, then 2 strokes): M 0.000 to 1.000, mean {now.mean():.3f}",
        "Perception head before: a 50.0 %; after: g 50.0 %",
        "Change of p of a: −25.0 points, from 50.0 % to 25.0 %",
    ]
    zeros = replace(made, effect=Effect("zeros", np.zeros_like(own), BEFORE, BEFORE))
    assert edited_map.caption(zeros)[3] == "This map is flat: every cell lies between 0.000 and 0.000."
    assert edited_map.caption(zeros)[-1] == "Change of p of a: ±0.0 points, from 50.0 % to 50.0 %"
    random = replace(made, card=replace(made.card, kind=NOTHING))
    assert edited_map.caption(random)[0] == "Tiny: never trained, applied multiplicative"
    assert figures._drawable("±0.0") == "+/-0.0"


def test_the_table_holds_the_likeliest_before_and_after_with_the_change(made):
    head, *rows = csv.reader(io.StringIO(edited_map.table(made)))
    assert tuple(head) == COLUMNS
    assert [row[5] for row in rows] == ["a", "g", "b", "c", "d", "h", "e"]  # five before, and two that came up
    assert all(row[:4] == ["tiny-additive", "additive", "multiplicative", "own map, then 2 strokes"] for row in rows)
    assert rows[0][4:] == ["0", "a", "1", "0.5", "2", "0.25", "-0.25"]
    assert rows[1][4:] == ["6", "g", "7", "0", "1", "0.5", "0.5"]
    for row in rows:
        before, after, change = (float(row[place]) for place in (7, 9, 10))
        assert change == pytest.approx(after - before, abs=1e-9)


def test_what_a_spreadsheet_would_compute_stays_text(made):
    hostile = '=HYPERLINK("http://x")'
    card = replace(made.card, classes=(hostile,) * 10)
    found = replace(made, card=card, effect=replace(made.effect, name=hostile))
    for row in list(csv.reader(io.StringIO(edited_map.table(found))))[1:]:
        assert row[3] == row[5] == f"'{hostile}"
    assert edited_map.draw(found).width == 2 * SIDE + 3 * MARGIN


def test_nothing_of_the_photographs_file_leaves(made):
    image = made.fitted.image.copy()
    image.info["exif"] = exporting.photographed()[6:200]  # even if a picture still had some
    found = replace(made, fitted=replace(made.fitted, image=image))
    for content in (edited_map.panel(found), npy_of(found.effect.attention), edited_map.table(found).encode()):
        for word in (b"SECRET", b"2031:12:31", b"Exif\0", b"eXIf", b"xmpmeta", b"mine", b"home"):
            assert word not in content
    with Image.open(io.BytesIO(edited_map.panel(found))) as opened:
        assert not opened.getexif() and not opened.info


# ---- a map given back ----


def saved(values: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()


def written(header: str, data: bytes = b"\0" * 16, version: bytes = b"\1\0") -> bytes:
    return b"\x93NUMPY" + version + struct.pack("<H", len(header)) + header.encode() + data


def header(descr: str = "'<f4'", shape: str = "(2, 2)", order: str = "False") -> str:
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}}}\n"


def test_a_kept_map_comes_back_to_the_bit(made):
    attention = made.effect.attention
    back = read_map(npy_of(attention), attention.shape)
    assert back.dtype == np.float32 and np.array_equal(back, attention)
    assert np.array_equal(np.load(io.BytesIO(npy_of(attention)), allow_pickle=False), attention)


@pytest.mark.parametrize("kind", ["<f2", ">f4", "<f8"])
def test_a_map_made_elsewhere_is_read_too(kind):
    values = np.asfortranarray(np.array([[0, 0.25, 1], [0.5, 0.75, 0.125]], kind))
    back = read_map(saved(values), (2, 3))
    assert back.dtype == np.float32 and back.flags.c_contiguous and back.tolist() == values.tolist()


@pytest.mark.parametrize("preset", interventions.PRESETS)
@given(seed=some.integers(0, 2**32 - 1), top=some.sampled_from([1.0, np.nextafter(np.float32(1), 0), 1e-7, 0.0]))
def test_whatever_the_page_puts_in_place_can_be_opened_again(preset, seed, top):
    m = np.random.default_rng(seed).random((7, 7), np.float32)
    m.ravel()[::5] = top
    for values in (interventions.PRESETS[preset](m), interventions.borrowed(m, (14, 14))):
        assert np.array_equal(read_map(npy_of(values), values.shape), values)


class Trap:
    def __reduce__(self):
        return pytest.fail, ("a pickle was opened",)


OBJECTS = written(header("'|O'"), pickle.dumps(Trap()))
PART = "This file holds only a part of a map."
RANGE = "A map holds numbers from 0 to 1, and this one holds others."
CELLS = "choose the variant that it is of, and open it again."


HOSTILE = {
    "nothing": (b"", NO_MAP),
    "another file": (b"GIF89a and more", NO_MAP),
    "a pickle": (pickle.dumps(Trap()), NO_MAP),
    "objects": (OBJECTS, NO_MAP),
    "a zip of arrays": (b"PK\x03\x04 and more", NO_MAP),
    "no header": (b"\x93NUMPY\1\0", NO_MAP),
    "another version": (written(header(), version=b"\3\0"), NO_MAP),
    "no dictionary": (written("[1, 2]"), NO_MAP),
    "a call": (written("__import__('os').abort()"), NO_MAP),
    "no end of brackets": (written("(" * 9000), NO_MAP),
    "a long header": (written(header() + " " * 20_000), NO_MAP),
    "an unknown kind": (written(header("'<f3'")), NO_MAP),
    "fields": (written(header("[('a', '<f4')]")), NO_MAP),
    "whole numbers": (saved(np.zeros((2, 2), int)), NO_MAP),
    "truths": (saved(np.zeros((2, 2), bool)), NO_MAP),
    "complex numbers": (saved(np.zeros((2, 2), complex)), NO_MAP),
    "one number": (saved(np.float32(0.5)), NO_MAP),
    "a batch": (saved(np.zeros((1, 2, 2), np.float32)), NO_MAP),
    "other cells": (saved(np.zeros((3, 2), np.float32)), f"3 × 2 cells, and this variant's has 2 × 2: {CELLS}"),
    "no cells": (saved(np.zeros((0, 2), np.float32)), NO_MAP),
    "cells that fill the memory": (written(header(shape="(999999999999, 2)")), NO_MAP),
    "a number of cells without end": (written(header(shape=f"({'9' * 4000}, 2)")), NO_MAP),
    "a number of cells too long to be written": (written(header(shape=f"(0x{'f' * 9000}, 2)")), NO_MAP),
    "cells less than none": (written(header(shape="(-2, -2)")), NO_MAP),
    "a part": (saved(np.zeros((2, 2), np.float32))[:-1], PART),
    "no number": (saved(np.array([[0, 0], [0, np.nan]], np.float32)), RANGE),
    "without end": (saved(np.array([[0, 0], [0, np.inf]], np.float32)), RANGE),
    "above one": (saved(np.array([[0, 0], [0, 1.001]], np.float32)), RANGE),
    "below zero": (saved(np.array([[0, 0], [0, -1e-6]], np.float32)), RANGE),
    "beyond float32": (saved(np.array([[0, 0], [0, 1e300]])), RANGE),
    "too long": (bytes(MAX_BYTES + 1), "This file has more than 1 MB: no map is as large."),
}


@pytest.mark.parametrize(("data", "sentence"), HOSTILE.values(), ids=HOSTILE)
def test_anything_else_is_one_sentence(data, sentence):
    with pytest.raises(ABNError) as caught:
        read_map(data, (2, 2))
    said = str(caught.value)
    assert said.endswith(sentence) and len(said) < 160 and "\n" not in said


@given(data=some.binary(max_size=200), begun=some.booleans())
def test_any_bytes_are_a_map_or_one_sentence(data, begun):
    whole = npy_of(np.zeros((2, 2), np.float32))
    place = len(data) % len(whole)
    try:
        found = read_map(whole[:place] + data if begun else data, (2, 2))
    except ABNError as error:
        assert len(str(error)) < 160
    else:
        assert found.shape == (2, 2) and 0 <= found.min() <= found.max() <= 1
