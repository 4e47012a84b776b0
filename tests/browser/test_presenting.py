"""Presenting in a real browser: a strip of its own for the buttons, keys that turn a deck, nothing below the screen."""

import pytest
from browsing import LOADED, button, open_loaded, option, rerun, settle, widget
from playwright.sync_api import expect

from abn.ui.intervene import words as intervene_words
from abn.ui.teach import words as teach_words

pytestmark = pytest.mark.slow

LAPTOP = {"viewport": {"width": 1280, "height": 720}}
OLD_PROJECTOR = {"viewport": {"width": 1024, "height": 768}}
SIZES = pytest.mark.parametrize("page", [LAPTOP, OLD_PROJECTOR], indirect=True, ids=["laptop", "old-projector"])
BOARD = ".board canvas"
# the strip ends where the page begins
GAP = """() => document.querySelector("[data-testid=stMain]").getBoundingClientRect().top -
  document.querySelector(".st-key-remote").getBoundingClientRect().bottom"""


def open_presented(page, address: str, first: str) -> None:
    """Open a page on the projector, and wait until `first`, a selector, is there."""
    page.goto(address)
    page.locator(first).first.wait_for(timeout=LOADED)
    settle(page)


def present_deck(page, server, *links: str) -> None:
    """Type a deck on Teach and present it."""
    open_loaded(page, f"{server}Teach")
    rerun(page, option(page, "teach-section", teach_words.DECK).click)
    text = widget(page, "deck_text").locator("textarea")
    text.fill("\n".join(links))
    rerun(page, text.blur)
    button(page, "present_deck").click(timeout=LOADED)
    page.wait_for_url("**view=1**", timeout=LOADED)


@SIZES
def test_the_buttons_cover_nothing_and_the_lessons_task_is_in_sight(page, server):
    open_presented(page, f"{server}Learn?present=1&step=4", ".st-key-lesson-bar")
    assert page.evaluate(GAP) >= 0
    task = widget(page, "lesson-bar").bounding_box()
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
    page.keyboard.press("Escape")
    widget(page, "deck_text").wait_for(timeout=LOADED)
    assert "present" not in page.url
