"""The whole lesson in a real browser: each task is checked by doing it, and none is done before."""

import re

import pytest
from browsing import (
    COLUMNS,
    LOADED,
    MAP,
    button,
    open_context,
    open_page,
    option,
    page_link,
    probabilities,
    rerun,
    settle,
    widget,
)
from playwright.sync_api import expect

from abn.explanations.explainer import explain
from abn.images import samples
from abn.images.decode import open_picture
from abn.plots import numbers
from abn.study import findings
from abn.teaching.lessons import STATEMENTS, STEPS
from abn.ui.components.painter import TOOLS
from abn.ui.controls.selection import default_variants
from abn.ui.learn.lesson_steps import NOWHERE
from abn.variants.store import list_variants
from abn.vocabulary import HEADS

pytestmark = pytest.mark.slow

DONE = "[data-testid=stAlertContentSuccess]"
LOWER_BOX = next(tool for tool, how in TOOLS.items() if how == ("box", -1))


def choose(page, key: str, place: int) -> None:
    """One of a question's radio buttons, or of a segmented control's options, by its place."""
    choices = widget(page, key).locator("label:has(input), [role=radio]")
    rerun(page, choices.nth(place).click)


def cell_center(locator, row: int, column: int, cells: int = 14) -> tuple[float, float]:
    """Where on the screen the center of a cell lies."""
    locator.scroll_into_view_if_needed()
    box = locator.bounding_box()
    return box["x"] + (column + 0.5) / cells * box["width"], box["y"] + (row + 0.5) / cells * box["height"]


# ---- the task of each step ----


def choose_another_class(page) -> None:
    chooser = widget(page, "lesson-class").get_by_role("combobox")
    chooser.click()
    chooser.fill("tabby")
    page.get_by_role("option", name="tabby").first.click()


def follow_the_path(page) -> None:
    for stage in ("M", "g′", "logits"):
        rerun(page, page.locator(f"[data-stage='{stage}']:visible").click)


def press_a_bright_cell(page) -> None:
    page.mouse.click(*cell_center(page.locator(MAP).first, 7, 5))


def swap_the_mechanism(page) -> None:
    option(page, "lesson-mechanism", "multiplicative").click()


def find_a_disagreement(page) -> None:
    page.get_by_role("button", name=samples.gallery()["space-shuttle"].title).click()


def cover_brightest_and_darkest(page) -> None:
    choose(page, "lesson-cover", 1)
    choose(page, "lesson-cover", 2)


def cover_a_share(page) -> None:
    widget(page, "lesson-share").get_by_role("slider").focus()
    for _ in range(5):  # 10 %
        page.keyboard.press("ArrowRight")


def pill(page, name: str):
    """One of several options that may be chosen together."""
    return widget(page, "lesson-seen").get_by_role("button", name=name, exact=True)


def read_the_figure(page) -> None:
    panels = findings.compared(findings.read_study(), "none").rows
    different = [
        name
        for name, rows in panels.items()
        if any(row.name == "additive" and row.outcome in ("higher", "lower") for row in rows)
    ]
    wrong = NOWHERE if different else next(iter(panels))
    rerun(page, pill(page, wrong).click)
    assert page.locator(DONE).count() == 0
    for name in (wrong, *(different or [NOWHERE])):  # the first is taken back
        rerun(page, pill(page, name).click)


def paint(page) -> None:
    rerun(page, option(page, "tool", LOWER_BOX).click)
    page.locator(f"canvas[data-tool='{LOWER_BOX}']").wait_for(timeout=LOADED)
    for _ in range(2):

        def drag() -> None:
            page.mouse.move(*cell_center(page.locator(".board canvas").first, 3, 0))
            page.mouse.down()
            page.mouse.move(*cell_center(page.locator(".board canvas").first, 12, 8))
            page.mouse.up()

        rerun(page, drag)


def judge_the_statements(page) -> None:
    for i, (_, true, _) in enumerate(STATEMENTS):
        choose(page, f"lesson-statement-{i}", 0 if true else 1)


TASKS = {
    "why": choose_another_class,
    "parts": follow_the_path,
    "map": press_a_bright_cell,
    "mechanism": swap_the_mechanism,
    "heads": find_a_disagreement,
    "bright": cover_brightest_and_darkest,
    "faithful": cover_a_share,
    "help": read_the_figure,
    "change": paint,
    "limits": judge_the_statements,
}


def expect_done(page, number: int) -> None:
    """Wait until the row of steps marks this one as done; the next one must not be."""
    expect(widget(page, f"step-{number}").get_by_test_id("stIconMaterial").first).to_be_visible(timeout=LOADED)
    assert widget(page, f"step-{number + 1}").get_by_test_id("stIconMaterial").count() == 0


def test_the_whole_lesson_is_done(page, server):
    page.goto(f"{server}Learn")
    for number, step in enumerate(STEPS, 1):
        page.get_by_role("heading", name=step.title).wait_for(timeout=LOADED)
        forward = button(page, "next")
        forward.wait_for(timeout=LOADED)
        settle(page)
        assert page.locator(DONE).count() == 0, step.key
        TASKS[step.key](page)
        page.locator(DONE).wait_for(timeout=LOADED)
        settle(page)
        expect_done(page, number)
        assert number == 1 or f"step={number}" in page.url
        if number < len(STEPS):
            forward.click()
    page_link(page, "app.py").click()  # what is done stays done
    page.locator(COLUMNS).first.wait_for(timeout=LOADED)
    settle(page)
    page_link(page, "pages/Learn.py").click()
    page.locator(DONE).wait_for(timeout=LOADED)
    for number in range(1, len(STEPS) + 1):
        assert widget(page, f"step-{number}").get_by_test_id("stIconMaterial").count()


def test_any_step_can_be_linked_and_an_unknown_one_is_the_first(page, server):
    for given, number in (("7", 7), ("99", 1), ("x", 1), ("-1", 1)):
        page.goto(f"{server}Learn?step={given}")
        page.get_by_role("heading", name=re.compile(re.escape(STEPS[number - 1].title))).wait_for(timeout=LOADED)


def test_a_link_made_here_shows_the_same_numbers_in_a_fresh_profile(page, server, runner):
    photo = samples.gallery()["toucan"]
    page.goto(f"{server}Teach")
    for key, name in (("link_photo", photo.title), ("link_mechanism", "multiplicative")):
        widget(page, key).get_by_role("combobox").click(timeout=LOADED)
        rerun(page, page.get_by_role("option", name=name).click)
    for key in ("link_same", "link_hide"):
        rerun(page, widget(page, key).locator("label").click)
    shown = page.get_by_test_id("stCode").filter(has_text="hide=controls")
    shown.wait_for(timeout=LOADED)
    link = shown.inner_text().strip()
    assert "photo=toucan" in link and "same_weights=true" in link

    context = open_context(page.context.browser)
    other = context.new_page()
    open_page(other, link)
    ids = default_variants(list_variants())
    explanations = explain(open_picture(photo.path.read_bytes()), ids, mechanism="multiplicative", load=runner)
    assert probabilities(other) == [
        tuple(numbers.percent(explanation.top(head, 1)[0].probability) for head in HEADS)
        for explanation in explanations
    ]
    assert widget(other, "fit").count() == 0
    button(other, "show_controls").click()
    widget(other, "fit").wait_for(timeout=LOADED)
    context.close()
