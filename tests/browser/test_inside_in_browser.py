"""Inside in a real browser: the diagram fits any width, a stage opens in place, and Play runs without the server."""

import re

import pytest
from browsing import LOADED, NARROW, open_loaded, rerun, settle, widget

from abn.plots.network_diagram import MAIN_PATH
from abn.ui.inside import words
from abn.variants.history import load_history
from abn.variants.store import find_variant

pytestmark = pytest.mark.slow

VARIANT = "imagenet-lite0-additive"
CALM = {"viewport": {"width": 1440, "height": 900}, "color_scheme": "light", "reduced_motion": "reduce"}
FLOWING = ".drawing .flowing.line"


def open_inside(page, server: str, query: str = "") -> None:
    open_loaded(page, f"{server}Inside{query}")
    page.locator("[data-stage='M']:visible").wait_for(timeout=LOADED)
    settle(page)


def chosen(page) -> str:
    return page.locator("[data-stage][aria-pressed='true']:visible").get_attribute("data-stage")


def control(page, name: str):
    return page.locator(f".path [data-control='{name}']:visible")


def press(page, stage: str) -> None:
    page.locator(f"[data-stage='{stage}']:visible").click()


def opened(page) -> str:
    """The symbol of the open stage."""
    return page.locator(".path h3 b:visible").inner_text()


def messages(page) -> int:
    return page.evaluate("messagesSent")


def quicken(page) -> None:
    """Let what waits for a second or more wait for a third of a second."""
    page.add_init_script(
        "const slow = window.setTimeout;"
        "window.setTimeout = (act, ms, ...more) => slow(act, ms >= 1000 && ms <= 3000 ? 333 : ms, ...more)"
    )


RIGHT_UNDER = """([box, panel]) => {
  const gap = panel.getBoundingClientRect().top - box.getBoundingClientRect().bottom
  return -1 <= gap && gap < 24
}"""
RECORD = """
path => {
  window.walked = []
  new MutationObserver(() => {
    const stage = path.querySelector(".wide [aria-pressed='true']").dataset.stage
    const flows = path.querySelectorAll(".wide .flowing.line").length
    if (walked.at(-1)?.[0] !== stage) walked.push([stage, flows])
  }).observe(path, { subtree: true, attributes: true, attributeFilter: ["aria-pressed"] })
}
"""


def test_the_diagram_is_cut_at_no_width(page, server):
    open_inside(page, server)
    for width in (1920, 1440, 1280, 1024, 900, 768, 740, 600, 390, 320):
        page.set_viewport_size({"width": width, "height": 800})
        page.wait_for_timeout(300)
        container = page.locator(".path").bounding_box()
        for drawing in page.locator(".path svg.abn-path:visible").all():
            box = drawing.bounding_box()
            assert box["x"] >= container["x"] - 1
            assert box["x"] + box["width"] <= container["x"] + container["width"] + 1
        assert page.locator(".path").evaluate("path => path.scrollWidth <= path.clientWidth"), width
        assert page.locator(".wide").is_visible() == (container["width"] >= 700)
        assert page.locator(".narrow").is_visible() == (container["width"] < 700)


def test_a_stage_opens_beside_the_diagram_before_the_server_has_heard_of_it(page, server):
    open_inside(page, server)
    drawing, panel = page.locator(".drawing").bounding_box(), page.locator(".beside").bounding_box()
    assert panel["x"] >= drawing["x"] + drawing["width"] and abs(panel["y"] - drawing["y"]) < 16
    rerun(page, lambda: press(page, "g"))
    assert (chosen(page), opened(page)) == ("g", "g(x)")
    page.wait_for_url(re.compile("stage=g"), timeout=LOADED)
    before = messages(page)
    page.locator("[data-stage='g']:visible").press("ArrowRight")
    assert (chosen(page), opened(page), messages(page)) == ("A", "A", before)
    page.wait_for_url(re.compile("stage=A"), timeout=LOADED)
    control(page, "previous").click()
    assert opened(page) == "g(x)"


@pytest.mark.parametrize("page", [NARROW], indirect=True)
def test_on_a_telephone_a_stage_opens_under_its_box(page, server):
    open_inside(page, server)
    for stage in ("x", "class maps", "g′"):
        rerun(page, lambda stage=stage: press(page, stage))
        box = page.locator(f"[data-stage='{stage}']:visible").element_handle()
        page.wait_for_function(RIGHT_UNDER, arg=[box, page.locator(".under").element_handle()], timeout=LOADED)
        assert page.locator("[data-stage]:visible").count() == 8  # each once, above or below
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("page", [NARROW], indirect=True)
def test_on_a_telephone_play_shows_each_stage_with_its_values(page, server):
    open_inside(page, server)
    control(page, "play").click()
    for stage in MAIN_PATH[:3]:
        box = page.locator(f"[data-stage='{stage}'][aria-pressed='true']:visible").element_handle(timeout=LOADED)
        page.wait_for_function(
            "box => { const top = box.getBoundingClientRect().top; return 100 <= top && top < 156 }",
            arg=box,
            timeout=LOADED,
        )
        assert page.locator(".under").bounding_box()["y"] < 0.4 * 844
    control(page, "play").click()


