"""The scripts of our components in a real browser, each alone on an empty page: keys, and what is left behind."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from abn.explanations.stages import STAGES
from abn.export.figures import MapStyle
from abn.plots.network_diagram import Content
from abn.ui import components
from abn.ui.components import map_view, network_path, timeline
from abn.ui.components.camera import show_camera
from abn.ui.components.component import Component
from abn.ui.components.media import encode
from abn.ui.components.painter import show_painter

pytestmark = pytest.mark.slow

MAP = np.linspace(0, 1, 9, dtype=np.float32).reshape(3, 3)
ADDRESS = "http://127.0.0.1:8999/"  # where nobody is: the tests answer
IMAGE = encode(Image.new("RGB", (16, 16), "teal"))
MOUNT = """async ([html, script, data]) => {
  const host = document.createElement("div")
  document.body.append(host)
  window.root = host.attachShadow({ mode: "open" })
  root.innerHTML = html
  const { default: run } = await import(URL.createObjectURL(new Blob([script], { type: "text/javascript" })))
  window.call = () => run({ data: [structuredClone(data)], parentElement: root, setTriggerValue: () => {} })
  window.leave = call()
  window.heard = [] // keys that the shortcuts of the page hear
  document.onkeydown = event => heard.push(event.key)
}"""


@pytest.fixture
def mount(page, monkeypatch) -> Callable[[str, Callable[[], None]], None]:
    """Draws the component of a name as a function shows it."""
    page.route(ADDRESS, lambda route: route.fulfill(body="", content_type="text/html"))
    page.goto(ADDRESS)

    def draw(name: str, show: Callable[[], None]) -> None:
        drawn = []
        monkeypatch.setattr(Component, "show", lambda self, key, data, on_report=None: drawn.append(data))
        show()
        files = [Path(components.__file__).parent / name / f"{name}.{kind}" for kind in ("html", "js")]
        page.evaluate(MOUNT, [*(file.read_text() for file in files), *drawn])

    return draw


def show_map(cover=None) -> None:
    map_view.show(IMAGE, MAP, MapStyle(), (0, 1), alt="", key="", cover=cover, follows="course")


def show_timeline() -> None:
    moments = [timeline.Moment(step, step / 2, MAP, "", str(step), "") for step in range(3)]
    controls = {"play": "Play", "stop": "Stop"}
    timeline.show(
        moments,
        1,
        "",
        name="course",
        label="",
        alt="",
        axis="",
        controls=controls,
        key="",
        on_pick=print,
    )


def show_path() -> None:
    stages = dict.fromkeys(STAGES, Content("3 × 3", words=("words",)))
    details = dict.fromkeys(STAGES, "details")
    controls = {name: name for name in ("play", "stop", "previous", "next", "screen")}
    network_path.show(
        stages,
        "additive",
        "A",
        label="",
        key="",
        on_pick=print,
        on_apply=print,
        applied="additive",
        details=details,
        controls=controls,
    )


def show_board() -> None:
    show_painter(
        MAP,
        IMAGE,
        tool="Rectangle +",
        strength=1.0,
        size=1,
        version="",
        label="",
        key="",
        on_paint=print,
        colors=["black", "white"],
        opacity=1.0,
    )


@pytest.mark.parametrize(
    ("name", "show", "element", "play"),
    [
        ("painter", show_board, "canvas", ""),
        ("timeline", show_timeline, ".axis", ".head button"),
        ("network_path", show_path, ".wide [data-stage=A]", ".wide [data-control=play]"),
        ("network_path", show_path, ".wide [data-mechanism=additive]", ".wide [data-control=play]"),
    ],
)
def test_keys_that_a_component_takes_are_no_shortcuts_of_the_projector(page, mount, name, show, element, play):
    mount(name, show)
    target = page.locator(element)
    target.press("Escape")  # nothing to stop or cancel
    assert page.evaluate("heard") == ["Escape"]
    target.press("ArrowRight")
    target.press("ArrowLeft")
    if play:
        page.locator(play).click()
    else:
        target.press("Space")  # one corner of a rectangle
    target.press("Escape")
    assert page.evaluate("heard") == ["Escape"]


# ---- the camera ----

ASK_LATER = """() => {
window.streams = []
const { mediaDevices } = navigator
const getUserMedia = mediaDevices.getUserMedia.bind(mediaDevices)
mediaDevices.getUserMedia = wanted => new Promise(resolve => {
  window.allow = async () => {
    streams.push(await getUserMedia(wanted))
    resolve(streams.at(-1))
  }
})
}"""


@pytest.fixture
def mount_camera(page, mount) -> None:
    """The camera, which the browser gives when the test says `allow()`."""
    page.evaluate(ASK_LATER)
    mount(
        "camera", lambda: show_camera(None, dict.fromkeys(("refused", "none", "insecure"), ""), key="", on_frame=print)
    )


@pytest.mark.usefixtures("mount_camera")
def test_the_camera_is_asked_for_once(page):
    start = page.get_by_role("button", name="Start the camera")
    start.click()
    assert start.is_disabled()
    page.evaluate("allow()")
    page.get_by_role("button", name="Stop the camera").click()
    assert page.evaluate("streams[0].active") is False and start.is_enabled()


@pytest.mark.usefixtures("mount_camera")
def test_a_camera_that_is_allowed_after_the_page_was_left_is_stopped(page):
    page.get_by_role("button", name="Start the camera").click()
    page.evaluate("root.host.remove(), leave(), allow()")
    page.wait_for_function("!streams[0].active", timeout=5_000)


# ---- a call that the next one overtakes: Streamlit ends it after that has begun ----


def test_a_map_follows_its_timeline_after_the_call_before_has_ended(page, mount):
    mount("map_view", show_map)
    page.evaluate("window.first = leave, window.leave = call(), first()")
    detail = {"name": "course", "values": [0.0] * 9, "alt": "another map"}
    page.evaluate("detail => window.dispatchEvent(new CustomEvent('abn-map', { detail }))", detail)
    assert page.locator("canvas").get_attribute("aria-label") == "another map"
    page.evaluate("leave()")
    page.evaluate("detail => window.dispatchEvent(new CustomEvent('abn-map', { detail }))", detail | {"alt": "late"})
    assert page.locator("canvas").get_attribute("aria-label") == "another map"


def test_a_timeline_still_tells_its_map_after_the_call_before_has_ended(page, mount):
    mount("timeline", show_timeline)
    page.evaluate("window.first = leave, window.leave = call(), first()")
    assert page.evaluate("abnFollowed.course.values.length") == MAP.size
    page.evaluate("leave()")
    assert page.evaluate("abnFollowed.course") is None


def test_a_cover_that_could_not_be_loaded_is_loaded_again(page, mount, monkeypatch):
    monkeypatch.setattr(map_view, "media_url", lambda image: f"{ADDRESS}images/{id(image)}")
    asked = []

    def answer(route) -> None:
        asked.append(route.request.url)
        good = str(id(cover)) not in asked[-1] or asked.count(asked[-1]) > 1
        route.fulfill(body=IMAGE.data, content_type=IMAGE.kind) if good else route.abort()

    cover = encode(Image.new("RGB", (16, 16), "gray"))
    page.route(f"{ADDRESS}images/*", answer)
    mount("map_view", lambda: show_map(cover=cover))
    page.wait_for_function("abnPictures.size === 0", timeout=5_000)
    page.evaluate("call()")
    page.locator("canvas[data-drawn]").wait_for(timeout=5_000)
