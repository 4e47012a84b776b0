"""A monkey presses whatever a page offers, in an order that a seed decides, and checks the app after each press.

It fails on an error box, an exception in the server's log or in the browser, `None` or an unknown value in the address,
a selection that vanished, and a page that never settles.
"""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

from browsing import LOADED, SETTLED, go_to
from playwright.sync_api import Error, Page

from abn.evaluation import deletion_insertion
from abn.explanations.stages import STAGES
from abn.images import samples
from abn.images.fit import FITS
from abn.plots.color_maps import COLOR_MAPS
from abn.plots.overlay import MARKS
from abn.teaching import exercises, lessons
from abn.ui.ablation import words as ablation_words
from abn.ui.compare import words as compare_words
from abn.ui.controls import selection
from abn.ui.controls.view_settings import CELLS, SCALES
from abn.ui.intervene import words as intervene_words
from abn.ui.layout import PAGES
from abn.ui.measure import deletion_insertion_panel, randomization_panel
from abn.variants.store import list_variants
from abn.vocabulary import MECHANISMS

WIDTHS = (390, 1024, 1440)
PATHS = {title: "" if path == "app.py" else Path(path).stem for path, (title, _) in PAGES.items()}
WITH_CHOICES = ("Compare", "Camera", "Inside", "Ablation", "Intervene", "Teach the map", "Measure")
HARMLESS = ("page", "menu", "popover", "expander")  # kinds of presses that change no choice
QUICK = 3_000  # milliseconds; what runs longer may be a job, and pressing on is fair
WRONG = ("None", "", "0", "-1", "nan", "1e9", "crop,", "🐒", "additive", "<b>")  # values that a typed address may have

COLLECT = """
() => {
  const kinds = [  // the first that an element matches is its kind
    ["", "[data-testid=stTooltipHoverTarget], button[aria-label^=Help], [data-testid=stMainMenuButton]"],
    ["page", "a[data-testid^=stPageLink], a[data-testid=stTopNavDropdownLink], a[data-testid=stSidebarNavLink]"],
    ["menu", "[data-testid=stTopNavSection], [data-testid=stExpandSidebarButton]"],
    ["", "[data-testid=stStatusWidget] *, [data-testid=stHeader] *"],
    ["", "[data-testid=stFileUploader] *, [data-testid=stCameraInput] *, [data-testid=stDownloadButton] *"],
    ["", "[data-testid=stHeaderActionElements] *, [data-testid=stElementToolbar] *, [data-testid=stSkipToContent]"],
    ["link", "a[href]"],
    ["option", "[role=radio], [data-testid=stRadioOption]"],
    ["tab", "[role=tab]"],
    ["switch", "[data-testid=stCheckbox] label:has(input)"],
    ["look", "fieldset[data-name] input, .range input"],
    ["slider", "input[type=range]"],
    ["popover", "[data-testid=stPopoverButton]"],
    ["expander", "summary"],
    ["list", "[data-testid=stSelectbox] input"],
    ["tags", "[data-testid=stMultiSelect] input"],
    ["untag", "[data-testid=stMultiSelect] button"],
    ["", "[data-testid=stSelectbox] button"],
    ["number", "input[type=number]"],
    ["canvas", ".board canvas"],
    ["map", ".view"],
    ["thumbnail", ".strip button"],
    ["stage", "[data-stage], [data-mechanism]"],
    ["button", "button"],
  ]
  const found = []
  const seen = element => {
    const box = element.getBoundingClientRect()
    const input = element.matches("label") ? element.querySelector("input") : element
    const [x, y] = [box.left + box.width / 2, box.top + box.height / 2]
    const above = element.getRootNode().elementFromPoint(x, y)  // nothing, where it must be scrolled to
    const free = !above || element.contains(above) || element.closest("label")?.contains(above)
    return box.width > 4 && box.height > 4 && x > 0 && x < innerWidth && !input?.disabled &&
      input?.ariaDisabled !== "true" && element.checkVisibility({ visibilityProperty: true }) && free
  }
  const walk = root => {
    for (const element of root.querySelectorAll("*")) {
      if (element.shadowRoot) walk(element.shadowRoot)
      const kind = kinds.find(([, selector]) => element.matches(selector))?.[0]
      if (!kind || !seen(element)) continue
      const text = element.ariaLabel || element.innerText || element.title || element.dataset.stage || element.alt
      found.push([kind, (text || "").trim().split("\\n").filter(line => line && !/^[a-z_]+$/.test(line))[0] ||
                        (text || "").trim().split("\\n").pop(), element])
    }
  }
  walk(document)
  return found
}
"""

