"""Compare, state by state, through Streamlit's AppTest: what a person reads is what the library says."""

import html
import re
import shutil
import weakref
from dataclasses import replace
from itertools import chain
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import tiny
from PIL import Image
from reading import captions, components, model_card, pictures
from streamlit.testing.v1 import AppTest

from abn.explanations import first_view
from abn.explanations.explainer import explain
from abn.images import samples
from abn.images.decode import open_picture
from abn.images.fit import upsample
from abn.plots import class_bars, color_limits, color_maps, numbers, overlay
from abn.ui import maps
from abn.ui.compare import panels
from abn.ui.controls import image_picker, lazy_picture, selection, uploads
from abn.ui.controls.lazy_picture import LazyPicture
from abn.ui.layout import escape_markdown
from abn.ui.runtime import inference, loading
from abn.ui.runtime.engine import get_engine
from abn.variants import card, store
from abn.variants.store import list_variants
from abn.vocabulary import AS_TRAINED, MECHANISMS

ROOT = Path(__file__).parents[2]
CARDS = {card.id: card for card in list_variants()}
ADDITIVE, MULTIPLICATIVE, NONE = (f"imagenet-lite0-{name}" for name in ("additive", "multiplicative", "none"))
UNFOLDED = "imagenet-lite0-additive-unfolded"
PHOTOS = list(samples.gallery().values())


@pytest.fixture
def app(loading_engine) -> AppTest:
    """The page while the models still load, which they here never finish."""
    return AppTest.from_file(str(ROOT / "app.py"), default_timeout=180)


@pytest.fixture
def live_app(app, ready_engine) -> AppTest:
    """The page once the models are there."""
    return app


def answers(at: AppTest) -> list[list[tuple[str, str]]]:
    """For each column what the auxiliary and the perception head say, label and percentage, as a person reads them."""
    bodies = [element.value for element in at.html if 'class="abn-answer"' in element.value]
    return [re.findall(r"<dd title=\"[^\"]*\">(.*?)</dd><dd>(.*?)</dd>", body) for body in bodies]


def expected(picture, ids: list[str], network, **options) -> list[list[tuple[str, str]]]:
    found = explain(picture, ids, load=network, **options)
    tops = [[one.top(head, 1)[0] for head in ("auxiliary", "perception")] for one in found]
    return [[(html.escape(numbers.short_label(p.label)), numbers.percent(p.probability)) for p in top] for top in tops]


def photo_picture(photo: samples.Photo):
    return open_picture(photo.path.read_bytes(), name=photo.file)


def ticks(at: AppTest) -> list[list[str]]:
    bodies = [element.value for element in at.html if 'class="abn-ticks"' in element.value]
    return [re.findall(r"<span>(.*?)</span>", body) for body in bodies]


def bars(at: AppTest) -> list[str]:
    return [element.value for element in at.html if 'class="abn-bars"' in element.value]


def alts(at: AppTest) -> list[str]:
    return [words for words, _ in pictures(at)]


def choose(at: AppTest, mechanism: str) -> AppTest:
    return at.button_group(key="mechanism").set_value(mechanism).run()


# ---- the first view ----


def test_the_first_view_is_the_shipped_one(app):
    at = app.run()
    assert not at.exception
    stored = first_view.shipped(photo_picture(PHOTOS[0]), [CARDS[ADDITIVE], CARDS[MULTIPLICATIVE], CARDS[NONE]])
    tops = [[one.top(head, 1)[0] for head in ("auxiliary", "perception")] for one in stored]
    assert answers(at) == [
        [(html.escape(numbers.short_label(p.label)), numbers.percent(p.probability)) for p in top] for top in tops
    ]
    assert captions(at).count("stored answer") == 3
    assert PHOTOS[0].title in captions(at) and escape_markdown(PHOTOS[0].author) in captions(at)


def test_a_network_that_saw_the_picture_at_another_size_is_named(app):
    app.query_params["variants"] = f"{ADDITIVE},imagenet-lite2-additive"
    at = app.run()
    told = [caption.value for caption in at.caption if " saw it at " in caption.value]
    assert told == ["Additive, Lite2 saw it at 260 × 260 pixels, and its map has 17 × 17 cells."]


