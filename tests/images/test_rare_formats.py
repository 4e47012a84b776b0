"""Rare kinds of pictures, built byte by byte with known pixels, come out as they were meant, or are refused."""

import io
import struct

import numpy as np
import pytest
from PIL import ExifTags, Image
from rare_files import apng, bmp, gif, png, png_chunk, tiff

from abn.errors import PictureError
from abn.images import rare_formats
from abn.images.decode import open_picture
from abn.images.file_kinds import NOT_READ

RED, GREEN, BLUE, BLACK, WHITE = [255, 0, 0], [0, 255, 0], [0, 0, 255], [0, 0, 0], [255, 255, 255]
FOUR = bytes(RED + GREEN + BLUE + BLACK)
ON_WHITE = ("Transparent parts put on white.",)


def opened(data: bytes) -> list:
    return np.asarray(open_picture(data).image).tolist()


def grays(*values: int) -> list:
    return [[[value] * 3 for value in values]]


def numbers(kind: str, *values: float) -> bytes:
    return np.array(values, kind).tobytes()


# ---- PNG ----


@pytest.mark.parametrize(
    ("depth", "row", "values"),
    [(1, b"\x40", [0, 255]), (2, b"\x1b", [0, 85, 170, 255]), (4, b"\x05\xaf", [0, 85, 170, 255])],
)
def test_gray_of_few_bits_and_its_transparent_value(depth, row, values):
    assert opened(png(row, len(values), depth, 0)) == grays(*values)
    for value in values:
        key = struct.pack(">H", value * (2**depth - 1) // 255)
        seen = [255 if other == value else other for other in values]
        assert opened(png(row, len(values), depth, 0, png_chunk(b"tRNS", key))) == grays(*seen)


@pytest.mark.parametrize(("depth", "row"), [(1, b"\x40"), (2, b"\x1b"), (4, b"\x01\x23"), (8, b"\0\1\2\3")])
def test_palettes_of_few_bits_and_their_partial_alpha(depth, row):
    count = min(4, 2**depth)
    palette = png_chunk(b"PLTE", FOUR[: 3 * count])
    assert opened(png(row, count, depth, 3, palette)) == [[RED, GREEN, BLUE, BLACK][:count]]
    alpha = png_chunk(b"tRNS", b"\x00\x80")
    assert opened(png(row, count, depth, 3, palette, alpha)) == [[WHITE, [127, 255, 127], BLUE, BLACK][:count]]


def test_deep_color_and_its_transparent_value():
    row = numbers(">u2", 65535, 0, 0, 257, 600, 65535)
    assert opened(png(row, 2, 16, 2)) == [[RED, [1, 2, 255]]]
    assert opened(png(row, 2, 16, 2, png_chunk(b"tRNS", numbers(">u2", 65535, 0, 0)))) == [[WHITE, [1, 2, 255]]]
    assert opened(png(row, 2, 16, 2, png_chunk(b"tRNS", numbers(">u2", 257, 600, 65535)))) == [[RED, WHITE]]
    assert opened(png(numbers(">u2", 65535, 0, 0, 65535, 0, 0, 65535, 0), 2, 16, 6)) == [[RED, WHITE]]
    assert opened(png(numbers(">u2", 2570, 65535, 2570, 0), 2, 16, 4)) == grays(10, 255)


@pytest.mark.parametrize("bits", [10, 12, 14])
@pytest.mark.parametrize("compressed", [False, True])
def test_deep_color_of_fewer_bits_is_told(bits, compressed):
    largest, note = 2**bits - 1, rare_formats.DARK_COLORS.format(count=2**bits, bits=bits)
    values = (largest, 0, largest // 2)
    as_png = png(numbers(">u2", *values), 1, 16, 2)
    as_tiff = tiff(numbers("<u2", *values), 1, [16] * 3, 2, deflate=compressed)
    for data in (as_png, as_tiff):
        assert open_picture(data).notes == (note,) and opened(data)[0][0][0] == largest >> 8
    assert open_picture(png(numbers(">u2", 65535, 0, 0), 1, 16, 2)).notes == ()
    assert open_picture(png(numbers(">u2", 0, 0, 0), 1, 16, 2)).notes == ()
    assert open_picture(png(bytes([3, 0, 0]), 1, 8, 2)).notes == ()  # of 8 bits


def test_the_first_picture_of_several_comes_upright():
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    stored = Image.new("RGB", (32, 64), "red")
    stored.paste("blue", (0, 32, 32, 64))
    stream = io.BytesIO()
    stored.save(stream, "MPO", save_all=True, append_images=[Image.new("RGB", (8, 8))], exif=exif, quality=95)
    result = open_picture(stream.getvalue())
    assert (
        result.image.size == (64, 32) and result.image.getpixel((8, 8))[2] > 250 > 5 > result.image.getpixel((8, 8))[0]
    )
    assert result.notes == ("Turned upright as its EXIF says.", "First image of several in the file.")


# ---- refused by kind ----

RGB = bytes([*RED, *GREEN])
YCBCR = bytes([76, 76, 76, 76, 85, 255])
GRAY_PALETTE = bytes(3) + b"\0" + b"\xff" * 3 + b"\0"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (apng(bytes([*RED, 255]), bytes([*GREEN, 255])), "an animated PNG with a separate still image"),
        (bmp(b"\x01\x10\0\0", (4, 1), 4, extra=GRAY_PALETTE, colors=2), "a BMP with a gray palette"),
        (tiff([b"\xff\0", b"\0\xff", b"\0\0"], 2, [8] * 3, 2, t284=2), "a planar TIFF"),
        (tiff([b"\x3c\0", b"\xff\0"], 2, [8] * 2, 1, t284=2, t338=2, deflate=True), "a planar TIFF"),
        (tiff([bytes(4)] * 2, 4, [8], 1, height=4, t278=1), "a TIFF with missing strips"),
        (tiff(YCBCR, 2, [8] * 3, 6, height=2), "an uncompressed TIFF with subsampled colors"),
        (tiff(b"\x40", 2, [1], 3, t320=[255, 0, 0, 255, 0, 0]), "a TIFF with a palette of 8 bits"),
        (tiff(numbers("i1", 0, 100, -1), 3, [8], 1, t339=2), "a TIFF of signed bytes"),
        (
            tiff(numbers(">f4", 0, 1), 2, [32], 1, order=">", deflate=True, t339=3),
            "a compressed big-endian TIFF of signed or 32-bit values",
        ),
    ],
)
def test_what_pillow_would_read_wrongly_is_refused_by_kind(data, kind):
    with pytest.raises(PictureError) as error:
        open_picture(data)
    assert str(error.value) == NOT_READ.format(kind=kind)


