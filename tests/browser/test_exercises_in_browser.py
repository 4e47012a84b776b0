"""The exercises in a real browser: no value of a map is shown before the answer."""

import pytest
from browsing import LOADED, button, open_loaded, readings, rerun
from playwright.sync_api import expect

from abn.teaching.exercises import draw_questions, read_material

pytestmark = pytest.mark.slow


def test_a_cell_is_picked_without_its_value(page, server):
    question = draw_questions(7, material=read_material())[0]
    show, forward = (button(page, f"exercise-7-{question.number}-{name}") for name in ("show", "next"))
    open_loaded(page, f"{server}Exercises?set=7")
    image = page.locator(".view canvas")
    image.wait_for(timeout=LOADED)
    box = image.bounding_box()
    page.mouse.move(box["x"] + 4.5 / 14 * box["width"], box["y"] + 6.5 / 14 * box["height"])
    expect(page.locator(".said")).to_have_text("row 7, column 5", timeout=LOADED)
    assert readings(page) == [[7, 5]] and show.is_disabled()
    page.locator(".view").focus()  # by keyboard from here on
    for press in ("ArrowUp", "ArrowUp"):
        page.keyboard.press(press)
    rerun(page, lambda: page.keyboard.press(" "))
    expect(show).to_be_enabled(timeout=LOADED)
    show.click()
    expect(forward).to_be_enabled(timeout=LOADED)