def test_the_live_models_take_over_and_agree(app, network):
    before = answers(app.run())
    get_engine().ready = True
    get_engine().load_ended.set()
    at = app.run()
    assert captions(at).count(" ms") == 3 and "stored answer" not in captions(at)
    live_answers = expected(photo_picture(PHOTOS[0]), [ADDITIVE, MULTIPLICATIVE, NONE], network)
    assert answers(at) == live_answers
    for old, new in zip(chain(*before), chain(*live_answers), strict=True):
        assert old[0] == new[0]
        assert float(old[1].strip("< %")) == pytest.approx(float(new[1].strip("< %")), abs=0.15)


def test_while_loading_a_question_without_stored_answer_shows_no_old_result(app):
    app.run()
    at = app.button_group(key="fit").set_value("squash").run()
    assert answers(at) == [] and "loading" in at.info[0].value


def test_if_the_models_cannot_be_loaded_one_sentence_says_so(app):
    get_engine().load_ended.set()
    at = app.run()
    assert len(answers(at)) == 3  # the stored answers still stand
    at = app.button_group(key="fit").set_value("pad").run()
    assert "can't be loaded" in at.error[0].value and not at.exception


# ---- the ablation toggle ----


@pytest.mark.parametrize(
    ("mechanism", "sibling"), [("additive", ADDITIVE), ("multiplicative", MULTIPLICATIVE), ("none", NONE)]
)
def test_by_default_the_toggle_switches_to_the_variant_trained_that_way(live_app, network, mechanism, sibling):
    live_app.run()
    at = choose(live_app, mechanism)
    assert answers(at) == expected(photo_picture(PHOTOS[0]), [sibling], network)
    assert f"trained with **{mechanism}**  \napplied **{mechanism}**" in captions(at)
    assert "swapped" not in captions(at) and "become one" in at.info[0].value
    assert len(answers(choose(live_app, AS_TRAINED))) == 3


def test_same_weights_keeps_the_networks_and_marks_what_differs(live_app, network):
    live_app.run()
    choose(live_app, "multiplicative")
    at = live_app.toggle(key="same_weights").set_value(True).run()
    ids = [ADDITIVE, MULTIPLICATIVE, NONE]
    assert answers(at) == expected(photo_picture(PHOTOS[0]), ids, network, mechanism="multiplicative")
    lines = [caption.value for caption in at.caption if caption.value.startswith("trained with")]
    assert [re.findall(r"\*\*(\w+)\*\*", line) for line in lines] == [
        [trained, "multiplicative"] for trained in ("additive", "multiplicative", "none")
    ]
    assert ["swapped" in line for line in lines] == [True, False, True]


@pytest.mark.slow
def test_the_toggle_works_on_the_stored_answers_too(app):
    app.run()
    at = choose(app, "none")
    stored = first_view.shipped(photo_picture(PHOTOS[0]), [CARDS[NONE]])[0]
    assert answers(at)[0][1][1] == numbers.percent(stored.perception.max())


def test_where_no_sibling_is_left_a_sentence_says_so_and_the_models_load_all_the_same(app, checkpoints, monkeypatch):
    started = []
    monkeypatch.setattr(loading, "start_loading", lambda: started.append(True))
    for file in checkpoints.glob(f"{MULTIPLICATIVE}.*"):
        file.unlink()
    app.query_params.update({"variants": ADDITIVE, "mechanism": "multiplicative"})
    at = app.run()
    assert not at.exception and answers(at) == []
    assert "No variant trained with the mechanism “multiplicative” for" in at.info[0].value
    assert started


# ---- pictures ----


@pytest.mark.slow
def test_another_photograph_changes_all(live_app, network):
    first = answers(live_app.run())
    live_app.session_state["photo"] = PHOTOS[7].id
    at = live_app.run()
    assert answers(at) == expected(photo_picture(PHOTOS[7]), [ADDITIVE, MULTIPLICATIVE, NONE], network) != first
    assert PHOTOS[7].title in captions(at) and PHOTOS[0].title not in captions(at)
    assert at.query_params["photo"] == PHOTOS[7].id