def test_doubles_cannot_be_decoded():
    with pytest.raises(PictureError):
        open_picture(tiff(numbers("<f8", 0, 1), 2, [64], 1, t339=3))


# ---- TIFF ----


@pytest.mark.parametrize("deflate", [False, True])
@pytest.mark.parametrize("order", "<>")
def test_gray_of_every_kind_and_order(order, deflate):
    def gray(kind: str, *values: float, **tags) -> list:
        data = numbers(order + kind, *values)
        bits = [8 * len(data) // len(values)]
        return opened(tiff(data, len(values), bits, 1, order=order, deflate=deflate, **tags))

    assert gray("u2", 0, 257, 25800, 65535) == grays(0, 1, 100, 255)
    if order == "<" or not deflate:
        assert gray("i2", -100, 0, 155, t339=2) == grays(0, 100, 255)
        assert gray("i4", 0, 65535, 25800, t339=2) == grays(0, 255, 100)
        assert gray("f4", 0, 1, 0.25, np.nan, np.inf, -np.inf, t339=3) == grays(0, 255, 64, 0, 0, 0)
    if order == "<":
        assert gray("u4", 0, 2**31, 2**32 - 1) == grays(0, 128, 255)


@pytest.mark.parametrize("order", "<>")
def test_white_is_zero(order):
    assert opened(tiff(b"\x40", 3, [1], 0, order=order)) == grays(255, 0, 255)
    assert opened(tiff(b"\x1b", 4, [2], 0, order=order)) == grays(255, 170, 85, 0)
    assert opened(tiff(b"\0\x64\xff", 3, [8], 0, order=order)) == grays(255, 155, 0)
    floats = tiff(numbers(order + "f4", 0, 1, 0.25, np.nan), 4, [32], 0, order=order, t339=3)
    assert opened(floats) == grays(255, 0, 191, 0)


@pytest.mark.parametrize("deflate", [False, True])
def test_white_is_zero_in_16_bits(deflate):
    data = tiff(numbers("<u2", 0, 257, 25800, 65535), 4, [16], 0, deflate=deflate)
    assert opened(data) == grays(255, 254, 155, 0)


def test_12_bits():
    assert opened(tiff(b"\0\x0f\xff\x80\x04\0", 4, [12], 1)) == grays(0, 255, 128, 64)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("bits", [10, 12, 14])
def test_fewer_bits_in_16_by_their_tag(order, bits):
    largest = 2**bits - 1
    data = tiff(numbers(order + "u2", 0, 2 ** (bits - 1), largest), 3, [16], 1, order=order, t281=largest)
    assert opened(data) == grays(0, 128, 255)
    assert open_picture(data).notes == (rare_formats.BROUGHT,)
    beyond = tiff(numbers(order + "u2", 0, largest, 2 * largest), 3, [16], 1, order=order, t281=largest)
    assert open_picture(beyond).notes == (rare_formats.STRETCHED,)


def test_fewer_bits_without_a_tag_are_stretched_only_on_request():
    stream = io.BytesIO()
    Image.fromarray(np.array([[0, 2048, 4095]], np.uint16)).save(stream, "PNG")
    for data in (tiff(numbers("<u2", 0, 2048, 4095), 3, [16], 1), stream.getvalue()):
        dark, bright = open_picture(data), open_picture(data, stretch=True)
        assert np.asarray(dark.image).tolist() == grays(0, 8, 16)
        assert dark.notes == (rare_formats.DARK.format(count=4096, bits=12),)
        assert np.asarray(bright.image).tolist() == grays(0, 128, 255)
        assert bright.notes == (rare_formats.BY_BITS.format(bits=12),)
    full = tiff(numbers("<u2", 0, 2048, 65535), 3, [16], 1)
    assert open_picture(full, stretch=True) == open_picture(full)
    assert open_picture(full, stretch=True).notes == (rare_formats.BROUGHT,)


@pytest.mark.parametrize("largest", [0, 1, 65535, 2**32 - 1])
def test_a_tag_that_means_nothing(largest):
    assert opened(tiff(numbers("<u2", 0, 65535), 2, [16], 1, t281=largest)) == grays(0, 255)


@pytest.mark.parametrize("order", "<>")
def test_alpha_of_every_kind(order):
    pixels = bytes([*RED, 255, *GREEN, 0])
    assert opened(tiff(pixels, 2, [8] * 4, 2, order=order, t338=2)) == [[RED, WHITE]]
    assert opened(tiff(pixels, 2, [8] * 4, 2, order=order, t338=0)) == [[RED, GREEN]]  # whatever it is, no alpha
    premultiplied = bytes([100, 0, 0, 100, 0, 0, 0, 0])
    assert opened(tiff(premultiplied, 2, [8] * 4, 2, order=order, t338=1)) == [[[255, 155, 155], WHITE]]
    assert opened(tiff(bytes([60, 255, 0, 0]), 2, [8] * 2, 1, order=order, t338=2)) == grays(60, 255)
    colors = [257 * value for channel in range(3) for value in (*FOUR[channel:9:3], *[0] * 253)]
    palette = tiff(bytes([0, 255, 1, 0, 2, 255]), 3, [8] * 2, 3, order=order, t338=2, t320=colors)
    assert opened(palette) == [[RED, WHITE, BLUE]]


def test_lab():
    values = struct.pack("BbbBbb", 255, 0, 0, 138, 81, 70)  # white, and sRGB's red
    assert np.allclose(opened(tiff(values, 2, [8] * 3, 8)), [[WHITE, RED]], atol=8)


def test_colors_kept_once_for_several_pixels():
    assert opened(tiff(bytes([76, 85, 255, 255, 128, 128]), 2, [8] * 3, 6, t530=[1, 1])) == [[[254, 0, 0], WHITE]]
    shared = bytes([76, 76, 76, 76, 85, 255])
    packed = tiff(shared, 2, [8] * 3, 6, height=2, deflate=True, t530=[2, 2])
    assert np.allclose(opened(packed), [[RED] * 2] * 2, atol=2)


# ---- BMP ----

GRAYS = bytes(3) + b"\0" + b"\xff" * 3 + b"\0"
COLORS = bytes([0, 0, 255, 0, 0, 255, 0, 0, 255, 0, 0, 0])  # red, green, blue as BMP keeps them
MASKS = struct.pack("<III", 0xF800, 0x7E0, 0x1F)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (bmp(b"\0\0\xff\0\xff\0\0\0", (1, -2), 24), [[RED], [BLUE]]),
        (bmp(b"\0\0\xff\0\xff\0\0\0", (1, 2), 24), [[BLUE], [RED]]),
        (bmp(struct.pack("<HH", 0x7C00, 0x001F), (2, 1), 16), [[RED, BLUE]]),
        (
            bmp(struct.pack("<HH", 0xF800, 0x07E0), (2, 1), 16, packing=3, extra=MASKS),
            [[RED, GREEN]],
        ),
        (bmp(b"\0\0\xff\0\xff\0\0\0", (2, 1), 32), [[RED, BLUE]]),  # the fourth byte means nothing here
        (
            bmp(
                b"\0\0\xff\xff\xff\0\0\0",
                (2, 1),
                32,
                packing=3,
                header=108,
                extra=struct.pack("<IIII", 0xFF0000, 0xFF00, 0xFF, 0xFF000000) + bytes(52),
            ),
            [[RED, WHITE]],
        ),
        (
            bmp(b"\4\1\0\0\2\0\2\2\0\1", (4, 2), 8, packing=1, extra=COLORS, colors=3),
            [[RED, RED, BLUE, BLUE], [GREEN] * 4],
        ),
        (bmp(b"\x04\x12\0\0\0\1", (4, 1), 4, packing=2, extra=COLORS, colors=3), [[GREEN, BLUE] * 2]),
        (bmp(b"\x60\0\0\0", (4, 1), 1, extra=GRAYS, colors=2), grays(0, 255, 255, 0)),
        (bmp(b"\x60\0\0\0", (4, 1), 1, extra=GRAYS[4:] + GRAYS[:4], colors=2), grays(255, 0, 0, 255)),
    ],
    ids=["top down", "bottom up", "555", "565", "32", "alpha", "rle8", "rle4", "1", "1 inverted"],
)
def test_bmp(data, expected):
    assert opened(data) == expected


