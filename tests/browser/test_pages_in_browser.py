"""Maps read, painted and covered in a real browser, by mouse, touch, keyboard; choices go along from page to page."""

import re
from pathlib import PurePath
from urllib.parse import urlencode

import numpy as np
import pytest
from browsing import (
    DRAWN,
    LOADED,
    NARROW,
    button,
    fit_option,
    go_to,
    open_page,
    option,
    readings,
    rerun,
    settle,
    wait_for_columns,
    widget,
)
from playwright.sync_api import expect

from abn import vocabulary
from abn.explanations import interventions
from abn.explanations.explainer import explain
from abn.explanations.trace import trace_picture
from abn.images import samples
from abn.images.decode import open_picture
from abn.plots import numbers
from abn.ui import words as shared_words
from abn.ui.ablation import words as ablation_words
from abn.ui.ablation.disagreement_panel import MECHANISM
from abn.ui.compare import words as compare_words
from abn.ui.components.painter import PAINT, SCROLL, TOOLS
from abn.ui.controls.selection import default_variants
from abn.ui.intervene import words as intervene_words
from abn.variants.card import class_names
from abn.variants.store import find_variant, list_variants

pytestmark = pytest.mark.slow

IDS = default_variants(list_variants())
PHOTO = samples.gallery()["cat-behind-mug"]
PICTURE = open_picture(PHOTO.path.read_bytes())
TOUCH = {"viewport": NARROW["viewport"], "has_touch": True, "is_mobile": True}


BRUSH_UP, BRUSH_DOWN, BOX_UP, BOX_DOWN = TOOLS
OWN_MAP = ".st-key-history button"
BOARD = ".board canvas"  # what is painted on: the map, or the image to cover
EFFECT = ".abn-effect li"  # Δp of the class predicted before an intervention, first


def open_intervene(page, server) -> None:
    page.goto(f"{server}Intervene")
    page.locator(EFFECT).first.wait_for(timeout=LOADED)
    settle(page)
    page.locator(BOARD).first.scroll_into_view_if_needed()


def choose_tool(page, tool: str) -> None:
    rerun(page, option(page, "tool", tool).click)
    page.locator(f"canvas[data-tool='{tool}']").wait_for(timeout=LOADED)


def expect_change(page, change: str) -> None:
    """Wait until the page shows this change of the probability, in points."""
    page.wait_for_function(
        "([effect, change]) => document.querySelector(effect)?.dataset.points === change",
        arg=[EFFECT, change],
        timeout=LOADED,
    )


@pytest.fixture(scope="module")
def subject(runner) -> interventions.AttendedImage:
    return interventions.attend_image(PICTURE, find_variant(IDS[0]), load=runner)


def change_by(subject: interventions.AttendedImage, attention: np.ndarray) -> str:
    """The change of the probability by this map in place of the network's own, as the page writes it."""
    own = subject.predict(subject.attention)
    return numbers.points(float(subject.predict(attention)[own.argmax()] - own.max()))


def brushed(attention: np.ndarray, row: int, column: int, strength: float, reach: int = 1) -> np.ndarray:
    """A map after a stroke of the brush, three cells wide."""
    changed = attention.copy()
    rows, columns = (slice(max(0, place - reach), place + reach + 1) for place in (row, column))
    changed[rows, columns] = (changed[rows, columns] + strength).clip(0, 1)
    return changed


def cell_center(page, which: int, row: int, column: int, cells: int = 14) -> tuple[float, float]:
    """Where on the screen the center of a cell of a board lies."""
    box = page.locator(BOARD).nth(which).bounding_box()
    return box["x"] + (column + 0.5) / cells * box["width"], box["y"] + (row + 0.5) / cells * box["height"]


def drag(page, which: int, *cells: tuple[int, int]) -> None:
    """Press at the first cell of a board, and let go at the last."""
    page.mouse.move(*cell_center(page, which, *cells[0]))
    page.mouse.down()
    for cell in cells[1:]:
        page.mouse.move(*cell_center(page, which, *cell))
    page.mouse.up()