def test_uploads_are_shown_and_bad_files_told_of_while_the_address_keeps_silent(live_app, network):
    live_app.query_params["photo"] = PHOTOS[3].id
    live_app.run()
    good = (samples.SAMPLES / "goldfish.jpg").read_bytes()
    at = live_app.file_uploader(key="files").set_value(
        [("fish.jpg", good, "image/jpeg"), ("*bad* :red[x].png", b"no picture", "image/png"), ("empty.gif", b"", "")]
    ).run()  # fmt: skip
    assert not at.exception
    assert answers(at) == expected(open_picture(good), [ADDITIVE, MULTIPLICATIVE, NONE], network)
    assert [error.value.split(": ")[0] for error in at.error] == [
        escape_markdown("*bad* :red[x].png"),
        escape_markdown("empty.gif"),
    ]
    assert "photo" not in at.query_params and "fish" not in str(at.query_params)
    assert any(alt.startswith("What the model saw of: Your picture fish.jpg") for alt in alts(at))
    at = live_app.file_uploader(key="files").clear().run()
    assert not at.error and PHOTOS[0].title in captions(at)  # gone with the file, and the gallery is back


def test_the_camera_is_asked_for_only_on_request(live_app, network):
    assert not live_app.run().get("camera_input")
    at = live_app.toggle(key="camera_on").set_value(True).run()
    shot = (samples.SAMPLES / "giant-panda.jpg").read_bytes()
    at = at.camera_input(key="camera").set_value(("camera.jpg", shot, "image/jpeg")).run()
    assert answers(at) == expected(open_picture(shot), [ADDITIVE, MULTIPLICATIVE, NONE], network)


@pytest.mark.slow
def test_a_camera_shot_goes_when_it_is_retaken_cleared_or_the_camera_switched_off(app):
    def names() -> list[str]:
        return [upload.picture.name for upload in app.session_state["uploads"].values()]

    def shoot(photo: samples.Photo) -> list[str]:
        shot = photo.path.read_bytes()
        app.camera_input(key="camera").set_value(("camera.jpg", shot, "image/jpeg")).run()
        assert app.session_state["photo"] == f"upload-{open_picture(shot).sha256}"
        return names()

    app.run()
    app.file_uploader(key="files").set_value([("kept.jpg", PHOTOS[1].path.read_bytes(), "image/jpeg")]).run()
    app.toggle(key="camera_on").set_value(True).run()
    assert shoot(PHOTOS[2]) == ["kept.jpg", "camera picture"]
    assert shoot(PHOTOS[3]) == ["kept.jpg", "camera picture"]
    app.camera_input(key="camera").clear().run()
    assert names() == ["kept.jpg"] and app.session_state["photo"] == PHOTOS[0].id
    assert shoot(PHOTOS[2]) == ["kept.jpg", "camera picture"]
    app.toggle(key="camera_on").set_value(False).run()
    assert names() == ["kept.jpg"] and not app.exception


@pytest.mark.slow
def test_a_session_holds_only_so_many_bytes(app, monkeypatch):
    files = [(f"{k}.jpg", photo.path.read_bytes(), "image/jpeg") for k, photo in enumerate(PHOTOS[:3])]
    monkeypatch.setattr(uploads, "UPLOAD_BYTES", sum(len(data) for _, data, _ in files[:2]))
    app.run()
    at = app.file_uploader(key="files").set_value(files).run()
    assert [upload.picture.name for upload in at.session_state["uploads"].values()] == ["0.jpg", "1.jpg"]
    assert [escape_markdown("2.jpg") in error.value and "remove some first" in error.value for error in at.error] == [
        True
    ]


@pytest.mark.slow
def test_where_all_sessions_together_hold_too_much_each_has_its_share(app, monkeypatch):
    files = [(f"{k}.jpg", photo.path.read_bytes(), "image/jpeg") for k, photo in enumerate(PHOTOS[:3])]
    monkeypatch.setattr(uploads, "_everybodys", weakref.WeakValueDictionary())
    another = AppTest.from_file(str(ROOT / "app.py"), default_timeout=180).run()
    another.file_uploader(key="files").set_value(files[:1]).run()
    app.run()
    at = app.file_uploader(key="files").set_value(files[:1]).run()
    monkeypatch.setattr(uploads, "SERVER_BYTES", 2 * len(files[0][1]) + 1)
    at = app.file_uploader(key="files").set_value(files).run()
    assert [upload.picture.name for upload in at.session_state["uploads"].values()] == ["0.jpg"]
    (told,) = [error.value for error in at.error]
    assert escape_markdown(uploads.SHARED.format(megabytes=f"{uploads.SERVER_BYTES / 2e6:.0f}")) in told
    another.file_uploader(key="files").clear().run()  # who holds nothing takes no share
    at = app.file_uploader(key="files").set_value(files[:1]).run()
    at = app.file_uploader(key="files").set_value([files[0], files[0]]).run()
    assert len(at.session_state["uploads"]) == 1 and not at.error


