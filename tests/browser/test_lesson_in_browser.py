"""The whole lesson in a real browser: each task is checked by doing it, and none is done before."""

import re
from itertools import pairwise

import pytest
from browsing import (
    COLUMNS,
    DRAWN,
    LOADED,
    MAP,
    button,
    go_to,
    open_context,
    open_loaded,
    open_page,
    option,
    probabilities,
    rerun,
    settle,
    widget,
)
from playwright.sync_api import expect

from abn.explanations.class_map import METHODS
from abn.explanations.explainer import explain
from abn.images import samples
from abn.images.decode import open_picture
from abn.plots import numbers
from abn.study import findings
from abn.teaching.lessons import STATEMENTS, STEPS
from abn.ui.components.painter import TOOLS
from abn.ui.controls.selection import default_variants
from abn.ui.learn import words
from abn.ui.learn.lesson_basis import PHOTO, UPRIGHT, list_head_photos
from abn.ui.learn.lesson_experiments import CONTROLS
from abn.ui.progress.kept_progress import NAME
from abn.variants.store import list_variants
from abn.vocabulary import HEADS

pytestmark = pytest.mark.slow

DONE = ".st-key-lesson-done"
ENDS_ABOVE = "([upper, lower]) => upper.getBoundingClientRect().bottom <= lower.getBoundingClientRect().top"
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
    rerun(page, page.get_by_role("option", name="tabby").first.click)
    assert page.locator(DONE).count() == 0
    for method in METHODS:
        rerun(page, pill(page, method, "lesson-changed").click)


def follow_the_path(page) -> None:
    for stage in ("M", "g′", "logits"):
        rerun(page, page.locator(f"[data-stage='{stage}']:visible").click)


def press_a_bright_cell(page, runner) -> None:
    image = open_picture(samples.gallery()[PHOTO].path.read_bytes())
    attention = explain(image, [UPRIGHT], load=runner)[0].attention
    row, column = divmod(int(attention.argmax()), attention.shape[1])
    page.mouse.click(*cell_center(page.locator(MAP).first, row, column, len(attention)))


def apply_each_mechanism(page) -> None:
    for mechanism in ("multiplicative", "none"):
        rerun(page, option(page, "lesson-mechanism", mechanism).click)


def find_a_disagreement(page) -> None:
    for photo in list_head_photos():
        rerun(page, page.get_by_role("button", name=photo.title, exact=True).click)
        if page.locator(DONE).count():
            return


def delete_each_fifth(page) -> None:
    for place in (1, 2, 3):
        choose(page, "lesson-cover", place)


def compare_the_curves(page) -> None:
    for place in range(len(words.FASTER_OPTIONS)):
        choose(page, "lesson-faster", place)
        if page.locator(DONE).count():
            return


def pill(page, name: str, key: str):
    """One of several options that may be chosen together."""
    return widget(page, key).get_by_role("button", name=name, exact=True)


def read_the_figure(page) -> None:
    panels = findings.compared(findings.read_study(), "none").rows
    for number, rows in enumerate(panels.values(), 1):
        different = any(row.name == "multiplicative" and row.outcome in ("higher", "lower") for row in rows)
        for place in (different, not different):  # the wrong answer first
            assert page.locator(DONE).count() == 0
            choose(page, f"lesson-seen-{number}", int(place))


def paint(page) -> None:
    rerun(page, option(page, "lesson-tool", LOWER_BOX).click)
    page.locator(f"canvas[data-tool='{LOWER_BOX}']").wait_for(timeout=LOADED)

    def drag() -> None:
        page.mouse.move(*cell_center(page.locator(".board canvas").first, 3, 0))
        page.mouse.down()
        page.mouse.move(*cell_center(page.locator(".board canvas").first, 12, 8))
        page.mouse.up()

    rerun(page, drag)
    for control in CONTROLS:
        rerun(page, button(page, f"lesson-{control}").click)


