"""AVIF images whose frames are larger than their container states are refused before they are decoded."""

import io
import struct

import pytest
from PIL import AvifImagePlugin, Image

from abn.errors import PictureError
from abn.images import avif
from abn.images.decode import open_picture


def encoded(size: tuple[int, int], mode: str = "RGB", kind: str = "AVIF", **options) -> bytes:
    stream = io.BytesIO()
    Image.new(mode, size, "#ff000080" if mode == "RGBA" else "red").save(stream, kind, **options)
    return stream.getvalue()


def stating(data: bytes, size: tuple[int, int]) -> bytes:
    """The same file, whose container states another size."""
    start = data.index(b"ispe") + 8
    return data.replace(data[start - 8 : start + 8], data[start - 8 : start] + struct.pack(">II", *size))


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize("frames", [1, 2])
def test_the_coded_size_is_read(mode, frames):
    several = {"save_all": True, "append_images": [Image.new(mode, (65, 33), "blue")]} if frames > 1 else {}
    data = stating(encoded((65, 33), mode, **several), (8, 8))
    images = list(avif._coded_images(data))
    assert len(images) == (1 if mode == "RGB" else 2) * frames
    assert {size for image in images for size in avif._coded_sizes(image)} == {(65, 33)}


def test_a_large_frame_behind_a_small_stated_size_is_not_decoded(monkeypatch):
    data = stating(encoded((300, 200), speed=10), (64, 64))
    assert open_picture(data).image.size == (64, 64)
    monkeypatch.setattr(avif, "MAX_PIXELS", 300 * 200 - 1)
    monkeypatch.setattr(AvifImagePlugin.AvifImageFile, "load", lambda _: pytest.fail("decoded"))
    with pytest.raises(PictureError, match="300 × 200"):
        open_picture(data)


def test_many_coded_images_together_are_too_many(monkeypatch):
    data = encoded((64, 64), "RGBA")
    assert open_picture(data).image.size == (64, 64)
    monkeypatch.setattr(avif, "MAX_TOGETHER", 2 * 64 * 64 - 1)
    with pytest.raises(PictureError) as error:
        open_picture(data)
    assert str(error.value) == avif.RARE


def test_a_frame_that_may_state_a_size_of_its_own():
    bits = "000000000000" + "0" * 12 + "00000" + "{:04b}{:04b}" + "{}{}"
    usual = bits.format(5, 5, f"{63:06b}", f"{31:06b}").ljust(88, "0")
    free = bits.format(15, 15, f"{63:016b}", f"{31:016b}").ljust(88, "0")
    assert avif._coded_size(int(usual, 2).to_bytes(11, "big")) == (64, 32)
    with pytest.raises(PictureError):
        avif._coded_size(int(free, 2).to_bytes(11, "big"))


def test_damage_is_a_sentence():
    data = encoded((64, 48), "RGBA")
    for place in range(len(data)):
        for broken in (data[:place], data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]):
            try:
                avif.refuse_hidden_size(broken)
            except (PictureError, ValueError, IndexError, struct.error):
                continue


def test_heic_of_another_size_than_it_states_is_refused():
    pytest.importorskip("pillow_heif").register_heif_opener(thumbnails=False, depth_images=False, aux_images=False)
    data = encoded((300, 200), kind="HEIF")
    assert open_picture(data).image.size == (300, 200)
    with pytest.raises(PictureError):
        open_picture(stating(data, (64, 64)))
