"""What the strip takes from the browser, an image of its own and nothing else, and what it sends there."""

import pytest
from reading import components
from streamlit.testing.v1 import AppTest

from abn.ui.components.component import Component
from abn.ui.components.strip import Thumbnail, show_strip


@pytest.fixture
def pick(monkeypatch):
    """Reports to a strip of two thumbnails what a browser sends; returns what it passes on."""

    def report(sent) -> list[str]:
        reports, picked = [], []
        monkeypatch.setattr(Component, "show", lambda self, key, data, on_report: reports.append(on_report))
        items = [Thumbnail(id, "title", "data:image/jpeg;base64,") for id in ("7", "camel")]
        show_strip(items, "7", label="", key="", on_pick=picked.append)
        reports[0](sent)
        return picked

    return report


def test_an_image_of_the_strip_is_picked(pick):
    assert pick("camel") == ["camel"]


@pytest.mark.parametrize("sent", ["zebra", "²", "", 7, ["7"], {"7": "7"}, True])
def test_anything_else_is_dropped(pick, sent):
    assert pick(sent) == []


def test_the_pixels_of_a_thumbnail_have_an_address_of_their_own():
    def script() -> None:
        from PIL import Image

        from abn.ui.components.strip import Thumbnail, make_thumbnail, show_strip

        items = [
            Thumbnail(color, color, make_thumbnail(Image.new("RGB", (300, 200), color))) for color in ("red", "tan")
        ]
        show_strip(items, "red", label="Images", key="strip", on_pick=print)

    at = AppTest.from_function(script).run()
    sources = {item["source"] for item in components(at, "abn_strip")["strip"]["items"]}
    assert len(sources) == 2 and all(source.startswith("/mock/media/") for source in sources)