def judge_the_statements(page) -> None:
    for i, (_, true, _) in enumerate(STATEMENTS):
        choose(page, f"lesson-statement-{i}", 0 if true else 1)


TASKS = {
    "why": choose_another_class,
    "parts": follow_the_path,
    "mechanism": apply_each_mechanism,
    "heads": find_a_disagreement,
    "bright": delete_each_fifth,
    "faithful": compare_the_curves,
    "help": read_the_figure,
    "change": paint,
    "limits": judge_the_statements,
}


def expect_done(page, number: int) -> None:
    """Wait until the row of steps marks this one as done; the next one must not be."""
    expect(widget(page, f"step-{number}").get_by_test_id("stIconMaterial").first).to_be_visible(timeout=LOADED)
    assert widget(page, f"step-{number + 1}").get_by_test_id("stIconMaterial").count() == 0


def test_the_whole_lesson_is_done(page, server, runner):
    page.goto(f"{server}Learn")
    for number, step in enumerate(STEPS, 1):
        page.get_by_role("heading", name=step.title).wait_for(timeout=LOADED)
        forward = button(page, "next")
        forward.wait_for(timeout=LOADED)
        settle(page)
        assert page.locator(DONE).count() == 0, step.key
        press_a_bright_cell(page, runner) if step.key == "map" else TASKS[step.key](page)
        page.locator(DONE).wait_for(timeout=LOADED)
        settle(page)
        expect_done(page, number)
        assert number == 1 or f"step={number}" in page.url
        forward.click()
    page.get_by_role("heading", name=words.CLOSE_TITLE).wait_for(timeout=LOADED)
    go_to(page, "app.py")  # what is done stays done
    page.locator(COLUMNS).first.wait_for(timeout=LOADED)
    settle(page)
    go_to(page, "pages/Learn.py")
    page.get_by_role("heading", name=words.CLOSE_TITLE).wait_for(timeout=LOADED)
    for number in range(1, len(STEPS) + 1):
        assert widget(page, f"step-{number}").get_by_test_id("stIconMaterial").count()


def test_the_task_stays_in_sight_and_the_diagram_fits(page, server):
    for width, height in ((1280, 720), (390, 844)):
        page.set_viewport_size({"width": width, "height": height})
        for number in (1, 2, 3):
            open_loaded(page, f"{server}Learn?step={number}")
            page.locator(f"{MAP}:visible, .path svg:visible").first.wait_for(timeout=LOADED)
            page.mouse.move(width / 2, height / 2)
            page.mouse.wheel(0, 10_000)
            expect(widget(page, "lesson-bar")).to_be_in_viewport(ratio=1)
            assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth") <= width
        page.goto(f"{server}Learn?step=2")
        drawing = page.locator(".path svg:visible")
        drawing.wait_for(timeout=LOADED)
        settle(page)
        assert drawing.bounding_box()["width"] <= width
        if width > 700:
            bar = widget(page, "lesson-bar").element_handle()
            page.wait_for_function(ENDS_ABOVE, arg=[drawing.element_handle(), bar], timeout=LOADED)


def test_the_task_takes_little_of_a_phone_and_its_maps_can_be_compared(page, server):
    page.set_viewport_size({"width": 390, "height": 844})
    open_loaded(page, f"{server}Learn")
    page.locator(DRAWN).nth(2).wait_for(timeout=LOADED)
    settle(page)
    widths = page.locator(f"{MAP}:visible").evaluate_all("maps => maps.map(map => map.clientWidth)")
    assert len(widths) == 3 and max(widths) - min(widths) <= 1
    ticks = page.locator("[class*=lesson-square] .ticks span:visible")
    boxes = [ticks.nth(place).bounding_box() for place in range(ticks.count())]
    gaps = [right["x"] - left["x"] - left["width"] for left, right in pairwise(boxes) if left["y"] == right["y"]]
    assert len(gaps) >= 3 and min(gaps) >= 8, "the numbers run together"
    choose_another_class(page)
    page.locator(DONE).wait_for(timeout=LOADED)
    assert widget(page, "lesson-bar").bounding_box()["height"] <= 844 / 7


