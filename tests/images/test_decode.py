"""Plain, odd and hostile files: they come out right, or are refused in one sentence at bounded cost."""

import hashlib
import io
import struct
import tracemalloc
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from fuzzing import fuzz
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image

from abn.errors import ABNError, PictureError
from abn.images import file_kinds
from abn.images.decode import MAX_BYTES, Picture, open_picture
from abn.images.fit import fit_picture
from abn.vocabulary import InputSpec

ROOT = Path(__file__).parents[2]
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def encode(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def pixels(data: bytes) -> np.ndarray:
    opened = open_picture(data)
    assert opened.image.mode == "RGB" and opened.image.info == {}
    return np.asarray(opened.image)


def noise(width: int, height: int, seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_header(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))


# ------------------------------------------------------------------------------------------------ what comes out right


def test_a_plain_picture_comes_out_as_it_is():
    image = noise(7, 5)
    data = encode(image)
    opened = open_picture(data, name="cat.png")
    assert np.array_equal(np.asarray(opened.image), np.asarray(image))
    assert (opened.name, opened.notes, opened.sha256) == ("cat.png", (), hashlib.sha256(data).hexdigest())
    assert type(opened.image) is Image.Image
    assert opened == open_picture(bytearray(data), name="cat.png") == open_picture(memoryview(data), name="cat.png")
    assert len({opened, open_picture(data, name="cat.png")}) == 1


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF"])
def test_formats(kind):
    image = Image.new("RGB", (24, 16), RED)
    image.paste(BLUE, (12, 0, 24, 16))
    result = pixels(encode(image, kind, **({"lossless": True} if kind == "WEBP" else {}))).astype(int)
    assert result.shape == (16, 24, 3)
    assert abs(result[8, 2] - RED).max() <= 6 and abs(result[8, 21] - BLUE).max() <= 6


def store_turned(upright: Image.Image, orientation: int) -> Image.Image:
    """The inverse of each orientation, spelt out on arrays: how a camera would have stored the picture."""
    array = np.asarray(upright)
    return Image.fromarray(
        np.ascontiguousarray(
            {
                1: array,
                2: array[:, ::-1],
                3: array[::-1, ::-1],
                4: array[::-1],
                5: array.transpose(1, 0, 2),
                6: np.rot90(array, 1),
                7: np.rot90(array, 2).transpose(1, 0, 2),
                8: np.rot90(array, -1),
            }[orientation]
        )
    )


@pytest.mark.parametrize(
    ("kind", "orientation"), [*(("JPEG", k) for k in range(1, 9)), *((k, 6) for k in ("PNG", "WEBP", "TIFF"))]
)
def test_every_exif_orientation_comes_upright(kind, orientation):
    upright = Image.new("RGB", (48, 32), "black")
    upright.paste(RED, (0, 0, 16, 16))
    upright.paste(GREEN, (32, 0, 48, 16))
    upright.paste(BLUE, (0, 16, 16, 32))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    options = {"JPEG": {"quality": 95, "subsampling": 0}, "WEBP": {"lossless": True}}.get(kind, {})
    opened = open_picture(encode(store_turned(upright, orientation), kind, exif=exif, **options))
    assert opened.image.size == (48, 32)
    assert np.abs(np.asarray(opened.image).astype(int) - np.asarray(upright)).max() <= 4
    assert opened.notes == (("Turned upright as its EXIF says.",) if orientation > 1 else ())


@pytest.mark.filterwarnings("ignore")  # Pillow warns of it
def test_broken_exif_does_not_cost_the_picture():
    image = Image.new("RGB", (16, 8), RED)
    for exif in (
        b"Exif\0\0",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\x01\x12" * 40,
        b"Exif\0\0" + bytes(range(256)),
    ):
        for kind in ("JPEG", "PNG", "WEBP"):
            result = pixels(encode(image, kind, exif=exif))
            assert result.shape == (8, 16, 3) and abs(result[4, 8].astype(int) - RED).max() <= 3
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 99  # there is no such turn
    assert open_picture(encode(image, exif=exif)).notes == ()


def test_alpha_is_put_on_white():
    image = Image.new("RGBA", (3, 1))
    image.putdata([(255, 0, 0, 255), (255, 0, 0, 0), (0, 0, 0, 128)])
    for data in (encode(image), encode(image, "WEBP", lossless=True, exact=True), encode(image, "TIFF")):
        opened = open_picture(data)
        assert np.asarray(opened.image).tolist() == [[list(RED), list(WHITE), [127, 127, 127]]]
        assert opened.notes == ("Transparent parts put on white.",)
    assert open_picture(encode(Image.new("RGBA", (3, 1), RED))).notes == ()  # nothing to put on anything


def test_gray_with_alpha():
    image = Image.new("LA", (3, 1))
    image.putdata([(10, 255), (10, 0), (0, 128)])
    assert pixels(encode(image))[0, :, 0].tolist() == [10, 255, 127]


def test_palettes():
    image = Image.new("P", (3, 1))
    image.putpalette([*RED, *GREEN, *BLUE])
    image.putdata([0, 1, 2])
    for kind in ("PNG", "GIF", "BMP", "TIFF"):
        assert pixels(encode(image, kind)).tolist() == [[list(RED), list(GREEN), list(BLUE)]]
    assert pixels(encode(image, transparency=1)).tolist() == [[list(RED), list(WHITE), list(BLUE)]]
    assert pixels(encode(image, "GIF", transparency=1)).tolist() == [[list(RED), list(WHITE), list(BLUE)]]
    mixed = encode(image, transparency=bytes([255, 0, 128]))
    assert pixels(mixed).tolist() == [[list(RED), list(WHITE), [127, 127, 255]]]


def test_a_color_named_transparent():
    image = Image.new("RGB", (2, 1))
    image.putdata([RED, BLUE])
    assert pixels(encode(image, transparency=RED)).tolist() == [[list(WHITE), list(BLUE)]]
    assert pixels(encode(Image.new("L", (1, 1), 7), transparency=7)).tolist() == [[list(WHITE)]]


RAMP = np.linspace(0, 65535, 512).round().astype(np.uint16)[None]
EIGHT_BIT_RAMP = np.rint(RAMP / 257).astype(np.uint8)


@pytest.mark.parametrize(
    "data",
    [
        encode(Image.fromarray(RAMP)),
        encode(Image.fromarray(RAMP), "TIFF"),
        encode(Image.fromarray(RAMP.astype(">u2")), "TIFF"),
        encode(Image.fromarray(RAMP.astype(np.int32)), "TIFF"),
        encode(Image.fromarray((RAMP / 65535).astype(np.float32)), "TIFF"),
    ],
    ids=["png", "tiff", "big-endian", "int32", "float32"],
)
def test_deep_gray_stays_the_ramp_it_was(data):
    result = pixels(data)
    assert np.array_equal(result[..., 0], EIGHT_BIT_RAMP) and (result == result[..., :1]).all()


def test_dark_deep_gray_stays_dark():
    for dark in (RAMP // 2, (RAMP // 2).astype(np.int32), (RAMP // 2 / 65535).astype(np.float32)):
        opened = open_picture(encode(Image.fromarray(dark), "TIFF"))
        assert np.array_equal(np.asarray(opened.image)[..., 0], np.rint(RAMP // 2 / 257))
        assert opened.notes == ("Gray values of 16 or 32 bits brought to 8.",)


@pytest.mark.filterwarnings("error")
def test_deep_gray_of_another_range_is_stretched():
    for values in ([-1000.0, 0.0, 1000.0], [0.0, 70000.0, 140000.0], [-3e38, np.nan, -1.0, 0.0, 1.0, np.inf]):
        opened = open_picture(encode(Image.fromarray(np.array([values], np.float32)), "TIFF"))
        result = np.asarray(opened.image)[0, :, 0]
        assert result[[-3, -1] if len(values) == 3 else [-4, -2]].tolist() == [0, 255]
        assert result[-2 if len(values) == 3 else -3] == 128
        assert "stretched" in opened.notes[0]
    ints = np.array([[-40000, 0, 40000]], np.int32)
    assert pixels(encode(Image.fromarray(ints), "TIFF"))[0, :, 0].tolist() == [0, 128, 255]
    for constant in (np.full((2, 2), 9.0), np.full((2, 2), np.nan), np.full((2, 2), -np.inf)):
        assert (pixels(encode(Image.fromarray(constant.astype(np.float32)), "TIFF")) == 0).all()


def test_deep_gray_with_a_transparent_value():
    opened = open_picture(encode(Image.fromarray(np.array([[0, 514, 65535]], np.uint16)), transparency=514))
    assert np.asarray(opened.image)[0, :, 0].tolist() == [0, 255, 255]
    assert opened.notes == ("Gray values of 16 or 32 bits brought to 8.", "Transparent parts put on white.")


def test_cmyk():
    image = Image.new("CMYK", (16, 16), (0, 255, 255, 0))  # red
    for kind in ("JPEG", "TIFF"):  # Pillow writes, as Adobe does, an inverted CMYK JPEG
        opened = open_picture(encode(image, kind))
        assert np.abs(np.asarray(opened.image)[8, 8].astype(int) - RED).max() <= 3
        assert opened.notes == ("Print colors (CMYK) turned into screen colors.",)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_the_first_frame_alone_is_read(kind):
    frames = [Image.new("RGB", (8, 8), color) for color in (RED, GREEN, BLUE)]
    data = encode(frames[0], kind, save_all=True, append_images=frames[1:])
    opened = open_picture(data)
    assert np.abs(np.asarray(opened.image)[4, 4].astype(int) - RED).max() <= 3
    expected = "First image of several in the file." if kind == "TIFF" else "First frame of an animation."
    assert opened.notes == (expected,)
    if kind == "GIF":  # damage behind the first frame does no harm
        assert np.asarray(open_picture(data[:-30]).image)[4, 4].tolist() == list(RED)


@pytest.mark.parametrize(
    ("given_name", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\cat.jpg", "cat.jpg"),
        ("a\x00b\x1b[31m\n c.png", "ab[31m c.png"),
        ("photo\u202egpj.exe", "photogpj.exe"),
        ("/", "image"),
        ("猫 ねこ.png", "猫 ねこ.png"),
        ("x" * 500, "x" * 79 + "…"),
    ],
)
def test_names_are_for_display(given_name, shown):
    assert open_picture(encode(noise(1, 1)), name=given_name).name == shown


def test_threads():
    def task(index: int) -> bool:
        image = noise(9 + index % 7, 11, seed=index)
        kind = ("PNG", "TIFF", "BMP")[index % 3]
        return np.array_equal(pixels(encode(image, kind)), np.asarray(image))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(task, range(16)))


# ------------------------------------------------------------------------------------------------- what must not hurt


def refusal(data) -> str:
    with pytest.raises(PictureError) as caught:
        open_picture(data)
    message = str(caught.value)
    assert message.endswith(".") and ": " in message and "\n" not in message and "<" not in message
    return message


def test_what_is_no_picture_is_refused_in_one_sentence():
    assert "empty" in refusal(b"")
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'
    for data in (
        b"hello",
        b"\0" * 1000,
        b"<!doctype html><p>cat",
        svg,
        b"%PDF-1.7\n",
        b"PK\x03\x04" + b"\0" * 64,
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff",
        b"GIF89a",
        b"BM",
        b"II*\0",
        b"RIFF\x04\0\0\0WEBP",
        b"P6 1 1 255\n\0\0\0",
        encode(noise(3, 3), "ICO"),
        encode(noise(16, 16), "PDF"),
    ):
        assert file_kinds.CHOOSE in refusal(data) or "which is not read here" in refusal(data)
    assert issubclass(PictureError, ABNError) and issubclass(PictureError, ValueError)


@pytest.mark.parametrize("thing", [None, "cat.jpg", io.BytesIO(b"x")])
def test_what_is_not_bytes_is_refused(thing):
    with pytest.raises(PictureError, match="bytes of its file"):
        open_picture(thing)


def test_too_many_bytes():
    assert "limit is 20 MB" in refusal(b"\0" * (MAX_BYTES + 1))


def headers(width: int, height: int) -> dict[str, bytes]:
    """Pictures that only claim a size."""
    jpeg = bytearray(encode(noise(8, 8), "JPEG"))
    frame = jpeg.index(b"\xff\xc0") + 5
    jpeg[frame : frame + 4] = struct.pack(">HH", min(height, 65535), min(width, 65535))
    bmp = bytearray(encode(noise(8, 8), "BMP"))
    bmp[18:26] = struct.pack("<ii", width, height)
    gif = bytearray(encode(Image.new("P", (8, 8)), "GIF"))
    gif[6:10] = struct.pack("<HH", min(width, 65535), min(height, 65535))
    tiff = bytearray(encode(noise(8, 8), "TIFF"))
    for tag, value in ((256, width), (257, height)):
        place = tiff.index(struct.pack("<H", tag), 8)
        tiff[place : place + 12] = struct.pack("<HHII", tag, 4, 1, value)
    canvas = max(width - 1, 0).to_bytes(3, "little") + max(height - 1, 0).to_bytes(3, "little")
    webp_body = b"WEBPVP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + canvas + encode(noise(8, 8), "WEBP")[12:]
    webp = b"RIFF" + struct.pack("<I", len(webp_body)) + webp_body
    return {
        "png": png_header(width, height) + png_chunk(b"IDAT", zlib.compress(b"\0" * 100)) + png_chunk(b"IEND", b""),
        "jpeg": bytes(jpeg),
        "bmp": bytes(bmp),
        "gif": bytes(gif),
        "tiff": bytes(tiff),
        "webp": webp,
    }


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("size", [(60000, 60000), (5001, 5000)])
@pytest.mark.parametrize("kind", ["png", "jpeg", "bmp", "gif", "tiff", "webp"])
def test_claimed_sizes_are_refused_before_anything_is_allocated(kind, size):
    width, height = size
    data = headers(2 * width if kind == "jpeg" else width, height)[kind]  # a JPEG is decoded at reduced size
    tracemalloc.start()
    message = refusal(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    if kind != "webp":  # libwebp may object to the header first
        assert "million pixels" in message or "too large" in message
    assert peak < 3_000_000


def test_sides_and_empty_sizes():
    assert "65535 per side" in refusal(headers(70_000, 1)["png"])
    for data in (headers(0, 5)["bmp"], headers(0, 0)["png"], headers(5, 0)["tiff"], b"GIF89a" + b"\0" * 7 + b";"):
        refusal(data)


def test_a_claim_within_the_limit_but_without_the_pixels():
    assert "cut short" in refusal(headers(5000, 5000)["png"])


def test_chunks_that_inflate():
    bomb = zlib.compress(b"\0" * 80_000_000, 9)
    picture = encode(noise(4, 4))
    for chunk in (
        png_chunk(b"zTXt", b"k\0\0" + bomb),
        png_chunk(b"iCCP", b"k\0\0" + bomb),
        png_chunk(b"iTXt", b"k\0\1\0\0\0" + bomb),
    ):
        data = picture[:33] + chunk + picture[33:]
        tracemalloc.start()
        with suppress(PictureError):
            assert open_picture(data).image.size == (4, 4)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 10_000_000


def test_a_jpeg_of_endless_scans():
    data = encode(Image.new("L", (1000, 1000)), "JPEG", progressive=True)
    assert open_picture(data).image.size == (1000, 1000)
    scan = data[data.rindex(b"\xff\xda") : -2]
    assert "scans" in refusal(data[:-2] + scan * 100_000 + b"\xff\xd9")


VALID = {
    kind: encode(noise(13, 9), kind.split("-")[0].upper(), **options)
    for kind, options in {
        "png": {},
        "jpeg": {},
        "jpeg-progressive": {"progressive": True},
        "webp": {},
        "webp-lossless": {"lossless": True},
        "bmp": {},
        "gif": {},
        "tiff": {},
        "tiff-lzw": {"compression": "tiff_lzw"},
        "tiff-jpeg": {"compression": "jpeg"},
    }.items()
}
VALID["png-palette"] = encode(noise(13, 9).quantize(7), transparency=2)
VALID["png-deep"] = encode(Image.fromarray(np.arange(99, dtype=np.uint16).reshape(9, 11)))
VALID["bmp-rle"] = (
    b"BM"
    + struct.pack("<IHHI", 0, 0, 0, 62)
    + struct.pack("<IiiHHIIiiII", 40, 6, 2, 1, 8, 1, 0, 0, 0, 2, 2)
    + b"\0\0\0\0\xff\xff\xff\0"
    + b"\x06\x01\0\0\x06\x00\0\x01"
)
EXIF = Image.Exif()
EXIF[ExifTags.Base.Orientation], EXIF[ExifTags.Base.Make] = 6, "maker"
VALID["jpeg-exif"], VALID["png-exif"] = encode(noise(13, 9), "JPEG", exif=EXIF), encode(noise(13, 9), exif=EXIF)
for moving in ("GIF", "PNG", "WEBP", "TIFF"):
    VALID[f"{moving.lower()}-frames"] = encode(noise(6, 5), moving, save_all=True, append_images=[noise(6, 5, seed=1)])


def opens_or_refuses(data: bytes) -> None:
    try:
        opened = open_picture(data)
    except PictureError:
        return
    assert opened.image.mode == "RGB" and min(opened.image.size) > 0
    assert np.asarray(opened.image).shape == (*opened.image.size[::-1], 3)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", VALID)
def test_cut_anywhere_it_opens_or_is_refused(kind):
    data = VALID[kind]
    assert min(open_picture(data).image.size) > 0
    for length in range(0, len(data), max(1, len(data) // 20)):
        opens_or_refuses(data[:length])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.slow
@fuzz(400)
@given(kind=st.sampled_from(sorted(VALID)), damage=st.data())
def test_damaged_anywhere_it_opens_or_is_refused(kind, damage):
    data = bytearray(VALID[kind])
    spots = st.tuples(st.integers(0, len(data) - 1), st.integers(0, 255))
    for place, value in damage.draw(st.lists(spots, min_size=1, max_size=6)):
        data[place] = value
    if damage.draw(st.booleans()):
        del data[damage.draw(st.integers(0, len(data))) :]
    opens_or_refuses(bytes(data))


@pytest.mark.parametrize(("size", "decoded"), [((2200, 1100), (1100, 550)), ((1000, 2000), (1000, 2000))])
def test_a_large_jpeg_is_decoded_smaller_and_its_size_is_told(size, decoded):
    stream = io.BytesIO()
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # it lies on its side
    Image.linear_gradient("L").convert("RGB").resize(size[::-1]).save(stream, "JPEG", exif=exif, quality=95)
    picture = open_picture(stream.getvalue())
    assert (picture.full_size, picture.image.size) == (size, decoded)
    whole = Image.open(io.BytesIO(stream.getvalue())).transpose(Image.Transpose.ROTATE_270)
    spec = InputSpec(size=224, crop_pct=0.875, interpolation="bicubic", mean=(0.5,) * 3, std=(0.5,) * 3)
    fitted, expected = (fit_picture(one, spec, "crop") for one in (picture, Picture(whole, "", "whole")))
    assert (fitted.original_size, fitted.scale, fitted.offset) == (size, expected.scale, expected.offset)
    assert np.abs(np.asarray(fitted.image, int) - np.asarray(expected.image, int)).mean() < 1
