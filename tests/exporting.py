"""Comparisons of tiny variants, for the tests of exports."""

import io
from pathlib import Path

import tiny
from PIL import Image

from abn.explanations.explainer import explain
from abn.export.figures import Comparison, MapStyle
from abn.images import samples
from abn.images.decode import Picture, open_picture
from abn.variants.card import Card

STYLE = MapStyle(opacity=0.3, colors="viridis", scale="shared", smooth=False, top=10)  # nothing as by default
METADATA = (b"SECRET", b"2031:12:31", b"Exif\0", b"eXIf", b"xmpmeta")  # none of it may leave with an export


def cards(folder: Path) -> list[Card]:
    """Two tiny variants, their weights and cards in `folder`."""
    return [
        tiny.variant(folder, name, tiny.network(name.split("-")[1], seed=seed))
        for seed, name in enumerate(("tiny-additive", "tiny-none"))
    ]


def image_file(seed: int = 0) -> bytes:
    """A small image as a PNG file."""
    stream = io.BytesIO()
    tiny.picture(60, 40, seed).image.save(stream, "PNG")
    return stream.getvalue()


def comparison(cards: list[Card], picture: Picture | None = None, *, fit: str = "pad", **fields) -> Comparison:
    """The variants' explanations of an image, drawn in `STYLE`."""
    picture = picture or open_picture(image_file(), name="noise.png")
    explanations = explain(picture, cards, fit=fit)
    return Comparison(picture=picture, explanations=explanations, cards=cards, style=STYLE, **fields)


def photograph_with_metadata() -> bytes:
    """A JPEG with a place, a camera, a comment and an XMP packet."""
    with Image.open(samples.SAMPLES / "koala.jpg") as opened:
        image = opened.convert("RGB").resize((240, 160))
    exif = Image.Exif()
    exif[0x010E], exif[0x0110], exif[0x0112] = "SECRETPLACE", "SECRETCAMERA", 6  # the last turns it
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 8.0, 33.0), 3: "E", 4: (11.0, 34.0, 31.0), 29: "2031:12:31"})
    stream = io.BytesIO()
    image.save(stream, "JPEG", exif=exif, comment=b"SECRETNOTE", xmp=b"<x:xmpmeta>SECRETXMP</x:xmpmeta>")
    data = stream.getvalue()
    assert all(word in data for word in (b"SECRETPLACE", b"SECRETCAMERA", b"SECRETNOTE", b"SECRETXMP", b"2031:12:31"))
    return data
