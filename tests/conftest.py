"""What several test files need."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from browsing import FLAGS, open_context

ROOT = Path(__file__).parents[1]

if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # one core for each worker


@pytest.fixture(scope="session")
def network():
    """A loader of networks in PyTorch that reads each variant's weights once for all tests."""
    from abn.variants.store import load_variant

    return _read_once(load_variant)


@pytest.fixture(scope="session")
def runner():
    """A loader of runners that reads each variant's weights once for all tests."""
    from abn.engine.loading import load_runner

    return _read_once(load_runner)


def _read_once(load_fresh):
    loaded = {}

    def load(card):
        try:
            key = hashlib.sha256(card.weights.read_bytes()).hexdigest(), card.sha256, card.mechanism
        except OSError:
            return load_fresh(card)  # which says what is wrong
        if key not in loaded:
            loaded[key] = load_fresh(card)
        return loaded[key]

    return load


@pytest.fixture(scope="session")
def saved(tmp_path_factory) -> tuple[bytes, dict]:
    """The tiny variant of tests/tampering.py as `save_variant` writes it: the weights, and the card beside them."""
    import tiny
    from tampering import NETWORK

    folder = tmp_path_factory.mktemp("saved")
    card = tiny.variant(folder, "mine", NETWORK)
    return card.weights.read_bytes(), json.loads((folder / "mine.json").read_text())


@pytest.fixture(autouse=True)
def routed(monkeypatch) -> None:
    """AppTest runs a page by itself where there is a folder `pages`; here app.py, which routes, as on a server."""
    from streamlit.runtime.pages_manager import PagesManager
    from streamlit.testing.v1 import app_test

    class Routed(PagesManager):
        def __init__(self, *given, **options):
            PagesManager.uses_pages_directory = False
            super().__init__(*given, **options)

    monkeypatch.setattr(app_test, "PagesManager", Routed)


@pytest.fixture
def clean_caches() -> Iterator[None]:
    """Streamlit's caches outlive an AppTest: empty before and after."""
    import streamlit as st

    st.cache_data.clear()
    st.cache_resource.clear()
    yield
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture
def ready(clean_caches, monkeypatch, runner):
    """The app under AppTest; `switch_page` goes to a page. Each variant's weights are read once for all tests."""
    from streamlit.testing.v1 import AppTest

    from abn.engine import loading

    monkeypatch.setattr(loading, "load_runner", runner)
    return AppTest.from_file(str(ROOT / "app.py"), default_timeout=180)


@pytest.fixture
def offered(monkeypatch) -> dict[str, object]:
    """What the download buttons of the last run would make, by file name."""
    import streamlit

    buttons, real = {}, streamlit.download_button

    def noted(label, data, file_name, *given, **options):
        buttons[file_name] = data
        return real(label, data, file_name, *given, **options)

    monkeypatch.setattr(streamlit, "download_button", noted)
    return buttons


# ---- a real browser ----


@pytest.fixture(scope="session")
def browser() -> Iterator:
    binary = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if binary is None:
        say = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        say("No Chromium here: `apt-get install chromium` for the browser tests.")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=binary, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def server_log(tmp_path_factory) -> Path:
    """The file that the server of the browser tests writes its log to."""
    return tmp_path_factory.mktemp("server") / "log.txt"


@pytest.fixture(scope="session")
def server(browser, server_log) -> Iterator[str]:
    from load.server import free_port, wait_until_ready

    port = free_port()
    where = [f"--server.port={port}", "--server.address=127.0.0.1"]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", *where]
    with server_log.open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_until_ready(process, port)
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="session")
def contexts(browser) -> Iterator:
    """Options → the browser context that all tests with these options share, and what its pages asked for that lies
    outside this machine and was blocked. A shared one has read the app's scripts already."""
    opened = {}

    def open_shared(options: dict) -> tuple:
        key = json.dumps(options, sort_keys=True)
        if key not in opened:
            context, blocked = open_context(browser, **options), []

            def block(route) -> None:
                blocked.append(route.request.url)
                route.abort()

            context.route(re.compile(r"^(?!http://127\.0\.0\.1:)(http|ws)"), block)
            opened[key] = context, blocked
        return opened[key]

    yield open_shared
    for context, _ in opened.values():
        context.close()


@pytest.fixture
def page(contexts, request) -> Iterator:
    """A new page, and so a new session of the app; options of its context come as an indirect parameter. Asking for
    what lies outside this machine fails the test."""
    context, blocked = contexts(getattr(request, "param", {}))
    blocked.clear()
    opened = context.new_page()
    yield opened
    if opened.url.startswith("http"):
        opened.evaluate("localStorage.clear()")  # the progress that it keeps is not the next test's
    opened.close()
    assert blocked == []
