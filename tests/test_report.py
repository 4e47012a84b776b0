"""Files of an explanation: the raw numbers, a drawing that captions itself, names that cannot lead astray."""

import numpy as np
import pytest
import tiny
from PIL import Image

from abn import report
from abn.explainer import explain


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("variants")
    card = tiny.variant(folder, "tiny-additive", tiny.network())
    picture = tiny.picture(300, 200)
    return explain(picture, [card], mechanism="multiplicative")[0], picture


def test_the_raw_map_is_saved_exactly(found, tmp_path):
    explanation, picture = found
    array, drawing = report.save_explanation(explanation, picture, tmp_path / "new" / "folder", "zebra")
    assert array.name == "zebra--tiny-additive.npy" and drawing.name == "zebra--tiny-additive.png"
    saved = np.load(array, allow_pickle=False)
    assert saved.dtype == np.float32 and np.array_equal(saved, explanation.attention)
    with Image.open(drawing) as image:
        assert image.format == "PNG" and image.width == 448 + 2 * report.MARGIN and image.height > 200
    assert {path.name for path in array.parent.iterdir()} == {array.name, drawing.name}


def test_the_caption_says_what_is_shown(found):
    explanation, _ = found
    lines = report.caption(explanation)
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
    sheet = report.draw(again, picture)
    assert 448 <= sheet.width <= report.SIDE + 2 * report.MARGIN and sheet.height < 2 * report.SIDE


def _card(explanation):
    from abn.official import make_card

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
    assert report.stems([name]) == [stem]


def test_stems_are_kept_apart():
    assert report.stems(["a", "b", "A", "a", "a-2"]) == ["a", "b", "A-2", "a-3", "a-2-2"]
    long = report.stems(["x" * 70] * 2 + ["y" * 59 + "-y"])
    assert long == ["x" * 60, "x" * 58 + "-2", "y" * 59]
    assert [report.stems([stem])[0] for stem in long] == long  # a stem is its own stem, so files stay apart too


def test_nothing_is_written_outside_the_folder(found, tmp_path):
    explanation, picture = found
    inside = tmp_path / "out"
    array, drawing = report.save_explanation(explanation, picture, inside, "../../escape")
    assert array.parent == drawing.parent == inside and list(tmp_path.iterdir()) == [inside]
