"""Exports and edits in a real browser: one click saves them, the report opens without a network, and what is given back
is the same."""

import zipfile

import numpy as np
import pytest
from browsing import LOADED, SETTLED, open_page

from abn.export.manifest import read_manifest


def test_it_is_saved_opened_offline_and_given_back(page, browser, server, tmp_path):
    open_page(page, f"{server}?photo=toucan&fit=pad&opacity=30&colors=viridis&top=10")
    with page.expect_download(timeout=LOADED) as saved:
        page.get_by_role("button", name="Everything as zip").click()
    path = tmp_path / saved.value.suggested_filename
    saved.value.save_as(path)
    read = read_manifest(path.read_bytes())
    assert (path.name, read.photo, read.fit, read.drawing.top) == ("abn-toucan.zip", "toucan", "pad", 10)

    zipfile.ZipFile(path).extractall(tmp_path)
    for width, scheme in ((1440, "light"), (390, "dark")):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, java_script_enabled=False, offline=True
        )
        report, asked, told = context.new_page(), [], []
        report.on("request", lambda sent, asked=asked: asked.append(sent.url))
        report.on("console", lambda line, told=told: told.append(line.text))
        report.goto((tmp_path / "report.html").as_uri())
        assert report.locator("article").count() == 4 and report.locator("img").count() == 7
        assert all(url.startswith(("file:", "data:")) for url in asked) and told == []
        sizes = report.locator("img").evaluate_all("all => all.map(one => one.naturalWidth)")
        assert min(sizes) > 300
        assert report.evaluate("document.documentElement.scrollWidth") == width
        context.close()

    open_page(page, server)
    page.get_by_role("button", name="Open an export").click()
    page.locator("input[type=file]").last.set_input_files([path])
    page.get_by_text("The numbers are the same as in the export").wait_for(timeout=LOADED)
    page.wait_for_selector(SETTLED, timeout=LOADED)
    assert all(part in page.url for part in ("photo=toucan", "fit=pad", "opacity=30", "colors=viridis", "top=10"))


def test_an_edit_is_saved_and_given_back(page, server, tmp_path):
    page.goto(f"{server}Intervene?photo=toucan")
    change = page.get_by_test_id("stMetricValue").first
    page.get_by_role("button", name="Inverted").click(timeout=LOADED)
    page.get_by_role("button", name="Reset").and_(page.locator(":enabled")).wait_for(timeout=LOADED)
    page.wait_for_selector(SETTLED, timeout=LOADED)
    inverted = change.inner_text()
    assert inverted != "±0.0 points"
    paths = {}
    for label in ("Both maps (PNG)", "Edited map (npy)", "Before and after (CSV)"):
        with page.expect_download(timeout=LOADED) as saved:
            page.get_by_role("button", name=label).click()
        path = tmp_path / saved.value.suggested_filename
        saved.value.save_as(path)
        paths[path.suffix] = path
    assert {path.stem for path in paths.values()} == {"abn-toucan--imagenet-lite0-additive--inverted"}
    assert paths[".png"].read_bytes().startswith(b"\x89PNG") and b"inverted" in paths[".csv"].read_bytes()
    assert np.load(paths[".npy"], allow_pickle=False).shape == (14, 14)

    page.get_by_role("button", name="Reset").click()
    change.get_by_text("±0.0 points", exact=True).wait_for(timeout=LOADED)
    page.get_by_role("button", name="Open a kept map").click()
    page.locator("input[type=file][accept*=npy]").set_input_files([paths[".npy"]])
    change.get_by_text(inverted, exact=True).wait_for(timeout=LOADED)
    page.get_by_role("button", name="3. kept map").wait_for(timeout=LOADED)


@pytest.mark.parametrize("page", [{"viewport": {"width": 390, "height": 844}}], indirect=True)
def test_its_buttons_fit_a_narrow_window(page, server):
    open_page(page, server)
    for name in ("Everything as zip", "Report (HTML)", "Predictions (CSV)", "Maps", "Open an export"):
        box = page.get_by_role("button", name=name).bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 390
