"""Faults as a person meets them: a page reloaded in the middle of a long computation, and a server that is killed."""

import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator

import pytest
from browsing import LOADED, SETTLED, open_page
from conftest import ROOT

pytestmark = pytest.mark.slow

ONE_TURN = (
    "import os; os.cpu_count = lambda: 1; from streamlit.web.cli import main; main()"  # only one computes at once
)
BUSY = re.compile(r"The processor is busy")
AWAY = "Streamlit server is not responding"


class Server:
    """A server of the app that can be killed and started again at the same address."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}/"

    def start(self) -> None:
        where = [f"--server.port={self._port}", "--server.address=127.0.0.1"]
        command = [sys.executable, "-c", ONE_TURN, "run", "app.py", *where]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(240):
            try:
                urllib.request.urlopen(f"{self.url}_stcore/health", timeout=1).close()
                return
            except OSError:
                assert self._process.poll() is None, "the server ended before it began"
                time.sleep(0.25)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture(scope="module")
def own_server(browser) -> Iterator[Server]:
    found = Server()
    found.start()
    yield found
    found.kill()


def test_a_reload_in_the_middle_gives_the_turn_to_who_waits_and_the_page_works(page, own_server):
    page.goto(f"{own_server.url}Study")
    measure = page.get_by_role("button", name="Measure on this machine")
    page.wait_for_function(
        "() => [...document.querySelectorAll('button')].some(b => b.innerText.includes('Measure on') && !b.disabled)",
        timeout=LOADED,
    )
    page.get_by_role("radio", name="1 and 32").click()
    page.get_by_text("Takes about").wait_for(timeout=LOADED)
    page.wait_for_selector(SETTLED, timeout=LOADED)
    measure.click()
    page.get_by_text(re.compile(r"^Measuring .* left$")).wait_for(timeout=LOADED)  # it has the one turn

    waiting = page.context.browser.new_context().new_page()
    waiting.goto(f"{own_server.url}?photo=toucan&fit=pad")
    waiting.get_by_text(BUSY).first.wait_for(timeout=LOADED)
    page.reload()
    waiting.locator(".abn-answer").nth(2).wait_for(timeout=LOADED)
    waiting.wait_for_selector(SETTLED, timeout=LOADED)
    assert waiting.get_by_text(BUSY).count() == 0 and waiting.locator(".abn-answer").count() == 3
    waiting.context.close()

    measure.wait_for(timeout=LOADED)
    page.wait_for_selector(SETTLED, timeout=LOADED)
    assert page.get_by_text(re.compile("^Measuring")).count() == 0 and measure.is_enabled()


def test_a_killed_server_is_told_of_and_the_page_comes_back_whole(page, own_server):
    page.goto(f"{own_server.url}Ablation?photo=toucan")
    go = page.get_by_role("button", name="Go through them")
    go.click(timeout=LOADED)
    page.get_by_text(re.compile(r"^Picture \d+ of \d+$")).wait_for(timeout=LOADED)
    own_server.kill()
    page.get_by_text(AWAY).wait_for(timeout=LOADED)
    own_server.start()
    go.wait_for(timeout=LOADED)  # by itself: nothing half-way is shown, and it can be begun again
    page.wait_for_selector(SETTLED, timeout=LOADED)
    assert page.get_by_text(AWAY).count() == 0 and "photo=toucan" in page.url
    assert page.get_by_text(re.compile(r"^Picture \d+ of|^Stopped")).count() == 0
    assert page.get_by_test_id("stException").count() == 0
    go.click()
    page.get_by_text(re.compile(r"^Picture \d+ of \d+$")).wait_for(timeout=LOADED)


@pytest.mark.parametrize("name", ["", "Inside", "Ablation", "Intervene", "Measure"])
def test_settings_in_a_popover_that_is_opened_late_have_their_defaults(page, server, name):
    page.goto(f"{server}{name}")
    _press(page, "squash", "?fit=squash")
    page.get_by_role("button", name="View").click()
    _press(page, "min–max per map", "?fit=squash&scale=min%E2%80%93max+per+map")
    assert page.get_by_role("slider", name="Opacity of the map").input_value() == "55"
    for setting in ("inferno", "smooth"):
        assert page.get_by_role("radio", name=setting, exact=True).is_checked()
    assert page.get_by_test_id("stException").count() == 0


def test_settings_of_the_address_last_until_their_popover_is_opened(page, server):
    page.goto(f"{server}Inside?opacity=30&colors=viridis")
    _press(page, "squash", "?opacity=30&colors=viridis&fit=squash")
    page.get_by_role("button", name="View").click()
    _press(page, "raw grid", "?opacity=30&colors=viridis&fit=squash&cells=raw+grid")
    assert page.get_by_role("slider", name="Opacity of the map").input_value() == "30"
    assert page.get_by_role("radio", name="viridis").is_checked()


def test_a_variant_is_selected_on_every_page_that_shows_one_at_a_time(page, server):
    open_page(page, server, live=False)
    for name in ("Inside", "Ablation", "Intervene"):
        page.get_by_role("link", name=name).click()
        page.get_by_text("ABN Explorer · " + name).wait_for(timeout=LOADED)
        _wait(page)
        options = page.get_by_role("radiogroup", name="Variant").get_by_role("radio")
        assert [option.is_checked() for option in options.all()] == [True, False, False], name
        assert "None" not in page.url


def _press(page, option: str, query: str) -> None:
    page.get_by_role("radio", name=option).click(timeout=LOADED)
    page.wait_for_url(re.compile(re.escape(query) + "$"), timeout=LOADED)
    _wait(page)


def _wait(page) -> None:
    page.wait_for_timeout(300)  # a press has been sent
    page.wait_for_selector(SETTLED, timeout=LOADED)
