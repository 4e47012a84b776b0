"""Records of tiny networks, for the tests of exports."""

import io
from pathlib import Path

import tiny
from PIL import Image

from abn.explanations.explainer import explain
from abn.export.figures import Drawing, Record
from abn.images import samples
from abn.images.decode import Picture, open_picture
from abn.variants.card import Card
from abn.variants.store import load_variant


def cards(folder: Path) -> list[Card]:
    """Two tiny variants, their weights and cards in `folder`."""
    return [
        tiny.variant(folder, name, tiny.network(name.split("-")[1], seed=seed))
        for seed, name in enumerate(("tiny-additive", "tiny-none"))
    ]


def file(seed: int = 0) -> bytes:
    """A small picture as a file."""
    stream = io.BytesIO()
    tiny.picture(60, 40, seed).image.save(stream, "PNG")
    return stream.getvalue()


def record(known: list[Card], picture: Picture | None = None, **told) -> Record:
    """What the variants make of a picture, drawn in a way that is not the default."""
    picture = picture or open_picture(file(), name="noise.png")
    fit, mechanism = told.pop("fit", "pad"), told.pop("mechanism", "trained")
    found = explain(picture, known, fit=fit, mechanism=mechanism, load=load_variant)
    drawing = told.pop("drawing", Drawing(opacity=0.3, colors="viridis", scale="shared", smooth=False, top=10))
    return Record(picture, found, known, mechanism, drawing, **told)


def photographed() -> bytes:
    """A JPEG with a place, a camera, a thumbnail's worth of notes and an XMP packet."""
    with Image.open(samples.SAMPLES / "koala.jpg") as opened:
        image = opened.convert("RGB")
    exif = Image.Exif()
    exif[0x010E], exif[0x0110], exif[0x0112] = "SECRETPLACE", "SECRETCAMERA", 6  # the last turns it
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 8.0, 33.0), 3: "E", 4: (11.0, 34.0, 31.0), 29: "2031:12:31"})
    stream = io.BytesIO()
    image.save(stream, "JPEG", exif=exif, comment=b"SECRETNOTE", xmp=b"<x:xmpmeta>SECRETXMP</x:xmpmeta>")
    data = stream.getvalue()
    assert all(word in data for word in (b"SECRETPLACE", b"SECRETCAMERA", b"SECRETNOTE", b"SECRETXMP", b"2031:12:31"))
    return data
