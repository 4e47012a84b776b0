"""One journey in a real browser, in every run of the tests: Compare, its mechanism and view, two more pages."""

from browsing import LOADED, button, go_to, look_at, open_page, option, settle, wait_for_columns


def test_choices_are_followed_and_go_along_to_other_pages(page, server):
    open_page(page, server)
    option(page, "mechanism", "multiplicative").click()
    wait_for_columns(page, 1)
    button(page, "view-popover").click()
    look_at(page, "colors", "viridis").check(timeout=LOADED)
    page.wait_for_url("**colors=viridis**", timeout=LOADED)
    settle(page)
    assert "mechanism=multiplicative" in page.url
    page.keyboard.press("Escape")

    shown = {"pages/Inside.py": "[data-stage='M']:visible", "pages/Ablation.py": ".abn-effect"}
    for path, content in shown.items():
        go_to(page, path)
        page.locator(content).first.wait_for(timeout=LOADED)
        settle(page)
        assert page.get_by_test_id("stException").count() == 0 and "colors=viridis" in page.url