@pytest.mark.slow
def test_many_bad_files_are_one_sentence(app):
    app.run()
    bad = [(f"{k}.jpg", b"words", "image/jpeg") for k in range(5)]
    at = app.file_uploader(key="files").set_value(bad).run()
    (told,) = [error.value for error in at.error]
    assert told.startswith(escape_markdown("0.jpg, 1.jpg, 2.jpg and 2 more") + ": ")


@pytest.mark.slow
def test_a_picture_whose_pixels_went_is_opened_again_where_a_network_asks_and_not_before(
    live_app, network, monkeypatch
):
    live_app.run()
    shot = (samples.SAMPLES / "giant-panda.jpg").read_bytes()
    at = live_app.file_uploader(key="files").set_value([("panda.jpg", shot, "image/jpeg")]).run()
    monkeypatch.setattr(lazy_picture, "MAX_DECODED", 0)  # whatever is opened next takes its pixels
    LazyPicture(tiny.picture(), bytes).image  # noqa: B018
    reads = Mock(wraps=open_picture)
    monkeypatch.setattr(lazy_picture, "open_picture", reads)
    at = at.run()
    assert not reads.called and answers(at) == expected(open_picture(shot), [ADDITIVE, MULTIPLICATIVE, NONE], network)
    at = at.button_group(key="fit").set_value("squash").run()
    wanted = expected(open_picture(shot), [ADDITIVE, MULTIPLICATIVE, NONE], network, fit="squash")
    assert reads.call_count == 1 and answers(at) == wanted


@pytest.mark.slow
def test_pictures_that_come_with_the_first_run_of_a_session_are_taken_in(app):
    """As where a page meets a server that was started anew: nothing tells then that they have changed."""
    at = app.run().file_uploader(key="files").set_value(("mine.jpg", PHOTOS[1].path.read_bytes(), "image/jpeg")).run()
    key = at.session_state["photo"]
    at.session_state["uploads"].clear()
    at.session_state["photo"] = PHOTOS[0].id
    del at.session_state["received"]
    at = at.run()
    assert at.session_state["photo"] == key and list(at.session_state["uploads"]) == [key] and not at.exception


@pytest.mark.parametrize("fit", ["pad"])
def test_the_fit_changes_what_the_model_sees_and_says(live_app, network, fit):
    live_app.run()
    at = live_app.button_group(key="fit").set_value(fit).run()
    assert answers(at) == expected(photo_picture(PHOTOS[0]), [ADDITIVE, MULTIPLICATIVE, NONE], network, fit=fit)
    assert panels.FITTED[fit] in captions(at)


# ---- how maps are drawn ----


def test_scales_number_their_color_bars(live_app, network):
    found = explain(photo_picture(PHOTOS[0]), [ADDITIVE, MULTIPLICATIVE, NONE], load=network)
    attention = [one.attention for one in found]
    assert ticks(live_app.run())[:3] == [["0.00", "0.25", "0.50", "0.75", "1.00"]] * 3
    for label, scale in (("min–max per map", "each"), ("shared by the variants", "shared")):
        at = live_app.button_group(key="scale").set_value(label).run()
        assert ticks(at)[:3] == [color_maps.bar_numbers(*span) for span in color_limits.limits(attention, scale)]


def test_a_flat_map_says_so(live_app, monkeypatch):
    ask = inference.explain_image

    def flat(*given, **options):
        return [replace(one, attention=np.full((14, 14), 0.5, np.float32)) for one in ask(*given, **options)]

    monkeypatch.setattr(inference, "explain_image", flat)
    at = live_app.run()
    assert captions(at).count("This map is flat: every cell lies between 0.500 and 0.500.") == 3
    at = live_app.button_group(key="scale").set_value("min–max per map").run()
    assert ticks(at)[0] == ["0.00", "0.25", "0.50", "0.75", "1.00"]


