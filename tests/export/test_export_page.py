"""Exports: all of it is there, nothing of a photograph's metadata is, and what is given back makes the same numbers."""

import base64
import csv
import hashlib
import io
import json
import re
import zipfile
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import exporting
import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from abn.explanations.explainer import explain
from abn.export import archive, figures, manifest
from abn.export.figures import Drawing, Record
from abn.export.html_report import ABOUT_MAPS, report_page
from abn.images import samples
from abn.images.decode import open_picture
from abn.plots import color_limits, color_maps, numbers
from abn.ui.compare import explanation_panels
from abn.ui.compare import export_panel as kept_row
from abn.ui.controls import selection
from abn.ui.runtime.engine import get_engine
from abn.variants.card import NOTHING
from abn.variants.store import list_variants

ROOT = Path(__file__).parents[2]
IDS = [f"imagenet-lite0-{name}" for name in ("additive", "multiplicative", "none")]
HOSTILE = '=HYPERLINK("http://x")<script>alert(1)</script>&\'" ../../x'


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    return exporting.cards(tmp_path_factory.mktemp("variants"))


@pytest.fixture(scope="module")
def record(known) -> Record:
    return exporting.record(known, title="Noise", alt="Gray noise", credit="N. Body · MIT · http://nowhere/x", date="D")


def members(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {info.filename: archive.read(info) for info in archive.infolist()}


# ---- the zip ----


def test_everything_is_in_the_zip(record):
    files = members(archive.bundle(record))
    names = [f"{card.id}{end}" for card in record.cards for end in (".npy", ".png", "-whole.png")]
    assert set(files) == {*names, "manifest.json", "predictions.csv", "report.html", "seen-32.png"}
    for one, card, span in zip(record.explanations, record.cards, record.spans, strict=True):
        saved = np.load(io.BytesIO(files[f"{card.id}.npy"]), allow_pickle=False)
        assert saved.dtype == np.float32 and np.array_equal(saved, one.attention)
        for end, picture in ((".png", None), ("-whole.png", record.picture)):
            drawn = figures.draw(one, picture, record.drawing, span, card)
            with Image.open(io.BytesIO(files[card.id + end])) as image:
                assert np.array_equal(np.asarray(image), np.asarray(drawn))
    with Image.open(io.BytesIO(files["seen-32.png"])) as image:
        assert np.array_equal(np.asarray(image), np.asarray(record.explanations[0].fitted.image))
    read = manifest.read_manifest(archive.bundle(record))
    assert dict(read.files) == {
        name: hashlib.sha256(data).hexdigest() for name, data in files.items() if name != "manifest.json"
    }


def test_equal_records_give_equal_bytes(record, monkeypatch):
    monkeypatch.setattr("time.time", lambda: 2e9)
    data = archive.bundle(record)
    assert data == archive.bundle(replace(record)) and data != archive.bundle(replace(record, date="another"))
    with zipfile.ZipFile(io.BytesIO(data)) as opened:
        assert {info.date_time for info in opened.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_hostile_names_stay_names(known, tmp_path):
    hostile = [replace(card, id=f"../{HOSTILE}", title=HOSTILE) for card in known]
    record = exporting.record(known, open_picture(exporting.file(), name=HOSTILE), title=HOSTILE, alt=HOSTILE)
    found = [replace(one, variant=card.id) for one, card in zip(record.explanations, hostile, strict=True)]
    record = replace(record, cards=hostile, explanations=found, credit=HOSTILE, date=HOSTILE)
    files = members(archive.bundle(record))
    assert all(re.fullmatch(r"[\w.-]+", name) and not name.startswith(".") for name in files) and len(files) == 10
    assert parsed(files["report.html"].decode()).scripts == 0
    assert manifest.read_manifest(files["manifest.json"]).name == record.picture.name


# ---- predictions ----


def table(record: Record) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(archive.predictions(record.explanations, record.cards))))


def test_every_class_is_in_the_table(record):
    rows = table(record)
    assert len(rows) == 2 * 2 * 10 and tuple(rows[0]) == archive.COLUMNS
    at = 0
    for one in record.explanations:
        for head in ("auxiliary", "perception"):
            answer, some = getattr(one, head), rows[at : at + 10]
            assert [int(row["rank"]) for row in some] == list(range(1, 11))
            assert [np.float32(row["probability"]) for row in some] == sorted(answer, reverse=True)
            for row in some:
                assert row["label"] == one.labels[int(row["class"])]
                assert np.float32(row["probability"]) == answer[int(row["class"])]
                assert (row["variant"], row["head"], row["applied"]) == (one.variant, head, one.applied)
            at += 10


