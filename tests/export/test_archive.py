"""The zip, its tables and its manifest: complete, equal for equal content, and without a photograph's metadata."""

import base64
import csv
import hashlib
import io
import json
import platform
import re
import zipfile
from dataclasses import replace
from html import escape

import icc
import numpy as np
import pytest
from exporting import METADATA, cards, comparison, image_file, photograph_with_metadata
from PIL import Image

from abn.export import figures, manifest, tables
from abn.export.archive import export_zip
from abn.export.html_report import html_report
from abn.export.manifest import manifest_json
from abn.images.decode import open_picture
from abn.ui.components.strip import make_thumbnail
from abn.variants.card import UNTRAINED_KIND

HOSTILE = '=HYPERLINK("http://x")<script>alert(1)</script>&\'" ../../x'


@pytest.fixture(scope="module")
def variants(tmp_path_factory):
    return cards(tmp_path_factory.mktemp("variants"))


@pytest.fixture(scope="module")
def compared(variants):
    return comparison(variants, date="2026-01-02", photo="toucan")


@pytest.fixture(scope="module")
def zipped(compared) -> bytes:
    return export_zip(compared)


def members(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {info.filename: archive.read(info) for info in archive.infolist()}


def test_everything_is_in_the_zip(compared, zipped):
    files = members(zipped)
    names = [f"{card.id}{end}" for card in compared.cards for end in (".npy", ".png", "-whole.png")]
    assert set(files) == {*names, "manifest.json", "predictions.csv", "report.html", "seen-32.png"}
    for index, (explanation, card) in enumerate(zip(compared.explanations, compared.cards, strict=True)):
        saved = np.load(io.BytesIO(files[f"{card.id}.npy"]), allow_pickle=False)
        assert saved.dtype == np.float32 and np.array_equal(saved, explanation.attention)
        for end, picture in ((".png", None), ("-whole.png", compared.picture)):
            figure = figures.draw_figure(explanation, picture, compared.style, compared.color_ranges[index], card)
            with Image.open(io.BytesIO(files[card.id + end])) as image:
                assert np.array_equal(image, figure)
    with Image.open(io.BytesIO(files["seen-32.png"])) as image:
        assert np.array_equal(image, compared.explanations[0].fitted.image)
    assert files["predictions.csv"] == tables.predictions_csv(compared.explanations, compared.cards)
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items() if name != "manifest.json"}
    assert json.loads(files["manifest.json"])["files"] == hashes


@pytest.mark.slow
def test_equal_comparisons_give_equal_bytes(compared, zipped, monkeypatch):
    monkeypatch.setattr("time.time", lambda: 2e9)
    assert export_zip(replace(compared)) == zipped
    assert export_zip(replace(compared, date="2026-01-03")) != zipped


def test_hostile_names_become_safe_file_names(variants):
    hostile = [replace(card, id=f"../{HOSTILE}", title=HOSTILE) for card in variants]
    compared = comparison(variants, open_picture(image_file(), name=HOSTILE))
    files = members(export_zip(replace(compared, cards=hostile)))
    assert len(files) == 10 and all(re.fullmatch(r"\w[\w.-]*", name) for name in files)


def test_no_metadata_of_a_photograph_is_in_any_file(variants):
    data = photograph_with_metadata()
    picture = open_picture(data, name="mine.jpg")
    picture.image.info["exif"] = data[6:200]  # even if the image still had some
    compared = comparison(variants, picture, fit="crop")
    files = members(export_zip(compared))
    for content in (*files.values(), html_report(compared).encode(), figures.figure_png(compared, 0)):
        assert not any(word in content for word in METADATA)
    for name in files:
        if name.endswith(".png"):
            with Image.open(io.BytesIO(files[name])) as image:
                assert not image.getexif() and not image.info


