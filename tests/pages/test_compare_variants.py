"""Which variants Compare shows through AppTest: the mechanism and the same weights, the address, broken weights."""

import shutil
from pathlib import Path

import pytest
from reading import as_shown, predictions, texts
from streamlit.testing.v1 import AppTest

from abn.explanations import first_view
from abn.explanations.explainer import explain
from abn.images import samples
from abn.images.decode import Picture, open_picture
from abn.plots import color_maps, numbers
from abn.ui.controls import selection
from abn.ui.controls.choice_bar import NO_VARIANT
from abn.ui.controls.selection import default_variants
from abn.ui.controls.view_settings import CELLS
from abn.ui.predictions import describe_mechanisms
from abn.ui.runtime import loading
from abn.variants import card, store
from abn.variants.store import list_variants
from abn.vocabulary import AS_TRAINED

CARDS = {card.id: card for card in list_variants()}
ADDITIVE, MULTIPLICATIVE, NONE = IDS = default_variants(list_variants())
UNFOLDED = "imagenet-lite0-additive-unfolded"
PHOTOS = list(samples.gallery().values())


def opened(photo: samples.Photo) -> Picture:
    return open_picture(photo.path.read_bytes(), name=photo.file)


def choose(at: AppTest, mechanism: str) -> AppTest:
    return at.button_group(key="mechanism").set_value(mechanism).run()


@pytest.mark.parametrize(
    ("mechanism", "sibling"), [("additive", ADDITIVE), ("multiplicative", MULTIPLICATIVE), ("none", NONE)]
)
def test_by_default_the_toggle_switches_to_the_variant_trained_that_way(live_app, network, mechanism, sibling):
    live_app.run()
    at = choose(live_app, mechanism)
    assert predictions(at) == as_shown(explain(opened(PHOTOS[0]), [sibling], load=network))
    assert describe_mechanisms(CARDS[sibling], mechanism) in [caption.value for caption in at.caption]
    assert texts(at.info) == [selection.MERGED.format(mechanism=mechanism)]
    assert len(predictions(choose(live_app, AS_TRAINED))) == 3


def test_same_weights_keeps_the_networks_and_marks_what_differs(live_app, network):
    live_app.run()
    choose(live_app, "multiplicative")
    at = live_app.toggle(key="same_weights").set_value(True).run()
    ids = IDS
    assert predictions(at) == as_shown(explain(opened(PHOTOS[0]), ids, load=network, mechanism="multiplicative"))
    shown = [caption.value for caption in at.caption]
    lines = [describe_mechanisms(CARDS[variant], "multiplicative") for variant in IDS]
    assert [line for line in shown if line in lines] == lines
    assert ["-badge[" in line for line in lines] == [True, False, True]


@pytest.mark.slow
def test_the_toggle_works_on_the_stored_answers_too(app):
    app.run()
    at = choose(app, "none")
    stored = first_view.shipped(opened(PHOTOS[0]), [CARDS[NONE]])[0]
    assert predictions(at)[0][1][1] == numbers.percent(stored.perception.max())


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


def test_where_no_sibling_is_left_a_sentence_says_so_and_the_models_load_all_the_same(app, checkpoints, monkeypatch):
    started = []
    monkeypatch.setattr(loading, "start_loading", lambda: started.append(True))
    for file in checkpoints.glob(f"{MULTIPLICATIVE}.*"):
        file.unlink()
    app.query_params.update({"variants": ADDITIVE, "mechanism": "multiplicative"})
    at = app.run()
    assert not at.exception and predictions(at) == []
    note = selection.NO_SIBLING.format(mechanism="multiplicative", titles=CARDS[ADDITIVE].title)
    assert texts(at.info) == [note]
    assert started


@pytest.mark.slow
def test_one_to_four_variants_and_none(live_app):
    live_app.run()
    at = live_app.multiselect(key="variant_ids").set_value([*CARDS][:4]).run()
    assert len(predictions(at)) == 4 and at.query_params["variants"] == ",".join([*CARDS][:4])
    at = live_app.multiselect(key="variant_ids").set_value([]).run()
    assert predictions(at) == [] and texts(at.info) == [NO_VARIANT]


def test_missing_weights_are_one_sentence_and_the_others_work(live_app, checkpoints):
    (checkpoints / f"{ADDITIVE}.safetensors").unlink()
    (checkpoints / f"{UNFOLDED}.json").write_text("{")
    at = live_app.run()
    assert not at.exception
    assert set(texts(at.warning)) == {
        store.NO_WEIGHTS.format(variant=ADDITIVE),
        store.UNREADABLE_CARD.format(variant=UNFOLDED, card=f"{UNFOLDED}.json"),
    }
    assert len(predictions(at)) == 2


@pytest.mark.slow
def test_altered_weights_are_one_sentence_and_the_others_work(live_app, checkpoints):
    (checkpoints / f"{NONE}.safetensors").unlink()
    (checkpoints / f"{NONE}.safetensors").write_bytes(b"something else")
    at = live_app.run()
    assert not at.exception and texts(at.warning) == [store.OTHER_WEIGHTS.format(variant=NONE)]
    assert len(predictions(at)) == 2


def test_the_address_holds_the_view_and_opens_it_again(live_app, network):
    live_app.query_params.update(
        {"photo": PHOTOS[2].id, "variants": f"{NONE},{UNFOLDED}", "mechanism": "additive", "same_weights": "true",
         "fit": "pad", "opacity": "30", "colors": "viridis", "cells": CELLS[1]})  # fmt: skip
    at = live_app.run()
    options = {"fit": "pad", "mechanism": "additive"}
    assert predictions(at) == as_shown(explain(opened(PHOTOS[2]), [NONE, UNFOLDED], load=network, **options))
    assert at.slider(key="opacity").value == 30
    assert at.button_group(key="colors").value == "viridis"
    assert at.button_group(key="cells").value == CELLS[1]


def test_illegal_addresses_fall_back_to_the_default(live_app, network):
    live_app.query_params.update(
        {"photo": "../../etc/passwd", "variants": "nobody,,<b>", "mechanism": "squared", "fit": "stretch",
         "opacity": "900", "colors": "pink", "scale": "log", "cells": "9", "same_weights": "maybe"})  # fmt: skip
    at = live_app.run()
    assert not at.exception and not at.error
    assert predictions(at) == as_shown(explain(opened(PHOTOS[0]), IDS, load=network))
    assert at.button_group(key="colors").value == color_maps.DEFAULT_COLORS and at.slider(key="opacity").value <= 100
