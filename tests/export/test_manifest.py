"""Manifests: nothing is lost on the way to JSON and back, whatever comes from elsewhere is one sentence, and numbers
are the same or they are not."""

import hashlib
import io
import json
import platform
import zipfile
from dataclasses import replace

import exporting
import numpy as np
import pytest
import tiny
import torch
from fuzzing import fuzz
from hypothesis import given
from hypothesis import strategies as st

from abn.errors import ManifestError
from abn.explanations.explainer import explain
from abn.export import manifest, reproduce
from abn.export.figures import RAW, Drawing, npy
from abn.export.manifest import manifest_of, read_manifest
from abn.images import samples


@pytest.fixture(scope="module")
def record(tmp_path_factory):
    known = exporting.cards(tmp_path_factory.mktemp("variants"))
    return exporting.record(known, date="2026-01-02", photo="toucan")


@pytest.fixture(scope="module")
def text(record) -> str:
    return manifest_of(record, {"a.png": "0" * 64}).to_json()


def altered(text: str, change) -> bytes:
    said = json.loads(text)
    change(said)
    return json.dumps(said).encode()


def test_nothing_is_lost(record, text):
    made, read = manifest_of(record, {"a.png": "0" * 64}), read_manifest(text.encode())
    assert read == made and read.to_json() == text and read.notes == ()
    assert (read.sha256, read.fit, read.mechanism, read.photo) == (record.picture.sha256, "pad", "trained", "toucan")
    assert read.drawing == record.drawing and read.date == "2026-01-02"
    for result, one, card in zip(read.results, record.explanations, record.cards, strict=True):
        assert result.attention.dtype == np.float32 and np.array_equal(result.attention, one.attention)
        assert result.weights == hashlib.sha256(card.weights.read_bytes()).hexdigest()
        assert result.map_sha256 == hashlib.sha256(npy(one)).hexdigest()
        assert [p for _, _, p in result.perception] == np.sort(one.perception)[::-1][:5].tolist()


def test_versions_are_those_that_run_here(text):
    software = json.loads(text)["software"]
    assert software["python"] == platform.python_version() and software["numpy"] == np.__version__
    assert torch.__version__.startswith(software["torch"]) and software["abn"].startswith("source ")


def test_it_is_json_that_a_person_can_read(record, text):
    said = json.loads(text)
    one = record.explanations[0]
    assert said["results"][0]["map"]["mean"] == float(one.attention.mean())
    assert said["results"][0]["auxiliary"][0]["label"] == one.top("auxiliary", 1)[0].label
    assert said["variants"][1] == {"id": "tiny-none", "sha256": record.cards[1].sha256}


def zipped(**files: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name.replace("_", "."), data)
    return stream.getvalue()


def test_the_whole_zip_does_too(text):
    assert read_manifest(zipped(other_png=b"x", manifest_json=text.encode())).to_json() == text


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b'"ABN Explorer export"',
        b"\xff\xfe{",
        b"[" * 100_000,
        b'{"format": NaN}',
        b"9" * 5000,
        b"PK\x03\x04",
        b"PK\x05\x06" + bytes(18),
        zipped(other_json=b"{}"),
        zipped(manifest_json=b"\x00" * 1000),
    ],
)
def test_what_is_no_export_is_told(data):
    with pytest.raises(ManifestError, match=r"^This is no export of ABN Explorer"):
        read_manifest(data)


def test_bombs_are_not_unpacked(text):
    with pytest.raises(ManifestError, match="more than 4 MB"):
        read_manifest(zipped(manifest_json=b" " * 5_000_000))
    with pytest.raises(ManifestError, match="more than 100 MB"):
        read_manifest(bytes(manifest.MAX_BYTES + 1))
    many = zipped(**{f"f{k}": b"" for k in range(3000)}, manifest_json=text.encode())
    with pytest.raises(ManifestError, match="no export"):  # a list of files longer than an export's
        read_manifest(many)


ALTERATIONS = {
    "fit": lambda said: said.update(fit="stretch"),
    "mechanism": lambda said: said.update(mechanism="squared"),
    "no results": lambda said: said.update(results=[], variants=[]),
    "many results": lambda said: said.update(results=said["results"] * 20, variants=said["variants"] * 20),
    "another variant": lambda said: said["variants"][0].update(id="x"),
    "hash": lambda said: said["picture"].update(sha256="../" * 20),
    "number for a name": lambda said: said["picture"].update(name=7),
    "probability": lambda said: said["results"][0]["perception"][0].update(probability=2),
    "probability is true": lambda said: said["results"][0]["perception"][0].update(probability=True),
    "class": lambda said: said["results"][0]["perception"][0].update({"class": -1}),
    "class is huge": lambda said: said["results"][0]["perception"][0].update({"class": 10**30}),
    "no rows": lambda said: said["results"][0]["map"].update(rows=[]),
    "ragged rows": lambda said: said["results"][0]["map"]["rows"].append("0.5"),
    "rows of words": lambda said: said["results"][0]["map"].update(rows=["a b"]),
    "cells that are none": lambda said: said["results"][0]["map"].update(rows=["nan inf"]),
    "cells": lambda said: said["results"][0]["map"].update(rows=["1e300 2"]),
    "long rows": lambda said: said["results"][0]["map"].update(rows=["0 " * 10_000]),
    "view is a list": lambda said: said.update(view=[]),
    "picture is text": lambda said: said.update(picture="x"),
    "missing": lambda said: said.pop("software"),
    "software": lambda said: said.update(software={str(k): "" for k in range(1000)}),
}


