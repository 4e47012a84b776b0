"""Presenting in a real browser: a strip of its own for the buttons, keys that turn a deck, nothing below the screen."""

import contextlib

import pytest
from browsing import DRAWN, LOADED, button, open_loaded, open_page, option, rerun, settle, wait_for_columns, widget
from playwright.sync_api import TimeoutError, expect

from abn.images import samples
from abn.ui.for_teachers import words as teach_words
from abn.ui.intervene import words as intervene_words
from abn.variants.store import list_variants

pytestmark = pytest.mark.slow

LAPTOP = {"viewport": {"width": 1280, "height": 720}}
OLD_PROJECTOR = {"viewport": {"width": 1024, "height": 768}}
SIZES = pytest.mark.parametrize("page", [LAPTOP, OLD_PROJECTOR], indirect=True, ids=["laptop", "old-projector"])
PHONE = {"viewport": {"width": 390, "height": 844}}
BOARD = ".board canvas"
FOUR = ",".join(card.id for card in list_variants()[:4])
TITLE = next(iter(samples.gallery().values())).title
COLUMN = ".st-key-pairs-compare [data-testid=stColumn]"
# what is cut off: below the screen, or within its own row
CUT = """selector => [...document.querySelectorAll(selector)].filter(element => {
  const box = element.getBoundingClientRect(), row = element.closest("[role=radiogroup]")?.getBoundingClientRect()
  return box.height && (box.bottom > innerHeight || (row && box.right > row.right + 1))
}).map(element => element.textContent)"""
# the strip ends where the page begins
APART = """document.querySelector("[data-testid=stMain]").getBoundingClientRect().top >=
  document.querySelector(".st-key-remote").getBoundingClientRect().bottom"""


def open_presented(page, address: str, first: str) -> None:
    """Open a page on the projector, and wait until `first`, a selector, is there."""
    page.goto(address)
    page.locator(first).first.wait_for(timeout=LOADED)
    settle(page)


def press_until(page, key: str, condition: str) -> None:
    """Press a key until JavaScript's condition holds: nothing tells when the page begins to listen."""
    for patience in (5_000, 30_000, LOADED):
        page.keyboard.press(key)
        with contextlib.suppress(TimeoutError):
            page.wait_for_function(condition, timeout=patience)
            return
    raise AssertionError(condition)


def present_deck(page, server, *links: str) -> None:
    """Type a deck on Teach and present it."""
    open_loaded(page, f"{server}For_teachers")
    rerun(page, option(page, "teach-section", teach_words.DECK).click)
    text = widget(page, "deck_text").locator("textarea")
    text.fill("\n".join(links))
    rerun(page, text.blur)
    button(page, "present_deck").click(timeout=LOADED)
    page.wait_for_url("**view=1**", timeout=LOADED)


@SIZES
def test_the_buttons_cover_nothing_and_the_lessons_task_is_in_sight(page, server):
    open_presented(page, f"{server}Learn?present=1&step=4", ".st-key-lesson-bar")
    page.wait_for_function(APART, timeout=LOADED)
    task = widget(page, "lesson-bar").bounding_box()
    size = "task => parseFloat(getComputedStyle(task).fontSize)"
    assert widget(page, "lesson-bar").locator("p").first.evaluate(size) >= 22
    expect(widget(page, "heading").get_by_text("4 / 10")).to_be_visible()
    assert task["y"] + task["height"] <= page.viewport_size["height"]


@pytest.mark.parametrize("page", [LAPTOP], indirect=True, ids=["laptop"])
def test_arrow_keys_turn_the_deck_after_a_stroke_and_escape_ends_it_on_teach(page, server):
    present_deck(page, server, "/Intervene", f"/Intervene?intervene_tab={intervene_words.COVER}", "/Learn")
    board = page.locator(BOARD)
    board.wait_for(timeout=LOADED)
    settle(page)
    rerun(page, lambda: board.click(position={"x": 60, "y": 60}))
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**view=2**", timeout=LOADED)
    expect(page.get_by_role("tab", name=intervene_words.COVER)).to_have_attribute(
        "aria-selected", "true", timeout=LOADED
    )
    settle(page)
    rerun(page, page.get_by_role("tab", name=intervene_words.PAINT).click)
    page.keyboard.press("PageDown")
    page.wait_for_url("**view=3**", timeout=LOADED)
    settle(page)
    press_until(page, "Escape", "document.querySelector('.st-key-deck_text') !== null")
    widget(page, "deck_text").wait_for(timeout=LOADED)
    assert "present" not in page.url


