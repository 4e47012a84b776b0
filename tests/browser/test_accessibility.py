"""Every page under axe: nothing serious, in light and dark, wide and narrow."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import LOADED, SETTLED

from abn.ui.layout import PAGES

pytestmark = pytest.mark.slow

LIGHT = {"viewport": {"width": 1440, "height": 900}, "color_scheme": "light"}
DARK = {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"}
SERIOUS = ("serious", "critical")
MAIN = "document.querySelector('[data-testid=stMain]')"


def opened(page, url: str) -> None:
    page.goto(url)
    page.get_by_role("link", name="Compare", exact=True).wait_for(timeout=LOADED)
    page.wait_for_function("!document.body.innerText.includes('The networks are loading')", timeout=LOADED)
    page.wait_for_timeout(500)
    page.wait_for_selector(SETTLED, timeout=LOADED)


def serious(page) -> list[str]:
    """What axe finds serious on the page as it is now; asked again where it found something, as what fades in or out
    on a busy machine has too little contrast for a moment."""
    for _ in range(3):
        page.wait_for_selector(SETTLED, timeout=LOADED)
        found = [
            f"{one['id']}: {one['help']}: " + "; ".join(node["html"][:160] for node in one["nodes"][:4])
            for one in Axe().run(page).response["violations"]
            if one["impact"] in SERIOUS
        ]
        if not found:
            return []
        page.wait_for_timeout(1500)
    return found


@pytest.mark.parametrize("page", [LIGHT, DARK], indirect=True, ids=["wide-light", "narrow-dark"])
@pytest.mark.parametrize("which", list(PAGES))
def test_axe_finds_nothing_serious(page, server, which):
    path = "" if which == "app.py" else which.removeprefix("pages/").removesuffix(".py")
    opened(page, f"{server}{path}")
    assert serious(page) == []


POPOVERS = {
    "": ("Your pictures", "Variants", "View", "Maps"),
    "Intervene": ("Another variant's", "Another picture's"),
}


@pytest.mark.parametrize("page", [LIGHT, DARK], indirect=True, ids=["wide-light", "narrow-dark"])
@pytest.mark.parametrize("path", list(POPOVERS))
def test_axe_finds_nothing_serious_in_what_opens_later(page, server, path):
    opened(page, f"{server}{path}")
    for label in POPOVERS[path]:
        page.get_by_test_id("stPopover").filter(has_text=label).get_by_role("button").first.click()
        page.get_by_test_id("stPopoverBody").wait_for(timeout=LOADED)
        assert serious(page) == [], label
        page.keyboard.press("Escape")


@pytest.mark.parametrize("page", [DARK], indirect=True, ids=["narrow-dark"])
def test_on_a_phone_the_next_question_begins_at_its_top(page, server):
    """And nothing serious before and after each kind's answer."""
    opened(page, f"{server}Exercises?set=7")
    page.locator(".view").focus()
    page.keyboard.press(" ")
    page.get_by_text("Your cell:").wait_for(timeout=LOADED)
    for button in ("Show the map", "Auxiliary head", "additive", "The answer flips"):
        assert serious(page) == [], button
        page.get_by_role("button", name=button, exact=True).click()
        forward = page.get_by_role("button", name="Next", exact=True)
        forward.wait_for(timeout=LOADED)
        assert serious(page) == [], button
        forward.scroll_into_view_if_needed()
        assert page.evaluate(f"{MAIN}.scrollTop") > 0
        forward.click()
        forward.wait_for(state="detached", timeout=LOADED)
        page.wait_for_function(f"{MAIN}.scrollTop === 0", timeout=LOADED)
        assert page.evaluate(f"document.activeElement === {MAIN}.querySelector('h3')")