def pick_photo(page, name: str) -> None:
    """Pick a photograph of the gallery."""
    rerun(page, page.get_by_role("button", name=samples.gallery()[name].title).click)
    page.wait_for_url(re.compile(f"photo={name}"), timeout=LOADED)


def test_one_cell_is_read_in_every_map(page, server, runner):
    open_page(page, f"{server}?compare_tab={compare_words.WHOLE}")
    expect(page.locator(DRAWN)).to_have_count(6, timeout=LOADED)
    box = page.locator(".frame canvas").first.bounding_box()
    page.mouse.move(box["x"] + (4 + 0.5) / 14 * box["width"], box["y"] + (6 + 0.5) / 14 * box["height"])
    expect(page.locator(".said")).to_have_text([re.compile(r"\d")] * 6, timeout=LOADED)
    shown = readings(page)
    values = [explanation.attention[6, 4] for explanation in explain(PICTURE, IDS, load=runner)]
    assert shown[:3] == shown[3:6] == [[7, 5, pytest.approx(value, abs=0.0051)] for value in values]
    page.mouse.move(5, 5)
    expect(page.locator(".said")).not_to_have_text([re.compile(r"\d")] * 6, timeout=LOADED)

    view = page.locator(".view").nth(1)
    view.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
    assert readings(page)[2][:2] == [9, 9]


def test_the_map_is_painted_by_mouse_undone_and_redone(page, server, subject):
    open_intervene(page, server)
    expect_change(page, numbers.points(0))
    page.mouse.click(*cell_center(page, 0, 2, 11))
    once = brushed(subject.attention, 2, 11, 0.4)
    expect_change(page, change_by(subject, once))
    settle(page)
    choose_tool(page, BOX_DOWN)
    drag(page, 0, (5, 2), (8, 4), (11, 6))
    twice = once.copy()
    twice[5:12, 2:7] = (twice[5:12, 2:7] - 0.4).clip(0, 1)
    expect_change(page, change_by(subject, twice))
    assert change_by(subject, twice) != change_by(subject, once)
    button(page, "undo").click()
    expect_change(page, change_by(subject, once))
    button(page, "redo").click()
    expect_change(page, change_by(subject, twice))
    page.locator(OWN_MAP).first.click()  # the strip goes back to any step
    expect_change(page, numbers.points(0))


def test_no_stroke_is_lost_however_fast_they_come(page, server, subject):
    open_intervene(page, server)
    after = subject.attention
    for row, column in ((1, 1), (1, 6), (1, 11), (12, 1), (12, 6), (12, 11)):
        page.mouse.click(*cell_center(page, 0, row, column))
        after = brushed(after, row, column, 0.4)
    expect_change(page, change_by(subject, after))
    settle(page)
    expect_change(page, change_by(subject, after))


def test_the_history_shows_the_picture_that_is_shown(page, server):
    open_intervene(page, server)
    own = page.locator(f"{OWN_MAP} img").first
    before = own.get_attribute("src")
    pick_photo(page, "toucan")
    expect(own).not_to_have_attribute("src", before, timeout=LOADED)


def test_the_map_is_painted_by_keyboard(page, server, subject):
    open_intervene(page, server)
    choose_tool(page, BRUSH_DOWN)
    page.locator(BOARD).first.focus()
    for key in ["ArrowDown"] * 7 + ["ArrowRight"] * 4 + ["Space"]:
        page.keyboard.press(key)
    expect_change(page, change_by(subject, brushed(subject.attention, 7, 4, -0.4)))
    assert readings(page)[0][:2] == [8, 5]


def swipe(page, *cells: tuple[int, int]) -> None:
    """Drag a finger over cells of the board, from the first to the last."""
    finger = page.context.new_cdp_session(page)
    for number, cell in enumerate(cells):
        x, y = cell_center(page, 0, *cell)
        kind = "touchMove" if number else "touchStart"
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
        page.wait_for_timeout(50)
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


