"""Maps read, painted and covered in a real browser, by mouse, touch, keyboard; choices go along from page to page."""

import re

import numpy as np
import pytest
from browsing import LOADED, SETTLED, open_page

from abn import vocabulary
from abn.explanations import interventions
from abn.explanations.explainer import explain
from abn.images import samples
from abn.images.decode import open_picture
from abn.plots import numbers
from abn.variants.store import find_variant

pytestmark = pytest.mark.slow

IDS = [f"imagenet-lite0-{name}" for name in ("additive", "multiplicative", "none")]
PHOTO = samples.gallery()["cat-behind-mug"]
PICTURE = open_picture(PHOTO.path.read_bytes())
TOUCH = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


def settled(page) -> None:
    page.wait_for_timeout(150)  # what was pressed has been sent
    page.wait_for_selector(SETTLED, timeout=LOADED)


def open_intervene(page, server) -> None:
    page.goto(f"{server}Intervene")
    page.get_by_test_id("stMetricValue").first.wait_for(timeout=LOADED)
    page.wait_for_selector(SETTLED, timeout=LOADED)
    page.locator("canvas").first.scroll_into_view_if_needed()


def take(page, tool: str) -> None:
    page.get_by_role("radio", name=tool).click()
    page.locator(f"canvas[data-tool='{tool}']").wait_for(timeout=LOADED)
    settled(page)


def change(page) -> str:
    return page.get_by_test_id("stMetricValue").first.inner_text()


def expect_change(page, wanted: str) -> None:
    page.get_by_test_id("stMetricValue").first.get_by_text(wanted, exact=True).wait_for(timeout=LOADED)


@pytest.fixture(scope="module")
def subject(network) -> interventions.AttendedImage:
    return interventions.attend_image(PICTURE, find_variant(IDS[0]), load=network)


def told(subject: interventions.AttendedImage, attention: np.ndarray) -> str:
    own = subject.predict(subject.attention)
    return f"{numbers.points(float(subject.predict(attention)[own.argmax()] - own.max()))} points"


def brushed(attention: np.ndarray, row: int, column: int, strength: float, reach: int = 1) -> np.ndarray:
    """What the brush, three cells wide, leaves of a map."""
    changed = attention.copy()
    rows, columns = (slice(max(0, place - reach), place + reach + 1) for place in (row, column))
    changed[rows, columns] = (changed[rows, columns] + strength).clip(0, 1)
    return changed


def middle(page, which: int, row: int, column: int, cells: int = 14) -> tuple[float, float]:
    """Where on the screen the middle of a cell of a canvas lies."""
    box = page.locator("canvas").nth(which).bounding_box()
    return box["x"] + (column + 0.5) / cells * box["width"], box["y"] + (row + 0.5) / cells * box["height"]


def test_one_cell_is_read_in_every_map(page, server, network):
    open_page(page, server)
    picture = page.locator(".frame img").first
    box = picture.bounding_box()
    page.mouse.move(box["x"] + (4 + 0.5) / 14 * box["width"], box["y"] + (6 + 0.5) / 14 * box["height"])
    page.get_by_text("row 7, column 5: M").first.wait_for(timeout=LOADED)
    said = page.locator(".said").all_inner_texts()
    values = [one.attention[6, 4] for one in explain(PICTURE, IDS, load=network)]
    assert said[:3] == said[3:6] == [f"row 7, column 5: M {value:.2f}" for value in values]
    assert said[6].startswith("row 7, column 5: difference")
    page.mouse.move(5, 5)
    page.get_by_text("row 7, column 5").first.wait_for(state="detached", timeout=LOADED)

    view = page.locator(".view").nth(1)
    view.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
    assert page.locator(".said").all_inner_texts()[2].startswith("row 9, column 9: M")


def test_the_map_is_painted_by_mouse_undone_and_redone(page, server, subject):
    open_intervene(page, server)
    assert change(page) == "±0.0 points"
    page.mouse.click(*middle(page, 0, 2, 11))
    up = told(subject, brushed(subject.attention, 2, 11, 0.4))
    expect_change(page, up)
    settled(page)
    take(page, "Rectangle −")
    page.mouse.move(*middle(page, 0, 5, 2))
    page.mouse.down()
    page.mouse.move(*middle(page, 0, 8, 4))
    page.mouse.move(*middle(page, 0, 11, 6))
    page.mouse.up()
    after = brushed(subject.attention, 2, 11, 0.4)
    after[5:12, 2:7] = (after[5:12, 2:7] - 0.4).clip(0, 1)
    expect_change(page, told(subject, after))
    assert told(subject, after) != up
    page.get_by_role("button", name="Undo").click()
    expect_change(page, up)
    page.get_by_role("button", name="Redo").click()
    expect_change(page, told(subject, after))
    page.get_by_role("button", name=re.compile("^0. own map")).click()  # the strip goes back to any step
    expect_change(page, "±0.0 points")


