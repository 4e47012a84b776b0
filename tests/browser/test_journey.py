"""One journey in a real browser, in every run of the tests: Compare, its mechanism and view, two more pages."""

from browsing import LOADED, SETTLED, open_page


def test_choices_are_followed_and_go_along_to_other_pages(page, server):
    open_page(page, server)
    page.get_by_role("radio", name="multiplicative", exact=True).click()
    page.wait_for_function("document.querySelectorAll('.abn-answer').length === 1", timeout=LOADED)
    page.get_by_role("button", name="View").click()
    page.get_by_role("radio", name="viridis", exact=True).click()
    page.wait_for_url("**colors=viridis**", timeout=LOADED)
    page.wait_for_selector(SETTLED, timeout=LOADED)
    assert "mechanism=multiplicative" in page.url
    page.keyboard.press("Escape")

    for name, content in (("Inside", "[data-stage='M']:visible"), ("Ablation", "[data-testid='stMetricValue']")):
        page.get_by_role("link", name=name, exact=True).click()
        page.locator(content).first.wait_for(timeout=LOADED)
        page.wait_for_selector(SETTLED, timeout=LOADED)
        assert page.get_by_test_id("stException").count() == 0 and "colors=viridis" in page.url
