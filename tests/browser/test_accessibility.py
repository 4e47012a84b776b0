"""Every page under axe, light and wide, then dark and narrow: nothing serious."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import DRAWN, LOADED, NARROW, WIDE, button, open_loaded, rerun, settle

from abn.teaching import exercises
from abn.ui.compare import words as compare_words
from abn.ui.layout import PAGES

pytestmark = pytest.mark.slow

SERIOUS = ("serious", "critical")
CONTEXT = {"exclude": [["[data-testid=stSidebarNav]"]]}  # Streamlit's own: its list has headings between the items
MAIN = "document.querySelector('[data-testid=stMain]')"
NOTHING_FADES = "document.getAnimations().every(animation => animation.playState !== 'running')"
POPOVERS = {
    f"?compare_tab={compare_words.EXPORT}": ("uploads", "variants", "view", "maps"),
    "Intervene": ("variants-maps", "images-maps"),
}


def find_serious(page) -> list[str]:
    """The serious violations that axe finds on the page as it is once nothing on it fades in or out."""
    settle(page)
    page.wait_for_function(NOTHING_FADES, timeout=LOADED)
    return [
        f"{violation['id']}: {violation['help']}: " + "; ".join(node["html"][:160] for node in violation["nodes"][:4])
        for violation in Axe().run(page, context=CONTEXT).response["violations"]
        if violation["impact"] in SERIOUS
    ]


def show_as(page, look: dict) -> None:
    """Give the page another width and color scheme."""
    background = "getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor"
    before = page.evaluate(background)
    page.set_viewport_size(look["viewport"])
    page.emulate_media(color_scheme=look["color_scheme"])
    page.wait_for_function(f"before => {background} !== before", arg=before, timeout=LOADED)


@pytest.mark.parametrize("which", list(PAGES))
def test_axe_finds_nothing_serious(page, server, which):
    path = "" if which == "app.py" else which.removeprefix("pages/").removesuffix(".py")
    open_loaded(page, f"{server}{path}")
    assert find_serious(page) == [], "wide and light"
    show_as(page, NARROW)
    assert find_serious(page) == [], "narrow and dark"


@pytest.mark.parametrize("path", list(POPOVERS))
def test_axe_finds_nothing_serious_in_what_opens_later(page, server, path):
    open_loaded(page, f"{server}{path}")
    for look in (NARROW, WIDE):
        show_as(page, look)
        for key in POPOVERS[path]:
            button(page, f"{key}-popover").click()
            page.get_by_test_id("stPopoverBody").wait_for(timeout=LOADED)
            assert find_serious(page) == [], (key, look)
            page.keyboard.press("Escape")
            page.get_by_test_id("stPopoverBody").wait_for(state="detached", timeout=LOADED)


@pytest.mark.parametrize("page", [NARROW], indirect=True, ids=["narrow-dark"])
def test_on_a_phone_the_next_question_begins_at_its_top(page, server):
    """And nothing serious before and after each kind's answer."""
    open_loaded(page, f"{server}Exercises?set=7")
    page.locator(DRAWN).wait_for(timeout=LOADED)  # only then it answers keys
    page.locator(".view").focus()
    rerun(page, lambda: page.keyboard.press(" "))  # picks a cell
    for question in exercises.draw_questions(7, material=exercises.read_material())[: len(exercises.KINDS)]:
        key = f"exercise-7-{question.number}"
        answer = f"{key}-option {question.options[0]}" if question.options else f"{key}-show"
        assert find_serious(page) == [], answer
        button(page, answer).click()
        forward = button(page, f"{key}-next")
        forward.wait_for(timeout=LOADED)
        assert find_serious(page) == [], answer
        page.evaluate(f"{MAIN}.scrollTo(0, {MAIN}.scrollHeight)")
        assert page.evaluate(f"{MAIN}.scrollTop") > 0
        forward.click()
        forward.wait_for(state="detached", timeout=LOADED)
        page.wait_for_function(f"{MAIN}.scrollTop === 0", timeout=LOADED)
        assert page.evaluate(f"document.activeElement === {MAIN}.querySelector('h3')")
