"""Hostile, odd and plain pictures; the crop that timm makes, to the pixel; and the exact way back to the original."""

import hashlib
import io
import math
import struct
import subprocess
import sys
import time
import tracemalloc
import zlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from fuzzing import fuzz
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from abn.errors import ABNError, PictureError
from abn.images import fit
from abn.images.decode import MAX_BYTES, Picture, open_picture
from abn.images.fit import FITS, Fitted, InputSpec, denormalize, fit_picture, upsample

LITE0 = InputSpec(size=224, crop_pct=0.875, interpolation="bicubic", mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
IMAGENET = InputSpec(
    size=224, crop_pct=0.95, interpolation="bicubic", mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)
)
SMALL = InputSpec(size=32, crop_pct=0.875, interpolation="bilinear", mean=(0.25, 0.5, 0.75), std=(0.2, 0.3, 0.4))

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


def as_picture(image: Image.Image) -> Picture:
    return Picture(image, "", "picture")


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


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
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


def test_gray_with_premultiplied_alpha():
    image = Image.new("LA", (2, 1))
    image.putdata([(60, 120), (0, 0)])
    tiff = bytearray(encode(image, "TIFF"))
    extra = tiff.index(struct.pack("<HHI", 338, 3, 1)) + 8
    tiff[extra] = 1  # ExtraSamples: associated alpha, which Pillow reads as mode "La"
    assert Image.open(io.BytesIO(tiff)).mode == "La"
    result = pixels(bytes(tiff))[0, :, 0].astype(int)
    assert abs(result[0] - (60 + 255 - 120)) <= 1 and result[1] == 255


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
    assert "white" in opened.notes[0]


def test_cmyk():
    image = Image.new("CMYK", (16, 16), (0, 255, 255, 0))  # red
    for kind in ("JPEG", "TIFF"):  # Pillow writes, as Adobe does, an inverted CMYK JPEG
        opened = open_picture(encode(image, kind))
        assert np.abs(np.asarray(opened.image)[8, 8].astype(int) - RED).max() <= 3
        assert opened.notes == ("Print colors (CMYK) turned into screen colors.",)


def test_one_bit():
    image = Image.new("1", (3, 1))
    image.putdata([0, 255, 0])
    for kind in ("PNG", "BMP", "TIFF", "GIF"):
        assert pixels(encode(image, kind))[0].tolist() == [[0] * 3, [255] * 3, [0] * 3]


def test_other_color_spaces():
    assert pixels(encode(Image.new("YCbCr", (8, 8), (76, 85, 255)), "TIFF"))[4, 4].tolist() == [254, 0, 0]
    assert pixels(encode(Image.new("LAB", (2, 2), (255, 128, 128)), "TIFF")).min() > 200


@pytest.mark.parametrize("size", [(1, 1), (1, 500), (500, 1), (2, 300)])
def test_thin_pictures(size):
    image = noise(*size)
    assert np.array_equal(pixels(encode(image)), np.asarray(image))


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF"])
def test_the_first_frame_alone_is_read(kind):
    frames = [Image.new("RGB", (8, 8), color) for color in (RED, GREEN, BLUE)]
    data = encode(frames[0], kind, save_all=True, append_images=frames[1:])
    opened = open_picture(data)
    assert np.abs(np.asarray(opened.image)[4, 4].astype(int) - RED).max() <= 3
    expected = "First picture of several in the file." if kind == "TIFF" else "First frame of an animation."
    assert opened.notes == (expected,)
    if kind == "GIF":  # damage behind the first frame does no harm
        assert np.asarray(open_picture(data[:-30]).image)[4, 4].tolist() == list(RED)