PHONE = {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark", "is_mobile": True, "has_touch": True}
IN_SIGHT = """key => {
  const bar = document.querySelector(".st-key-lesson-bar").getBoundingClientRect()
  const header = document.querySelector("[data-testid=stHeader]").getBoundingClientRect()
  const shown = document.querySelector(`.st-key-${key}`).getBoundingClientRect()
  return shown.height > 0 && shown.top >= header.bottom - 1 && shown.bottom <= bar.top + 1
}"""


def expect_in_sight(page, key: str) -> None:
    """Wait until the whole container lies between the header and the task."""
    page.wait_for_function(IN_SIGHT, arg=key, timeout=10_000)


@pytest.mark.parametrize("page", [PHONE], indirect=True, ids=["phone"])
@pytest.mark.parametrize("key", ["why", "bright"])
def test_a_phone_shows_the_result_of_the_press_that_does_the_task(page, server, key):
    open_loaded(page, f"{server}Learn?step={[step.key for step in STEPS].index(key) + 1}")
    page.locator(f"{DRAWN}, .board canvas").first.wait_for(timeout=LOADED)
    settle(page)
    TASKS[key](page)
    page.locator(DONE).wait_for(timeout=LOADED)
    expect_in_sight(page, "lesson-result")
    assert widget(page, "lesson-bar").bounding_box()["height"] <= 844 / 6


def expect_unmoved(page, locator, before: dict) -> None:
    page.wait_for_timeout(700)  # longer than a smooth scroll takes
    assert locator.bounding_box() == before


@pytest.mark.parametrize("page", [PHONE], indirect=True, ids=["phone"])
def test_a_choice_on_a_phone_moves_nothing_and_its_result_is_in_sight(page, server):
    keys = [step.key for step in STEPS]
    open_loaded(page, f"{server}Learn?step={keys.index('mechanism') + 1}")
    page.locator(DRAWN).first.wait_for(timeout=LOADED)
    settle(page)
    chooser = widget(page, "lesson-mechanism")
    before = chooser.bounding_box()
    for mechanism in ("multiplicative", "none"):
        rerun(page, option(page, "lesson-mechanism", mechanism).tap)
        expect(widget(page, "lesson-result").locator(".abn-effect")).to_be_in_viewport(ratio=1)
        expect_unmoved(page, chooser, before)

    open_loaded(page, f"{server}Learn?step={keys.index('heads') + 1}")
    page.locator(DRAWN).first.wait_for(timeout=LOADED)
    settle(page)
    for photo in list_head_photos()[:2]:
        thumbnail = page.get_by_role("button", name=photo.title, exact=True)
        thumbnail.scroll_into_view_if_needed()
        before = thumbnail.bounding_box()
        rerun(page, thumbnail.tap)
        expect(widget(page, "lesson-result").locator(COLUMNS)).to_be_in_viewport(ratio=1)
        expect_unmoved(page, thumbnail, before)


@pytest.mark.parametrize("page", [PHONE], indirect=True, ids=["phone"])
def test_a_stroke_on_a_phone_moves_nothing_and_its_result_is_above_the_map(page, server):
    open_loaded(page, f"{server}Learn?step={[step.key for step in STEPS].index('change') + 1}")
    board = page.locator(".board canvas").first
    board.wait_for(timeout=LOADED)
    settle(page)
    line = widget(page, "lesson-painted")
    first = line.inner_text()
    page.get_by_test_id("stMain").evaluate("main => main.scrollTo({top: 200})")
    x, y = cell_center(board, 12, 7)
    before = board.bounding_box()
    rerun(page, lambda: page.touchscreen.tap(x, y))
    expect(line).to_contain_text("→", timeout=LOADED)
    expect_in_sight(page, "lesson-painted")
    expect_unmoved(page, board, before)
    assert line.inner_text() != first
    assert line.locator("p").evaluate("text => text.scrollWidth <= text.clientWidth"), "the line is cut"
    page.get_by_test_id("stMain").evaluate("main => main.scrollTo({top: main.scrollHeight})")
    for control in CONTROLS:
        pressed = button(page, f"lesson-{control}")
        before = pressed.bounding_box()
        rerun(page, pressed.tap)
        expect_unmoved(page, pressed, before)
    page.locator(DONE).wait_for(timeout=LOADED)


@pytest.mark.parametrize("page", [PHONE], indirect=True, ids=["phone"])
def test_a_tap_on_the_map_shows_the_rank_of_its_cell_and_scrolls_nothing(page, server, runner):
    open_loaded(page, f"{server}Learn?step=3")
    page.locator(DRAWN).nth(3).wait_for(timeout=LOADED)
    settle(page)
    main = page.get_by_test_id("stMain")
    main.evaluate("main => main.scrollTo({top: 200})")
    before = page.locator(MAP).first.bounding_box()
    page.touchscreen.tap(before["x"] + 7.5 / 14 * before["width"], before["y"] + 7.5 / 14 * before["height"])
    rank = words.RANK.partition(":")[0].format(row=8, column=8)
    expect(widget(page, "lesson-rank")).to_contain_text(rank, timeout=LOADED)
    settle(page)
    expect_in_sight(page, "lesson-rank")
    expect_unmoved(page, page.locator(MAP).first, before)


@pytest.mark.parametrize("page", [PHONE], indirect=True, ids=["phone"])
def test_the_maps_of_the_first_step_are_on_the_first_screen_of_a_phone(page, server):
    open_loaded(page, f"{server}Learn")
    page.locator(DRAWN).nth(2).wait_for(timeout=LOADED)
    settle(page)
    expect_in_sight(page, "lesson-result")


@pytest.mark.parametrize("page", [PHONE], indirect=True, ids=["phone"])
def test_a_phone_shows_the_text_of_the_pressed_box(page, server):
    open_loaded(page, f"{server}Learn?step=2")
    for stage in ("M", "logits"):
        rerun(page, page.locator(f"[data-stage='{stage}']:visible").click)
        expect(widget(page, "lesson-stage")).to_contain_text(words.MEANINGS[stage])
        expect_in_sight(page, "lesson-stage")


@pytest.mark.parametrize("page", [PHONE], indirect=True, ids=["phone"])
def test_the_steps_are_one_row_with_the_current_one_in_sight(page, server):
    open_loaded(page, f"{server}Learn?step=9")
    for number in (9, 10):
        expect(button(page, f"step-{number}")).to_be_in_viewport(ratio=0.9)
        button(page, "next").click()
        settle(page)
    tops = page.locator(".st-key-steps button:visible").evaluate_all(
        "all => all.map(b => b.getBoundingClientRect().top)"
    )
    assert max(tops) - min(tops) <= 1


def test_a_task_that_is_done_makes_its_button_no_wider(page, server):
    open_loaded(page, f"{server}Learn?step=10")
    before = button(page, "step-10").bounding_box()["width"]
    tops = "document.querySelector('.st-key-lesson-statement-3').getBoundingClientRect().top"
    top = page.evaluate(tops)
    judge_the_statements(page)
    page.locator(DONE).wait_for(timeout=LOADED)
    expect_done(page, 10)
    assert button(page, "step-10").bounding_box()["width"] == before
    assert page.evaluate(tops) == top, "a verdict moved the statements below it"


def test_deleting_cells_moves_nothing_and_the_color_bars_stay_above_the_task(page, server):
    page.set_viewport_size({"width": 1280, "height": 720})
    open_loaded(page, f"{server}Learn?step=6")
    bar = page.locator(".bar .ticks:visible").first
    bar.wait_for(timeout=LOADED)
    before = bar.bounding_box()["y"]
    delete_each_fifth(page)
    page.locator(DONE).wait_for(timeout=LOADED)
    settle(page)
    assert bar.bounding_box()["y"] == before
    page.wait_for_function(
        ENDS_ABOVE, arg=[bar.element_handle(), widget(page, "lesson-bar").element_handle()], timeout=LOADED
    )


@pytest.mark.parametrize("page", [PHONE], indirect=True, ids=["phone"])
def test_a_phone_shows_all_options_and_both_ways_side_by_side(page, server):
    open_loaded(page, f"{server}Learn?step=6")
    options = widget(page, "lesson-cover").get_by_role("radio")
    expect(options).to_have_count(len(words.COVERS), timeout=LOADED)
    settle(page)
    shown = "[...document.querySelectorAll('.st-key-lesson-cover [role=radiogroup] > *')]"
    within = f"Math.max(...{shown}.map(option => option.getBoundingClientRect().right)) <= innerWidth"
    page.wait_for_function(within, timeout=LOADED)  # the style of the page may come after its elements
    boxes = [option.bounding_box() for option in options.all()]
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= 390 for box in boxes)
    back, forward = (button(page, key).bounding_box() for key in ("back", "next"))
    assert back["y"] == forward["y"] and back["x"] + back["width"] <= forward["x"]
    assert button(page, "back").inner_text() == words.BACK


