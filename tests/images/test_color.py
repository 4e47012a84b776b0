"""Colors of other spaces than sRGB come out as they were meant; a profile that can't be used is said and harmless."""

import io
import struct
import time
import tracemalloc
import zlib

import icc
import numpy as np
import pytest
from fuzzing import fuzz
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from rare_files import png, png_chunk, tiff

from abn.images import color
from abn.images.decode import ON_WHITE, open_picture

FILED = (200, 60, 60)
SPACES = {  # the profile, and what (200, 60, 60) is in sRGB
    "Display P3": (icc.rgb("Display P3", icc.DISPLAY_P3), (217, 42, 52)),
    "Adobe RGB (1998)": (icc.rgb("Adobe RGB (1998)", icc.ADOBE_RGB, icc.ADOBE_CURVE), (231, 57, 57)),
    "Swapped": (icc.rgb("Swapped", icc.SWAPPED), (60, 60, 200)),
}
CMYK_NOTE = "Print colors (CMYK) turned into screen colors."


def encoded(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    stream = io.BytesIO()
    exact = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True, "exact": True}}
    image.save(stream, kind, **exact.get(kind, {}), **options)
    return stream.getvalue()


def plain(values: tuple[int, ...] | int, mode: str = "RGB") -> Image.Image:
    return Image.new(mode, (16, 16), values)


def assert_color(data: bytes, expected: tuple[int, ...], *notes: str, within: int = 1) -> None:
    opened = open_picture(data)
    assert np.abs(np.asarray(opened.image, int) - expected).max() <= within
    assert opened.notes == notes


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
@pytest.mark.parametrize("name", SPACES)
def test_a_profile_is_applied_and_told(name, kind):
    profile, expected = SPACES[name]
    assert_color(encoded(plain(FILED), kind, icc_profile=profile), expected, f"Colors converted from {name}.")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
def test_srgb_keeps_its_pixels_and_needs_no_note(kind):
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8))
    data = encoded(image, kind, icc_profile=icc.rgb("sRGB IEC61966-2.1", icc.SRGB))
    assert np.array_equal(open_picture(data).image, open_picture(encoded(image, kind)).image)
    assert open_picture(data).notes == ()


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_inks_come_out_as_the_press_prints_them(kind):
    for inks, expected in (((255, 0, 0, 0), (0, 175, 239)), ((0, 0, 0, 0), (255, 255, 255))):
        data = encoded(plain(inks, "CMYK"), kind, icc_profile=icc.press())
        assert_color(data, expected, "Colors converted from Test press.", within=4)


def test_gray_by_its_own_profile_and_by_one_for_rgb():
    linear = round(255 * (1.055 * (100 / 255) ** (1 / 2.4) - 0.055))
    note = "Colors converted from Linear."
    data = encoded(plain(100, "L"), icc_profile=icc.gray("Linear", 1))
    assert_color(data, (linear,) * 3, note)
    assert_color(encoded(plain(100, "L"), icc_profile=icc.rgb("Linear", icc.SRGB, [1])), (linear,) * 3, note)
    deep = Image.fromarray(np.full((4, 4), 25700, np.uint16))
    assert_color(
        encoded(deep, icc_profile=icc.gray("Linear", 1)),
        (linear,) * 3,
        "Gray values of 16 or 32 bits brought to 8.",
        note,
    )
    half = encoded(plain((100, 0), "LA"), icc_profile=icc.gray("Linear", 1))
    assert_color(half, (255,) * 3, note, ON_WHITE)
    assert open_picture(encoded(plain(100, "L"), icc_profile=icc.gray("Gray", 2.2))).notes != ()


def test_palettes_and_transparent_parts():
    profile, expected = SPACES["Display P3"]
    note = "Colors converted from Display P3."
    assert_color(encoded(plain(FILED).quantize(4), icc_profile=profile), expected, note)
    assert_color(encoded(plain((*FILED, 255), "RGBA"), icc_profile=profile), expected, note)
    assert_color(encoded(plain((*FILED, 0), "RGBA"), icc_profile=profile), (255,) * 3, note, ON_WHITE)


# ---- by numbers ----


def with_chunks(*chunks: bytes) -> bytes:
    return png(bytes(FILED), 1, 8, 2, *chunks)


P3_NUMBERS = struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
SRGB_NUMBERS = struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
GAMMA = png_chunk(b"gAMA", struct.pack(">I", 45455))
BY_NUMBERS = "Colors converted from the gamma and primaries in its file."


def test_cicp_of_a_png():
    assert_color(with_chunks(png_chunk(b"cICP", b"\x0c\x0d\0\1")), (217, 42, 52), "Colors converted from Display P3.")
    assert_color(with_chunks(png_chunk(b"cICP", b"\1\x0d\0\1")), FILED)
    assert_color(with_chunks(png_chunk(b"cICP", b"\x63\x0d\0\1")), FILED, color.UNUSABLE)
    first = png_chunk(b"cICP", b"\1\x0d\0\1") + png_chunk(b"iCCP", b"k\0\0" + zlib.compress(SPACES["Swapped"][0]))
    assert_color(with_chunks(first), FILED)  # cICP counts before a profile


def test_hdr_is_brought_to_the_white_of_the_page():
    white = round(255 * 0.5807)  # 203 cd/m² in PQ
    for level, expected in ((0, 0), (white, 255), (255, 255)):
        data = png(bytes([level] * 3), 1, 8, 2, png_chunk(b"cICP", b"\1\x10\0\1"))
        assert_color(data, (expected,) * 3, "Colors converted from BT.709, PQ.", color.CLIPPED, within=2)
    hlg = png(bytes([round(255 * 0.75)] * 3), 1, 8, 2, png_chunk(b"cICP", b"\x09\x12\0\1"))  # its white
    assert_color(hlg, (255,) * 3, "Colors converted from BT.2020, HLG.", color.CLIPPED, within=2)


