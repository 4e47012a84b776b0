"""A batch of images under AppTest: what is shown is what the library finds, and nothing is computed twice."""

import io
import re
import zipfile

import pytest
from PIL import Image
from reading import mentions, tables
from streamlit.testing.v1 import AppTest

from abn.explanations import disagreement
from abn.explanations.disagreement import ORDERS
from abn.images import samples
from abn.images.decode import open_picture
from abn.plots import numbers
from abn.ui.ablation import disagreement_panel, words
from abn.ui.controls import session_pictures
from abn.ui.controls.lazy_picture import LazyPicture
from abn.ui.controls.session_pictures import ADOPTED, Upload, Uploads
from abn.ui.layout import escape_markdown
from abn.variants.store import find_variant

IDS = ["imagenet-lite0-additive", "imagenet-lite0-multiplicative"]
PHOTOS = [photo for photo in samples.gallery().values() if photo.kind == "photograph"]
START = f"{disagreement_panel.JOB}-job"


def page() -> None:
    import streamlit as st

    from abn.ui.ablation import disagreement_panel
    from abn.variants.store import find_variant

    names = st.session_state.get("names", ["imagenet-lite0-additive", "imagenet-lite0-multiplicative"])
    disagreement_panel.show_batch([find_variant(name) for name in names], "crop")


@pytest.fixture
def app(ready) -> AppTest:
    return AppTest.from_function(page, default_timeout=60)


@pytest.fixture
def computed(monkeypatch) -> list[str]:
    """The names of the images that ran through the networks."""
    names, compare = [], disagreement.compare_predictions

    def count(picture, *arguments, **options):
        names.append(picture.name)
        return compare(picture, *arguments, **options)

    monkeypatch.setattr(disagreement, "compare_predictions", count)
    return names


def small(k: int) -> bytes:
    stream = io.BytesIO()
    Image.open(PHOTOS[k].path).convert("RGB").resize((160, 120)).save(stream, "PNG")
    return stream.getvalue()


FILES = [(f"photo-{k}.png", small(k)) for k in range(3)]


