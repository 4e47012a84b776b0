"""JPEGs without their end open with a note; those that lack more than a few rows are refused."""

import io
import re
import struct

import numpy as np
import pytest
from PIL import ExifTags, Image

from abn.errors import PictureError
from abn.images import cut_short
from abn.images.decode import open_picture

KINDS = {
    "baseline": {},
    "fine": {"quality": 95, "subsampling": 0},
    "progressive": {"progressive": True},
    "optimized": {"optimize": True},
    "restarts": {"restart_marker_rows": 1},
}
SIZE = (400, 640)


def jpeg(mode: str = "RGB", size: tuple[int, int] = SIZE, **options) -> bytes:
    noise = np.random.default_rng(1).integers(0, 256, (size[1] // 8, size[0] // 8, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC).convert(mode).save(stream, "JPEG", **options)
    return stream.getvalue()


def same_rows(data: bytes, whole: bytes) -> np.ndarray:
    """Of each row, whether it is that of the whole file."""
    image, expected = (np.asarray(open_picture(file).image) for file in (data, whole))
    assert image.shape == expected.shape
    return (image == expected).all((1, 2))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_without_its_end_marker_it_has_all_its_pixels(kind, mode):
    whole = jpeg(mode, **KINDS[kind])
    assert whole.endswith(b"\xff\xd9") and cut_short.NO_END not in open_picture(whole).notes
    for data in (whole[:-2], whole[:-1], whole[:-1] + b"\xff"):
        assert same_rows(data, whole).all()
        if mode != "CMYK":  # whose last pixels Pillow may give out before it misses the marker
            assert open_picture(data).notes == (cut_short.NO_END,)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("behind", [b"junk" * 50, bytes(5000), b"\xff\xd8"], ids=["words", "zeros", "a beginning"])
def test_bytes_behind_the_end_do_no_harm(kind, behind):
    whole = jpeg(**KINDS[kind])
    assert same_rows(whole + behind, whole).all() and open_picture(whole + behind).notes == ()


@pytest.mark.parametrize("behind", [b"junk" * 50, bytes(5000)], ids=["words", "zeros"])
def test_progressive_without_its_end_but_with_other_bytes(behind):
    whole = jpeg(progressive=True)
    assert same_rows(whole[:-2] + behind, whole).all()
    assert open_picture(whole[:-2] + behind).notes == (cut_short.NO_END,)


def share(notes: tuple[str, ...]) -> float:
    (note,) = notes
    return float(re.search(r"([\d.]+) %", note)[1]) / 100


@pytest.mark.parametrize("kind", KINDS)
def test_a_few_missing_rows_are_told_and_more_are_refused(kind):
    whole = jpeg(**KINDS[kind])
    scan = whole.rindex(b"\xff\xda")
    opened = []
    for kept in (0.99, 0.97, 0.95, 0.94, 0.9, 0.5):
        data = whole[: scan + round(kept * (len(whole) - scan))]
        try:
            told = share(open_picture(data).notes)
        except PictureError as error:
            assert "cut short" in str(error)
            opened.append(False)
        else:
            complete = same_rows(data, whole)
            assert complete[: round((1 - told) * SIZE[1])].all() and told <= 0.05
            opened.append(True)
    assert opened[0] and not any(opened[-2:])


def test_a_progressive_one_that_lacks_whole_scans_is_refused():
    whole = jpeg(progressive=True)
    scans = [at for at in range(len(whole)) if whole[at : at + 2] == b"\xff\xda"]
    for at in scans[1:]:
        with pytest.raises(PictureError, match="cut short"):
            open_picture(whole[:at])


def test_a_gray_bottom_is_no_missing_one():
    image = Image.new("RGB", (64, 640), (128, 128, 128))
    image.paste("red", (0, 0, 64, 64))
    stream = io.BytesIO()
    image.save(stream, "JPEG")
    data = stream.getvalue()
    assert same_rows(data[:-2], data).all() and open_picture(data[:-2]).notes == (cut_short.NO_END,)
    with pytest.raises(PictureError):
        open_picture(data[:-20])


def test_a_large_one_is_decoded_smaller_and_upright():
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    whole = jpeg(size=(2400, 1600), exif=exif)
    result = open_picture(whole[:-2])
    assert (result.full_size, result.image.size) == ((1600, 2400), (800, 1200))
    assert np.array_equal(result.image, open_picture(whole).image)
    assert result.notes == (cut_short.NO_END, "Turned upright as its EXIF says.")


def test_strips_and_endless_scans_are_not_decoded_again(monkeypatch):
    monkeypatch.setattr(cut_short, "_load", lambda *_: pytest.fail("decoded again"))
    strip = jpeg("L", (60_000, 200))
    progressive = jpeg("L", progressive=True)
    scan = progressive[progressive.rindex(b"\xff\xda") : -2]
    for data in (strip[:-2], progressive[:-2] + scan * cut_short.MAX_SCANS):
        with pytest.raises(PictureError, match="cut short"):
            open_picture(data)
    for damage in (b"", b"\xff\xda", b"\xff\xda\0\2", b"\xff\xc2\0\3\0", struct.pack(">HHB", 0xFFDA, 3, 9)):
        with pytest.raises(PictureError):
            open_picture(jpeg()[:200] + damage)
