"""A live class in real browsers: a teacher, a projector and three phones play two questions; and one room over two
processes, with a store that goes away."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import DRAWN, LOADED, MAP, SETTLED, button, open_context, option, rerun, settle, widget
from load.server import free_port, wait_until_ready
from redis_server import RedisServer

from abn.teaching.live_class import redis_store
from abn.ui.live_class import words

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PROJECTOR = {"viewport": {"width": 1024, "height": 768}, "color_scheme": "dark"}
PHONE = {"viewport": {"width": 390, "height": 844}, "color_scheme": "light"}
NOTHING_FADES = "document.getAnimations().every(animation => animation.playState !== 'running')"
CONTEXT = {"exclude": [["[data-testid=stSidebarNav]"]]}  # Streamlit's own
OVERFLOW = "() => document.querySelector('[data-testid=stMain]').scrollHeight - innerHeight"


@pytest.fixture
def person(browser):
    """A page of a browser of its own, by its options."""
    contexts = []

    def open_browser(**options):
        contexts.append(open_context(browser, **options))
        return contexts[-1].new_page()

    yield open_browser
    for context in contexts:
        context.close()


def start_class(page, server: str) -> tuple[str, str]:
    """Start a live class with a set of questions; returns the addresses of students and of the teacher."""
    page.goto(f"{server}For_teachers")
    option(page, "teach-section", "Live class").click(timeout=LOADED)
    button(page, "room-start").click(timeout=LOADED)
    button(page, "room-add-set").click(timeout=LOADED)
    widget(page, "room-list").locator("p").first.wait_for(timeout=LOADED)
    settle(page)
    return page.url.split("&key")[0], page.url


def join(page, address: str, nickname: str = "") -> None:
    page.goto(address)
    widget(page, "room-nickname").locator("input").fill(nickname, timeout=LOADED)
    button(page, "room-join-button").click()
    page.get_by_text(words.LOBBY).wait_for(timeout=LOADED)


def assert_accessible(*pages) -> None:
    """axe finds nothing serious: contrast, names, touch targets."""
    for page in pages:
        settle(page)
        page.wait_for_function(NOTHING_FADES, timeout=LOADED)
        found = Axe().run(page, context=CONTEXT).response["violations"]
        serious = [violation for violation in found if violation["impact"] in ("serious", "critical")]
        assert not serious, [(violation["id"], violation["nodes"][0]["html"][:200]) for violation in serious]


def wait_for_text(page, text: str) -> None:
    page.get_by_text(text).first.wait_for(timeout=LOADED)


def test_a_class_plays_two_questions(person, server):
    teacher = person()
    address, control = start_class(teacher, server)
    projector = person(**PROJECTOR)
    projector.goto(f"{control}&view=projector")
    phones = [person(**PHONE) for _ in range(3)]
    for number, phone in enumerate(phones):
        join(phone, address, "<b>Ann</b>" if number == 0 else "")
    wait_for_text(projector, "students are here")
    button(teacher, "room-next").click()
    for number, phone in enumerate(phones):
        phone.locator(DRAWN).wait_for(timeout=LOADED)
        phone.locator(MAP).click(position={"x": 100 + 40 * number, "y": 150})
        wait_for_text(phone, words.COUNTED)
    for page in (teacher, projector):
        wait_for_text(widget(page, "room-counter"), "have predicted")
        widget(page, "room-counter").get_by_text("3 of 3").wait_for(timeout=LOADED)
    assert_accessible(teacher, projector, phones[0])
    phones[1].reload()  # stays who they were
    wait_for_text(phones[1], words.COUNTED)
    button(projector, "view_after").click()
    for phone in phones:
        wait_for_text(phone, "points")
        phone.locator(DRAWN).nth(1).wait_for(timeout=LOADED)
        assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    projector.locator(DRAWN).nth(1).wait_for(timeout=LOADED)
    assert projector.evaluate(OVERFLOW) <= 0
    assert_accessible(teacher, projector, phones[0])
    button(projector, "view_after").click()
    for phone in phones:
        choice = button(phone, "room-option-2-1")
        choice.wait_for(timeout=LOADED)
        settle(phone)
        assert choice.bounding_box()["height"] >= 44
        assert_accessible(phone)
        choice.click()
        wait_for_text(phone, words.COUNTED)
    teacher.reload()  # keeps control
    button(teacher, "room-reveal").click(timeout=LOADED)
    for page in phones:
        wait_for_text(page, "Your points")
    projector.locator(".room-bars").wait_for(timeout=LOADED)
    assert projector.evaluate(OVERFLOW) <= 0
    size = "bars => parseFloat(getComputedStyle(bars).fontSize)"
    assert projector.locator(".room-bars li").first.evaluate(size) >= 26
    projector.keyboard.press("PageDown")
    projector.get_by_text("3", exact=True).first.wait_for(timeout=LOADED)


def test_the_projectors_window_has_the_button_and_no_key_in_its_address(person, server):
    teacher, elsewhere = person(), person(**PROJECTOR)
    address, control = start_class(teacher, server)
    projector = teacher.context.new_page()
    for page, opened in ((projector, address), (elsewhere, control)):
        page.goto(f"{opened}&view=projector")
        for _ in range(2):
            button(page, "view_after").wait_for(timeout=LOADED)
            settle(page)
            assert "key" not in page.url
            page.reload()
    projector.set_viewport_size({"width": 1280, "height": 720})
    for place in ("1", "1", "2", "2", "3", "3"):  # each is shown, then revealed
        rerun(projector, button(projector, "view_after").click)
        projector.locator(".room-heading span").get_by_text(place, exact=True).wait_for(timeout=LOADED)
        settle(projector)
    projector.locator(".room-bars").wait_for(timeout=LOADED)
    lowest, foot = projector.locator(".room-bars").bounding_box(), widget(projector, "room-foot").bounding_box()
    assert lowest["y"] + lowest["height"] <= foot["y"]


def serve(port: int, store: str, log: Path) -> subprocess.Popen:
    where = [f"--server.port={port}", "--server.address=127.0.0.1"]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", *where]
    environment = os.environ | {"ABN_ROOMS": store}
    with log.open("wb") as file:
        return subprocess.Popen(command, cwd=ROOT, env=environment, stdout=file, stderr=subprocess.STDOUT)


def test_one_room_over_two_processes_with_a_store_that_goes_away(person, tmp_path):
    store = RedisServer(tmp_path)
    ports = free_port(), free_port()
    servers = [serve(port, store.address, tmp_path / f"{port}.txt") for port in ports]
    try:
        for server, port in zip(servers, ports, strict=True):
            wait_until_ready(server, port)
        first, second = (f"http://127.0.0.1:{port}/" for port in ports)
        teacher, phone = person(), person(**PHONE)
        address, _ = start_class(teacher, first)
        join(phone, address.replace(first, second))
        button(teacher, "room-next").click()
        phone.locator(DRAWN).wait_for(timeout=LOADED)
        phone.locator(MAP).click(position={"x": 100, "y": 150})
        wait_for_text(phone, words.COUNTED)
        widget(teacher, "room-counter").get_by_text("1 of 1").wait_for(timeout=LOADED)
        store.stop()
        for page in (teacher, phone):
            wait_for_text(page, redis_store.AWAY)
        store.start()
        wait_for_text(phone, words.COUNTED)
        button(teacher, "room-reveal").click(timeout=LOADED)
        wait_for_text(phone, "points")
        phone.wait_for_selector(SETTLED, timeout=LOADED)
        for port in ports:
            assert "Traceback" not in (tmp_path / f"{port}.txt").read_text(errors="replace")
    finally:
        for server in servers:
            server.terminate()
            server.wait(20)
        store.stop()


@pytest.mark.nightly
def test_a_class_of_twenty_plays_a_whole_set(person, server):
    teacher = person()
    address, control = start_class(teacher, server)
    projector = person(**PROJECTOR)
    projector.goto(f"{control}&view=projector")
    phones = [person(**PHONE) for _ in range(20)]
    for phone in phones:
        join(phone, address)
    count = 8
    for number in range(1, count + 1):
        button(projector, "view_after").click(timeout=LOADED)
        for place, phone in enumerate(phones):
            phone.get_by_text(words.QUESTION_OF.format(number=number, count=count)).wait_for(timeout=LOADED)
            settle(phone)
            if widget(phone, f"room-option-{number}-0").count():
                button(phone, f"room-option-{number}-{place % 2}").click()
            else:
                phone.locator(DRAWN).wait_for(timeout=LOADED)
                phone.locator(MAP).click(position={"x": 60 + 12 * place, "y": 150})
            wait_for_text(phone, words.COUNTED)
        counted = words.COUNTER.format(answered=20, students=20)
        widget(projector, "room-counter").get_by_text(counted).wait_for(timeout=LOADED)
        button(projector, "view_after").click()
        for phone in phones:
            phone.get_by_text(re.compile(rf"of {number}$")).first.wait_for(timeout=LOADED)
        assert projector.evaluate(OVERFLOW) <= 0, number
    button(projector, "view_after").click(timeout=LOADED)
    for phone in phones:
        wait_for_text(phone, words.OVER)