def zipped(files: list[tuple[str, bytes]]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in files:
            archive.writestr(name, data)
    return stream.getvalue()


def upload(at: AppTest, files: list[tuple[str, bytes]]) -> AppTest:
    at.run().button_group(key="batch_source").set_value(words.OWN).run()
    at.file_uploader(key="batch_files").set_value([(name, data, "") for name, data in files]).run()
    assert not at.exception
    return at


def start(at: AppTest) -> AppTest:
    at.button(key=START).click().run()
    assert not at.exception
    return at


def names_in_order(at: AppTest) -> list[str]:
    matches = [re.match(r"\*\*(.*)\*\*  \n:", element.value) for element in at.markdown]
    return [match[1].replace("\\", "") for match in matches if match]


def expected(runner, files=FILES, ids=IDS) -> list[disagreement.ImageDisagreement]:
    return list(disagreement.find_disagreements(files, [find_variant(name) for name in ids], load=runner))


def test_each_order_is_that_of_the_library(app, runner):
    at = start(upload(app, FILES))
    results = expected(runner)
    for order, key in ORDERS.items():
        at = at.button_group(key="batch_order").set_value(order).run()
        assert names_in_order(at) == [result.name for result in sorted(results, key=key)]
    disagreeing = sum(result.heads_disagree for result in results)
    assert mentions(at, "**3**", words.HEADS_DISAGREE.format(count=disagreeing))


def test_each_variant_has_a_row_with_what_it_predicts(app, runner):
    at = start(upload(app, FILES[:1]))
    (result,), (table,) = expected(runner, FILES[:1]), tables(at)
    for row, prediction in zip(table[1:], result.predictions, strict=True):
        top = prediction.perception
        assert row[0] == find_variant(prediction.variant).title
        assert row[2].replace("&nbsp;", " ") == f"{numbers.short_label(top.label)} {numbers.percent(top.probability)}"
        assert ("**" in row[1]) == (not prediction.heads_agree)
        assert row[3].count("**") == 2 * len(prediction.changes_prediction)


def test_images_of_a_zip_are_compared_and_other_files_are_listed(app, runner):
    at = start(upload(app, [("some.zip", zipped(FILES[:2])), ("broken.png", b"\x89PNG no image")]))
    assert sorted(names_in_order(at)) == ["photo-0.png", "photo-1.png"]
    refused = [element.value for element in at.markdown if element.value.startswith("- **")]
    assert len(refused) == 1 and escape_markdown("broken.png") in refused[0]


def test_other_variants_are_another_question_and_nothing_is_computed_twice(app, computed):
    at = start(upload(app, FILES[:2]))
    assert len(computed) == 2
    at.session_state["names"] = IDS[:1]
    assert names_in_order(at.run()) == []
    start(at)
    assert len(computed) == 4
    at.session_state["names"] = IDS
    assert len(names_in_order(at.run())) == 2 and len(computed) == 4


def test_an_error_is_one_sentence_and_what_was_computed_stays(app, monkeypatch):
    from abn.errors import ABNError

    compare = disagreement.compare_predictions

    def fail_at_second(picture, *arguments, **options):
        if picture.name == "photo-1.png":
            raise ABNError("These weights are broken.")
        return compare(picture, *arguments, **options)

    monkeypatch.setattr(disagreement, "compare_predictions", fail_at_second)
    at = start(upload(app, FILES))
    assert at.error[0].value == escape_markdown("These weights are broken.") and names_in_order(at) == ["photo-0.png"]
    monkeypatch.setattr(disagreement, "compare_predictions", compare)
    assert len(names_in_order(start(at))) == 3 and not at.error


def test_an_image_of_the_batch_becomes_that_of_all_pages(app):
    at = start(upload(app, FILES[:2]))
    at = at.button(key="batch-open-0").click().run()
    upload_key = at.session_state["photo"]
    assert upload_key.startswith("upload-") and upload_key in at.session_state["uploads"]
    assert at.button(key="batch-open-0").disabled


def test_uploads_of_the_session_are_part_of_the_batch_each_once(app, computed):
    at = app.run()
    kept = at.session_state["uploads"] = Uploads()
    opened = open_picture(FILES[2][1], name=FILES[2][0])
    kept[f"upload-{opened.sha256}"] = Upload(LazyPicture(opened, lambda: FILES[2][1]), FILES[2][1], ADOPTED, "", 1)
    at = at.run().button_group(key="batch_source").set_value(words.OWN).run()
    assert names_in_order(start(at)) == ["photo-2.png"]
    at.file_uploader(key="batch_files").set_value([(name, data, "") for name, data in FILES]).run()
    assert sorted(names_in_order(start(at))) == [name for name, _ in FILES]
    assert sorted(computed) == [name for name, _ in FILES]


def test_the_uploader_takes_files_of_any_name_as_the_other_one_does(app):
    at = start(upload(app, [("photo.JPE", FILES[0][1]), ("no-ending", FILES[1][1])]))
    assert sorted(names_in_order(at)) == ["no-ending", "photo.JPE"]


def test_files_that_are_too_large_together_are_named(app, monkeypatch):
    monkeypatch.setattr(disagreement_panel, "FILES_BYTES", len(FILES[0][1]) + 10)
    at = upload(app, FILES[:2])
    assert escape_markdown("photo-1.png") in at.error[0].value
    assert names_in_order(start(at)) == ["photo-0.png"]


@pytest.mark.slow
def test_the_gallery_is_compared_twelve_at_a_time(app, runner):
    at = start(app.run())
    assert len(names_in_order(at)) == 12
    at = at.button(key="batch_more").click().run()
    assert sorted(names_in_order(at)) == sorted(photo.title for photo in PHOTOS)


def test_a_batch_has_its_share_of_the_server_and_no_more(app, monkeypatch):
    at = upload(app, FILES[:2])
    held = sum(len(data) for _, data in FILES[:2])
    assert len(at.session_state["batch"].images) == 2 and at.session_state["uploads"].batch == held
    monkeypatch.setattr(session_pictures, "SERVER_BYTES", held - 1)
    at = upload(at, FILES)
    assert not at.exception and not at.session_state["batch"].images and at.session_state["uploads"].batch == 0
    assert {refused.name for refused in at.session_state["batch"].refused} == {name for name, _ in FILES}
