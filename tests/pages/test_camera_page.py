"""Camera: a frame is explained and let go of; a frozen one stays; whatever else the browser sends is ignored."""

import base64
import io

import pytest
from reading import components, keys

from abn import explain, open_picture
from abn.images import samples
from abn.ui.camera import camera_panel
from abn.ui.components.camera import MAX_BYTES, Frame, read_frame
from abn.ui.controls.selection import default_variants
from abn.ui.state import state
from abn.variants.store import list_variants

PHOTO = next(iter(samples.gallery().values()))


def jpeg(side: int = 256) -> bytes:
    image, file = open_picture(PHOTO.path.read_bytes()).image.resize((side, side)), io.BytesIO()
    image.save(file, "jpeg")
    return file.getvalue()


def sent(kind: str = "frame", data: bytes | None = None, **changes) -> dict:
    text = base64.b64encode(jpeg() if data is None else data).decode()
    return {"kind": kind, "number": 3, "jpeg": text, **changes}


@pytest.fixture
def live(ready, monkeypatch):
    """The page; what is put into the list arrives as frames when it runs."""
    arriving: list[Frame] = []
    real = camera_panel.show_camera

    def show_camera(result, words, *, frozen, key, on_frame):
        while arriving:
            on_frame(arriving.pop(0))
        real(state.live_result, words, key=key, on_frame=on_frame)

    monkeypatch.setattr(camera_panel, "show_camera", show_camera)
    return ready.switch_page("pages/Camera.py").run(), arriving


def test_frames_are_read_and_all_else_is_ignored():
    assert read_frame(sent()) == Frame("frame", 3, jpeg())
    assert read_frame(sent("freeze")).kind == "freeze"
    wrong = [
        None,
        7,
        [],
        {},
        sent("film"),
        sent(number="3"),
        sent(jpeg=5),
        sent(jpeg="no base64 \u00e9"),
        sent(data=bytes(MAX_BYTES["frame"] + 1)),
    ]
    assert [read_frame(value) for value in wrong] == [None] * len(wrong)


def test_the_page_shows_the_camera_and_nothing_is_explained_yet(live):
    at, _ = live
    assert not at.exception
    (data,) = components(at, "abn_camera").values()
    assert data["result"] is None and data["words"].keys() == {"intro", "refused", "none", "insecure"}


def test_a_frame_is_explained_by_the_chosen_variant_and_not_kept(live, runner):
    at, arriving = live
    arriving.append(Frame("frame", 3, jpeg()))
    at.run()
    (result,) = (data["result"] for data in components(at, "abn_camera").values())
    variant = default_variants(list_variants())[0]
    (expected,) = explain(open_picture(jpeg()), [variant], fit="squash", load=runner)
    assert result["number"] == 3 and result["values"] == pytest.approx(expected.attention.ravel().tolist(), abs=1e-4)
    firsts = [expected.top(head, 1)[0].label for head in ("auxiliary", "perception")]
    assert all(first.startswith(head["label"]) for first, head in zip(firsts, result["heads"], strict=True))
    assert not any(name in at.session_state and at.session_state[name] for name in ("uploads", "photo"))


def test_a_frozen_frame_is_the_image_of_all_pages(live):
    at, arriving = live
    arriving.append(Frame("freeze", 0, jpeg(512)))
    at.run()
    (key,) = at.session_state["uploads"]
    assert at.session_state["photo"] == key and len(at.success) == 1
    at.switch_page("app.py").run()
    assert not at.exception and components(at, "abn_strip")["strip"]["chosen"] == key


def test_a_frozen_frame_is_announced_only_while_it_is_the_chosen_image(live):
    at, arriving = live
    arriving.append(Frame("freeze", 0, jpeg(512)))
    assert len(at.run().success) == 1
    at.session_state["photo"] = PHOTO.id
    assert not at.run().success and not at.exception


def test_the_controls_that_a_link_hides_can_be_shown_again(ready):
    ready.query_params["hide"] = "controls"
    at = ready.switch_page("pages/Camera.py").run()
    assert not at.exception and not at.multiselect
    at = at.button(key="show_controls").click().run()
    assert not at.exception and at.multiselect and "show_controls" not in keys(at)


def test_a_broken_frame_is_one_sentence_and_the_next_one_is_explained(live):
    at, arriving = live
    arriving.append(Frame("frame", 1, jpeg()[:300]))
    at.run()
    (result,) = (data["result"] for data in components(at, "abn_camera").values())
    assert result["number"] == 1 and result["error"] and not at.exception
    arriving.append(Frame("frame", 2, jpeg()))
    at.run()
    (result,) = (data["result"] for data in components(at, "abn_camera").values())
    assert result["number"] == 2 and "values" in result
