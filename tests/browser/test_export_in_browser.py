"""Exports in a real browser: one click saves a file, and the report opens without a network."""

import json
import zipfile

import numpy as np
import pytest
from browsing import LOADED, SETTLED, open_page

pytestmark = pytest.mark.slow


def save(page, label: str, folder):
    """Press a button that saves a file; returns its path."""
    with page.expect_download(timeout=LOADED) as download:
        page.get_by_role("button", name=label).click()
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def test_the_zip_is_saved_and_its_report_opens_offline(page, browser, server, tmp_path):
    open_page(page, f"{server}?photo=toucan&fit=pad&opacity=30&colors=viridis&top=10")
    path = save(page, "Everything as zip", tmp_path)
    assert path.name == "abn-toucan.zip"
    zipfile.ZipFile(path).extractall(tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))
    assert (manifest["picture"]["gallery"], manifest["fit"], manifest["view"]["top"]) == ("toucan", "pad", 10)

    for width, scheme in ((1440, "light"), (390, "dark")):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, java_script_enabled=False, offline=True
        )
        report, requests, messages = context.new_page(), [], []
        report.on("request", lambda request, requests=requests: requests.append(request.url))
        report.on("console", lambda message, messages=messages: messages.append(message.text))
        report.goto((tmp_path / "report.html").as_uri())
        assert report.locator("article").count() == 4 and report.locator("img").count() == 7
        assert all(url.startswith(("file:", "data:")) for url in requests) and messages == []
        sizes = report.locator("img").evaluate_all("images => images.map(image => image.naturalWidth)")
        assert min(sizes) > 300
        assert report.evaluate("document.documentElement.scrollWidth") == width
        context.close()


@pytest.mark.slow
def test_an_edit_is_saved(page, server, tmp_path):
    page.goto(f"{server}Intervene?photo=toucan")
    page.get_by_role("button", name="Inverted").click(timeout=LOADED)
    page.get_by_role("button", name="Reset").and_(page.locator(":enabled")).wait_for(timeout=LOADED)
    page.wait_for_selector(SETTLED, timeout=LOADED)
    labels = ("Both maps (PNG)", "Edited map (npy)", "Before and after (CSV)")
    paths = {path.suffix: path for path in (save(page, label, tmp_path) for label in labels)}
    assert {path.stem for path in paths.values()} == {"abn-toucan--imagenet-lite0-additive--inverted"}
    assert paths[".png"].read_bytes().startswith(b"\x89PNG") and b"inverted" in paths[".csv"].read_bytes()
    assert np.load(paths[".npy"], allow_pickle=False).shape == (14, 14)


@pytest.mark.slow
@pytest.mark.parametrize("page", [{"viewport": {"width": 390, "height": 844}}], indirect=True)
def test_the_buttons_fit_a_narrow_window(page, server):
    open_page(page, server)
    for name in ("Everything as zip", "Report (HTML)", "Predictions (CSV)", "Maps"):
        box = page.get_by_role("button", name=name).bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= 390