def test_view_controls_change_the_pictures_and_nothing_else(live_app):
    before = live_app.run()
    drawn = pictures(before)
    said = answers(before)
    live_app.slider(key="opacity").set_value(20)
    live_app.button_group(key="colors").set_value("paper JET")
    at = live_app.button_group(key="cells").set_value("raw grid").run()
    assert answers(at) == said and "drawn as they are" in captions(at) and "16 × 16 pixels" in captions(at)
    changed = [old != new for old, new in zip(drawn, pictures(at), strict=True)]
    assert changed == [False, True, True, True, False, True, True, True, True]


def test_every_map_can_be_read_cell_by_cell(live_app, network):
    at = live_app.run()
    found = explain(photo_picture(PHOTOS[0]), [ADDITIVE, MULTIPLICATIVE, NONE], load=network)
    shown_maps = components(at, "abn_map_view")
    for one in found:
        for place in ("map", "whole"):
            shown = shown_maps[f"{place}-{one.variant}"]
            assert (shown["height"], shown["width"]) == one.attention.shape and shown["symbol"] == "M"
            assert shown["values"] == np.round(one.attention, 2).ravel().tolist()
        assert shown_maps[f"map-{one.variant}"]["box"] == [0, 0, 1, 1]
        assert shown_maps[f"whole-{one.variant}"]["box"] == list(one.fitted.extent)
    signed = found[0].attention - found[1].attention
    assert shown_maps["difference"]["values"] == np.round(signed, 2).ravel().tolist()


@pytest.mark.parametrize("how", overlay.MARKS)
def test_the_brightest_part_is_marked_and_its_area_told(live_app, network, how):
    before = pictures(live_app.run())
    live_app.slider(key="top").set_value(20)
    at = live_app.button_group(key="mark").set_value(how).run()
    changed = [old != new for old, new in zip(before, pictures(at), strict=True)]
    assert changed == [False, True, True, True, False, True, True, True, False]  # a difference has no brightest part
    one = explain(photo_picture(PHOTOS[0]), [ADDITIVE], load=network)[0]
    level, area = overlay.brightest_level(upsample(one.attention, (maps.PANEL, maps.PANEL)), 0.2)
    assert f"Marked: M ≥ {level:.2f}, {100 * area:.0f} % of what the model saw" in captions(at)


def test_what_is_known_is_not_computed_again(live_app, monkeypatch):
    live_app.run()
    monkeypatch.setattr("abn.explanations.explainer.explain", lambda *_, **__: pytest.fail("computed again"))
    at = live_app.multiselect(key="variant_ids").set_value([NONE, ADDITIVE]).run()  # two of the three, another order
    assert not at.exception and len(answers(at)) == 2


@pytest.mark.slow
def test_the_opacity_is_that_of_all_maps(live_app, monkeypatch):
    draw, used = overlay.overlay, []

    def drawn(*given, **options):
        used.append(options["opacity"])
        return draw(*given, **options)

    monkeypatch.setattr(overlay, "overlay", drawn)
    live_app.query_params["opacity"] = "20"
    live_app.run()
    assert used == [0.2] * 7


def test_the_difference_is_that_of_the_trained_maps(live_app, network):
    at = live_app.run()
    additive, multiplicative = explain(photo_picture(PHOTOS[0]), [ADDITIVE, MULTIPLICATIVE], load=network)
    signed = additive.attention - multiplicative.attention
    assert f"differ by {np.abs(signed).mean():.2f} on average and by {np.abs(signed).max():.2f} at most" in captions(at)
    limit = color_limits.symmetric_limit(signed)
    assert ticks(at)[-1] == color_maps.bar_numbers(-limit, limit)


def test_bars_agreement_and_divergence_are_those_of_the_library(live_app, network):
    at = live_app.run()
    found = explain(photo_picture(PHOTOS[0]), [ADDITIVE, MULTIPLICATIVE, NONE], load=network)
    verdicts = [m.value for m in at.markdown if "bit apart" in m.value]
    for verdict, drawn, one in zip(verdicts, bars(at), found, strict=True):
        assert f"{one.js_divergence:.2f} bit apart" in verdict
        assert ("heads agree" in verdict) == one.heads_agree
        names = [html.unescape(name) for name in re.findall(r"<b>(.*?)</b>", drawn)]
        assert names == [numbers.short_label(one.labels[k]) for k in class_bars.shared_classes(one)]


