"""The whole lesson in a real browser: each task is checked by doing it, and none is done before."""

import os
import re
from pathlib import Path

import pytest
from browsing import LOADED, SETTLED

from abn import vocabulary
from abn.images import samples
from abn.plots import numbers
from abn.teaching.lessons import STATEMENTS, STEPS

pytestmark = pytest.mark.slow

SHOTS = os.environ.get("ABN_SHOTS")  # a folder for pictures of every step, for who wants to look


def settled(page) -> None:
    page.wait_for_timeout(200)
    page.wait_for_selector(SETTLED, timeout=LOADED)


def radio(page, name: str, which: int = 0) -> None:
    page.get_by_role("radio", name=name, exact=True).nth(which).click()
    settled(page)


def choose(page, answer: str, question: int = 0) -> None:
    """One of a question's radio buttons."""
    page.get_by_test_id("stRadio").nth(question).get_by_text(answer, exact=True).click()
    settled(page)


def press_cell(page, locator, row: int, column: int, cells: int = 14) -> tuple[float, float]:
    locator.scroll_into_view_if_needed()
    box = locator.bounding_box()
    return box["x"] + (column + 0.5) / cells * box["width"], box["y"] + (row + 0.5) / cells * box["height"]


def another_class(page) -> None:
    chooser = page.get_by_role("combobox").first
    chooser.click()
    chooser.fill("tabby")
    page.get_by_role("option", name="tabby").first.click()


def follow_the_path(page) -> None:
    for stage in ("M", "g′", "logits"):
        page.locator(f"[data-stage='{stage}']:visible").click()
        settled(page)


def a_bright_cell(page) -> None:
    page.mouse.click(*press_cell(page, page.locator(".frame img").first, 7, 5))


def swap(page) -> None:
    radio(page, "multiplicative")


def a_disagreement(page) -> None:
    page.get_by_role("button", name=samples.gallery()["space-shuttle"].title).click()


def cover_both(page) -> None:
    radio(page, "the brightest fifth")
    radio(page, "the darkest fifth")


def a_share(page) -> None:
    page.get_by_role("slider").first.focus()
    for _ in range(5):  # 10 %
        page.keyboard.press("ArrowRight")


def read_the_figure(page) -> None:
    choose(page, "on neither")
    assert page.get_by_text("Look again").count() == 1
    choose(page, "only on Scenes")


def paint(page) -> None:
    radio(page, "Rectangle −")
    page.locator("canvas[data-tool='Rectangle −']").wait_for(timeout=LOADED)
    for _ in range(2):
        page.mouse.move(*press_cell(page, page.locator("canvas").first, 3, 0))
        page.mouse.down()
        page.mouse.move(*press_cell(page, page.locator("canvas").first, 12, 8))
        page.mouse.up()
        settled(page)


def say_what_is_true(page) -> None:
    for i, (_, true, _) in enumerate(STATEMENTS):
        choose(page, "true" if true else "false", i)


DEEDS = {
    "why": another_class,
    "parts": follow_the_path,
    "map": a_bright_cell,
    "mechanism": swap,
    "heads": a_disagreement,
    "bright": cover_both,
    "faithful": a_share,
    "help": read_the_figure,
    "change": paint,
    "limits": say_what_is_true,
}


def shoot(page, name: str) -> None:
    if SHOTS:
        height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
        page.set_viewport_size({"width": page.viewport_size["width"], "height": height + 20})
        page.wait_for_timeout(600)
        page.screenshot(path=Path(SHOTS) / f"{name}.png")
        page.set_viewport_size({"width": page.viewport_size["width"], "height": 900})


def test_the_whole_lesson_is_done(page, server):
    page.goto(f"{server}Learn")
    page.get_by_role("heading", name=STEPS[0].title).wait_for(timeout=LOADED)
    for number, step in enumerate(STEPS, 1):
        page.get_by_role("heading", name=step.title).wait_for(timeout=LOADED)
        page.get_by_role("button", name="Next", exact=True).first.wait_for(timeout=LOADED)
        settled(page)
        assert page.get_by_text("Done.", exact=True).count() == 0, step.key
        shoot(page, f"lesson-{number}-before")
        DEEDS[step.key](page)
        page.get_by_text("Done.", exact=True).wait_for(timeout=LOADED)
        settled(page)
        shoot(page, f"lesson-{number}-done")
        page.get_by_text(f"{number} of {len(STEPS)} tasks done").wait_for(timeout=LOADED)
        assert number == 1 or f"step={number}" in page.url
        if number < len(STEPS):
            page.get_by_role("button", name="Next", exact=True).first.click()
    page.get_by_role("link", name="Compare", exact=True).click()  # what is done stays done
    page.locator(".abn-answer").first.wait_for(timeout=LOADED)
    settled(page)
    page.get_by_role("link", name="Learn", exact=True).click()
    page.get_by_text(f"{len(STEPS)} of {len(STEPS)} tasks done").wait_for(timeout=LOADED)


def test_any_step_can_be_linked_and_an_unknown_one_is_the_first(page, server):
    for given, number in (("7", 7), ("99", 1), ("x", 1), ("-1", 1)):
        page.goto(f"{server}Learn?step={given}")
        page.get_by_role("heading", name=re.compile(re.escape(STEPS[number - 1].title))).wait_for(timeout=LOADED)


def test_a_link_made_here_shows_the_same_numbers_in_a_fresh_profile(page, server, network):
    from abn.explanations.explainer import explain
    from abn.images.decode import open_picture

    page.goto(f"{server}Teach")
    page.get_by_role("combobox", name="Picture").click()
    photo = samples.gallery()["toucan"]
    page.get_by_role("option", name=photo.title).click()
    settled(page)
    page.get_by_role("combobox", name="Mechanism").click()
    page.get_by_role("option", name="multiplicative").click()
    settled(page)
    page.get_by_text("Same weights", exact=True).click()
    settled(page)
    page.get_by_text("Hide the controls", exact=True).click()
    settled(page)
    link = page.get_by_test_id("stCode").inner_text().strip()
    assert "photo=toucan" in link and "same_weights=true" in link and "hide=controls" in link

    other = page.context.browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
    other.goto(link)
    other.get_by_text(re.compile(r"\d+ ms$")).first.wait_for(timeout=LOADED)
    settled(other)
    ids = [f"imagenet-lite0-{name}" for name in ("additive", "multiplicative", "none")]
    found = explain(open_picture(photo.path.read_bytes()), ids, mechanism="multiplicative", load=network)
    wanted = [numbers.percent(one.top(head, 1)[0].probability) for one in found for head in vocabulary.HEADS]
    assert other.locator(".abn-answer dd:not([title])").all_inner_texts() == wanted
    assert other.get_by_role("radio", name="crop").count() == 0
    other.get_by_role("button", name="Show the controls").click()
    other.get_by_role("radio", name="crop").wait_for(timeout=LOADED)
    other.context.close()