def test_converted_colors_are_those_of_input_overlay_thumbnail_and_export(variants):
    stream = io.BytesIO()
    profile = icc.rgb("Display P3", icc.DISPLAY_P3)
    Image.new("RGB", (64, 64), (200, 60, 60)).save(stream, "PNG", icc_profile=profile)
    plain = comparison(variants, open_picture(stream.getvalue(), name="p3.png"), fit="crop")
    bare = replace(plain, style=replace(plain.style, opacity=0.0))
    files = members(export_zip(bare))
    on_image = figures.draw_overlay(bare.explanations[0], bare.picture, bare.style, bare.color_ranges[0])
    thumbnail = base64.b64decode(make_thumbnail(bare.picture.image).partition(",")[2])
    shown = [bare.picture.image, bare.explanations[0].fitted.image, on_image]
    shown += [Image.open(io.BytesIO(data)) for data in (files["seen-32.png"], thumbnail)]
    for image in shown:
        middle = np.array(image.convert("RGB").getpixel((image.width // 2, image.height // 2)))
        assert np.abs(middle - (217, 42, 52)).max() <= 2
    assert escape(plain.picture.notes[0]) in files["report.html"].decode()


# ---- the manifest ----


def test_the_manifest_states_image_weights_settings_and_results(compared):
    manifest = json.loads(manifest_json(compared, {"a.png": "0" * 64}))
    assert manifest["image"] == {"sha256": compared.picture.sha256, "name": "noise.png", "gallery": "toucan"}
    assert (manifest["fit"], manifest["mechanism"], manifest["date"]) == ("pad", "trained", "2026-01-02")
    assert manifest["view"] == vars(compared.style) and manifest["files"] == {"a.png": "0" * 64}
    for variant, result, explanation, card in zip(
        manifest["variants"], manifest["results"], compared.explanations, compared.cards, strict=True
    ):
        assert variant == {"id": card.id, "sha256": hashlib.sha256(card.weights.read_bytes()).hexdigest()}
        values = explanation.attention
        assert result["map"] == {
            "shape": [16, 16],
            "min": float(values.min()),
            "mean": float(values.mean()),
            "max": float(values.max()),
            "sha256": hashlib.sha256(figures.npy_bytes(values)).hexdigest(),
        }
        assert [p["probability"] for p in result["perception"]] == np.sort(explanation.perception)[::-1][:5].tolist()
        assert result["auxiliary"][0]["label"] == explanation.top("auxiliary", 1)[0].label


def test_the_manifest_states_the_software(compared):
    software = json.loads(manifest_json(compared))["software"]
    assert software["python"] == platform.python_version() and software["numpy"] == np.__version__
    assert {"torch", "timm", "pillow", "abn"} <= software.keys()


# ---- predictions ----


def rows(data: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def test_every_class_of_both_heads_is_in_the_table(compared):
    remaining = iter(rows(tables.predictions_csv(compared.explanations, compared.cards)))
    for explanation in compared.explanations:
        for head in ("auxiliary", "perception"):
            for rank, expected in enumerate(explanation.top(head, 10), 1):
                row = next(remaining)
                assert (row["variant"], row["head"], row["rank"]) == (explanation.variant, head, str(rank))
                assert (int(row["class"]), row["label"]) == (expected.index, expected.label)
                assert np.float32(row["probability"]) == np.float32(expected.probability)
    assert next(remaining, None) is None


def test_no_cell_is_a_formula(compared):
    labels = ("=1+1", "+x", "-x", "@x", "\tx", "\r=x", " =x", "plain", 'quo"te,', "new\nline")
    explanation = replace(compared.explanations[0], labels=labels)
    untrained = replace(compared.cards[0], kind=UNTRAINED_KIND)
    table = rows(tables.predictions_csv([explanation], [untrained]))
    written = {int(row["class"]): row["label"] for row in table}
    assert [written[k] for k in range(10)] == [f"'{label}" for label in labels[:7]] + list(labels[7:])
    assert {row["trained_with"] for row in table} == {"never trained"}


@pytest.mark.parametrize("name", ["a.py", "texts.toml", "page.html", "page.css", "icon.svg", "page.js"])
def test_the_source_hash_covers_texts_and_styles(monkeypatch, tmp_path, name):
    monkeypatch.setattr(manifest, "__file__", str(tmp_path / "export" / "manifest.py"))
    compute = manifest.software_versions.__wrapped__
    before = compute()["abn"]
    (tmp_path / "photo.jpg").write_bytes(b"no source")
    assert compute()["abn"] == before
    (tmp_path / name).write_text("one")
    after = compute()["abn"]
    (tmp_path / name).write_text("two")
    assert len({before, after, compute()["abn"]}) == 3
