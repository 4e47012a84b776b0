"""Teach the map in a real browser: a map is painted, taught and moves; the work outlasts a press and is stopped."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import LOADED, NARROW, button, go_to, open_loaded, rerun, settle, widget
from playwright.sync_api import expect

from abn.images import samples
from abn.ui.components.painter import TOOLS
from abn.ui.layout import PAGES
from abn.ui.teach_map import words

pytestmark = pytest.mark.slow

PAGE = "Teach_the_map"
SMALL = "?photo=clothing-boot-among-pieces&variants=cluttered-resnet20-additive"
BOARD, PAIR, LIVE = ".board canvas", ".abn-pair img", ".abn-live img"
SERIOUS = ("serious", "critical")


def serious(page) -> list[str]:
    found = Axe().run(page, context={"exclude": [["[data-testid=stSidebarNav]"]]}).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html'][:160]}" for one in found if one["impact"] in SERIOUS]


def paint(page) -> None:
    """A stroke across the board."""
    board = page.locator(BOARD).first
    board.wait_for(timeout=LOADED)
    board.scroll_into_view_if_needed()
    box = board.bounding_box()
    page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 0.2 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.6 * box["width"], box["y"] + 0.2 * box["height"], steps=4)
    rerun(page, page.mouse.up)


def add(page) -> None:
    rerun(page, button(page, "add-example").click)


def row(page, number: int) -> list[str]:
    """A row of the result's table."""
    cells = page.locator("[data-testid=stTable] tbody tr").nth(number).locator("td")
    cells.first.wait_for(timeout=LOADED)  # the heading above the table comes first
    return cells.all_inner_texts()


def test_a_painted_map_is_taught_and_moves(page, server):
    open_loaded(page, f"{server}{PAGE}{SMALL}")
    paint(page)
    add(page)
    expect(page.locator(PAIR)).to_have_count(1, timeout=LOADED)
    shirt = samples.gallery()["clothing-shirt-among-pieces"].title
    rerun(page, page.get_by_role("button", name=shirt, exact=True).click)
    rerun(page, button(page, "preset-inverted").click)
    add(page)
    expect(page.locator(PAIR)).to_have_count(2, timeout=LOADED)
    button(page, "teach-job").click()
    page.locator("#result").wait_for(timeout=LOADED)
    settle(page)
    distance = [float(text) for text in row(page, 2)[1:]]  # before, after, control
    assert distance[1] < distance[0] and distance[1] < distance[2]
    assert page.locator(".st-key-pairs-taught canvas[data-drawn]").count() == 4
    assert serious(page) == []
    page.set_viewport_size(NARROW["viewport"])
    page.emulate_media(color_scheme="dark")
    page.wait_for_timeout(600)
    assert serious(page) == []
    page.set_viewport_size({"width": 1440, "height": 900})
    page.emulate_media(color_scheme="light")
    with page.expect_download(timeout=LOADED) as download:
        page.get_by_role("button", name=words.EXPORT).click()
    assert download.value.suggested_filename == "cluttered-resnet20-additive-taught.safetensors"
    rerun(page, button(page, "compare-taught").click)
    go_to(page, "app.py")
    page.wait_for_function("document.querySelectorAll('.abn-prediction').length === 2", timeout=LOADED)


def test_a_fine_tuning_outlasts_a_press_and_another_page_and_can_be_stopped(page, server):
    open_loaded(page, f"{server}{PAGE}?photo=toucan")
    rerun(page, button(page, "preset-inverted").click)
    add(page)
    button(page, "teach-job").click()
    page.locator(LIVE).wait_for(timeout=LOADED)
    step = page.locator(".abn-live p")

    def steps() -> int:
        return int(re.search(r"(\d+) of", step.inner_text(timeout=LOADED))[1])

    before = steps()
    button(page, "preset-zeros").click()
    page.wait_for_timeout(1_500)
    step.wait_for(timeout=LOADED)
    assert steps() >= before
    go_to(page, "pages/Study.py")
    page.get_by_role("heading", level=1, name=PAGES["pages/Study.py"][0]).wait_for(timeout=LOADED)
    page.wait_for_timeout(500)
    go_to(page, "pages/Teach_the_map.py")
    step.wait_for(timeout=LOADED)
    stop = widget(page, "teach-job").get_by_role("button", name="Stop")
    stop.click(timeout=LOADED)
    expect(stop).to_have_count(0, timeout=LOADED)
    settle(page)
    assert page.locator("#result").count() == 0 and page.locator(PAIR).count() == 1
    assert TOOLS and button(page, "teach-job").is_enabled()