def test_play_walks_along_the_network_without_the_server_and_stops(page, server):
    quicken(page)
    open_inside(page, server)
    page.locator(".path").evaluate(RECORD)
    before = messages(page)
    control(page, "play").click()
    page.wait_for_function("walked.at(-1)?.[0] === 'logits'", timeout=LOADED)
    assert [stage for stage, _ in page.evaluate("walked")] == list(MAIN_PATH)
    assert [flows for _, flows in page.evaluate("walked")] == [0, 2, 2, 2, 3, 2]  # nothing flows into the input
    assert messages(page) == before
    control(page, "play").get_by_text(words.CONTROLS["play"]).wait_for(timeout=LOADED)
    page.wait_for_url(re.compile("stage=logits"), timeout=LOADED)


def test_escape_stops_play_and_the_stage_stays(page, server):
    open_inside(page, server)
    control(page, "play").click()
    control(page, "play").get_by_text(words.CONTROLS["stop"]).wait_for()
    assert chosen(page) == "x"
    rerun(page, lambda: page.keyboard.press("Escape"))
    assert chosen(page) == "x" and page.locator(FLOWING).count() == 0
    page.wait_for_url(re.compile("stage=x"), timeout=LOADED)


def test_who_scrolls_while_it_plays_stops_it(page, server):
    open_inside(page, server)
    control(page, "play").click()
    control(page, "play").get_by_text(words.CONTROLS["stop"]).wait_for()
    page.mouse.wheel(0, 40)
    control(page, "play").get_by_text(words.CONTROLS["play"]).wait_for(timeout=LOADED)


@pytest.mark.parametrize("page", [CALM], indirect=True)
def test_nothing_moves_for_people_who_want_less_motion(page, server):
    quicken(page)
    open_inside(page, server)
    control(page, "play").click()
    page.locator(f".wide {FLOWING}").first.wait_for(state="attached", timeout=LOADED)
    styles = page.locator(f".wide {FLOWING}").first.evaluate("line => getComputedStyle(line).animationName")
    assert styles == "none"


def test_the_mechanism_is_toggled_in_the_diagram(page, server):
    open_inside(page, server)
    option = page.locator("[data-mechanism='multiplicative']:visible")
    rerun(page, option.click)
    page.wait_for_url(re.compile("applied=multiplicative"), timeout=LOADED)
    assert option.get_attribute("aria-checked") == "true"
    assert "multiplicative" in page.locator(".wide .alert").inner_text()
    rerun(page, lambda: option.press("ArrowRight"))
    page.wait_for_url(re.compile("applied=none"), timeout=LOADED)


def test_the_history_is_played_on_its_time_axis_without_the_server(page, server):
    quicken(page)
    open_inside(page, server)
    history = load_history(find_variant(VARIANT))
    axis = widget(page, "course").get_by_role("slider")
    axis.scroll_into_view_if_needed()
    canvas = widget(page, "life-map").locator("canvas[data-drawn]")
    canvas.wait_for(timeout=LOADED)
    before, final = messages(page), canvas.evaluate("canvas => canvas.toDataURL()")
    axis.evaluate(
        "axis => { window.walked = []; new MutationObserver(() => walked.push(Number(axis.ariaValueNow)))"
        ".observe(axis, { attributes: true, attributeFilter: ['aria-valuenow'] }) }"
    )
    widget(page, "course").get_by_role("button").click()
    page.wait_for_function("last => walked.at(-1) === last", arg=history.total, timeout=LOADED)
    assert list(dict.fromkeys(page.evaluate("walked"))) == history.steps.tolist()
    assert messages(page) == before
    rerun(page, lambda: axis.press("Home"))
    assert axis.get_attribute("aria-valuenow") == "0" and words.STEP_ZERO_WARM in axis.evaluate(
        "axis => axis.getRootNode().querySelector('.text').textContent"
    )
    page.wait_for_url(re.compile("moment=0"), timeout=LOADED)
    assert canvas.evaluate("canvas => canvas.toDataURL()") != final
    places = axis.locator(".records i").evaluate_all("dots => dots.map(dot => dot.getBoundingClientRect().x)")
    expected = (history.steps / history.total).tolist()
    assert [(x - places[0]) / (places[-1] - places[0]) for x in places] == pytest.approx(expected, abs=0.01)