@pytest.mark.slow
def test_every_picture_has_words(live_app):
    at = live_app.run()
    assert len(alts(at)) == 9 and all(len(alt) > 20 for alt in alts(at))
    assert all(re.search(r'aria-label="[^"]{40,}"', drawn) for drawn in bars(at)) and len(bars(at)) == 3


# ---- the address bar ----


def test_the_address_holds_the_view_and_opens_it_again(live_app, network):
    live_app.query_params.update(
        {"photo": PHOTOS[2].id, "variants": f"{NONE},{UNFOLDED}", "mechanism": "additive", "same_weights": "true",
         "fit": "pad", "opacity": "30", "colors": "viridis", "cells": "raw grid"})  # fmt: skip
    at = live_app.run()
    options = {"fit": "pad", "mechanism": "additive"}
    assert answers(at) == expected(photo_picture(PHOTOS[2]), [NONE, UNFOLDED], network, **options)
    assert at.slider(key="opacity").value == 30
    assert at.button_group(key="colors").value == "viridis"
    assert "drawn as they are" in captions(at)


def test_illegal_addresses_fall_back_to_the_default(live_app, network):
    live_app.query_params.update(
        {"photo": "../../etc/passwd", "variants": "nobody,,<b>", "mechanism": "squared", "fit": "stretch",
         "opacity": "900", "colors": "pink", "scale": "log", "cells": "9", "same_weights": "maybe"})  # fmt: skip
    at = live_app.run()
    assert not at.exception and not at.error
    assert answers(at) == expected(photo_picture(PHOTOS[0]), [ADDITIVE, MULTIPLICATIVE, NONE], network)
    assert at.button_group(key="colors").value == color_maps.DEFAULT_COLORS and at.slider(key="opacity").value <= 100


# ---- variants ----


@pytest.mark.slow
def test_one_to_four_variants_and_none(live_app):
    live_app.run()
    at = live_app.multiselect(key="variant_ids").set_value([*CARDS][:4]).run()
    assert len(answers(at)) == 4 and at.query_params["variants"] == ",".join([*CARDS][:4])
    at = live_app.multiselect(key="variant_ids").set_value([]).run()
    assert answers(at) == [] and "at least one variant" in at.info[0].value


def test_a_lesson_says_what_it_teaches(live_app):
    live_app.query_params["variants"] = UNFOLDED
    said = live_app.run().info[0].value
    assert escape_markdown(CARDS[UNFOLDED].lesson) in said and "as trained" not in said


@pytest.mark.slow
def test_a_lesson_says_how_to_come_back_where_its_mechanism_is_swapped(live_app):
    live_app.query_params["variants"] = UNFOLDED
    live_app.query_params["mechanism"] = "none"
    live_app.query_params["same_weights"] = "true"
    assert escape_markdown("press “as trained”") in live_app.run().info[0].value


def test_the_card_is_all_there(live_app):
    at = live_app.run()
    for which, key in enumerate((ADDITIVE, MULTIPLICATIVE, NONE)):
        shown = model_card(at, which)
        assert shown["sha256 of the weights"] == CARDS[key].sha256
        assert shown["Parameters, extractor"] == f"{CARDS[key].parameters['extractor']:,}"


@pytest.fixture
def checkpoints(tmp_path, monkeypatch) -> Path:
    """A copy of the checkpoints' folder that a test may harm."""
    for file in card.CHECKPOINTS.iterdir():
        if file.suffix == ".json":
            shutil.copy(file, tmp_path)
        else:
            (tmp_path / file.name).symlink_to(file)
    monkeypatch.setattr(store, "CHECKPOINTS", tmp_path)
    return tmp_path


def test_missing_weights_are_one_sentence_and_the_others_work(live_app, checkpoints):
    (checkpoints / f"{ADDITIVE}.safetensors").unlink()
    (checkpoints / f"{UNFOLDED}.json").write_text("{")
    at = live_app.run()
    assert not at.exception and len(at.warning) == 2
    assert "are missing beside its card" in at.warning[0].value.replace("\\", "") + at.warning[1].value
    assert len(answers(at)) == 2


@pytest.mark.slow
def test_altered_weights_are_one_sentence_and_the_others_work(live_app, checkpoints):
    (checkpoints / f"{NONE}.safetensors").unlink()
    (checkpoints / f"{NONE}.safetensors").write_bytes(b"something else")
    at = live_app.run()
    assert not at.exception and "altered or cut short" in at.warning[0].value
    assert len(answers(at)) == 2