# ---- GIF, WebP ----


def test_a_first_frame_that_covers_a_part():
    whole = gif((2, 2), FOUR, (0, 0, 2, 2, [0, 1, 2, 3], None))
    assert opened(whole) == [[RED, GREEN], [BLUE, BLACK]] and open_picture(whole).notes == ()
    assert opened(gif((2, 2), FOUR, (0, 0, 2, 2, [0, 1, 2, 3], 1))) == [[RED, WHITE], [BLUE, BLACK]]
    for transparent in (None, 3):
        part = open_picture(gif((3, 1), FOUR, (1, 0, 1, 1, [1], transparent)))
        assert np.asarray(part.image).tolist() == [[WHITE, GREEN, WHITE]] and part.notes == ON_WHITE
    moving = gif((2, 1), FOUR, (0, 0, 1, 1, [0], None), (1, 0, 1, 1, [2], None))
    assert opened(moving) == [[RED, WHITE]]
    assert open_picture(moving).notes == (*ON_WHITE, "First frame of an animation.")


# ---- JPEG ----


@pytest.mark.parametrize("adobe", [True, False])
def test_cmyk_with_and_without_adobes_mark(adobe):
    stream = io.BytesIO()
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(stream, "JPEG", quality=95)
    data = stream.getvalue()
    at = data.index(b"\xff\xee")
    if not adobe:
        data = data[:at] + data[at + 2 + int.from_bytes(data[at + 2 : at + 4], "big") :]
    assert np.allclose(opened(data), [[RED] * 16] * 16, atol=4)
