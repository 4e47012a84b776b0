"""A real browser for the tests: how it is started, and when a page has settled."""

import re

SETTLED = "[data-testid='stApp'][data-test-connection-state='CONNECTED'][data-test-script-state='notRunning']"
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
).split()
LOADED = 120_000  # milliseconds in which the live models must have been loaded, on a busy machine


def open_page(page, url: str, *, live: bool = True) -> None:
    page.goto(url)
    page.wait_for_selector(".abn-answer", timeout=LOADED)
    if live:
        page.get_by_text(re.compile(r"\d+ ms$")).first.wait_for(timeout=LOADED)
    page.wait_for_selector(SETTLED, timeout=LOADED)
