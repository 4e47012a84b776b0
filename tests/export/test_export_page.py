"""The export row of Compare: its files are those of what the page shows, and are made only when they are asked for."""

import io
import json
import zipfile

import numpy as np
import pytest

from abn.explanations.explainer import explain
from abn.export.figures import Comparison, MapStyle, figure_png
from abn.export.tables import predictions_csv
from abn.images import samples
from abn.images.decode import open_picture
from abn.ui.compare import export_panel, words
from abn.variants.store import list_variants

IDS = [f"imagenet-lite0-{name}" for name in ("additive", "multiplicative", "none")]


def test_the_files_are_those_of_what_the_page_shows(ready, offered, runner):
    ready.query_params.update({"photo": "toucan", "fit": "pad", "opacity": "20", "scale": "min–max per map"})
    ready.query_params["compare_tab"] = words.EXPORT
    assert not ready.run().exception
    maps = [f"abn-toucan--{name}.{suffix}" for name in IDS for suffix in ("png", "npy")]
    files = ["abn-toucan--compare.ipynb", "abn-toucan.zip", "abn-toucan.html", "abn-toucan.csv", *maps]
    assert list(offered) == files
    photo = samples.gallery()["toucan"]
    picture, cards = open_picture(photo.path.read_bytes(), name=photo.file), list_variants()[:3]
    explanations = explain(picture, cards, fit="pad", load=runner)
    style = MapStyle(opacity=0.2, scale="each")
    with zipfile.ZipFile(io.BytesIO(offered["abn-toucan.zip"]())) as archive:
        manifest = json.loads(archive.read("manifest.json"))
    assert manifest["image"]["gallery"] == "toucan" and manifest["view"] == vars(style)
    assert [result["variant"] for result in manifest["results"]] == IDS
    for explanation, name in zip(explanations, IDS, strict=True):
        assert np.array_equal(np.load(io.BytesIO(offered[f"abn-toucan--{name}.npy"]())), explanation.attention)
    comparison = Comparison(picture=picture, explanations=explanations, cards=cards, style=style)
    assert offered[f"abn-toucan--{IDS[0]}.png"]() == figure_png(comparison, 0)
    assert offered["abn-toucan.csv"]() == predictions_csv(explanations, cards)
    report = offered["abn-toucan.html"]()
    assert photo.author in report and photo.title in report


def test_nothing_is_made_before_it_is_asked_for(ready, monkeypatch):
    for name in ("export_zip", "html_report", "predictions_csv", "figure_png", "npy_bytes"):
        monkeypatch.setattr(export_panel, name, lambda *_: pytest.fail("made without being asked for"))
    ready.query_params["compare_tab"] = words.EXPORT
    assert not ready.run().exception and ready.get("download_button")


def test_report_and_page_say_the_same_about_maps():
    from abn.export.html_report import ABOUT_MAPS

    assert words.LIMITS.replace("**", "") == ABOUT_MAPS
