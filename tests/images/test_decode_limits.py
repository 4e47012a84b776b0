"""Small files that would take minutes or gigabytes are refused after few steps; what is only large isn't."""

import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image
from rare_files import bmp, gif, png, png_chunk, tiff

from abn.errors import PictureError
from abn.images import decode_limits
from abn.images.decode import open_picture

MANY = 300_000


def encoded(image: Image.Image, kind: str, **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


DOT = Image.new("RGB", (4, 4))
JPEG = encoded(DOT, "JPEG")
GIF = gif((1, 1), bytes(12), (0, 0, 1, 1, [0], None))


def segment(mark: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 255, mark, len(body) + 2) + body


def refused(data: bytes, words: str) -> None:
    with pytest.raises(PictureError, match=words) as caught:
        open_picture(data)
    assert "\n" not in str(caught.value) and str(caught.value).endswith("PNG or JPEG.")


PIECES = {
    "chunks": png(b"\0\0\0", 1, 8, 2, png_chunk(b"abCd", b"") * MANY),
    "keys": png(b"\0\0\0", 1, 8, 2, png_chunk(b"tRNS", bytes(6)) * MANY),
    "profiles": png(b"\0\0\0", 1, 8, 2, png_chunk(b"iCCP", b"k\0\0" + zlib.compress(bytes(10**6))) * 200),
    "texts": png(b"\0\0\0", 1, 8, 2, png_chunk(b"zTXt", b"\0\0" + zlib.compress(bytes(10**6))) * 200),
    "foreign texts": png(b"\0\0\0", 1, 8, 2, png_chunk(b"iTXt", b"k\0\1\0\0\0" + zlib.compress(b"\xff" * 10**6)) * 200),
    "comments": JPEG[:2] + segment(0xFE, b"") * MANY + JPEG[2:],
    "filling": JPEG[:2] + b"\xff" * MANY + JPEG[2:],
    "exif": JPEG[:2] + segment(0xE1, b"Exif\0\0" + bytes(1000)) * 16 + JPEG[2:],
    "gif": GIF[:25] + b"!\xfe\0" * MANY + GIF[25:],
    "runs": b"BM"
    + struct.pack("<IHHIIiiHHIIiiII", 0, 0, 0, 62, 40, 2000, 2000, 1, 8, 1, 0, 0, 0, 2, 2)
    + b"\1" * 2 * 10 * MANY,
    "strips": tiff(bytes(16), 4, [8], 1, height=4, t273=[8] * MANY),
    "tags": b"II*\0\x08\0\0\0" + struct.pack("<H", 5000) + struct.pack("<HHII", 256, 3, 1, 4) * 5000,
    "many tags": b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, 2**60) + bytes(99),
}


@pytest.mark.parametrize("kind", PIECES)
def test_far_too_many_pieces(kind):
    refused(PIECES[kind], "far too many pieces")


@pytest.mark.parametrize("damage", [b"", b"\x08\0\0\0", b"\xff\xff\xff\xff", b"\x08\0\0\0\x02", b"\x08\0\0\0\1\0\0"])
def test_a_directory_cut_short_is_left_to_pillow(damage):
    decode_limits.Source(b"II*\0" + damage)


@pytest.mark.slow
def test_what_is_only_large_is_opened():
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (500, 500, 3), dtype=np.uint8))
    for data in (encoded(noise, "GIF"), encoded(noise, "TIFF", tiffinfo={278: 1}), encoded(noise, "PNG")):
        assert open_picture(data).notes == ()
    frames = encoded(noise, "GIF", save_all=True, append_images=[DOT.resize(noise.size)])
    assert open_picture(frames).notes == ("First frame of an animation.",)


def test_a_large_picture_in_runs():
    for side, fits in ((2000, True), (2001, False)):
        runs = (b"\xff\1" * (side // 255) + bytes([side % 255, 1]) + b"\0\0") * side + b"\0\1"
        data = bmp(runs, (side, side), 8, packing=1, extra=b"\0\0\xff\0\xff\0\0\0", colors=2)
        if fits:
            assert open_picture(data).image.getcolors() == [(side * side, (0, 0, 255))]
        else:
            refused(data, "in runs")


def test_strips_that_are_read_again_and_again():
    empty = b"\0\0\0\xff\xff" * 20_000  # blocks of nothing
    row = zlib.compress(bytes(4))
    strip = row[:2] + empty + row[2:]
    for packed, height, fits in ((row, 2000, True), (strip, 5, True), (strip, 100, False)):
        shared = {"t273": [8] * height, "t278": 1, "t279": [len(packed)] * height}
        data = tiff(packed, 4, [8], 1, height=height, t259=8, **shared)
        if fits:
            assert open_picture(data).image.getcolors() == [(4 * height, (0, 0, 0))]
        else:
            refused(data, "again and again")


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_an_orientation_of_a_million_numbers_is_none(kind):
    for count, turned in ((1, True), (1_000_000, False)):
        numbers = b"\6\0\0\0" if count == 1 else struct.pack("<I", 26)
        exif = b"II*\0\x08\0\0\0" + struct.pack("<HHHI", 1, 274, 3, count) + numbers + bytes(4) + b"\6\1" * count
        data = encoded(DOT, kind, exif=exif)
        tracemalloc.start()
        result = open_picture(data)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 7 * len(exif) + 1_000_000
        assert result.notes == (("Turned upright as its EXIF says.",) if turned else ())


def tiled(side: int, deflate: bool) -> bytes:
    """4 × 4 pixels in one tile of so many along each side; its pixels lie where a strip's would."""
    data = tiff(bytes(256 * 256), 4, [8], 1, height=4, deflate=deflate, t322=side, t323=side)
    for strip, tile in ((273, 324), (279, 325)):
        data = data.replace(struct.pack("<HHI", strip, 4, 1), struct.pack("<HHI", tile, 4, 1))
    return data


@pytest.mark.parametrize("deflate", [False, True])
def test_tiles_far_larger_than_the_picture(deflate):
    for side in (4096, 16384, 2**31):
        refused(tiled(side, deflate), "tiles")
    assert open_picture(tiled(256, deflate)).image.size == (4, 4)


def test_scans_in_a_tiff():
    gray = encoded(Image.new("L", (1000, 1000)), "JPEG", progressive=True)
    scan = gray[gray.rindex(b"\xff\xda") : -2]
    for count, fits in ((20, True), (2000, False)):
        data = tiff(gray[:-2] + scan * count + b"\xff\xd9", 1000, [8], 1, height=1000, t259=7)
        if fits:
            assert open_picture(data).image.size == (1000, 1000)
        else:
            with pytest.raises(PictureError, match="scans"):
                open_picture(data)
    strips = encoded(Image.new("L", (1000, 1000)), "TIFF", compression="jpeg", tiffinfo={278: 8})
    assert strips.count(b"\xff\xda") >= 100 and open_picture(strips).image.size == (1000, 1000)
