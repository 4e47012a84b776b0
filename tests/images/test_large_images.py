"""Photos of 48 million pixels open at reduced size, within the memory of the others; JPEG 2000 within its limits."""

import io
import struct

import icc
import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms

from abn.errors import PictureError
from abn.images import decode_limits, jpeg_2000
from abn.images.decode import open_picture

PHONE = (8064, 6048)


def encoded(image: Image.Image, kind: str, **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def gradient(size: tuple[int, int]) -> Image.Image:
    return Image.linear_gradient("L").resize(size)


@pytest.mark.parametrize("progressive", [False, True])
def test_a_photo_of_48_million_pixels_is_decoded_smaller(progressive):
    opened = open_picture(encoded(gradient(PHONE), "JPEG", progressive=progressive))
    assert opened.full_size == PHONE and opened.image.size == (1008, 756) and opened.notes == ()
    assert [opened.image.getpixel((500, row))[0] // 16 for row in (4, 370, 751)] == [0, 7, 15]


def test_jpegs_that_would_take_more_memory_are_refused(monkeypatch):
    for size in ((8000, 6251), (65_000, 400)):  # too many pixels; too narrow to be decoded smaller
        with pytest.raises(PictureError, match="million pixels"):
            open_picture(encoded(Image.new("L", size), "JPEG"))
    image = Image.new("RGB", (1100, 1050))
    monkeypatch.setattr(decode_limits, "MAX_PIXELS", 500_000)
    monkeypatch.setattr(decode_limits, "MAX_REDUCED", 2_000_000)
    with pytest.raises(PictureError, match="progressive JPEG"):
        open_picture(encoded(image, "JPEG", progressive=True, subsampling=0))
    assert open_picture(encoded(image, "JPEG", progressive=True, subsampling=2)).full_size == (1100, 1050)


def test_a_large_heic_is_reduced_at_once(monkeypatch):
    """Its pixels are decoded whole; encoding 48 million would take a minute, so that the limits are smaller here."""
    image = gradient((2200, 1100)).convert("RGB")
    pillow_heif.register_heif_opener()
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    data = encoded(image, "HEIF", icc_profile=profile.tobytes())
    assert open_picture(data).image.size == (2200, 1100)
    monkeypatch.setattr(decode_limits, "MAX_PIXELS", 2_000_000)
    opened = open_picture(data)
    assert opened.full_size == (2200, 1100) and opened.image.size == (1100, 550)
    assert [opened.image.getpixel((500, row))[0] // 16 for row in (2, 268, 547)] == [0, 7, 15]
    assert not opened.image.info
    monkeypatch.setattr(decode_limits, "MAX_REDUCED", 2_400_000)
    with pytest.raises(PictureError, match="for HEIC, the limit is 2 million pixels"):
        open_picture(data)


@pytest.mark.parametrize("options", [{}, {"tile_size": (512, 512)}, {"no_jp2": True}, {"progression": "RPCL"}])
def test_jpeg_2000_is_decoded_smaller(options):
    opened = open_picture(encoded(gradient((2200, 1100)), "JPEG2000", **options))
    assert opened.full_size == (2200, 1100) and opened.image.size == (1100, 550)
    assert [opened.image.getpixel((500, row))[0] // 16 for row in (2, 268, 547)] == [0, 7, 15]


@pytest.mark.parametrize(
    "options",
    [
        {"codeblock_size": (4, 4)},
        {"codeblock_size": (16, 16)},
        {"tile_size": (8, 8)},
    ],
    ids=["4", "16", "tiles"],
)
def test_jpeg_2000_in_far_too_many_pieces(options):
    with pytest.raises(PictureError) as error:
        open_picture(encoded(gradient((600, 600)), "JPEG2000", **options))
    assert str(error.value) == jpeg_2000.COSTLY


def test_jpeg_2000_without_smaller_versions(monkeypatch):
    data = encoded(gradient((1200, 1100)), "JPEG2000", num_resolutions=1)
    assert open_picture(data).image.size == (1200, 1100)
    monkeypatch.setattr(jpeg_2000, "MAX_DECODED", 1_000_000)
    with pytest.raises(PictureError) as error:
        open_picture(data)
    assert str(error.value) == jpeg_2000.LARGE.format(width=1200, height=1100)


J2K = encoded(gradient((64, 64)), "JPEG2000", no_jp2=True)
COD = J2K[J2K.index(b"\xff\x52") :][:14]


def with_segment(marker: int, body: bytes) -> bytes:
    at = J2K.index(b"\xff\x52")
    return J2K[:at] + struct.pack(">HH", marker, len(body) + 2) + body + J2K[at:]


@pytest.mark.parametrize(
    "data",
    [
        J2K + J2K,
        J2K.replace(COD, b"\xff\x52\0\x12\1" + COD[5:] + b"\x11" * 6),  # of two by two
        with_segment(0xFF30, b""),  # behind which the decoder would search
        with_segment(0xFF53, bytes([0, 0, 5, 0, 0, 0, 1])),  # small blocks for one channel
        J2K.replace(COD, COD[:6] + b"\xff\xff" + COD[8:]),
        encoded(gradient((64, 64)), "JPEG2000").replace(b"ihdr\0\0\0\x40", b"ihdr\0\0\0\x41"),
    ],
    ids=["twice", "precincts", "unknown marker", "one channel", "layers", "another size"],
)
def test_hostile_headers_of_jpeg_2000(data, monkeypatch):
    monkeypatch.setattr(jpeg_2000, "MAX_PACKETS", 5_000)
    with pytest.raises(PictureError):
        open_picture(data)


def test_parts_of_tiles_are_counted(monkeypatch):
    data = encoded(gradient((640, 640)), "JPEG2000", tile_size=(64, 64))
    assert open_picture(data).image.size == (640, 640)
    monkeypatch.setattr(jpeg_2000, "MAX_PARTS", 50)
    with pytest.raises(PictureError):
        open_picture(data)


def test_a_profile_in_jpeg_2000():
    data = encoded(Image.new("RGB", (16, 16), (200, 60, 60)), "JPEG2000")
    at = data.index(b"colr") - 4
    box = b"colr\2\0\0" + icc.rgb("Display P3", icc.DISPLAY_P3)
    box = struct.pack(">I", len(box) + 4) + box
    header = data.index(b"jp2h") - 4
    size = int.from_bytes(data[header : header + 4], "big") + len(box) - 15
    data = data[:header] + struct.pack(">I", size) + data[header + 4 : at] + box + data[at + 15 :]
    opened = open_picture(data)
    assert np.abs(np.asarray(opened.image, int) - (217, 42, 52)).max() <= 2
    assert opened.notes == ("Colors converted from Display P3.",)