@pytest.mark.parametrize(
    ("given_name", "shown"),
    [
        ("cat.jpg", "cat.jpg"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\cat.jpg", "cat.jpg"),
        ("dir/", "dir"),
        ("a\x00b\x1b[31m\n c.png", "ab[31m c.png"),
        ("photo\u202egpj.exe", "photogpj.exe"),
        ("\ud800x", "x"),
        ("<b>**bold** [x](y)", "<b>**bold** [x](y)"),
        ("", "picture"),
        ("/", "picture"),
        ("\x07", "picture"),
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
        assert all(pool.map(task, range(60)))


def test_the_first_pictures_may_be_opened_by_several_threads_at_once():
    script = (
        "import sys\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from abn.images.decode import open_picture\n"
        "data = sys.stdin.buffer.read()\n"
        "with ThreadPoolExecutor(8) as pool:\n"
        "    print({picture.image.size for picture in pool.map(open_picture, [data] * 16)})"
    )
    webp = encode(noise(5, 4), "WEBP")
    done = subprocess.run([sys.executable, "-c", script], input=webp, capture_output=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == b"{(5, 4)}"


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
        assert "PNG, JPEG, WebP, GIF, BMP or TIFF" in refusal(data)
    assert issubclass(PictureError, ABNError) and issubclass(PictureError, ValueError)


@pytest.mark.parametrize("thing", [None, "cat.jpg", 7, [1, 2], io.BytesIO(b"x"), np.zeros((2, 2))])
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
@pytest.mark.parametrize("size", [(60000, 60000), (10000, 10000), (5001, 5000), (65535, 382)])
@pytest.mark.parametrize("kind", ["png", "jpeg", "bmp", "gif", "tiff", "webp"])
def test_claimed_sizes_are_refused_before_anything_is_allocated(kind, size):
    data = headers(*size)[kind]
    tracemalloc.start()
    began = time.thread_time()
    message = refusal(data)
    seconds, (_, peak) = time.thread_time() - began, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    if kind != "webp":  # libwebp may object to the header first
        assert "million pixels" in message or "too large" in message
    assert seconds < 1 and peak < 3_000_000


def test_sides_and_empty_sizes():
    assert "65535 a side" in refusal(headers(70_000, 1)["png"])
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
    for length in range(0, len(data), max(1, len(data) // 60)):
        opens_or_refuses(data[:length])


@pytest.mark.filterwarnings("ignore")
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


@pytest.mark.filterwarnings("ignore")
@fuzz(200)
@given(start=st.sampled_from([b"", *(data[:24] for data in VALID.values())]), rest=st.binary(max_size=300))
def test_random_bytes_open_or_are_refused(start, rest):
    opens_or_refuses(start + rest)


# ------------------------------------------------------------------------------------------------ what the model sees

SIZES = [
    (300, 200),
    (200, 300),
    (256, 256),
    (224, 224),
    (255, 257),
    (640, 479),
    (333, 1000),
    (1001, 333),
    (50, 40),
    (37, 91),
    (1, 1),
    (1, 9),
    (9, 1),
    (3, 200),
    (857, 858),
    (500, 375),
]


@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "resnet18", "resnet50"])
def test_crop_is_the_backbones_own_evaluation_to_the_pixel(name):
    timm = pytest.importorskip("timm")
    card = SimpleNamespace(pretrained_cfg=timm.get_pretrained_cfg(name).to_dict())  # all that timm reads of a model
    config = timm.data.resolve_model_data_config(card)
    transform = timm.data.create_transform(**config)
    spec = InputSpec(
        size=config["input_size"][-1],
        crop_pct=config["crop_pct"],
        interpolation=config["interpolation"],
        mean=config["mean"],
        std=config["std"],
    )
    if name == "tf_efficientnet_lite0":
        assert spec == LITE0
    for seed, (width, height) in enumerate(SIZES):
        image = noise(width, height, seed)
        fitted = fit_picture(as_picture(image), spec)
        resized_and_cropped = image
        for step in transform.transforms[:2]:
            resized_and_cropped = step(resized_and_cropped)
        assert np.array_equal(np.asarray(fitted.image), np.asarray(resized_and_cropped)), (width, height)
        assert np.array_equal(fitted.normalized(spec), transform(image).numpy()), (width, height)


def test_crop_pads_with_black_where_the_crop_is_wider_than_the_picture(monkeypatch):
    transforms = pytest.importorskip("torchvision.transforms")
    spec = InputSpec(size=32, crop_pct=1.28, interpolation="bilinear", mean=SMALL.mean, std=SMALL.std)
    for size in ((40, 30), (30, 41), (100, 10), (10, 100)):
        image = noise(*size)
        expected = transforms.CenterCrop(32)(transforms.Resize(25)(image))
        fitted = fit_picture(as_picture(image), spec)
        assert np.array_equal(np.asarray(fitted.image), np.asarray(expected))
        assert fitted.to_original(np.ones((4, 4)))[size[1] // 2, size[0] // 2] == 1
        monkeypatch.setattr(fit, "MAX_RESIZED", 0)  # the way of the strips
        frugal = fit_picture(as_picture(image), spec)
        assert np.abs(np.asarray(frugal.image).astype(int) - np.asarray(expected)).max() <= 2
        monkeypatch.undo()


@pytest.mark.parametrize("size", [(1, 5000), (5000, 1), (3, 4001), (4001, 3), (7, 2500)])
def test_strips_cost_no_more_than_the_window_and_look_the_same(size, monkeypatch):
    x, y = np.arange(size[0]), np.arange(size[1])
    wave = 127 + 60 * np.sin(x / 5)[None, :, None] + 60 * np.cos(y / 5 + np.arange(3)[:, None]).T[:, None]
    image = Image.fromarray(wave.astype(np.uint8))
    plain = fit_picture(as_picture(image), SMALL)
    monkeypatch.setattr(fit, "MAX_RESIZED", 0)
    frugal = fit_picture(as_picture(image), SMALL)
    assert (frugal.scale, frugal.offset, frugal.visible) == (plain.scale, plain.offset, plain.visible)
    assert np.abs(np.asarray(frugal.image).astype(int) - np.asarray(plain.image)).max() <= 2
    assert np.asarray(frugal.image).std() > 5  # a picture, not a plain ground


@pytest.mark.parametrize("size", [(1, 60_000), (60_000, 1), (25, 65_535)])
@pytest.mark.parametrize("fit", FITS)
def test_the_longest_strips_fit_soon(size, fit):
    image = Image.new("RGB", size, RED)
    fitted = fit_picture(as_picture(image), LITE0, fit)
    red = (np.asarray(fitted.image) == RED).all(-1)
    assert red.shape == (224, 224) and red.sum() == (224 if fit == "pad" else 224 * 224)


def test_squash_and_pad_geometry():
    image = noise(300, 150)
    squashed = fit_picture(as_picture(image), LITE0, "squash")
    assert np.array_equal(np.asarray(squashed.image), np.asarray(image.resize((224, 224), Image.Resampling.BICUBIC)))
    assert squashed.scale == (300 / 224, 150 / 224) and squashed.offset == (0, 0)
    assert squashed.visible == (0, 0, 300, 150)

    padded = fit_picture(as_picture(image), SMALL, "pad")
    assert np.array_equal(np.asarray(padded.image)[8:24], np.asarray(image.resize((32, 16), Image.Resampling.BILINEAR)))
    ground = np.concatenate([np.asarray(padded.image)[:8], np.asarray(padded.image)[24:]])
    assert (ground == (64, 128, 191)).all()  # SMALL's mean color
    assert padded.offset == (0, -8 * 150 / 16) and padded.visible == (0, 0, 300, 150)


def test_crop_geometry():
    fitted = fit_picture(as_picture(noise(512, 256)), LITE0)
    assert fitted.scale == (1, 1) and fitted.offset == (144, 16) and fitted.visible == (144, 16, 368, 240)
    assert fitted.original_size == (512, 256) and fitted.fit == "crop"


def test_an_unknown_fit_is_refused():
    with pytest.raises(PictureError, match="crop, squash, pad"):
        fit_picture(as_picture(noise(2, 2)), SMALL, "stretch")


@pytest.mark.parametrize("spec", [LITE0, IMAGENET, SMALL])
def test_normalized_and_seen_are_each_others_inverse(spec):
    fitted = fit_picture(as_picture(noise(90, 70)), spec)
    tensor = fitted.normalized(spec)
    assert tensor.dtype == np.float32 and tensor.shape == (3, spec.size, spec.size) and tensor.flags.c_contiguous
    expected = (np.asarray(fitted.image)[5, 9] / 255 - spec.mean) / spec.std
    assert np.allclose(tensor[:, 5, 9], expected, atol=1e-6)
    assert denormalize(tensor, spec).dtype == np.uint8
    assert np.array_equal(denormalize(tensor, spec), np.asarray(fitted.image))


# ------------------------------------------------------------------------------------------------------- the way back


def test_upsample_is_torchs_bilinear_without_aligned_corners():
    torch = pytest.importorskip("torch")
    values = np.random.default_rng(0).random((14, 9)).astype(np.float32)
    for width, height in ((224, 224), (9, 14), (100, 37), (5, 3)):
        expected = torch.nn.functional.interpolate(
            torch.from_numpy(values)[None, None], size=(height, width), mode="bilinear", align_corners=False
        )
        result = upsample(values, (width, height))
        assert result.dtype == np.float32 and result.flags.c_contiguous
        assert np.allclose(result, expected[0, 0].numpy(), atol=1e-5)
    assert np.array_equal(upsample(values, (9, 14)), values)


def test_upsample_in_blocks():
    values = np.array([[0, 1], [2, 3]], np.float32)
    assert np.array_equal(upsample(values, (4, 6), smooth=False), np.kron(values, np.ones((3, 2))))


def test_a_map_must_be_a_map():
    for values in (np.zeros(4), np.zeros((1, 2, 2)), np.zeros((0, 3))):
        with pytest.raises(ValueError, match="h, w"):
            upsample(values, (4, 4))


sides = st.integers(1, 400)


@settings(max_examples=150, deadline=None)
@given(
    width=sides,
    height=sides,
    fit=st.sampled_from(FITS),
    cells=st.integers(1, 20),
    crop_pct=st.sampled_from([0.875, 0.95, 1.0]),
    smooth=st.booleans(),
    value=st.floats(-3, 3, width=32),
)
def test_a_constant_map_comes_back_constant_and_only_where_the_model_saw(
    width, height, fit, cells, crop_pct, smooth, value
):
    spec = InputSpec(size=32, crop_pct=crop_pct, interpolation="bilinear", mean=SMALL.mean, std=SMALL.std)
    fitted = fit_picture(as_picture(Image.new("RGB", (width, height))), spec, fit)
    laid = fitted.to_original(np.full((cells, cells), value), smooth=smooth)
    assert laid.shape == (height, width) and laid.dtype == np.float32
    left, top, right, bottom = fitted.visible
    assert 0 <= left < right <= width and 0 <= top < bottom <= height
    x, y = np.arange(width) + 0.5, np.arange(height) + 0.5
    surely_in = ((x > left + 1e-6) & (x < right - 1e-6))[None] & ((y > top + 1e-6) & (y < bottom - 1e-6))[:, None]
    surely_out = ((x < left - 1e-6) | (x > right + 1e-6))[None] | ((y < top - 1e-6) | (y > bottom + 1e-6))[:, None]
    assert (laid[surely_in] == np.float32(value)).all() and np.isnan(laid[surely_out]).all()
    if fit != "crop":
        assert not np.isnan(laid).any()


@settings(max_examples=150, deadline=None)
@given(width=sides, height=sides, fit=st.sampled_from(FITS))
def test_ramps_over_the_input_come_back_as_the_affine_map_says(width, height, fit):
    fitted = fit_picture(as_picture(Image.new("RGB", (width, height))), SMALL, fit)
    centers = np.arange(32) + 0.5
    x_ramp, y_ramp = np.meshgrid(centers, centers)  # each input pixel holds its own position
    for ramp, axis in ((x_ramp, 0), (y_ramp, 1)):
        laid = fitted.to_original(ramp)
        position = np.arange((width, height)[axis]) + 0.5
        expected = ((position - fitted.offset[axis]) / fitted.scale[axis]).clip(0.5, 31.5)  # the edge is held
        expected = np.broadcast_to(expected[None] if axis == 0 else expected[:, None], laid.shape)
        there = ~np.isnan(laid)
        assert (there.any() or min(width, height) == 1) and np.allclose(laid[there], expected[there], atol=1e-4)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize(
    ("size", "spot"),
    [
        ((300, 200), (170, 80)),
        ((200, 300), (90, 190)),
        ((70, 90), (30, 50)),
        ((900, 400), (510, 130)),
        ((64, 64), (20, 40)),
    ],
)
def test_a_marked_spot_seen_by_the_model_comes_back_to_where_it_was(fit, size, spot):
    """The whole loop with real pixels: draw a blob, fit, lay the input's own brightness back, compare where it is."""
    width, height = size
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    blob = 250 * np.exp(-((x - spot[0]) ** 2 + (y - spot[1]) ** 2) / (2 * (min(size) / 14) ** 2))
    image = Image.fromarray(np.repeat(blob[..., None], 3, 2).astype(np.uint8))
    spec = InputSpec(size=224, crop_pct=0.875, interpolation="bicubic", mean=(0, 0, 0), std=(1, 1, 1))
    fitted = fit_picture(as_picture(image), spec, fit)
    laid = np.nan_to_num(fitted.to_original(fitted.normalized(spec)[0]))
    weight = laid / laid.sum()
    assert math.hypot((weight * x).sum() - spot[0], (weight * y).sum() - spot[1]) < 0.6
    inside = laid > 0
    assert np.abs(laid[inside] * 255 - blob[inside]).max() < 12


@pytest.mark.parametrize("fit", FITS)
def test_back_at_a_displays_size_agrees_with_the_full_original(fit):
    fitted = fit_picture(as_picture(noise(300, 180)), SMALL, fit)
    values = np.random.default_rng(1).random((4, 4))
    full, third = fitted.to_original(values), fitted.to_original(values, size=(100, 60))
    assert third.shape == (60, 100)
    assert np.allclose(full[1::3, 1::3], third, equal_nan=True)  # the middles of every three pixels


def test_back_needs_no_pixels_of_the_original():
    fitted = Fitted(Image.new("RGB", (32, 32)), "squash", (4, 2), (4 / 32, 2 / 32), (0.0, 0.0))
    values = np.array([[0.0, 1.0]])
    assert np.allclose(fitted.to_original(values), [[0, 0.25, 0.75, 1]] * 2)
    assert np.array_equal(fitted.to_original(values, smooth=False), [[0, 0, 1, 1]] * 2)


def test_the_extent_is_where_the_input_lies_on_the_original():
    spec = InputSpec(32, 1.0, "bicubic", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    wide = Picture(Image.new("RGB", (200, 100)), "", "wide")
    assert fit_picture(wide, spec, "squash").extent == pytest.approx((0, 0, 1, 1))
    assert fit_picture(wide, spec, "crop").extent == pytest.approx((0.25, 0, 0.75, 1))
    assert fit_picture(wide, spec, "pad").extent == pytest.approx((0, -0.5, 1, 1.5))