# ---- the pure parts ----


def test_ablate():
    cards = [CARDS[ADDITIVE], CARDS[MULTIPLICATIVE], CARDS[UNFOLDED]]
    assert selection.apply_mechanism(cards, AS_TRAINED, True) == selection.Selection(tuple(cards), "trained")
    assert selection.apply_mechanism(cards, "none", True) == selection.Selection(tuple(cards), "none")
    switched = selection.apply_mechanism(cards, "additive", False)
    assert [card.id for card in switched.cards] == [ADDITIVE, UNFOLDED] and switched.applied == "trained"
    lonely = selection.apply_mechanism(cards, "none", False, find=lambda card, mechanism: None)
    assert lonely.cards == () and "No variant trained" in lonely.note


def test_difference_pair_never_takes_a_lesson():
    pair = selection.difference_pair(CARDS[UNFOLDED])
    assert [card.id for card in pair] == [ADDITIVE, MULTIPLICATIVE]
    assert selection.difference_pair(CARDS[NONE], find=lambda card, mechanism: None) is None


def test_plain_text_stays_plain():
    assert escape_markdown("a_b\n*c* $x$ :smile: <b>") == r"a\_b \*c\* \$x\$ \:smile\: \<b\>"


def test_networks_are_strangers_to_pictures_that_they_never_learned():
    cards = list_variants()
    knowing = [replace(card, kind="clothing", id=f"c-{card.id}", family="c") for card in cards[:3]]
    assert selection.trained_on_other_kind(cards, "photograph") == [card for card in cards if card.kind != "photograph"]
    assert selection.trained_on_other_kind(knowing, "photograph") == knowing and not selection.trained_on_other_kind(
        knowing, "clothing"
    )
    assert selection.variants_trained_on([*cards[:3], *knowing], "clothing") == [card.id for card in knowing]
    assert selection.variants_trained_on(cards[:3], "nothing of the kind") == []


def test_a_picture_of_clothing_is_shown_to_those_that_know_it(live_app):
    """Networks of photographs say that it means little, and one click brings those that learned clothing."""
    live_app.query_params["photo"] = "clothing-boot-among-pieces"
    live_app.run()
    assert not live_app.exception
    told = [info.value for info in live_app.info]
    assert any("Learned on photographs" in plain_text for plain_text in told)
    button = next(button for button in live_app.button if button.label == "Show those that know it")
    button.click().run()
    assert not live_app.exception
    assert not any("Learned on" in info.value for info in live_app.info)
    assert live_app.session_state["variant_ids"] == [f"cluttered-resnet20-{name}" for name in MECHANISMS]
    assert len(answers(live_app)) == 3


@pytest.mark.slow
def test_pictures_stay_from_page_to_page_until_they_are_removed(live_app):
    live_app.run()
    data = [(samples.SAMPLES / name).read_bytes() for name in ("goldfish.jpg", "koala.jpg")]

    def held(at: AppTest) -> list[str]:
        return [upload.picture.name for upload in at.session_state["uploads"].values()]

    live_app.file_uploader(key="files").set_value([("fish.jpg", data[0], "image/jpeg")]).run()
    at = live_app.switch_page("pages/Ablation.py").run()
    assert held(at) == ["fish.jpg"]
    at = at.file_uploader(key="files").set_value([("koala.jpg", data[1], "image/jpeg")]).run()
    assert held(at) == ["fish.jpg", "koala.jpg"]
    at = at.file_uploader(key="files").clear().run()  # what this page's uploader let go goes, and no other
    assert held(at) == ["fish.jpg"]
    at = at.switch_page("pages/Study.py").run().switch_page("app.py").run()
    assert held(at) == ["fish.jpg"]
    remove = next(button for button in at.button if button.label == "Remove " + escape_markdown("fish.jpg"))
    assert held(remove.click().run()) == []


def test_a_tiny_picture_is_enlarged_to_be_drawn_on_and_a_large_one_shrunk():
    sizes = {(32, 32): (320, 320), (3, 60): (15, 300), (4000, 1000): (640, 160), (640, 480): (640, 480)}
    for size, shown in sizes.items():
        assert image_picker.fit_display(Image.new("RGB", size)).size == shown
