"""Every page under axe: nothing serious, in light and dark, wide and narrow."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import LOADED, SETTLED

from abn.ui.frame import PAGES

LIGHT = {"viewport": {"width": 1440, "height": 900}, "color_scheme": "light"}
DARK = {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"}
SERIOUS = ("serious", "critical")


@pytest.mark.parametrize("page", [LIGHT, DARK], indirect=True, ids=["wide-light", "narrow-dark"])
@pytest.mark.parametrize("which", list(PAGES))
def test_axe_finds_nothing_serious(page, server, which):
    path = "" if which == "app.py" else which.removeprefix("pages/").removesuffix(".py")
    page.goto(f"{server}{path}")
    page.get_by_role("link", name="Compare", exact=True).wait_for(timeout=LOADED)
    page.wait_for_function("!document.body.innerText.includes('The networks are loading')", timeout=LOADED)
    page.wait_for_timeout(500)
    page.wait_for_selector(SETTLED, timeout=LOADED)
    found = Axe().run(page).response["violations"]
    told = [
        f"{one['id']}: {one['help']}: " + "; ".join(node["html"][:160] for node in one["nodes"][:4])
        for one in found
        if one["impact"] in SERIOUS
    ]
    assert told == []