def test_no_label_is_a_formula(record):
    labels = ("=1+1", "+x", "-x", "@x", "\tx", "\r=x", " =x", "plain", 'quo"te,', "new\nline")
    one = replace(record.explanations[0], labels=labels)
    rows = table(replace(record, explanations=[one], cards=[replace(record.cards[0], kind=NOTHING)]))
    told = {int(row["class"]): row["label"] for row in rows}
    assert [told[k] for k in range(7)] == [f"'{label}" for label in labels[:7]]
    assert [told[k] for k in range(7, 10)] == list(labels[7:])
    assert {row["trained_with"] for row in rows} == {"never trained"}


# ---- the report ----


class Parsed(HTMLParser):
    """What matters of a page: its words, its references, and what could run."""

    VOID = ("meta", "img", "br")

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.text, self.addresses, self.scripts, self.alts, self.open = "", [], 0, [], []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.scripts += tag in ("script", "iframe", "object", "embed", "link", "form", "base", "svg", "a")
        self.scripts += sum(name.startswith("on") for name in given)
        self.addresses += [given[name] for name in ("src", "href", "srcset", "action", "data") if name in given]
        assert "url(" not in given.get("style", "")
        if tag == "img":
            self.alts.append(given["alt"])
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "style":
            assert "url(" not in data and "@import" not in data
        else:
            self.text += data


def parsed(page: str) -> Parsed:
    parser = Parsed()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    return parser


def test_the_report_stands_alone(record):
    page = parsed(report_page(record))
    assert page.scripts == 0 and page.addresses
    assert all(address.startswith("data:image/jpeg;base64,") for address in page.addresses)
    assert len(page.alts) == 1 + 2 * 2 and all(len(alt) > 20 for alt in page.alts)
    for address in page.addresses:
        Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))).load()


def test_the_report_says_it_all(record):
    text = " ".join(parsed(report_page(record)).text.split())
    assert ABOUT_MAPS in text and explanation_panels.NOT_A_MAP.replace("**", "") == ABOUT_MAPS
    assert "N. Body · MIT · http://nowhere/x" in text and "Made by ABN Explorer on D." in text
    for one, card, span in zip(record.explanations, record.cards, record.spans, strict=True):
        assert f"trained with {one.trained_with}applied {one.applied}" in text
        assert card.sha256 in text and hashlib.sha256(figures.npy(one)).hexdigest() in text
        assert "".join(color_maps.bar_numbers(*span)) in text
        for head in ("auxiliary", "perception"):
            for p in one.top(head):
                assert f"{p.label}{numbers.percent(p.probability)}" in text
    assert record.picture.sha256 in text and "shared by the variants" in text and "viridis" in text
    assert "python -m abn explain --from manifest.json" in text


def test_the_report_tells_of_a_flat_map_and_of_a_swapped_mechanism(record):
    one = replace(record.explanations[0], attention=np.full((8, 8), 0.5, np.float32), applied="none")
    text = parsed(report_page(replace(record, explanations=[one], cards=record.cards[:1]))).text
    assert "This map is flat: every cell lies between 0.500 and 0.500." in text and "applied none, swapped" in text


def test_all_text_is_escaped(record):
    labels = tuple(f"{HOSTILE}{k}" for k in range(10))
    found = [replace(one, labels=labels) for one in record.explanations]
    cards = [replace(card, title=HOSTILE) for card in record.cards]
    told = replace(record, explanations=found, cards=cards, title=HOSTILE, alt=HOSTILE, credit=HOSTILE, date=HOSTILE)
    page = parsed(report_page(told))
    assert page.scripts == 0 and HOSTILE in page.text and any(HOSTILE in alt for alt in page.alts)
    assert "<script" not in report_page(told)


# ---- nothing of a photograph's metadata leaves ----


