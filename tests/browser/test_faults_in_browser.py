"""Faults as a person meets them: a page reloaded in the middle of a long computation, and a server that is killed."""

import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator

import pytest
from browsing import LOADED, SETTLED
from conftest import ROOT

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
