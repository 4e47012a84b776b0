"""Images as callers have them: paths, bytes, PIL images and arrays give the same pixels, and errors are ours."""

import io

import icc
import numpy as np
import pytest
from PIL import ExifTags, Image

from abn.errors import PictureError
from abn.images import any_source, decode_limits
from abn.images.any_source import as_picture
from abn.images.decode import ON_WHITE, TURNED, open_picture

RGB = np.array([[[255, 0, 0], [0, 128, 0]], [[1, 2, 3], [250, 251, 252]]], np.uint8)


def pixels(source) -> list:
    return np.asarray(as_picture(source).image).tolist()


def test_paths_and_bytes(tmp_path):
    path = tmp_path / "some.png"
    Image.fromarray(RGB).save(path)
    expected = open_picture(path.read_bytes(), name="some.png")
    for source in (path, str(path)):
        assert as_picture(source) == expected and as_picture(source).name == "some.png"
    for data in (path.read_bytes(), bytearray(path.read_bytes()), memoryview(path.read_bytes())):
        assert as_picture(data).sha256 == expected.sha256 and pixels(data) == RGB.tolist()
    assert as_picture(expected) is expected


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (RGB, RGB),
        (RGB.astype(np.int64), RGB),
        (RGB.astype(np.float64) / 255, RGB),
        (np.asfortranarray(RGB), RGB),
        (RGB[::-1], RGB[::-1]),
        (RGB.astype(np.uint16) * 257, RGB),
        (RGB[:, :, 0], RGB[:, :, [0, 0, 0]]),
        (RGB[:, :, :1], RGB[:, :, [0, 0, 0]]),
        (RGB[:, :, 0] > 100, 255 * (RGB[:, :, [0, 0, 0]] > 100)),
        (np.dstack([RGB, np.full((2, 2), 255, np.uint8)]), RGB),
        (np.dstack([RGB, np.zeros((2, 2), np.uint8)]), np.full((2, 2, 3), 255)),
    ],
)
def test_arrays(array, expected):
    before = array.copy()
    assert pixels(array) == expected.tolist() and np.array_equal(array, before)


@pytest.mark.parametrize(
    ("array", "sentence"),
    [
        (np.zeros((3, 224, 224)), any_source.SHAPE.format(shape=(3, 224, 224))),
        (np.zeros((1, 8, 8, 3)), any_source.SHAPE.format(shape=(1, 8, 8, 3))),
        (np.zeros(8), any_source.SHAPE.format(shape=(8,))),
        (np.zeros((0, 8, 3)), decode_limits.NO_PIXELS),
        (np.full((8, 8), 2.0), any_source.VALUES),
        (np.full((8, 8), np.nan), any_source.VALUES),
        (np.full((8, 8), -1), any_source.VALUES),
        (np.full((8, 8), "a"), any_source.VALUES),
        ([[0, 0]], any_source.KIND.format(kind="list")),
        (None, any_source.KIND.format(kind="NoneType")),
        ("no/such/file.png", "This file does not exist: check its path."),
        (b"", "This file is empty: choose it again, or choose another image."),
    ],
)
def test_what_is_no_image_is_one_sentence(array, sentence):
    with pytest.raises(PictureError) as error:
        as_picture(array)
    assert str(error.value) == sentence


def test_pil_images_come_out_as_their_files_do(tmp_path):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    wide, half = Image.fromarray(RGB).resize((64, 32)), Image.new("RGBA", (8, 8), (255, 0, 0, 128))
    deep = Image.fromarray(np.array([[0, 25700, 65535]], np.uint16))
    saved = [
        (wide, {"exif": exif}),
        (half, {}),
        (deep, {}),
        (wide, {"icc_profile": icc.rgb("Display P3", icc.DISPLAY_P3)}),
    ]
    for image, options in saved:
        stream = io.BytesIO()
        image.save(stream, "PNG", **options)
        opened = Image.open(stream)
        from_pil, from_bytes = as_picture(opened), open_picture(stream.getvalue())
        assert np.array_equal(from_pil.image, from_bytes.image) and from_pil.notes == from_bytes.notes
        assert pixels(opened) == np.asarray(from_bytes.image).tolist()  # a second time: the source wasn't changed
    assert as_picture(half).notes == (ON_WHITE,)
    path = tmp_path / "turned.jpg"
    wide.save(path, exif=exif)
    with Image.open(path) as image:
        turned = as_picture(image)
    assert turned.name == "turned.jpg" and turned.full_size == (32, 64) and turned.notes == (TURNED,)


def test_equal_pixels_have_equal_hashes_and_others_do_not():
    assert as_picture(RGB).sha256 == as_picture(Image.fromarray(RGB)).sha256 == as_picture(RGB.copy()).sha256
    assert as_picture(RGB).sha256 != as_picture(RGB[::-1]).sha256
    assert as_picture(RGB).sha256 != as_picture(RGB.reshape(1, 4, 3)).sha256


def test_too_many_pixels_and_files_cut_short(tmp_path, monkeypatch):
    path = tmp_path / "cut.png"
    Image.effect_noise((64, 64), 50).save(path)
    path.write_bytes(path.read_bytes()[:1000])
    with Image.open(path) as image, pytest.raises(PictureError) as error:
        as_picture(image)
    assert str(error.value) == any_source.MODE.format(mode="L")
    monkeypatch.setattr(decode_limits, "MAX_PIXELS", 3)
    with pytest.raises(PictureError, match="image in memory"):
        as_picture(RGB)
