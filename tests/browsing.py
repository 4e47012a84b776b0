"""A real browser for the tests: how it is started, when a page has settled, and its widgets by their keys."""

import re
from collections.abc import Callable

SETTLED = "[data-testid='stApp'][data-test-connection-state='CONNECTED'][data-test-script-state='notRunning']"
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --use-fake-device-for-media-stream --use-fake-ui-for-media-stream"
).split()
LOADED = 120_000  # milliseconds in which anything must be there, on a busy machine
WIDE = {"viewport": {"width": 1440, "height": 900}, "color_scheme": "light"}
NARROW = {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"}
COLUMNS = ".abn-prediction"  # the predictions of one variant
MAP, DRAWN = ".frame canvas", "canvas[data-drawn]"

COUNT_MESSAGES = """
window.messagesSent = 0
window.answered = false // since the last message was sent
const { send } = WebSocket.prototype
const heard = new WeakSet()
WebSocket.prototype.send = function (...message) {
  if (!heard.has(this)) {
    heard.add(this)
    this.addEventListener("message", () => {
      window.answered = true
    })
  }
  window.messagesSent += 1
  window.answered = false
  return send.apply(this, message)
}
"""


def open_context(browser, **options):
    """A fresh browser profile, wide and light by default; its pages count what they send to the server."""
    context = browser.new_context(**{**WIDE, **options})
    context.add_init_script(COUNT_MESSAGES)
    return context


def settle(page) -> None:
    """Wait until the page is connected, its script has ended, and its fonts are there, which change widths."""
    page.wait_for_selector(SETTLED, timeout=LOADED)
    page.evaluate("document.fonts.ready.then(() => null)")


def rerun(page, press: Callable[[], object]) -> None:
    """Do what makes the page's script run, and wait until it has run. For what is sent with a delay, as by sliders."""
    before = page.evaluate("messagesSent")
    press()
    page.wait_for_function("before => messagesSent > before && answered", arg=before, timeout=LOADED)
    settle(page)


def open_page(page, url: str) -> None:
    """Open Compare, and wait until its predictions and its maps are there."""
    page.goto(url)
    page.wait_for_selector(COLUMNS, timeout=LOADED)
    page.locator(DRAWN).first.wait_for(timeout=LOADED)
    settle(page)


def open_loaded(page, url: str) -> None:
    """Open any page, and wait until it has settled."""
    page.goto(url)
    widget(page, "frame").wait_for(timeout=LOADED)
    settle(page)


def look_at(page, name: str, value: str):
    """One of the radio buttons under "View", which is open."""
    return page.locator(f"input[name={name}][value='{value}']")


def widget(page, key: str):
    """The widget or container of a key."""
    return page.locator(f".st-key-{re.sub('[^a-zA-Z0-9_-]', '-', key)}")


def button(page, key: str):
    """The button of a key, or that of the popover of a key."""
    return widget(page, key).get_by_role("button").first


def option(page, key: str, value: str):
    """One option of the segmented control of a key."""
    return widget(page, key).get_by_role("radio", name=value, exact=True)


def fit_option(page, value: str):
    """One of the options under "Fit", which is opened."""
    if not option(page, "fit", value).is_visible():
        button(page, "fit-popover").click(timeout=LOADED)
    return option(page, "fit", value)


def go_to(page, path: str, patience: int = 30_000) -> None:
    """Go to a page by the navigation: by the menu of its group, or by the one menu of a phone. `patience` (ms) is for
    each of both presses."""
    from abn.ui.layout import GROUPS, PAGES  # which tests without a browser have no use for

    heading = next(heading for heading, group in GROUPS.items() if path in group)
    menu = page.get_by_test_id("stTopNavSection").filter(has_text=heading)
    if menu.is_visible():
        page.mouse.move(1, 300)  # a tooltip under the mouse may lie over the menu
        menu.click(timeout=patience)
        link = page.get_by_test_id("stTopNavDropdownLink")
    else:
        page.get_by_test_id("stExpandSidebarButton").click(timeout=patience)
        link = page.get_by_test_id("stSidebarNavLink")
    link.filter(has=page.get_by_text(PAGES[path][0], exact=True)).click(timeout=patience)


def wait_for_columns(page, count: int) -> None:
    """Wait until so many variants show their predictions."""
    page.wait_for_function(
        "([columns, n]) => document.querySelectorAll(columns).length === n", arg=[COLUMNS, count], timeout=LOADED
    )
    settle(page)


def predictions(page) -> list[tuple[str, str]]:
    """Of each variant the label that the auxiliary and that the perception head predicts."""
    return _terms(page, "dd[title]")


def probabilities(page) -> list[tuple[str, str]]:
    """Of each variant the probability of both heads' predictions, as a person reads it."""
    return _terms(page, "dd:not([title])")


def _terms(page, selector: str) -> list[tuple[str, str]]:
    rows = page.eval_on_selector_all(
        COLUMNS,
        "(lists, selector) => lists.map(list => [...list.querySelectorAll(selector)].map(term => term.textContent))",
        selector,
    )
    return [tuple(row) for row in rows]


def readings(page) -> list[list[float]]:
    """The numbers below each map on the page, where the pointer is over a cell: its row, its column and its value."""
    texts = page.locator(".said").all_inner_texts()
    return [[float(number.replace("−", "-")) for number in re.findall(r"−?\d+(?:\.\d+)?", text)] for text in texts]
