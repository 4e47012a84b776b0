"""Faults in a real browser: a page reloaded during a long computation, a server that is killed, choices not kept."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import PurePath
from urllib.parse import quote_plus, urlencode

import pytest
from browsing import (
    LOADED,
    button,
    fit_option,
    go_to,
    look_at,
    open_loaded,
    open_page,
    option,
    rerun,
    settle,
    wait_for_columns,
    widget,
)
from conftest import ROOT
from load.server import free_port, wait_until_ready

from abn.plots.color_maps import DEFAULT_COLORS
from abn.ui import words as shared_words
from abn.ui.ablation import words
from abn.ui.controls.view_settings import CELLS, SCALES
from abn.ui.study import words as study_words

pytestmark = pytest.mark.slow

ONE_TURN = (
    "import os; os.cpu_count = lambda: 1; from streamlit.web.cli import main; main()"  # only one computes at once
)
BUSY = shared_words.QUEUE_MANY.partition(":")[0]
AWAY = "Streamlit server is not responding"  # Streamlit's own words
STRETCHED = next(label for label, scale in SCALES.items() if scale == "each")


class Server:
    """A server of the app that can be killed and started again at the same address."""

    def __init__(self) -> None:
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}/"

    def start(self) -> None:
        where = [f"--server.port={self._port}", "--server.address=127.0.0.1"]
        command = [sys.executable, "-c", ONE_TURN, "run", "app.py", *where]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until_ready(self._process, self._port)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture(scope="module")
def own_server(browser) -> Iterator[Server]:
    started = Server()
    started.start()
    yield started
    started.kill()


def test_a_reload_in_the_middle_gives_the_turn_to_who_waits_and_the_page_works(page, own_server):
    open_loaded(page, f"{own_server.url}Study")
    page.get_by_test_id("stExpander").filter(has_text=study_words.COST).locator("summary").click()
    measure = button(page, "measure-cost")
    rerun(page, widget(page, "cost_batches").get_by_role("radio").last.click)
    measure.click()
    page.get_by_test_id("stProgress").get_by_text(re.compile(r"\d s\b")).wait_for(timeout=LOADED)  # it has the one turn

    waiting = page.context.new_page()
    waiting.goto(f"{own_server.url}?photo=toucan&fit=pad")
    waiting.get_by_text(BUSY).first.wait_for(timeout=LOADED)
    page.reload()
    wait_for_columns(waiting, 3)
    assert waiting.get_by_text(BUSY).count() == 0
    waiting.close()

    settle(page)
    page.get_by_test_id("stExpander").filter(has_text=study_words.COST).locator("summary").click()
    measure.wait_for(timeout=LOADED)
    assert page.get_by_test_id("stProgress").count() == 0 and measure.is_enabled()


def test_a_killed_server_is_told_of_and_the_page_comes_back_whole(page, own_server):
    page.goto(f"{own_server.url}Ablation?{urlencode({'photo': 'toucan', 'ablation_tab': words.BATCH})}")
    start, progress = button(page, "disagreements-job"), page.get_by_test_id("stProgress")
    start.click(timeout=LOADED)
    progress.wait_for(timeout=LOADED)
    own_server.kill()
    page.get_by_text(AWAY).wait_for(timeout=LOADED)
    own_server.start()
    page.get_by_text(AWAY).wait_for(state="detached", timeout=LOADED)
    start.wait_for(timeout=LOADED)  # by itself: nothing half-way is shown, and it can be begun again
    settle(page)
    assert progress.count() == 0 and "photo=toucan" in page.url
    assert page.get_by_test_id("stException").count() == 0
    start.click()
    progress.wait_for(timeout=LOADED)


@pytest.mark.parametrize(
    "name",
    ["", "Measure", *(pytest.param(n, marks=pytest.mark.nightly) for n in ("Inside", "Ablation", "Intervene"))],
)
def test_settings_in_a_popover_that_is_opened_late_have_their_defaults(page, server, name):
    page.goto(f"{server}{name}")
    _press(page, "fit", "squash", "?fit=squash")
    button(page, "view-popover").click()
    _press(page, "scale", STRETCHED, f"?fit=squash&scale={quote_plus(STRETCHED)}")
    assert page.locator("input[name=opacity]").input_value() == "55"
    for key, value in (("colors", DEFAULT_COLORS), ("cells", CELLS[0])):
        assert look_at(page, key, value).is_checked()
    assert page.get_by_test_id("stException").count() == 0


def test_settings_of_the_address_last_until_their_popover_is_opened(page, server):
    page.goto(f"{server}Inside?opacity=30&colors=viridis")
    _press(page, "fit", "squash", "?opacity=30&colors=viridis&fit=squash")
    button(page, "view-popover").click()
    look_at(page, "cells", CELLS[1]).check(timeout=LOADED)
    page.wait_for_url(re.compile(re.escape(f"&cells={quote_plus(CELLS[1])}") + "$"), timeout=LOADED)
    assert page.locator("input[name=opacity]").input_value() == "30"
    assert look_at(page, "colors", "viridis").is_checked()


def test_a_variant_is_selected_on_every_page_that_shows_one_at_a_time(page, server):
    open_page(page, server)
    for path in ("pages/Inside.py", "pages/Ablation.py", "pages/Intervene.py", "pages/Teach_the_map.py"):
        go_to(page, path)
        variants = widget(page, "one_variant").get_by_role("radio")
        page.wait_for_url(re.compile(PurePath(path).stem), timeout=LOADED)
        variants.nth(2).wait_for(timeout=LOADED)
        settle(page)
        assert [variant.is_checked() for variant in variants.all()] == [True, False, False], path
        assert "None" not in page.url


def _press(page, key: str, value: str, query: str) -> None:
    shown = fit_option(page, value) if key == "fit" else option(page, key, value)
    rerun(page, lambda: shown.click(timeout=LOADED))
    page.wait_for_url(re.compile(re.escape(query) + "$"), timeout=LOADED)
    settle(page)
