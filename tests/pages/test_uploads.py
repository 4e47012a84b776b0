"""A person's own pictures through AppTest: photographs, uploads, the camera, how much a session holds."""

import weakref
from pathlib import Path
from unittest.mock import Mock

import pytest
import tiny
from reading import alts, as_shown, components, predictions, texts
from streamlit.testing.v1 import AppTest

from abn.explanations.explainer import explain
from abn.images import samples
from abn.images.decode import Picture, open_picture
from abn.ui.controls import lazy_picture, session_pictures, uploads, words
from abn.ui.controls.lazy_picture import LazyPicture
from abn.ui.controls.selection import default_variants
from abn.ui.layout import escape_markdown
from abn.variants.store import list_variants

ROOT = Path(__file__).parents[2]
IDS = default_variants(list_variants())
CAMERA = "camera photo"  # how a shot is named
PHOTOS = list(samples.gallery().values())


def opened(photo: samples.Photo) -> Picture:
    return open_picture(photo.path.read_bytes(), name=photo.file)


@pytest.mark.slow
def test_another_photograph_changes_all(ready, runner):
    first = predictions(ready.run())
    ready.session_state["photo"] = PHOTOS[7].id
    at = ready.run()
    assert predictions(at) == as_shown(explain(opened(PHOTOS[7]), IDS, load=runner)) != first
    assert components(at, "abn_strip")["strip"]["chosen"] == PHOTOS[7].id
    assert at.query_params["photo"] == PHOTOS[7].id


def test_uploads_are_shown_and_bad_files_told_of_while_the_address_has_their_number_alone(ready, runner):
    ready.query_params["photo"] = PHOTOS[3].id
    ready.run()
    good = (samples.SAMPLES / "goldfish.jpg").read_bytes()
    at = ready.file_uploader(key="files").set_value(
        [("fish.jpg", good, "image/jpeg"), ("*bad* :red[x].png", b"no picture", "image/png"), ("empty.gif", b"", "")]
    ).run()  # fmt: skip
    assert not at.exception
    assert predictions(at) == as_shown(explain(open_picture(good), IDS, load=runner))
    files = [escape_markdown(name) for name in ("*bad* :red[x].png", "empty.gif")]
    assert [error.value.split(": ")[0] for error in at.error] == files
    assert at.query_params["photo"] == "own-1" and "fish" not in str(at.query_params)
    assert any("fish.jpg" in alt for alt in alts(at))
    assert not at.button(key="close-refused").click().run().error
    at = ready.file_uploader(key="files").clear().run()
    assert not at.error and components(at, "abn_strip")["strip"]["chosen"] == PHOTOS[0].id  # the gallery is back


def test_what_was_refused_stays_on_its_page(ready):
    ready.run()
    at = ready.file_uploader(key="files").set_value([("bad.png", b"no picture", "image/png")]).run()
    assert len(at.error) == 1
    assert not at.switch_page("pages/Inside.py").run().error


def test_the_camera_is_asked_for_only_on_request(ready, runner):
    assert not ready.run().get("camera_input")
    at = ready.toggle(key="camera_on").set_value(True).run()
    shot = (samples.SAMPLES / "giant-panda.jpg").read_bytes()
    at = at.camera_input(key="camera").set_value(("camera.jpg", shot, "image/jpeg")).run()
    assert predictions(at) == as_shown(explain(open_picture(shot), IDS, load=runner))


@pytest.mark.slow
def test_a_camera_shot_goes_when_it_is_retaken_cleared_or_the_camera_switched_off(ready):
    def names() -> list[str]:
        return [upload.picture.name for upload in ready.session_state["uploads"].values()]

    def shoot(photo: samples.Photo) -> list[str]:
        shot = photo.path.read_bytes()
        ready.camera_input(key="camera").set_value(("camera.jpg", shot, "image/jpeg")).run()
        assert ready.session_state["photo"] == f"upload-{open_picture(shot).sha256}"
        return names()

    ready.run()
    ready.file_uploader(key="files").set_value([("kept.jpg", PHOTOS[1].path.read_bytes(), "image/jpeg")]).run()
    ready.toggle(key="camera_on").set_value(True).run()
    assert shoot(PHOTOS[2]) == ["kept.jpg", CAMERA]
    assert shoot(PHOTOS[3]) == ["kept.jpg", CAMERA]
    ready.camera_input(key="camera").clear().run()
    assert names() == ["kept.jpg"] and ready.session_state["photo"] == PHOTOS[0].id
    assert shoot(PHOTOS[2]) == ["kept.jpg", CAMERA]
    ready.toggle(key="camera_on").set_value(False).run()
    assert names() == ["kept.jpg"] and not ready.exception