@pytest.mark.parametrize("name", ALTERATIONS)
def test_an_altered_manifest_is_told(text, name):
    data = altered(text, ALTERATIONS[name])
    if name == "view is a list":
        assert read_manifest(data).drawing == RAW  # it only says how maps are drawn
        return
    with pytest.raises(ManifestError, match=r"^This manifest was altered"):
        read_manifest(data)


def test_another_version_is_told(text):
    with pytest.raises(ManifestError, match="another version"):
        read_manifest(altered(text, lambda said: said.update(version=2)))


def test_a_view_that_is_not_known_falls_back_and_says_so(text):
    view = {"opacity": 9, "colors": "pink", "scale": ["raw"], "smooth": 1, "top": True, "mark": "mask"}
    read = read_manifest(altered(text, lambda said: said.update(view=view)))
    assert read.drawing == Drawing(mark="mask") and len(read.notes) == 5
    assert read.notes[1] == "The export's value for colors isn't known here: maps are drawn with inferno."


def test_words_from_elsewhere_are_short_and_on_one_line(text):
    def change(said):
        said["picture"]["name"] = "../../a\nb\x00\u202e" + "x" * 500
        said["date"] = "y\n" * 1000

    read = read_manifest(altered(text, change))
    assert read.name.startswith("a bx") and len(read.name) == 80 and len(read.date) == 300


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@fuzz(150)
@given(data=st.data())
def test_anything_in_the_place_of_anything(text, data):
    """Whatever stands anywhere in a manifest, it is read, or refused by our own error."""
    said = json.loads(text)
    place = said
    while True:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if isinstance(place[key], dict | list) and place[key] and data.draw(st.booleans()):
            place = place[key]
            continue
        place[key] = data.draw(JSON)
        break
    try:
        read = read_manifest(json.dumps(said).encode())
    except ManifestError as error:
        assert "\n" not in str(error)
    else:
        assert read.results and read.drawing.colors


# ---- the same again ----


def test_the_same_numbers_are_the_same(record, text):
    read = read_manifest(text.encode())
    again = explain(record.picture, record.cards, fit=read.fit, mechanism=read.mechanism)
    assert reproduce.verdict(read, again)[0]
    assert all(one.probability == 0 and one.attention == 0 for one in reproduce.compare(read, again))


def test_differences_are_measured(record, text):
    read, (first, second) = read_manifest(text.encode()), record.explanations
    attention = second.attention.copy()
    attention[3, 5] += 0.25
    perception = first.perception.copy()
    perception[int(first.perception.argmax())] -= np.float32(0.125)
    found = [replace(first, perception=perception), replace(second, attention=attention)]
    one, two = reproduce.compare(read, found)
    assert (one.probability, one.attention) == (pytest.approx(0.125), 0)
    assert (two.probability, two.attention) == (0, pytest.approx(0.25))
    same, sentence = reproduce.verdict(read, found)
    assert not same and "of tiny-none, probabilities differ by up to 0 and the map by up to 0.25." in sentence
    other = replace(read, software={**read.software, "torch": "1.0"})
    assert "It was made with torch 1.0, here" in reproduce.verdict(other, found)[1]


def test_what_cannot_be_compared_is_not_the_same(record, text):
    read, (first, second) = read_manifest(text.encode()), record.explanations
    found = [replace(first, attention=first.attention[:4]), replace(second, auxiliary=second.auxiliary[:1])]
    one, two = reproduce.compare(read, found)
    assert one.attention == np.inf and two.probability == np.inf
    same, sentence = reproduce.verdict(read, found)
    assert not same and "tiny-additive has another map or other classes" in sentence


def test_what_is_missing_is_one_sentence(record, text):
    read, known = read_manifest(text.encode()), {card.id: card for card in record.cards}
    assert [reproduce.card_of(result, known) for result in read.results] == list(record.cards)
    with pytest.raises(ManifestError, match=r"^There is no variant tiny-additive here\.$"):
        reproduce.card_of(read.results[0], {})
    own = replace(read.results[0], variant="own:123456789012")
    with pytest.raises(ManifestError, match=r"own:123456789012 was somebody's own"):
        reproduce.card_of(own, known)
    with pytest.raises(ManifestError, match=r"weights of tiny-additive are not those of the export"):
        reproduce.card_of(replace(read.results[0], weights="0" * 64), known)
    with pytest.raises(ManifestError, match=r"not the picture of the export \(noise\.png\)"):
        reproduce.check_picture(read, tiny.picture(9, 9).sha256)
    assert reproduce.photo_of(read) == samples.gallery()["toucan"]
    with pytest.raises(ManifestError, match=r"give the file noise\.png too"):
        reproduce.photo_of(replace(read, photo=None))
    with pytest.raises(ManifestError, match="has no photograph nowhere"):
        reproduce.photo_of(replace(read, photo="nowhere"))
