"""Records of tiny networks, for the tests of exports."""

import io
from pathlib import Path

import tiny

from abn.explainer import explain
from abn.picture import Picture, open_picture
from abn.report import Drawing, Record
from abn.variants import Card, load_variant


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
    drawing = told.pop("drawing", Drawing(opacity=0.3, colours="viridis", scale="shared", smooth=False, top=10))
    return Record(picture, found, known, mechanism, drawing, **told)