def test_gamma_and_primaries_of_a_png():
    assert_color(with_chunks(GAMMA, png_chunk(b"cHRM", P3_NUMBERS)), (217, 42, 52), BY_NUMBERS)
    assert_color(with_chunks(png_chunk(b"cHRM", P3_NUMBERS)), (217, 42, 52), BY_NUMBERS)
    assert_color(with_chunks(GAMMA, png_chunk(b"cHRM", SRGB_NUMBERS)), FILED)
    assert_color(with_chunks(GAMMA), FILED)
    linear = png_chunk(b"gAMA", struct.pack(">I", 100_000))
    assert_color(with_chunks(linear), (229, 133, 133), BY_NUMBERS)
    assert_color(with_chunks(png_chunk(b"sRGB", b"\0"), png_chunk(b"cHRM", P3_NUMBERS)), FILED)


@pytest.mark.parametrize(
    "chunk",
    [
        png_chunk(b"gAMA", struct.pack(">I", 0)),
        png_chunk(b"gAMA", struct.pack(">I", 2**32 - 1)),
        png_chunk(b"cHRM", bytes(32)),
        png_chunk(b"cHRM", struct.pack(">8I", *[30_000] * 8)),
        png_chunk(b"cHRM", struct.pack(">8I", *[2**32 - 1, 1] * 4)),
    ],
)
def test_numbers_that_mean_nothing(chunk):
    assert_color(with_chunks(chunk), FILED, color.UNUSABLE)


# ---- what can't be used ----

P3 = SPACES["Display P3"][0]
BROKEN = {
    "empty": b"\0",
    "words": b"no profile at all, only words" * 9,
    "cut": P3[:200],
    "without tags": P3[:128] + bytes(len(P3) - 128),
    "a million tags": P3[:128] + struct.pack(">I", 2**20) + P3[132:],
    "gray": icc.gray("Gray", 2.2),
    "inks": icc.press(),
    "of Lab": icc.profile("Lab", b"Lab ", pcs=b"Lab "),
    "of five channels": icc.profile("Five", b"5CLR", A2B0=icc.lab_table(5, [(0, 0, 0)] * 32)),
    "a link": icc.profile("Link", b"RGB ", kind=b"link", pcs=b"RGB "),
    "huge": P3 + bytes(color.MAX_PROFILE),
    "a table beyond its place": icc.profile("T", b"RGB ", A2B0=icc.lab_table(3, [(0, 0, 0)] * 8)[:10] + b"\xff" * 3000),
    "steps": icc.profile("T", b"RGB ", A2B0=b"mpet\0\0\0\0\0\3\0\3" + struct.pack(">I", 2**30)),
    "a text of any length": icc.profile("T", b"RGB ", cprt=b"mluc\0\0\0\0" + struct.pack(">II", 2**25, 12)),
}


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
@pytest.mark.parametrize("what", BROKEN)
def test_a_profile_that_cannot_be_used_is_told_and_costs_nothing(what, kind):
    data = encoded(plain(FILED), kind, icc_profile=BROKEN[what])
    tracemalloc.start()
    start = time.monotonic()
    assert_color(data, FILED, color.UNUSABLE)
    assert time.monotonic() - start < 2 and tracemalloc.get_traced_memory()[1] < 8 * len(data) + 5_000_000
    tracemalloc.stop()


def test_inks_without_a_profile_that_can_be_used():
    red = (255, 0, 0)
    for profile in (BROKEN["cut"], P3):
        data = encoded(plain((0, 255, 255, 0), "CMYK"), "TIFF", icc_profile=profile)
        assert_color(data, red, color.UNUSABLE, CMYK_NOTE)
    assert_color(tiff(bytes([0, 255, 255, 0]), 1, [8] * 4, 5), red, CMYK_NOTE)


@pytest.mark.parametrize(
    "chunk", [b"k\0\0not packed", b"k\0\7" + zlib.compress(P3), b"k\0\0" + zlib.compress(bytes(2**21))]
)
def test_a_profile_that_cannot_be_unpacked(chunk):
    assert_color(with_chunks(png_chunk(b"iCCP", chunk)), FILED, color.UNUSABLE)


def test_the_name_of_a_profile_is_one_short_line():
    data = encoded(plain(FILED), icc_profile=icc.rgb("A <b>\x1b[31m\n" + "x" * 200, icc.DISPLAY_P3))
    (note,) = open_picture(data).notes
    assert "\n" not in note and "\x1b" not in note and len(note) < 90
    assert open_picture(encoded(plain(FILED), icc_profile=icc.rgb("", icc.DISPLAY_P3))).notes == (
        color.CONVERTED.format(name=color.UNNAMED),
    )


@fuzz(150)
@given(
    damage=st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 255)), min_size=1, max_size=8), inks=st.booleans()
)
def test_damaged_profiles_never_cost_the_image(damage, inks):
    profile = bytearray(icc.press() if inks else P3)
    for place, value in damage:
        profile[place % len(profile)] = value
    data = encoded(plain((9, 99, 200, 0), "CMYK") if inks else plain(FILED), "TIFF", icc_profile=bytes(profile))
    assert open_picture(data).image.size == (16, 16)