@pytest.mark.parametrize("page", [TOUCH], indirect=True, ids=["touch"])
def test_on_a_phone_a_tap_paints_and_a_button_decides_what_dragging_does(page, server, subject):
    open_intervene(page, server)
    scroll_top = "document.querySelector('[data-testid=stMain]').scrollTop"
    page.locator(BOARD).first.evaluate("board => board.scrollIntoView({block: 'center'})")
    box = page.locator(BOARD).first.bounding_box()
    assert box["height"] <= 0.6 * NARROW["viewport"]["height"]
    page.touchscreen.tap(*cell_center(page, 0, 7, 4))
    tapped = brushed(subject.attention, 7, 4, 0.4)
    expect_change(page, change_by(subject, tapped))
    settle(page)
    column = [(row, 9) for row in range(8, -1, -1)]
    paints, scrolls = (page.get_by_role("button", name=name, exact=True) for name in (PAINT, SCROLL))
    expect(paints).to_have_attribute("aria-pressed", "true")  # what a person came for
    before = page.evaluate(scroll_top)
    swipe(page, *column)
    stroke = tapped.copy()
    stroke[0:10, 8:11] = (stroke[0:10, 8:11] + 0.4).clip(0, 1)
    expect_change(page, change_by(subject, stroke))
    assert page.evaluate(scroll_top) == before
    scrolls.tap()
    expect(scrolls).to_have_attribute("aria-pressed", "true")
    settle(page)
    swipe(page, *column)
    page.wait_for_function(f"before => {scroll_top} > before + 50", arg=before, timeout=10_000)
    expect_change(page, change_by(subject, stroke))
    result = page.locator(".abn-large").bounding_box()  # in view, at the bottom
    assert result["y"] + result["height"] == NARROW["viewport"]["height"]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_covered_image_is_followed(page, server, runner, subject):
    open_intervene(page, server)
    rerun(page, page.get_by_role("tab", name=intervene_words.COVER).click)
    page.locator("[aria-label^='" + intervene_words.COVER_BOARD[:20] + "']").wait_for(timeout=LOADED)
    settle(page)
    page.locator(BOARD).first.scroll_into_view_if_needed()
    rerun(page, lambda: drag(page, 0, (4, 3), (9, 8)))
    button(page, "uncover").and_(page.locator(":enabled")).wait_for(timeout=LOADED)
    settle(page)
    cells = np.zeros((14, 14), bool)
    cells[4:10, 3:9] = True
    hidden = interventions.cover_cells(PICTURE, subject.fitted, cells)
    shown = page.locator(".abn-effect p").all_inner_texts()
    assert [text.split("→")[-1].rpartition(" (")[0].strip() for text in shown] == [
        numbers.short_label(explanation.top(head, 1)[0].label)
        for explanation in explain(hidden, IDS, load=runner)
        for head in vocabulary.HEADS
    ]


def chosen_photo(page) -> str:
    """The title of the photograph that the strip marks as chosen."""
    return page.locator("button[aria-pressed=true] img").first.get_attribute("alt")


def test_choices_go_along_from_page_to_page(page, server):
    open_page(page, server)
    pick_photo(page, "toucan")
    rerun(page, fit_option(page, "squash").click)
    go_to(page, "pages/Ablation.py")
    page.locator(EFFECT).first.wait_for(timeout=LOADED)
    settle(page)
    assert fit_option(page, "squash").is_checked()
    assert chosen_photo(page) == samples.gallery()["toucan"].title
    assert "photo=toucan" in page.url and "fit=squash" in page.url
    multiplicative = option(page, "one_variant", find_variant(IDS[1]).title)
    rerun(page, multiplicative.click)
    go_to(page, "pages/Intervene.py")
    page.locator(BOARD).first.wait_for(timeout=LOADED)
    settle(page)
    assert multiplicative.is_checked()
    go_to(page, "app.py")
    wait_for_columns(page, 3)
    assert fit_option(page, "squash").is_checked()
    assert "photo=toucan" in page.url


