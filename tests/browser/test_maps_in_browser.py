"""Maps as the browser draws them: the same pixels as the exported figures, and another look without the server."""

import json
import re

import numpy as np
import pytest
from browsing import DRAWN, LOADED, MAP, button, look_at, open_page, settle, widget
from PIL import Image
from playwright.sync_api import expect

from abn import explain, list_variants, open_picture
from abn.images import samples
from abn.images.fit import upsample
from abn.plots import overlay
from abn.ui.compare import words

PANEL = 448  # pixels of the canvas, to which the browser enlarges an input of 224
pytestmark = pytest.mark.slow

PHOTO = next(iter(samples.gallery().values()))
VARIANT = list_variants()[0].id
PIXELS = "canvas => [...canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data]"


def pixels(page) -> np.ndarray:
    """What stands on the canvas of the first variant's map."""
    canvas = widget(page, f"map-{VARIANT}").locator(DRAWN)
    canvas.wait_for(timeout=LOADED)
    values = canvas.evaluate(PIXELS)
    return np.array(values, np.uint8).reshape(PANEL, PANEL, 4)[:, :, :3]


def looks(page) -> list[dict]:
    """How each map on the page is drawn."""
    texts = page.eval_on_selector_all(DRAWN, "maps => maps.map(map => map.dataset.drawn)")
    return [dict(zip(("opacity", "colors", "smooth", "top", "mark"), json.loads(text), strict=True)) for text in texts]


@pytest.fixture
def opened(page, server):
    """Compare with the image alone on the canvas, as the browser decodes it: a map of no opacity."""
    open_page(page, f"{server}?photo={PHOTO.id}&opacity=0")
    return page, Image.fromarray(pixels(page))


@pytest.mark.parametrize(
    ("query", "look"),
    [
        pytest.param("opacity=55", {}, marks=pytest.mark.nightly),
        ("opacity=100&colors=viridis&cells=raw+grid", {"opacity": 1.0, "color_map": "viridis", "smooth": False}),
        ("opacity=30&colors=paper+JET&top=20", {"opacity": 0.3, "color_map": "paper JET", "top": 20}),
        pytest.param("top=30&mark=mask", {"top": 30, "mark": "mask"}, marks=pytest.mark.nightly),
    ],
)
def test_the_browser_draws_what_the_export_draws(opened, server, query, look, runner):
    page, plain = opened
    open_page(page, f"{server}?photo={PHOTO.id}&{query}")
    (explanation,) = explain(open_picture(PHOTO.path.read_bytes()), [VARIANT], load=runner)
    values = upsample(explanation.attention, (PANEL, PANEL), look.get("smooth", True))
    colors, opacity = look.get("color_map", "inferno"), look.get("opacity", 0.55)
    expected = overlay.overlay(plain, values, opacity=opacity, color_map=colors)
    if "top" in look:
        level, area = overlay.brightest_level(values, look["top"] / 100)
        told = page.locator(".marked").first.inner_text()
        assert f"M ≥ {level:.2f}, {100 * area:.0f} %" in told
        expected = overlay.mark_brightest(expected, plain, values >= level, look.get("mark", "contour"))
    difference = np.abs(pixels(page).astype(int) - np.asarray(expected, int)).max(-1)
    beyond = 0.002 if "top" in look else 1e-5  # of the pixels: they fall on the other side of a level, or of a color
    assert (difference > 2).mean() <= beyond and not np.array_equal(pixels(page), np.asarray(plain))


def test_another_look_needs_no_server_and_enters_the_address(page, server):
    open_page(page, f"{server}?photo={PHOTO.id}&compare_tab={words.DIFFERENCE}")
    button(page, "view-popover").click()
    look_at(page, "colors", "viridis").wait_for(timeout=LOADED)
    settle(page)
    page.evaluate("messagesSent = 0")
    before = pixels(page)
    look_at(page, "colors", "viridis").check()
    first = widget(page, f"map-{VARIANT}").locator(MAP)
    expect(first).to_have_attribute("data-drawn", re.compile("viridis"), timeout=LOADED)
    assert page.evaluate("messagesSent") == 0 and not np.array_equal(pixels(page), before)
    page.wait_for_url("**colors=viridis**", timeout=LOADED)
    settle(page)
    assert {look["colors"] for look in looks(page)} == {"viridis", "difference"}  # a signed map keeps its colors
    page.locator("input[name=top]").fill("10")
    expect(page.locator(".marked").first).to_contain_text("Marked: M ≥", timeout=LOADED)
    page.wait_for_url("**top=10**", timeout=LOADED)


def test_maps_over_one_image_share_its_file(page, server):
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url) if request.resource_type == "image" else None)
    open_page(page, f"{server}?photo={PHOTO.id}")
    assert len(requested) == len({*requested}), sorted(requested)
    button(page, "view-popover").click()
    look_at(page, "cells", "raw grid").check(timeout=LOADED)
    page.wait_for_url("**cells=raw**", timeout=LOADED)
    settle(page)
    assert len(requested) == len({*requested}), "an image was fetched again"
