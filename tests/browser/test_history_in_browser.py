"""Back and Forward in a real browser: image, page and step are undone, the view stays; and nothing is lost unasked."""

from pathlib import Path

import pytest
from browsing import LOADED, button, go_to, look_at, open_loaded, open_page, rerun, settle, widget

from abn.images import samples
from abn.ui.layout import PAGES
from abn.vocabulary import NONE

FIRST, SECOND, THIRD = list(samples.gallery())[:3]

pytestmark = pytest.mark.slow


def pick(page, photo: str) -> None:
    rerun(page, page.locator(f".strip button[data-id={photo}]").click)
    wait_for_image(page, photo)


def wait_for_image(page, photo: str) -> None:
    page.locator(f".strip button[data-id={photo}][aria-pressed=true]").wait_for(timeout=LOADED)
    settle(page)


def upload(page) -> None:
    button(page, "uploads-popover").click()
    file = Path(samples.gallery()[THIRD].path)
    rerun(page, lambda: page.locator("input[type=file]").set_input_files([file]))
    page.wait_for_url("**photo=own-1**", timeout=LOADED)
    page.keyboard.press("Escape")
    settle(page)


def wait_for_title(page, path: str) -> None:
    page.get_by_role("heading", level=1, name=PAGES[path][0]).wait_for(timeout=LOADED)
    settle(page)


def apply_no_map(page) -> None:
    rerun(page, page.locator(".st-key-mechanism").get_by_role("radio", name=NONE).click)
    page.wait_for_url(f"**mechanism={NONE}**", timeout=LOADED)


def test_a_menu_that_was_opened_does_not_bring_an_image_back(page, server):
    open_page(page, server)
    button(page, "uploads-popover").click()
    page.get_by_test_id("stPopoverBody").get_by_role("combobox").wait_for(timeout=LOADED)
    page.keyboard.press("Escape")
    pick(page, SECOND)
    apply_no_map(page)
    wait_for_image(page, SECOND)


def test_a_menu_that_was_opened_does_not_undo_back(page, server):
    open_page(page, server)
    button(page, "fit-popover").click()
    rerun(page, page.get_by_role("radio", name="squash").click)
    page.wait_for_url("**fit=squash**", timeout=LOADED)
    page.keyboard.press("Escape")
    button(page, "variants-popover").click()
    widget(page, "variant_ids").locator("input").click()
    rerun(page, lambda: page.keyboard.press("Backspace"))
    page.wait_for_url("**variants=**", timeout=LOADED)
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    for _ in range(2):  # a press that comes before the run after Back has begun would drop it: a limit of Streamlit's
        rerun(page, page.go_back)
    page.wait_for_url(lambda url: "fit=" not in url and "variants=" not in url, timeout=LOADED)
    apply_no_map(page)
    assert "fit=" not in page.url and "variants=" not in page.url
    button(page, "fit-popover").click()  # and it can be chosen again
    rerun(page, page.get_by_role("radio", name="squash").click)
    page.wait_for_url("**fit=squash**", timeout=LOADED)


def test_back_undoes_the_image_and_the_page_and_leaves_the_view(page, server):
    open_page(page, server)
    pick(page, SECOND)
    button(page, "view-popover").click()
    look_at(page, "colors", "viridis").check(timeout=LOADED)
    page.wait_for_url("**colors=viridis**", timeout=LOADED)
    settle(page)
    page.keyboard.press("Escape")
    pick(page, THIRD)
    go_to(page, "pages/Inside.py")
    wait_for_title(page, "pages/Inside.py")
    page.go_back()
    wait_for_title(page, "app.py")
    wait_for_image(page, THIRD)
    page.go_back()
    wait_for_image(page, SECOND)
    page.go_back()
    wait_for_image(page, FIRST)
    page.wait_for_url("**colors=viridis**", timeout=LOADED)
    page.go_forward()
    wait_for_image(page, SECOND)


def test_back_goes_to_the_upload_that_was_shown_and_to_the_step_before(page, server):
    open_page(page, server)
    upload(page)
    pick(page, SECOND)
    page.go_back()
    page.locator(".strip button[data-id^=upload-][aria-pressed=true]").wait_for(timeout=LOADED)
    settle(page)

    go_to(page, "pages/Learn.py")
    wait_for_title(page, "pages/Learn.py")
    for step in (2, 3):
        rerun(page, button(page, f"step-{step}").click)
        page.wait_for_url(f"**step={step}**", timeout=LOADED)
        settle(page)
    page.go_back()
    page.wait_for_url("**step=2**", timeout=LOADED)
    primary = widget(page, "step-2").locator("[data-testid=stBaseButton-primary]")
    primary.first.wait_for(timeout=LOADED)


def test_the_browser_asks_before_uploads_are_lost_and_not_otherwise(page, server):
    asked = []

    def stay(dialog) -> None:
        asked.append(dialog.type)
        dialog.dismiss()

    open_page(page, server)
    pick(page, SECOND)
    page.on("dialog", stay)
    page.reload()
    open_loaded(page, server)
    assert not asked
    upload(page)
    page.evaluate("setTimeout(() => location.reload())")
    page.wait_for_timeout(2_000)
    assert asked == ["beforeunload"]
    assert page.locator(".strip button[data-id^=upload-]").count() == 1