def test_the_path_is_followed_and_a_class_is_found_by_name(page, server, runner):
    card = find_variant(IDS[0])
    page.goto(f"{server}Inside")
    stage = page.locator(".wide [data-stage='g']")
    stage.wait_for(timeout=LOADED)
    settle(page)
    rerun(page, stage.click)
    page.wait_for_url(re.compile("stage=g"), timeout=LOADED)
    page.locator(".wide [data-stage='logits']").focus()
    rerun(page, lambda: page.keyboard.press("Enter"))
    page.wait_for_url(re.compile("stage=logits"), timeout=LOADED)

    frame = page.locator(".frame canvas").first  # one cell of the map
    frame.scroll_into_view_if_needed()
    box = frame.bounding_box()
    rerun(page, lambda: page.mouse.click(box["x"] + 2.5 / 14 * box["width"], box["y"] + 3.5 / 14 * box["height"]))
    page.wait_for_url(re.compile("cell=4(,|%2C)3"), timeout=LOADED)

    k = class_names(card).index("oil filter")
    chooser = widget(page, "one_class imagenet-1k").get_by_role("combobox")
    chooser.click()
    chooser.fill("oil filter")
    rerun(page, page.get_by_role("option", name="oil filter").first.click)
    page.wait_for_url(re.compile(f"class={k + 1}"), timeout=LOADED)
    settle(page)
    logit = numbers.fixed(float(trace_picture(PICTURE, card, load=runner).aux_logits[k]))
    means = [text for text in page.locator("strong").all_inner_texts() if text == logit]
    assert len(means) >= 2  # the mean of its class map, and its logit


def run_stop_and_go_on(page, job) -> None:
    """Begin a job, stop it, and begin it again, by the one button for all three; wait until it is done."""
    job.wait_for(timeout=LOADED)
    progress = page.get_by_test_id("stProgress")
    if shared_words.STOP not in job.inner_text():  # it hasn't begun by itself
        settle(page)
        before = page.evaluate("messagesSent")
        job.click()
        page.wait_for_function("before => messagesSent > before", arg=before, timeout=LOADED)
    progress.wait_for(timeout=LOADED)
    page.wait_for_timeout(800)  # sooner would be a double click, which stops nothing
    job.click(timeout=LOADED)
    progress.wait_for(state="detached", timeout=LOADED)
    settle(page)
    job.click(timeout=LOADED)
    job.wait_for(state="detached", timeout=LOADED)
    settle(page)


def test_a_batch_is_stopped_and_gone_on_with_and_a_picture_of_it_opened(page, server):
    page.goto(f"{server}Ablation?{urlencode({'ablation_tab': ablation_words.BATCH})}")
    job = button(page, "disagreements-job")
    run_stop_and_go_on(page, job)
    rerun(page, option(page, "batch_order", MECHANISM).click)
    closed = page.locator('[class*="st-key-batch-open-"] button:enabled')  # the image that is open has no button
    rerun(page, closed.first.click)
    go_to(page, "app.py")
    wait_for_columns(page, 3)
    chosen = next(key for key, photo in samples.gallery().items() if photo.title == chosen_photo(page))
    assert f"photo={chosen}" in page.url


def test_a_measurement_is_stopped_gone_on_with_and_kept(page, server):
    query = {"variants": IDS[0], "steps": 49, "photo": list(samples.gallery())[7], "fit": "pad"}  # of no other test
    page.goto(f"{server}Measure?{urlencode(query)}")
    job = button(page, "curves-job")
    run_stop_and_go_on(page, job)
    chart = page.locator(".js-plotly-plot").filter(has_text="Deletion")
    chart.wait_for(timeout=LOADED)
    measured = chart.text_content()
    go_to(page, "app.py")
    wait_for_columns(page, 1)
    go_to(page, "pages/Measure.py")
    chart.wait_for(timeout=LOADED)
    assert chart.text_content() == measured and job.count() == 0  # nothing was measured again


def test_choices_that_nobody_touched_go_along_too(page, server):
    open_page(page, server)  # the networks are there now, so that the next visit is drawn once
    page = page.context.new_page()
    open_page(page, f"{server}?top=20&fit=pad")
    for path in ("pages/Intervene.py", "pages/Ablation.py", "pages/Inside.py"):
        go_to(page, path)
        page.wait_for_url(re.compile(PurePath(path).stem), timeout=LOADED)
        widget(page, "one_variant").get_by_role("radio").nth(2).wait_for(timeout=LOADED)
        settle(page)
        assert fit_option(page, "pad").is_checked()
        assert "top=20" in page.url and "fit=pad" in page.url
    page.close()