def test_no_stroke_is_lost_however_fast_they_come(page, server, subject):
    open_intervene(page, server)
    after = subject.attention
    for row, column in ((1, 1), (1, 6), (1, 11), (12, 1), (12, 6), (12, 11)):
        page.mouse.click(*middle(page, 0, row, column))
        after = brushed(after, row, column, 0.4)
    expect_change(page, told(subject, after))
    settled(page)
    expect_change(page, told(subject, after))


def test_the_history_shows_the_picture_that_is_shown(page, server):
    open_intervene(page, server)
    own = page.get_by_role("button", name=re.compile("^0. own map")).locator("img")
    before = own.get_attribute("src")
    page.get_by_role("button", name=samples.gallery()["toucan"].title).click()
    page.wait_for_url(re.compile("photo=toucan"))
    settled(page)
    page.wait_for_timeout(500)
    assert own.get_attribute("src") != before


def test_the_map_is_painted_by_keyboard(page, server, subject):
    open_intervene(page, server)
    take(page, "Brush −")
    page.locator("canvas").first.focus()
    for key in ["ArrowDown"] * 7 + ["ArrowRight"] * 4 + ["Space"]:
        page.keyboard.press(key)
    expect_change(page, told(subject, brushed(subject.attention, 7, 4, -0.4)))
    assert page.locator(".said").first.inner_text().startswith("row 8, column 5: M")


@pytest.mark.parametrize("page", [TOUCH], indirect=True, ids=["touch"])
def test_the_map_is_painted_by_touch(page, server, subject):
    open_intervene(page, server)
    page.touchscreen.tap(*middle(page, 0, 7, 4))
    expect_change(page, told(subject, brushed(subject.attention, 7, 4, 0.4)))
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_covered_picture_is_followed(page, server, network, subject):
    open_intervene(page, server)
    page.locator("canvas").nth(1).scroll_into_view_if_needed()
    page.mouse.move(*middle(page, 1, 4, 3))
    page.mouse.down()
    page.mouse.move(*middle(page, 1, 9, 8))
    page.mouse.up()
    page.get_by_text("of the whole picture is covered").wait_for(timeout=LOADED)
    settled(page)
    cells = np.zeros((14, 14), bool)
    cells[4:10, 3:9] = True
    hidden = interventions.cover_cells(PICTURE, subject.fitted, cells)
    tops = [one.top(head, 1)[0] for one in explain(hidden, IDS, load=network) for head in vocabulary.HEADS]
    shown = page.locator(".abn-answer dd[title]").all_inner_texts()
    assert shown == [numbers.short_label(top.label) for top in tops]


def test_choices_go_along_from_page_to_page(page, server):
    open_page(page, server)
    page.get_by_role("button", name=samples.gallery()["toucan"].title).click()
    page.wait_for_url(re.compile("photo=toucan"))
    settled(page)
    page.get_by_role("radio", name="squash").click()
    settled(page)
    page.get_by_role("link", name="Ablation").click()
    page.get_by_test_id("stMetricValue").first.wait_for(timeout=LOADED)
    settled(page)
    assert page.get_by_role("radio", name="squash").get_attribute("aria-checked") == "true"
    chosen = page.locator("button[aria-pressed=true] img").first
    assert chosen.get_attribute("alt") == samples.gallery()["toucan"].title
    assert "photo=toucan" in page.url and "fit=squash" in page.url
    page.get_by_role("radio", name="Multiplicative", exact=True).click()
    settled(page)
    page.get_by_role("link", name="Intervene").click()
    page.locator("canvas").first.wait_for(timeout=LOADED)
    settled(page)
    assert page.get_by_role("radio", name="Multiplicative", exact=True).get_attribute("aria-checked") == "true"
    assert page.get_by_text("Multiplicative · trained with").count() == 1
    page.get_by_role("link", name="Compare").click()
    page.wait_for_function("document.querySelectorAll('.abn-answer').length === 3", timeout=LOADED)
    settled(page)
    assert page.get_by_role("radio", name="squash").get_attribute("aria-checked") == "true"
    assert "photo=toucan" in page.url


