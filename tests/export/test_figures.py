"""Files of an explanation: the raw numbers, a drawing that captions itself, names that cannot lead astray."""

from dataclasses import replace

import numpy as np
import pytest
import tiny
from PIL import Image

from abn.explanations.explainer import explain
from abn.export import figures
from abn.export.figures import SIDE, Drawing
from abn.images.fit import upsample
from abn.plots import color_limits, overlay
from abn.variants.card import NOTHING


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("variants")
    card = tiny.variant(folder, "tiny-additive", tiny.network())
    picture = tiny.picture(300, 200)
    return explain(picture, [card], mechanism="multiplicative")[0], picture


def test_the_raw_map_is_saved_exactly(found, tmp_path):
    explanation, picture = found
    array, drawing = figures.save_explanation(explanation, picture, tmp_path / "new" / "folder", "zebra")
    assert array.name == "zebra--tiny-additive.npy" and drawing.name == "zebra--tiny-additive.png"
    saved = np.load(array, allow_pickle=False)
    assert saved.dtype == np.float32 and np.array_equal(saved, explanation.attention)
    with Image.open(drawing) as image:
        assert image.format == "PNG" and image.width == 448 + 2 * figures.MARGIN and image.height > 200
    assert {path.name for path in array.parent.iterdir()} == {array.name, drawing.name}


def test_the_caption_says_what_is_shown(found):
    explanation, _ = found
    lines = figures.caption(explanation)
    assert lines[0] == "tiny-additive: trained with additive, applied multiplicative"
    values = explanation.attention
    assert f"16 by 16 cells, {values.min():.3f} to {values.max():.3f}, mean {values.mean():.3f}" in lines[1]
    assert lines[-2].startswith(f"Auxiliary head: {explanation.top('auxiliary')[0].label}")
    assert lines[-1].startswith(f"Perception head: {explanation.top('perception')[0].label}")


@pytest.mark.parametrize(("width", "height"), [(1, 900), (900, 1), (2000, 1500), (7, 7)])
def test_any_shape_of_picture_can_be_drawn(found, width, height):
    explanation, _ = found
    picture = tiny.picture(width, height)
    (again,) = explain(picture, [_card(explanation)], load=lambda _: tiny.network())
    sheet = figures.draw(again, picture)
    assert 448 <= sheet.width <= figures.SIDE + 2 * figures.MARGIN and sheet.height < 2 * figures.SIDE


def _card(explanation):
    from abn.variants.authors import make_card

    return make_card(tiny.network(), explanation.variant, arch="resnet20", num_classes=10, source=tiny.Path("x"))


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("zebra", "zebra"),
        ("../../etc/passwd", "etc-passwd"),
        ("..", "picture"),
        ("", "picture"),
        ("a b\n<c>&\x00", "a-b-c"),
        ("-rf", "rf"),
        ("CON: x?", "CON-x"),
        ("写真 1", "写真-1"),
        ("x" * 500, "x" * 60),
    ],
)
def test_a_stem_is_harmless(name, stem):
    assert figures.stems([name]) == [stem]


def test_stems_are_kept_apart():
    assert figures.stems(["a", "b", "A", "a", "a-2"]) == ["a", "b", "A-2", "a-3", "a-2-2"]
    long = figures.stems(["x" * 70] * 2 + ["y" * 59 + "-y"])
    assert long == ["x" * 60, "x" * 58 + "-2", "y" * 59]
    assert [figures.stems([stem])[0] for stem in long] == long  # a stem is its own stem, so files stay apart too


def test_nothing_is_written_outside_the_folder(found, tmp_path):
    explanation, picture = found
    inside = tmp_path / "out"
    array, drawing = figures.save_explanation(explanation, picture, inside, "../../escape")
    assert array.parent == drawing.parent == inside and list(tmp_path.iterdir()) == [inside]


# ---- drawn as the page draws ----


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB"), int)


@pytest.mark.parametrize("smooth", [True, False])
def test_the_panel_is_the_map_on_what_the_model_saw(found, smooth):
    explanation, _ = found
    drawing, span = Drawing(opacity=1.0, colors="gray", smooth=smooth), (0.2, 0.7)
    drawn = figures.lay(explanation, None, drawing, span)
    values = upsample(explanation.attention, (SIDE, SIDE), smooth)
    gray = np.rint(255 * np.clip((values - 0.2) / 0.5, 0, 1))
    assert drawn.size == (SIDE, SIDE) and np.abs(pixels(drawn) - gray[..., None]).max() <= 1
    sheet = figures.draw(explanation, None, drawing, span)
    assert np.array_equal(pixels(sheet)[16 : 16 + SIDE, 16 : 16 + SIDE], pixels(drawn))


def test_no_opacity_is_the_plain_picture(found):
    explanation, picture = found
    drawn = figures.lay(explanation, picture, Drawing(opacity=0.0))
    left, top, right, bottom = (round(side) for side in explanation.fitted.visible)
    assert drawn.size == picture.image.size
    assert np.array_equal(pixels(drawn)[top:bottom, left:right], pixels(picture.image)[top:bottom, left:right])


def test_the_brightest_part_is_marked_as_the_page_marks_it(found):
    explanation, _ = found
    drawing = Drawing(top=20, mark="mask", opacity=0.0)
    level, area = figures.brightest_part(explanation, drawing)
    panel = upsample(explanation.attention, (448, 448))
    assert (level, area) == overlay.brightest_level(panel, 0.2)
    drawn = pixels(figures.lay(explanation, None, drawing))
    plain = pixels(figures.lay(explanation, None, Drawing(opacity=0.0)))
    inside = upsample(explanation.attention, (SIDE, SIDE)) >= level
    assert np.array_equal(drawn[inside], plain[inside]) and (drawn[~inside] <= plain[~inside] / 4 + 1).all()
    assert f"Marked: M ≥ {level:.2f}, {100 * area:.0f} % of what the model saw" in figures.caption(explanation, drawing)


def test_the_caption_tells_the_scale_and_the_title(found):
    explanation, _ = found
    assert figures.caption(explanation)[1].endswith("colors from 0 to 1")
    each = figures.caption(explanation, Drawing(scale="each"), (0.25, 0.75))
    assert each[1].endswith("colors from 0.250 to 0.750, this map's own range")
    shared = figures.caption(explanation, Drawing(scale="shared"), (0.25, 0.75))
    assert shared[1].endswith("colors from 0.250 to 0.750, shared by the variants")
    card = replace(_card(explanation), title="My own", kind=NOTHING)
    assert figures.caption(explanation, card=card)[0] == "My own: never trained, applied multiplicative"


def test_a_caption_is_drawn_in_letters_that_the_font_has(found):
    explanation, _ = found
    assert figures._drawable("café − ñandú ≥ Straße") == "cafe - nandu >= Strasse"
    assert figures._drawable("写真 x") == "?? x"
    odd = replace(explanation, labels=tuple(f"写真 {k} {'long ' * 40}" for k in range(10)))
    assert figures.draw(odd, None).width == SIDE + 2 * figures.MARGIN


def test_spans_are_those_of_all_maps_together(found):
    explanation, picture = found
    other = replace(explanation, attention=explanation.attention / 2)
    record = figures.Record(picture, [explanation, other], [_card(explanation)] * 2, drawing=Drawing(scale="shared"))
    assert record.spans == color_limits.limits([explanation.attention, other.attention], "shared")
    assert record.fit == "crop"
