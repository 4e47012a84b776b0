"""The live camera in a real browser, with Chromium's fake one: maps come, and a frozen frame goes to all pages."""

import re

import pytest
from browsing import LOADED, go_to, predictions, settle, widget
from playwright.sync_api import expect

from abn.ui.camera.words import CAMERA

pytestmark = pytest.mark.slow


def test_maps_follow_the_camera_and_a_frozen_frame_is_explained_everywhere(page, server):
    page.goto(f"{server}Camera")
    start = page.get_by_role("button", name="Start the camera")
    expect(page.locator(".intro")).to_have_text(CAMERA["intro"], timeout=LOADED)
    start.click(timeout=LOADED)
    drawn = page.locator("canvas[data-shown]")
    drawn.wait_for(timeout=LOADED)
    first = int(drawn.get_attribute("data-shown"))
    expect(page.locator(".said")).to_have_text(re.compile(r"^\d+\.\d maps a second"), timeout=LOADED)
    page.wait_for_timeout(3000)
    assert int(drawn.get_attribute("data-shown")) >= first + 3  # a machine that runs tests is busy
    assert page.locator(".heads b").count() == 2 and page.locator(".intro").is_hidden()
    alpha = "canvas => canvas.getContext('2d').getImageData(9, 9, 1, 1).data[3]"
    assert drawn.evaluate(alpha) == pytest.approx(0.55 * 255, abs=2)  # a map lies over the video, half transparent
    page.get_by_role("button", name="Freeze this frame").click()
    widget(page, "camera-live").wait_for(timeout=LOADED)
    page.get_by_text("image on all pages").wait_for(timeout=LOADED)
    page.get_by_role("button", name="Stop the camera").click()
    expect(page.locator("video")).to_have_js_property("srcObject", None)
    go_to(page, "app.py")
    page.get_by_text("camera frame").first.wait_for(timeout=LOADED)
    settle(page)
    assert len(predictions(page)) == 3 and page.url.endswith("photo=own-1")  # its number alone


def test_where_a_camera_is_refused_it_says_so(page, server):
    page.add_init_script(
        "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('no', 'NotAllowedError') }"
    )
    page.goto(f"{server}Camera")
    page.get_by_role("button", name="Start the camera").click(timeout=LOADED)
    expect(page.locator(".said")).to_have_text(re.compile("doesn't let"), timeout=LOADED)


def test_an_address_that_is_not_secure_has_no_camera(page, server):
    page.add_init_script("Object.defineProperty(window, 'isSecureContext', { value: false })")
    page.goto(f"{server}Camera")
    expect(page.locator(".said")).to_have_text(re.compile("https or on localhost"), timeout=LOADED)
    assert page.get_by_role("button", name="Start the camera").is_disabled()