@SIZES
def test_a_key_fills_the_screen_and_leaves_it(page, server):
    open_presented(page, f"{server}?present=1", DRAWN)
    for filled in (True, False):
        press_until(page, "f", f"Boolean(document.fullscreenElement) === {str(filled).lower()}")


@SIZES
def test_one_key_enters_with_larger_maps_and_leaves_again(page, server):
    open_page(page, server)
    maps = page.locator(f"{COLUMN} .frame")
    before = maps.first.bounding_box()["width"]
    page.mouse.click(600, page.viewport_size["height"] - 70)
    page.keyboard.press("p")
    widget(page, "remote").wait_for(timeout=LOADED)
    settle(page)
    focus_line = "getComputedStyle(document.querySelector('[data-testid=stMain]'), '::before').display"
    assert page.evaluate(focus_line) == "none"
    assert maps.first.bounding_box()["width"] > before + 15
    expect(option(page, "mechanism", "additive")).to_be_visible()
    expect(page.locator(COLUMN).get_by_text("heads disagree").first).to_be_visible()
    assert page.evaluate(CUT, f"{COLUMN} *") == []
    rerun(page, lambda: option(page, "mechanism", "additive").click())
    page.keyboard.press("p")
    page.wait_for_url(lambda url: "present" not in url, timeout=LOADED)


def test_four_variants_are_compared_on_one_screen_with_their_maps_at_one_height(page, server):
    open_presented(page, f"{server}?present=1&variants={FOUR}", DRAWN)
    wait_for_columns(page, 4)
    heading = widget(page, "heading")
    expect(heading).to_contain_text(TITLE, timeout=LOADED)
    boxes = [frame.bounding_box() for frame in page.locator(f"{COLUMN} .frame").all()]
    assert len(boxes) == 4 and len({round(box["y"]) for box in boxes}) == 1
    assert page.evaluate(CUT, f"{COLUMN} .abn-prediction dd") == []
    captions = page.locator(f"{COLUMN} [data-testid=stCaptionContainer] p").first
    assert captions.evaluate("caption => parseFloat(getComputedStyle(caption).fontSize)") >= 17.1


@pytest.mark.parametrize("page", [LAPTOP, PHONE], indirect=True, ids=["laptop", "phone"])
def test_a_probability_stays_on_one_line(page, server):
    open_page(page, f"{server}?variants={FOUR}")
    wait_for_columns(page, 4)
    lines = page.eval_on_selector_all(
        f"{COLUMN} dd + dd", "all => all.map(e => e.offsetHeight / parseFloat(getComputedStyle(e).lineHeight))"
    )
    assert len(lines) == 8 and max(lines) < 1.5


@SIZES
def test_all_tools_and_the_result_of_intervene_are_in_sight(page, server):
    open_presented(page, f"{server}Intervene?present=1", BOARD)
    page.locator(".abn-bars").first.wait_for(timeout=LOADED)
    settle(page)
    assert page.evaluate(CUT, ".st-key-cockpit :is(button, .abn-bars, .board)") == []
    assert page.locator(".st-key-presets button").count() >= 8


@pytest.mark.parametrize("page", [LAPTOP], indirect=True, ids=["laptop"])
def test_the_code_of_a_link_fills_the_projector_and_its_address_is_read_from_afar(page, server):
    open_loaded(page, f"{server}For_teachers")
    button(page, "link-large").click()
    code = page.locator(".st-key-link-on-projector img")
    code.wait_for(timeout=LOADED)
    box, address = code.bounding_box(), page.locator(".teach-address")
    assert box["height"] > 0.8 * LAPTOP["viewport"]["height"]
    assert box["y"] + box["height"] <= LAPTOP["viewport"]["height"]
    assert address.evaluate("address => parseFloat(getComputedStyle(address).fontSize)") >= 28
    beside = address.bounding_box()
    assert beside["y"] + beside["height"] <= LAPTOP["viewport"]["height"]