@pytest.mark.slow
def test_a_session_holds_only_so_many_bytes(ready, monkeypatch):
    files = [(f"{k}.jpg", photo.path.read_bytes(), "image/jpeg") for k, photo in enumerate(PHOTOS[:3])]
    monkeypatch.setattr(session_pictures, "MAX_BYTES", sum(len(data) for _, data, _ in files[:2]))
    ready.run()
    reads = Mock(wraps=open_picture)
    monkeypatch.setattr(uploads, "open_picture", reads)
    at = ready.file_uploader(key="files").set_value(files).run()
    assert [upload.picture.name for upload in at.session_state["uploads"].values()] == ["0.jpg", "1.jpg"]
    assert reads.call_count == 2  # what has no room is not decoded
    full = words.FULL.format(megabytes=session_pictures.MAX_BYTES // 10**6)
    assert texts(at.error) == [f"2.jpg: {full}"]


@pytest.mark.slow
def test_where_all_sessions_together_hold_too_much_each_has_its_share(ready, monkeypatch):
    files = [(f"{k}.jpg", photo.path.read_bytes(), "image/jpeg") for k, photo in enumerate(PHOTOS[:3])]
    monkeypatch.setattr(session_pictures, "all_sessions", weakref.WeakValueDictionary())
    another = AppTest.from_file(str(ROOT / "app.py"), default_timeout=180).run()
    another.file_uploader(key="files").set_value(files[:1]).run()
    ready.run()
    at = ready.file_uploader(key="files").set_value(files[:1]).run()
    monkeypatch.setattr(session_pictures, "SERVER_BYTES", 2 * len(files[0][1]) + 1)
    at = ready.file_uploader(key="files").set_value(files).run()
    assert [upload.picture.name for upload in at.session_state["uploads"].values()] == ["0.jpg"]
    (refused,) = texts(at.error)
    assert words.SHARED.format(megabytes=f"{session_pictures.SERVER_BYTES / 2e6:.0f}") in refused
    another.file_uploader(key="files").clear().run()  # who holds nothing takes no share
    at = ready.file_uploader(key="files").set_value(files[:1]).run()
    at = ready.file_uploader(key="files").set_value([files[0], files[0]]).run()
    assert len(at.session_state["uploads"]) == 1 and not at.error


@pytest.mark.slow
def test_many_bad_files_are_one_sentence(ready):
    ready.run()
    bad = [(f"{k}.jpg", b"words", "image/jpeg") for k in range(5)]
    at = ready.file_uploader(key="files").set_value(bad).run()
    (refused,) = texts(at.error)
    assert refused.startswith("0.jpg, 1.jpg, 2.jpg") and "3.jpg" not in refused


@pytest.mark.slow
def test_a_picture_whose_pixels_went_is_opened_again_where_a_network_asks_and_not_before(ready, runner, monkeypatch):
    ready.run()
    shot = (samples.SAMPLES / "giant-panda.jpg").read_bytes()
    at = ready.file_uploader(key="files").set_value([("panda.jpg", shot, "image/jpeg")]).run()
    monkeypatch.setattr(lazy_picture, "MAX_DECODED", 0)  # whatever is opened next takes its pixels
    LazyPicture(tiny.picture(), bytes).image  # noqa: B018
    reads = Mock(wraps=open_picture)
    monkeypatch.setattr(lazy_picture, "open_picture", reads)
    at = at.run()
    assert not reads.called and predictions(at) == as_shown(explain(open_picture(shot), IDS, load=runner))
    at = at.button_group(key="fit").set_value("squash").run()
    expected = as_shown(explain(open_picture(shot), IDS, load=runner, fit="squash"))
    assert reads.call_count == 1 and predictions(at) == expected


@pytest.mark.slow
def test_pictures_that_come_with_the_first_run_of_a_session_are_taken_in(ready):
    """As where a page meets a server that was started anew: nothing tells then that they have changed."""
    at = ready.run().file_uploader(key="files").set_value(("mine.jpg", PHOTOS[1].path.read_bytes(), "image/jpeg")).run()
    key = at.session_state["photo"]
    at.session_state["uploads"].clear()
    at.session_state["photo"] = PHOTOS[0].id
    del at.session_state["received"]
    at = at.run()
    assert at.session_state["photo"] == key and list(at.session_state["uploads"]) == [key] and not at.exception


@pytest.mark.slow
def test_pictures_stay_from_page_to_page_until_they_are_removed(ready):
    ready.run()
    data = [(samples.SAMPLES / name).read_bytes() for name in ("goldfish.jpg", "koala.jpg")]

    def held(at: AppTest) -> list[str]:
        return [upload.picture.name for upload in at.session_state["uploads"].values()]

    ready.file_uploader(key="files").set_value([("fish.jpg", data[0], "image/jpeg")]).run()
    at = ready.switch_page("pages/Ablation.py").run()
    assert held(at) == ["fish.jpg"]
    at = at.file_uploader(key="files").set_value([("koala.jpg", data[1], "image/jpeg")]).run()
    assert held(at) == ["fish.jpg", "koala.jpg"]
    at = at.file_uploader(key="files").clear().run()  # what this page's uploader let go goes, and no other
    assert held(at) == ["fish.jpg"]
    at = at.switch_page("pages/Study.py").run().switch_page("app.py").run()
    assert held(at) == ["fish.jpg"]
    (key,) = at.session_state["uploads"]
    assert held(at.button(key=f"remove-{key}").click().run()) == []