LOOK = """
() => {
  const shown = selector => [...document.querySelectorAll(selector)].filter(element => element.checkVisibility())
  const groups = shown("[data-testid=stButtonGroup] [role=radiogroup], [data-testid=stButtonGroup][role=radiogroup]")
  const checked = group => [...group.querySelectorAll("[role=radio]")].filter(radio => radio.ariaChecked === "true")
  return {
    errors: [...shown("[data-testid=stException], [data-testid=stConnectionStatus]"),
             ...shown("[data-testid=stDialog]").filter(dialog => !dialog.querySelector(".teach-code"))]
      .map(element => element.innerText),
    unset: groups.filter(group => checked(group).length !== 1).map(group => group.ariaLabel || group.innerText),
    title: document.querySelector("h1")?.innerText.trim() ?? "",
  }
}
"""
BUSY = ", ".join(
    f"[data-testid=stMain] {sign}"
    for sign in ("[data-testid=stSpinner]", "button:has-text('Stop')", ":text('Measuring')")
)


def _whole(least: int, most: int, step: int = 1) -> Callable[[str], bool]:
    return lambda text: text.isascii() and text.isdigit() and int(text) in range(least, most + 1, step)


def _number(least: float, most: float) -> Callable[[str], bool]:
    return lambda text: bool(re.fullmatch(r"\d(\.\d)?", text)) and least <= float(text) <= most


def _among(*legal: object) -> Callable[[str], bool]:
    return {str(value) for value in legal}.__contains__


def _variants(text: str) -> bool:
    named = text.split(",")
    return (
        set(named) <= {card.id for card in list_variants()} and len(set(named)) == len(named) <= selection.MAX_VARIANTS
    )


_FRAME = {"hide": _among("controls"), "present": _among("1")}
_VIEW = {  # what the address may hold: a name → whether a value is legal
    "variants": _variants,
    "opacity": _whole(0, 100, 5),
    "colors": _among(*COLOR_MAPS),
    "scale": _among(*SCALES),
    "cells": _among(*CELLS),
    "top": _whole(0, 50, 5),
    "mark": _among(*MARKS),
}
_SHARED = _FRAME | _VIEW | {"photo": lambda text: text in samples.gallery(), "fit": _among(*FITS)}
_MECHANISM = {"mechanism": _among(*selection.MECHANISMS), "same_weights": _among("true")}
_VARIANT = {"variant": _variants}
LEGAL = {
    "Compare": _SHARED | _MECHANISM | {"compare_tab": _among(*compare_words.TABS)},
    "Camera": _FRAME | _VIEW | _VARIANT,
    "Inside": _SHARED
    | _VARIANT
    | {
        "stage": _among(*STAGES),
        "cell": re.compile(r"\d{1,2},\d{1,2}").fullmatch,
        "applied": _among(*MECHANISMS),
        "channel": _whole(1, 2048),
        "class": _whole(1, 1000),
        "moment": _whole(0, 10**6),
    },
    "Ablation": _SHARED
    | _VARIANT
    | {"alpha": _number(0, 2), "gamma": _number(0, 3), "ablation_tab": _among(*ablation_words.TABS)},
    "Intervene": _SHARED | _VARIANT | {"intervene_tab": _among(*intervene_words.TABS)},
    "Teach the map": _SHARED | _VARIANT,
    "Measure": _SHARED
    | _VARIANT
    | {
        "paint": _among(*deletion_insertion.BASELINES),
        "steps": _among(*deletion_insertion_panel.STEPS),
        "randoms": _among(*deletion_insertion_panel.RANDOM_ORDERS),
        "darkest": _among("true"),
        "forget_seeds": _among(*randomization_panel.SEEDS),
    },
    "Study": _FRAME  # metrics of open questions
    | {
        "bright": _among("insertion"),
        "object": _among("ROC-AUC", "energy ÷ area"),
        "cam": _among("ROC-AUC", "energy ÷ area"),
    },
    "Learn": {"step": _whole(1, lessons.CLOSE), **_FRAME},
    "Exercises": {"set": _whole(exercises.SETS[0], exercises.SETS[-1]), **_FRAME},
    "For teachers": _FRAME,
    "Live class": _FRAME
    | {
        "room": re.compile(r"[A-Z0-9]{5}").fullmatch,
        "key": re.compile(r"[\w-]{16,40}").fullmatch,
        "view": _among("projector"),
    },
    "Bring your own": _FRAME,
}


def _legal(title: str, name: str, text: str) -> bool:
    """Whether a page may have this in its address: a legal value, or one of another page that the page ignores, as
    Streamlit changes the query before the path."""
    known = [LEGAL[title]] if name in LEGAL[title] else list(LEGAL.values())
    return any(name in names and names[name](text) for names in known)


