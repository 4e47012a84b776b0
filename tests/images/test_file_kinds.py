"""What phones and browsers save opens; what isn't read is named by its kind, and never called damaged."""

import io
import struct
import sys
import zipfile

import numpy as np
import pytest
from PIL import ExifTags, Image

from abn.errors import PictureError
from abn.images import file_kinds
from abn.images.decode import open_picture
from abn.images.zip_files import unpack

pillow_heif = pytest.importorskip("pillow_heif")
RED = (200, 40, 40)


def half(size: tuple[int, int] = (64, 32)) -> Image.Image:
    """Red to the left, blue to the right."""
    image = Image.new("RGB", size, RED)
    image.paste((0, 0, 255), (size[0] // 2, 0, *size))
    return image


def encoded(image: Image.Image, kind: str, **options) -> bytes:
    stream = io.BytesIO()
    if kind == "HEIF":
        pillow_heif.from_pillow(image).save(stream, **{"quality": 95, "chroma": 444, **options})
    else:
        exact = {"AVIF": {"quality": 95, "subsampling": "4:4:4"}}.get(kind, {})
        image.save(stream, kind, **exact, **options)
    return stream.getvalue()


def near(image: Image.Image, place: tuple[int, int], color: tuple[int, ...]) -> bool:
    return max(abs(a - b) for a, b in zip(image.getpixel(place), color, strict=True)) <= 6


@pytest.mark.parametrize("kind", ["AVIF", "HEIF", "JPEG2000"])
def test_it_opens(kind):
    data = encoded(half(), kind)
    opened = open_picture(data)
    assert opened.image.size == opened.full_size == (64, 32) and opened.notes == () and opened.image.mode == "RGB"
    assert near(opened.image, (4, 16), RED) and near(opened.image, (60, 16), (0, 0, 255))
    assert type(opened.image) is Image.Image and opened.image.info == {}
    assert unpack([("a", data)]).pictures == (("a", data),)


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
def test_phones_turn_their_photos(kind):
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    opened = open_picture(encoded(half(), kind, exif=exif.tobytes()))
    assert opened.image.size == opened.full_size == (32, 64)
    assert near(opened.image, (16, 4), RED) and near(opened.image, (16, 60), (0, 0, 255))


@pytest.mark.parametrize("kind", ["AVIF", "HEIF", "JPEG2000"])
def test_transparent_parts_are_put_on_white(kind):
    image = half().convert("RGBA")
    image.paste((0, 0, 0, 0), (32, 0, 64, 32))
    opened = open_picture(encoded(image, kind))
    assert near(opened.image, (4, 16), RED) and near(opened.image, (60, 16), (255, 255, 255))
    assert opened.notes == ("Transparent parts put on white.",)


def test_gray_and_deep_jpeg_2000():
    assert open_picture(encoded(Image.new("L", (64, 64), 77), "JPEG2000")).image.getpixel((9, 9)) == (77, 77, 77)
    deep = Image.fromarray(np.full((64, 64), 77 * 257, np.uint16))
    assert open_picture(encoded(deep, "JPEG2000")).image.getpixel((9, 9)) == (77, 77, 77)


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
def test_color_codes_of_the_container(kind):
    data = encoded(Image.new("RGB", (64, 64), (200, 60, 60)), kind)
    at = data.index(b"colrnclx") + 8
    opened = open_picture(data[:at] + struct.pack(">HH", 12, 13) + data[at + 4 :])
    assert near(opened.image, (32, 32), (217, 42, 52)) and opened.notes == ("Colors converted from Display P3.",)


@pytest.mark.parametrize("kind", ["AVIF", "HEIF", "JPEG2000"])
def test_damaged_it_is_refused_or_opens(kind):
    data = encoded(half(), kind)
    for length in range(0, len(data), max(1, len(data) // 40)):
        for cut in (data[:length], data[:length] + b"\xff" + data[length + 1 :]):
            try:
                assert open_picture(cut).image.mode == "RGB"
            except PictureError as error:
                assert str(error).endswith(".")


def test_heic_without_its_package_is_named(monkeypatch):
    data = encoded(half(), "HEIF")
    monkeypatch.delitem(Image.OPEN, "HEIF", raising=False)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(PictureError) as error:
        open_picture(data)
    assert str(error.value) == file_kinds.NO_HEIF


OTHERS = {
    "a JPEG XL image": b"\xff\x0a" + bytes(40),
    "a Photoshop file": b"8BPS" + bytes(40),
    "a PDF": b"%PDF-1.7",
    "a TGA image": b"\0\0\2\0" + bytes(30) + b"TRUEVISION-XFILE.\0",
    "a cursor": b"\0\0\2\0\1\0" + bytes(20),
    "a QOI image": b"qoif" + bytes(10),
    "an SGI image": b"\1\xda\1\1" + bytes(20),
    "a raw photo of a camera": b"\0\0\0\x18ftypcrx \0\0\0\1crx isom",
    "an HEIF image coded with AVC": b"\0\0\0\x14ftypavci\0\0\0\0avci",
    "a video": b"\0\0\0\x14ftypisom\0\0\0\0mp42",
    "a DICOM file": bytes(128) + b"DICM",
    "an icon": b"\0\0\1\0\1\0",
    "an SVG drawing": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
    "a web page": b"<!doctype html><p>no image",
    "a pointer of Git LFS to a file": b"version https://git-lfs.github.com/spec/v1\n",
}


@pytest.mark.parametrize("kind", OTHERS)
def test_what_is_not_read_is_named(kind):
    with pytest.raises(PictureError) as error:
        open_picture(OTHERS[kind])
    assert str(error.value) == file_kinds.NOT_READ.format(kind=kind)


def test_in_a_zip_it_is_named_too():
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.psd", OTHERS["a Photoshop file"])
        archive.writestr("b.heic", encoded(half(), "HEIF"))
    unpacked = unpack([("a.zip", stream.getvalue())])
    assert [name for name, _ in unpacked.pictures] == ["b.heic"]
    assert unpacked.refused == (("a.psd", file_kinds.NOT_READ.format(kind="a Photoshop file")),)
