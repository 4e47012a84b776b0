"""Exports in a real browser: one click saves a file, and the report opens without a network."""

import json
import zipfile

import numpy as np
import pytest
from browsing import LOADED, NARROW, button, open_page, rerun

from abn.ui.compare import words

pytestmark = pytest.mark.slow

STEM = "abn-toucan"
EDITED = f"{STEM}--imagenet-lite0-additive--inverted"


def save(page, name: str, folder):
    """Press the button that saves a file of this name; returns its path."""
    with page.expect_download(timeout=LOADED) as download:
        button(page, f"keep-{name}").click()
    assert download.value.suggested_filename == name
    download.value.save_as(folder / name)
    return folder / name


def test_the_zip_is_saved_and_its_report_opens_offline(page, browser, server, tmp_path):
    open_page(page, f"{server}?photo=toucan&fit=pad&opacity=30&colors=viridis&top=10&compare_tab={words.EXPORT}")
    path = save(page, f"{STEM}.zip", tmp_path)
    zipfile.ZipFile(path).extractall(tmp_path)
    manifest = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))
    assert (manifest["image"]["gallery"], manifest["fit"], manifest["view"]["top"]) == ("toucan", "pad", 10)

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


def test_an_edit_is_saved(page, server, tmp_path):
    page.goto(f"{server}Intervene?photo=toucan")
    inverted = button(page, "preset-inverted")
    inverted.wait_for(timeout=LOADED)
    rerun(page, inverted.click)
    button(page, f"keep-{EDITED}.png").and_(page.locator(":enabled")).wait_for(timeout=LOADED)
    paths = {suffix: save(page, f"{EDITED}.{suffix}", tmp_path) for suffix in ("png", "npy", "csv")}
    assert paths["png"].read_bytes().startswith(b"\x89PNG") and b"inverted" in paths["csv"].read_bytes()
    assert np.load(paths["npy"], allow_pickle=False).shape == (14, 14)


@pytest.mark.parametrize("page", [NARROW], indirect=True, ids=["narrow"])
def test_the_buttons_fit_a_narrow_window(page, server):
    open_page(page, f"{server}?compare_tab={words.EXPORT}")
    shown = page.locator("[class*=st-key-keep-] button, .st-key-maps-popover button")
    shown.nth(3).wait_for(timeout=LOADED)
    for place in range(shown.count()):
        box = shown.nth(place).bounding_box()
        assert box["x"] >= 0 and box["x"] + box["width"] <= NARROW["viewport"]["width"]