def test_progress_survives_a_reload_and_is_offered_to_the_next_visit(browser, server):
    context = open_context(browser)
    first = context.new_page()
    open_loaded(first, f"{server}Learn")
    choose_another_class(first)
    first.locator(DONE).wait_for(timeout=LOADED)
    first.wait_for_function(f"localStorage.getItem({NAME!r})?.includes('why')", timeout=LOADED)
    first.reload()
    first.locator(DONE).wait_for(timeout=LOADED)  # the same tab: at once
    second = context.new_page()  # who opens the app again, perhaps another person
    open_loaded(second, f"{server}Learn")
    offer = button(second, "progress-start-over")
    offer.wait_for(timeout=LOADED)
    assert second.locator(DONE).count() == 0
    rerun(second, offer.click)
    second.wait_for_function(f"localStorage.getItem({NAME!r}) === null", timeout=LOADED)
    assert second.locator(DONE).count() == 0
    context.close()


def test_what_the_browser_holds_may_be_anything(browser, server):
    context = open_context(browser)
    visitor = context.new_page()
    open_loaded(visitor, f"{server}Learn")
    for text in ("<img src=x onerror=alert(1)>", "[" * 50_000, '{"version":1,"lessons":[{}],"sets":{"7":null}}'):
        visitor.evaluate("([name, text]) => localStorage.setItem(name, text)", [NAME, text])
        visitor.reload()
        widget(visitor, "lesson-bar").wait_for(timeout=LOADED)
        settle(visitor)
        assert visitor.locator("[data-testid=stException]").count() == 0 and visitor.locator(DONE).count() == 0
    context.close()


def test_any_step_can_be_linked_and_an_unknown_one_is_the_first(page, server):
    for given, number in (("7", 7), ("99", 1), ("x", 1), ("-1", 1)):
        page.goto(f"{server}Learn?step={given}")
        page.get_by_role("heading", name=re.compile(re.escape(STEPS[number - 1].title))).wait_for(timeout=LOADED)


def test_a_link_made_here_shows_the_same_numbers_in_a_fresh_profile(page, server, runner):
    photo = samples.gallery()["toucan"]
    page.goto(f"{server}For_teachers")
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
    assert widget(other, "fit-popover").count() == 0
    button(other, "show_controls").click()
    widget(other, "fit-popover").wait_for(timeout=LOADED)
    context.close()