def test_the_path_is_followed_and_a_class_is_found_by_name(page, server, network):
    from abn.explanations.trace import trace_network
    from abn.images.fit import fit_picture
    from abn.variants.card import class_names

    card = find_variant(IDS[0])
    page.goto(f"{server}Inside")
    stage = page.locator(".wide [data-stage='g']")
    stage.wait_for(timeout=LOADED)
    settled(page)
    stage.click()
    page.get_by_text("What the feature extractor finds").wait_for(timeout=LOADED)
    page.wait_for_url(re.compile("stage=g"))
    page.locator(".wide [data-stage='logits']").focus()
    page.keyboard.press("Enter")
    page.get_by_text("largest of 1000 logits").wait_for(timeout=LOADED)
    settled(page)

    frame = page.locator(".frame img").first  # one cell of the map
    frame.scroll_into_view_if_needed()
    box = frame.bounding_box()
    page.mouse.click(box["x"] + 2.5 / 14 * box["width"], box["y"] + 3.5 / 14 * box["height"])
    page.get_by_text("Row 4 of 14, column 3 of 14").wait_for(timeout=LOADED)
    settled(page)

    chooser = page.get_by_role("combobox", name="Class", exact=False).last
    chooser.click()
    chooser.fill("oil filter")
    page.get_by_role("option", name="oil filter").first.click()
    page.get_by_text("of the attention branch, for oil filter").wait_for(timeout=LOADED)
    settled(page)
    net, k = network(card), class_names(card).index("oil filter")
    image = fit_picture(PICTURE, card.input, "crop").normalized(card.input)
    logit = trace_network(net, image).aux_logits[k]
    told = f"{logit:.2f}".replace("-", "−")
    assert page.get_by_text(f"cells is {told}; the auxiliary logit of this class is {told}").count() == 1


def test_a_batch_is_stopped_and_gone_on_with_and_a_picture_of_it_opened(page, server):
    page.goto(f"{server}Ablation")
    page.get_by_role("button", name="Go through them").wait_for(timeout=LOADED)
    settled(page)
    main = page.get_by_test_id("stMainBlockContainer")
    page.get_by_role("button", name="Go through them").click()
    page.wait_for_timeout(800)  # sooner would be a double click, which stops nothing
    main.get_by_role("button", name="Stop").click(timeout=LOADED)
    main.get_by_role("button", name=re.compile("Go on|Go through them")).click(timeout=LOADED)
    page.get_by_text(re.compile(r"^Of 18 pictures, heads disagree on \d+")).wait_for(timeout=LOADED)
    settled(page)
    page.get_by_role("radio", name="mechanism flips the answer").click()
    settled(page)
    main.get_by_role("button", name="Open").nth(1).click()
    settled(page)
    page.get_by_role("link", name="Compare").click()
    page.wait_for_function("document.querySelectorAll('.abn-answer').length === 3", timeout=LOADED)
    chosen = page.locator("button[aria-pressed=true] img").first.get_attribute("alt")
    assert f"photo={next(k for k, photo in samples.gallery().items() if photo.title == chosen)}" in page.url


def test_a_measurement_is_stopped_gone_on_with_and_kept(page, server):
    page.goto(f"{server}Measure?variants={IDS[0]}&steps=49")
    begin = page.get_by_role("button", name="Measure deletion and insertion")
    begin.wait_for(timeout=LOADED)
    settled(page)
    main = page.get_by_test_id("stMainBlockContainer")
    begin.click()
    page.wait_for_timeout(800)  # sooner would be a double click, which stops nothing
    main.get_by_role("button", name="Stop").click(timeout=LOADED)
    main.get_by_role("button", name=re.compile("Go on|Measure deletion")).click(timeout=LOADED)
    row = page.get_by_role("row").filter(has_text="coffee mug").first
    row.wait_for(timeout=LOADED)
    settled(page)
    said = row.inner_text()
    page.get_by_role("link", name="Compare").click()
    page.wait_for_function("document.querySelectorAll('.abn-answer').length === 1", timeout=LOADED)
    settled(page)
    page.get_by_role("link", name="Measure").click()
    row.wait_for(timeout=LOADED)
    assert row.inner_text() == said and begin.count() == 0  # nothing was measured again


def test_choices_that_nobody_touched_go_along_too(page, server):
    open_page(page, server)  # the networks are there now, so that the next visit is drawn once
    page = page.context.browser.new_context().new_page()
    open_page(page, f"{server}?top=20&fit=pad")
    for name in ("Intervene", "Ablation", "Inside"):
        page.get_by_role("link", name=name, exact=True).click()
        page.get_by_role("radio", name="None (control)").wait_for(timeout=LOADED)
        settled(page)
        assert "Choose at least one variant" not in page.inner_text("[data-testid=stMainBlockContainer]")
        assert page.get_by_role("radio", name="pad", exact=True).get_attribute("aria-checked") == "true"
        assert "top=20" in page.url and "fit=pad" in page.url
    page.context.close()