def test_no_metadata_of_a_photograph_leaves(known):
    data = exporting.photographed()
    picture = open_picture(data, name="mine.jpg")
    assert picture.notes == ("Turned upright as its EXIF says.",)
    picture.image.info["exif"] = data[6:200]  # even if a picture still had some
    record = exporting.record(known, picture, fit="crop")
    zipped, page = archive.bundle(record), report_page(record)
    files = members(zipped)
    pictures = [files[name] for name in files if name.endswith(".png")]
    pictures += [base64.b64decode(address.partition(",")[2]) for address in parsed(page).addresses]
    for content in (zipped, page.encode(), archive.panel(record, 0), *files.values(), *pictures):
        for word in (b"SECRET", b"2031:12:31", b"Exif\0", b"eXIf", b"xmpmeta", data[:200]):
            assert word not in content
    for content in pictures:
        with Image.open(io.BytesIO(content)) as image:
            assert not image.getexif() and not {"exif", "xmp", "comment"} & set(image.info)


# ---- on the page ----


@pytest.fixture
def app(ready) -> AppTest:
    return ready


def drop(at: AppTest, data: bytes, name: str = "abn.zip") -> AppTest:
    return at.file_uploader(key="export_file").set_value([(name, data, "application/zip")]).run()


def said(at: AppTest) -> str:
    told = [*at.success, *at.warning, *at.info]
    return "\n".join(re.sub(r"\\(.)", r"\1", element.value) for element in told)


def shown_ids(at: AppTest) -> list[str]:
    return at.session_state["variant_ids"]


def test_one_click_gives_what_the_page_shows(app, offered, network):
    app.query_params.update({"photo": "toucan", "fit": "pad", "opacity": "20", "scale": "min–max per map"})
    assert not app.run().exception
    maps = [f"abn-toucan--{name}.{end}" for name in IDS for end in ("png", "npy")]
    assert list(offered) == ["abn-toucan.zip", "abn-toucan.html", "abn-toucan.csv", *maps]
    photo = samples.gallery()["toucan"]
    picture, cards = open_picture(photo.path.read_bytes(), name=photo.file), list_variants()[:3]
    found = explain(picture, cards, fit="pad", load=network)
    read = manifest.read_manifest(offered["abn-toucan.zip"]())
    assert (read.photo, read.fit, read.mechanism) == ("toucan", "pad", "trained")
    assert read.drawing == Drawing(opacity=0.2, scale="each") and [one.variant for one in read.results] == IDS
    for one, result, name in zip(found, read.results, IDS, strict=True):
        assert np.array_equal(result.attention, one.attention)
        assert np.array_equal(np.load(io.BytesIO(offered[f"abn-toucan--{name}.npy"]())), one.attention)
    span = color_limits.limits([found[0].attention], "each")[0]
    drawn = figures.draw(found[0], None, read.drawing, span, cards[0])
    with Image.open(io.BytesIO(offered[f"abn-toucan--{IDS[0]}.png"]())) as image:
        assert np.array_equal(np.asarray(image), np.asarray(drawn))
    page = offered["abn-toucan.html"]().decode()
    assert photo.author in parsed(page).text and photo.title in parsed(page).text
    assert offered["abn-toucan.csv"]().decode("utf-8-sig") == archive.predictions(found, cards)


def test_what_nobody_asks_for_is_not_made(app, monkeypatch):
    for name in ("bundle", "panel", "predictions", "png"):
        monkeypatch.setattr(archive, name, lambda *_: pytest.fail("made without being asked for"))
    monkeypatch.setattr(kept_row, "report_page", lambda *_: pytest.fail("made without being asked for"))
    monkeypatch.setattr(manifest, "manifest_of", lambda *_: pytest.fail("made without being asked for"))
    assert not app.run().exception


def test_stored_answers_are_not_kept(app):
    get_engine().ready = False
    get_engine().load_ended.clear()
    at = app.run()
    assert all(button.proto.disabled for button in at.get("download_button"))
    assert any("As soon as the networks are loaded" in caption.value for caption in at.caption)