@dataclass
class Monkey:
    """One walk through the app in one browser page; `presses` is what has been pressed so far, to be read."""

    page: Page
    server: str
    log: Path
    seed: int
    presses: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._script_errors: list[str] = []
        self._read = self.log.stat().st_size
        self._choices: dict[str, str | None] = {}  # the shared ones as the address had them last, as far as known
        self.page.on("pageerror", lambda error: self._script_errors.append(str(error)))
        self.page.on("dialog", lambda dialog: dialog.accept() if dialog.type == "beforeunload" else dialog.dismiss())

    def walk(self, count: int) -> None:
        """Press `count` times, on each page about equally often. Raises AssertionError with the way that led there."""
        titles = self._random.sample(sorted(PATHS), len(PATHS))
        try:
            self._go(titles[0])
            for number in range(1, count):
                part, first = divmod(number * len(titles), count)
                if first < len(titles):
                    self._go_on(titles[part])
                else:
                    self._press()
            self._stop()
        except AssertionError as error:
            way = "\n".join(f"{number:4}. {press}" for number, press in enumerate(self.presses, 1))
            again = f"ABN_MONKEY={self.seed} python -m pytest -m 'slow or nightly' tests/browser/test_monkey.py"
            raise AssertionError(f"{error}\n\nSeed {self.seed}; to go this way again: {again}\n{way}") from None

    # ---- one press ----

    def _press(self) -> None:
        if self._random.random() < 0.15:
            press = self._random.choice((self._back, self._forward, self._reload, self._resize, self._mistype))
            press()
            return
        found = self.page.evaluate_handle(COLLECT)
        names = found.evaluate("found => found.map(([kind, label]) => [kind, label])")
        places = sorted((kind, label, i) for i, (kind, label) in enumerate(names) if self._may(kind, label))
        if not places:
            self._go(self._random.choice(sorted(PATHS)))
            return
        kind = self._random.choice(sorted({kind for kind, _, _ in places}))
        _, label, place = self._random.choice([one for one in places if one[0] == kind])
        element = found.evaluate_handle("(found, i) => found[i][2]", place).as_element()
        self._do(f"{kind} {label!r}", lambda: self._use(kind, element), keeps=kind in HARMLESS)

    @staticmethod
    def _may(kind: str, label: str) -> bool:
        return label not in (
            "Use the camera",
            "Start the camera",
        )  # the rest that opens a dialog of the system is left out above

    def _use(self, kind: str, element) -> None:
        choose, keys = self._random, self.page.keyboard
        box_x, box_y = choose.random(), choose.random()
        if kind == "link":
            address = element.evaluate("link => link.href")
            if address.startswith(self.server):
                self.page.goto(address)
                self._choices.clear()
        elif kind == "slider" or (kind == "look" and element.get_attribute("type") == "range"):
            element.focus()
            keys.press(choose.choice(("ArrowLeft", "ArrowRight", "Home", "End", "PageUp", "PageDown")))
        elif kind in ("list", "tags"):
            element.click(timeout=2_000)
            options = self.page.get_by_role("option")
            options.first.wait_for(timeout=2_000)
            options.nth(choose.randrange(options.count())).click(timeout=2_000)
            keys.press("Escape")
        elif kind == "number":
            element.fill(choose.choice(("", "0", "1", "7", "99", "100000")), timeout=2_000)
            keys.press("Enter")
        elif kind in ("canvas", "map"):
            element.scroll_into_view_if_needed(timeout=2_000)
            box = element.bounding_box() or {"x": 0, "y": 0, "width": 0, "height": 0}
            self.page.mouse.move(box["x"] + box_x * box["width"], box["y"] + box_y * box["height"])
            self.page.mouse.down()
            if kind == "canvas":
                self.page.mouse.move(box["x"] + box_y * box["width"], box["y"] + box_x * box["height"])
            self.page.mouse.up()
        else:
            element.click(timeout=2_000, click_count=choose.choice((1, 1, 1, 2)))
            self.page.wait_for_timeout(100)
            self.page.evaluate("document.fullscreenElement && document.exitFullscreen()")
        if kind == "look":
            self.page.wait_for_timeout(500)  # the server hears of it when nothing has changed for a moment

    def _go(self, title: str) -> None:
        def open_page() -> None:
            self.page.goto(f"{self.server}{PATHS[title]}")
            self._choices.clear()

        self._do(f"address of {title}", open_page)

    def _go_on(self, title: str) -> None:
        """To a page by the navigation, as people go. Without controls it has no Teach; a projector has none."""
        (path,) = (path for path, (name, _) in PAGES.items() if name == title)
        if "present=1" in self.page.url or (title == "For teachers" and "hide=controls" in self.page.url):
            self._go(title)
        else:
            self._do(f"page {title!r}", lambda: go_to(self.page, path, patience=5_000), keeps=True)

    def _back(self) -> None:
        def back() -> None:
            self.page.go_back()
            if not self.page.url.startswith(self.server):  # where the browser began
                self.page.go_forward()

        self._do("back", back, follows=True)

    def _forward(self) -> None:
        self._do("forward", lambda: self.page.go_forward() and None, follows=True)

    def _reload(self) -> None:
        self._choices.clear()
        self._do("reload", lambda: self.page.reload() and None, keeps=True)

    def _resize(self) -> None:
        width = self._random.choice(WIDTHS)
        self._do(f"width {width}", lambda: self.page.set_viewport_size({"width": width, "height": 900}), keeps=True)

    def _mistype(self) -> None:
        """Open the same page by an address whose values a person has typed wrongly."""
        title = self._random.choice(sorted(PATHS))
        legal = sorted(_FRAME if title == "Study" else LEGAL[title])  # of closed questions nothing is read
        names = self._random.sample(legal, self._random.randint(1, len(legal)))
        query = urlencode({name: self._random.choice(WRONG) for name in names})

        def open_page() -> None:
            self.page.goto(f"{self.server}{PATHS[title]}?{query}")
            self._choices.clear()

        self._do(f"address {PATHS[title]}?{query}", open_page, follows=True)

    # ---- what must hold after it ----

    def _do(self, name: str, press: Callable[[], None], *, keeps: bool = False, follows: bool = False) -> None:
        """Press and check. `keeps`: no shared choice may change by it; `follows`: any may; else one at most."""
        where = f"{self.page.viewport_size['width']} px, {urlsplit(self.page.url).path or '/'}"
        self.presses.append(f"{where}: {name}")
        try:
            press()
        except Error as error:  # it has gone meanwhile, or lies below another thing
            self.presses[-1] += f" ({str(error).splitlines()[0]})"
            self.page.keyboard.press("Escape")
        settled = self._settle()
        self._check(settled, 0 if keeps else len(_SHARED) if follows else 1)

    def _settle(self) -> bool:
        """Wait until the page has settled (True), or until it shows that it does what takes long (False)."""
        self.page.wait_for_timeout(120)  # what was pressed has been sent
        for _ in range(LOADED // QUICK):
            try:
                self.page.wait_for_selector(SETTLED, timeout=QUICK)
                return True
            except Error:
                if self.page.locator(BUSY).filter(visible=True).count():
                    return False
        raise AssertionError(f"The page never settles: {self.page.url}")

    def _check(self, settled: bool, may_change: int) -> None:
        with self.log.open("rb") as log:
            log.seek(self._read)
            written = log.read().decode(errors="replace")
        self._read += len(written.encode())
        plain = re.sub(r"\x1b\[[\d;]*m", "", written)
        assert not re.search(r"Traceback|Exception|Error\b", plain), f"The server's log:\n{plain}"
        assert not self._script_errors, f"An error in the browser: {self._script_errors}"
        for patience in (True, True, True, True, False):  # the browser changes the address after the page
            seen = self.page.evaluate(LOOK)
            assert not seen["errors"], f"An error box: {seen['errors']}"
            if not settled:
                self._choices.clear()  # the address may hold what was pressed, or not yet
                return
            trouble = self._trouble(seen, may_change)
            if not trouble:
                return
            self.page.wait_for_timeout(700)
            settled = self._settle()
            assert patience, trouble

    def _trouble(self, seen: dict, may_change: int) -> str:
        """What is wrong with a page that has settled, in its selections and its address; nothing if all is well."""
        if seen["unset"]:
            return f"Nothing is selected of: {seen['unset']}"
        title = seen["title"]
        if title not in LEGAL:
            return f"No page has the title {seen['title']!r}"
        held = dict(parse_qsl(urlsplit(self.page.url).query, keep_blank_values=True))
        unknown = {name: text for name, text in held.items() if not _legal(title, name, text)}
        if unknown:
            return f"Unknown in the address of {title}: {unknown}"
        if title not in WITH_CHOICES:
            return ""
        shared = _VIEW if title == "Camera" else _SHARED | (_MECHANISM if title == "Compare" else {})
        choices = {name: held.get(name) for name in shared if name not in _FRAME}
        changed = {name: value for name, value in choices.items() if self._choices.get(name, value) != value}
        if len(changed) > may_change:
            return f"Choices of {title} changed that nobody changed: {changed}, before {self._choices}"
        self._choices |= choices
        return ""

    def _stop(self) -> None:
        """In the end what runs is stopped, and the page settles."""
        stop = self.page.locator("[data-testid=stMain] button:has-text('Stop')").filter(visible=True)
        if stop.count():
            self._do("stop", lambda: stop.first.click(timeout=2_000))
        self.page.wait_for_timeout(700)
        self.presses.append("(to the end)")
        try:
            self.page.wait_for_selector(SETTLED, timeout=LOADED)
        except Error:
            raise AssertionError(f"The page never settles: {self.page.url}") from None
        self._check(True, len(_SHARED))
