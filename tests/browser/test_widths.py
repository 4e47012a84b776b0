"""All pages one after another by the navigation, at four widths: nothing wider than the window, nothing over the
title."""

import pytest
from browsing import LOADED, NARROW, go_to, open_page, settle

from abn.ui.layout import PAGES

pytestmark = pytest.mark.slow

WIDTHS = {"projector": (1440, 900), "laptop": (1280, 720), "old-projector": (1024, 768), "phone": (390, 844)}
LOOKS = [
    {"viewport": dict(zip(("width", "height"), size, strict=True)), "color_scheme": scheme}
    for size, scheme in zip(WIDTHS.values(), ("light", "dark", "light", "dark"), strict=True)
]
LOOKS[-1]["user_agent"] = (  # by which Streamlit closes the menu of pages once a page was chosen
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Mobile Safari/537.36"
)
OVERFLOW = """() => {
  const main = document.querySelector('[data-testid=stMain]')
  return Math.max(main.scrollWidth - main.clientWidth, document.documentElement.scrollWidth - innerWidth)
}"""
ON_TOP = """title => {
  const box = title.getBoundingClientRect()
  return title.contains(document.elementFromPoint(box.left + 4, box.top + box.height / 2))
}"""


@pytest.mark.parametrize("page", LOOKS, indirect=True, ids=list(WIDTHS))
def test_all_pages_fit_the_window(page, server):
    open_page(page, server)
    for path, (title, _) in [*list(PAGES.items())[1:], *list(PAGES.items())[:1]]:  # Compare is open already
        go_to(page, path)
        heading = page.get_by_role("heading", level=1, name=title)
        heading.wait_for(timeout=LOADED)
        settle(page)
        assert page.evaluate(OVERFLOW) <= 0, title
        page.wait_for_function(ON_TOP, arg=heading.locator("span").first.element_handle(), timeout=LOADED)


@pytest.mark.parametrize("page", [NARROW, LOOKS[-1]], indirect=True, ids=["no-mobile-browser", "mobile-browser"])
def test_a_phones_menu_lies_above_the_bar_and_closes_once_a_page_was_chosen(page, server):
    open_page(page, server)
    page.get_by_test_id("stExpandSidebarButton").click()
    close = page.get_by_test_id("stSidebarCollapseButton").get_by_role("button")
    page.wait_for_function(ON_TOP, arg=close.element_handle(), timeout=LOADED)
    over_menu = "document.elementFromPoint(280, 24).closest('[data-testid=stSidebar]')"
    page.wait_for_function(over_menu, timeout=LOADED)  # it slides in
    page.get_by_test_id("stSidebarNavLink").filter(has_text="Study").click()
    page.get_by_role("heading", level=1, name="Study").wait_for(timeout=LOADED)
    page.locator("[data-testid=stSidebar][data-collapsed=true]").wait_for(state="attached", timeout=LOADED)