def test_an_export_given_back_makes_the_same_numbers(app, offered):
    app.query_params.update({"photo": "toucan", "variants": f"{IDS[2]},{IDS[0]}", "fit": "squash", "colors": "viridis",
                             "mechanism": "multiplicative", "same_weights": "true", "opacity": "35", "top": "20",
                             "scale": "shared by the variants", "cells": "raw grid", "mark": "mask"})  # fmt: skip
    app.run()
    kept = offered["abn-toucan.zip"]()
    app.query_params.clear()
    other = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    assert shown_ids(other) == IDS and "The numbers are" not in said(other)
    at = drop(other, kept)
    assert not at.exception and "The numbers are the same as in the export" in said(at)
    assert at.session_state["photo"] == "toucan" and shown_ids(at) == [IDS[2], IDS[0]]
    assert at.button_group(key="fit").value == "squash" and at.toggle(key="same_weights").value
    assert at.button_group(key="mechanism").value == "multiplicative"
    assert manifest.read_manifest(offered["abn-toucan.zip"]()).drawing == manifest.read_manifest(kept).drawing
    at = at.button_group(key="fit").set_value("crop").run()
    assert "The numbers are" not in said(at)  # it is another question
    at = at.button_group(key="fit").set_value("squash").run()
    assert "The numbers are the same" in said(at)


def test_a_manifest_alone_does_too_and_other_numbers_are_told(app, offered):
    app.run()
    (kept,) = [data for name, data in members(next(iter(offered.values()))()).items() if name == "manifest.json"]
    assert "The numbers are the same" in said(drop(app, kept, "manifest.json"))
    changed = json.loads(kept)
    changed["results"][0]["perception"][0]["probability"] -= 0.01
    at = drop(app, json.dumps(changed).encode(), "manifest.json")
    assert "The numbers are not those of the export: of imagenet-lite0-additive, probabilities differ" in said(at)


def test_an_export_of_ones_own_picture_waits_for_it(app, offered):
    data = exporting.photographed()
    app.run()
    app.file_uploader(key="files").set_value([("mine.jpg", data, "image/jpeg")]).run()
    kept = offered["abn-mine.zip"]()
    assert manifest.read_manifest(kept).photo is None and data not in kept
    other = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60).run()
    at = drop(other, kept)
    assert "The export is of the picture mine.jpg, which isn't here: add its file" in said(at)
    assert "The numbers are" not in said(at)
    at = at.file_uploader(key="files").set_value([("renamed.jpg", data, "image/jpeg")]).run()
    assert "The numbers are the same" in said(at) and "isn't here" not in said(at)


def test_what_is_not_here_is_told_and_the_rest_is_set(app, offered):
    app.run()
    kept = json.loads(members(next(iter(offered.values()))())["manifest.json"])
    for place, (name, weights) in enumerate((("nobody", None), ("own:0123456789ab", None), (IDS[2], "0" * 64))):
        kept["variants"][place]["id"] = kept["results"][place]["variant"] = name
        kept["variants"][place]["sha256"] = weights or kept["variants"][place]["sha256"]
    kept["view"]["colors"], kept["fit"] = "pink", "pad"
    at = drop(app, json.dumps(kept).encode(), "manifest.json")
    assert not at.exception and shown_ids(at) == [IDS[2]] and at.button_group(key="fit").value == "pad"
    for sentence in (
        "There is no variant nobody here.",
        "own:0123456789ab was somebody's own",
        f"The weights of {IDS[2]} are not those of the export",
        "The export's value for colors isn't known here",
    ):
        assert sentence in said(at)
    assert at.button_group(key="colors").value == color_maps.DEFAULT_COLORS and "The numbers are" not in said(at)


@pytest.mark.parametrize("data", [b"", b"{}", b"no export", b"PK\x03\x04 and more"])
def test_what_is_no_export_changes_nothing(app, data):
    before = app.run().session_state["photo"]
    at = drop(app, data)
    assert not at.exception and "This is no export of ABN Explorer" in said(at)
    assert at.session_state["photo"] == before and shown_ids(at) == IDS
    at = at.file_uploader(key="export_file").clear().run()
    assert "no export" not in said(at)


def test_choices_are_as_many_as_the_page_can_show(app, offered):
    app.run()
    kept = json.loads(members(next(iter(offered.values()))())["manifest.json"])
    ids = [card.id for card in list_variants()][: selection.MOST + 1]
    kept["results"] = [{**kept["results"][0], "variant": name} for name in ids]
    kept["variants"] = [{**kept["variants"][0], "id": name} for name in ids]
    at = drop(app, json.dumps(kept).encode(), "manifest.json")
    assert shown_ids(at) == ids[: selection.MOST] and "the first 4 are shown" in said(at)
