"""Which variants Compare shows through AppTest: the mechanism and the same weights, the address, broken weights."""

import shutil
from pathlib import Path

import pytest
from reading import as_shown, components, look, predictions, texts
from streamlit.testing.v1 import AppTest

from abn.engine import loading
from abn.explanations.explainer import explain
from abn.images import samples
from abn.images.decode import Picture, open_picture
from abn.plots import color_maps, overlay
from abn.ui.controls import words
from abn.ui.controls.selection import default_variants
from abn.ui.controls.view_settings import CELLS
from abn.ui.controls.words import NO_VARIANT
from abn.ui.predictions import describe_mechanisms
from abn.variants import card, store
from abn.variants.store import list_variants
from abn.vocabulary import AS_TRAINED

CARDS = {card.id: card for card in list_variants()}
ADDITIVE, MULTIPLICATIVE, NONE = IDS = default_variants(list_variants())
INVERTED = "imagenet-lite0-additive-unfolded"
PHOTOS = list(samples.gallery().values())


def opened(photo: samples.Photo) -> Picture:
    return open_picture(photo.path.read_bytes(), name=photo.file)


def choose(at: AppTest, mechanism: str) -> AppTest:
    return at.button_group(key="mechanism").set_value(mechanism).run()


@pytest.mark.parametrize(
    ("mechanism", "sibling"), [("additive", ADDITIVE), ("multiplicative", MULTIPLICATIVE), ("none", NONE)]
)
def test_by_default_the_toggle_switches_to_the_variant_trained_that_way(ready, runner, mechanism, sibling):
    ready.run()
    at = choose(ready, mechanism)
    assert predictions(at) == as_shown(explain(opened(PHOTOS[0]), [sibling], load=runner))
    assert describe_mechanisms(CARDS[sibling], mechanism) in [caption.value for caption in at.caption]
    assert texts(at.info) == [words.MERGED.format(mechanism=mechanism)]
    assert len(predictions(choose(ready, AS_TRAINED))) == 3


def test_same_weights_keeps_the_networks_and_marks_what_differs(ready, runner):
    ready.run()
    choose(ready, "multiplicative")
    at = ready.toggle(key="same_weights").set_value(True).run()
    ids = IDS
    assert predictions(at) == as_shown(explain(opened(PHOTOS[0]), ids, load=runner, mechanism="multiplicative"))
    shown = [caption.value for caption in at.caption]
    lines = [describe_mechanisms(CARDS[variant], "multiplicative") for variant in IDS]
    assert [line for line in shown if line in lines] == lines
    assert ["-badge[" in line for line in lines] == [True, False, True]


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


def test_where_no_sibling_is_left_a_sentence_says_so(ready, checkpoints):
    for file in checkpoints.glob(f"{MULTIPLICATIVE}.*"):
        file.unlink()
    ready.query_params.update({"variants": ADDITIVE, "mechanism": "multiplicative"})
    at = ready.run()
    assert not at.exception and predictions(at) == []
    note = words.NO_SIBLING.format(mechanism="multiplicative", titles=f"“{CARDS[ADDITIVE].title}”")
    assert texts(at.info) == [note]


@pytest.mark.slow
def test_one_to_four_variants_and_none(ready):
    ready.run()
    at = ready.multiselect(key="variant_ids").set_value([*CARDS][:4]).run()
    assert len(predictions(at)) == 4 and at.query_params["variants"] == ",".join([*CARDS][:4])
    at = ready.multiselect(key="variant_ids").set_value([]).run()
    assert predictions(at) == [] and texts(at.info) == [NO_VARIANT]


def test_missing_weights_are_one_sentence_and_the_others_work(ready, checkpoints):
    (checkpoints / f"{ADDITIVE}.safetensors").unlink()
    (checkpoints / f"{INVERTED}.json").write_text("{")
    at = ready.run()
    assert not at.exception
    assert set(texts(at.warning)) == {
        store.NO_WEIGHTS.format(variant=ADDITIVE),
        store.UNREADABLE_CARD.format(variant=INVERTED, card=f"{INVERTED}.json"),
    }
    assert len(predictions(at)) == 2


def test_altered_weights_are_read_once_for_one_sentence_and_the_others_work(ready, checkpoints, monkeypatch, runner):
    (checkpoints / f"{NONE}.safetensors").unlink()
    (checkpoints / f"{NONE}.safetensors").write_bytes(b"something else")
    read = []
    monkeypatch.setattr(loading, "load_runner", lambda card: read.append(card.id) or runner(card))
    at = ready.run()
    assert not at.exception and sorted(read) == sorted(IDS)
    assert not at.exception and texts(at.warning) == [store.OTHER_WEIGHTS.format(variant=NONE)]
    assert len(predictions(at)) == 2


def test_the_address_holds_the_view_and_opens_it_again(ready, runner):
    ready.query_params.update(
        {"photo": PHOTOS[2].id, "variants": f"{NONE},{INVERTED}", "mechanism": "additive", "same_weights": "true",
         "fit": "pad", "opacity": "30", "colors": "viridis", "cells": CELLS[1]})  # fmt: skip
    at = ready.run()
    options = {"fit": "pad", "mechanism": "additive"}
    assert predictions(at) == as_shown(explain(opened(PHOTOS[2]), [NONE, INVERTED], load=runner, **options))
    assert look(at) == {"opacity": 30, "colors": "viridis", "cells": CELLS[1], "top": 0, "mark": overlay.MARKS[0]}
    drawn = components(at, "abn_map_view")[f"map-{NONE}"]["look"]
    assert (drawn["opacity"], drawn["colors"], drawn["smooth"]) == (0.3, "viridis", False)


def test_illegal_addresses_fall_back_to_the_default(ready, runner):
    ready.query_params.update(
        {"photo": "../../etc/passwd", "variants": "nobody,,<b>", "mechanism": "squared", "fit": "stretch",
         "opacity": "900", "colors": "pink", "scale": "log", "cells": "9", "top": "7", "mark": "x",
         "same_weights": "maybe"})  # fmt: skip
    at = ready.run()
    assert not at.exception and not at.error
    assert predictions(at) == as_shown(explain(opened(PHOTOS[0]), IDS, load=runner))
    default = {"colors": color_maps.DEFAULT_COLORS, "cells": CELLS[0], "top": 0, "mark": overlay.MARKS[0]}
    assert look(at) == {"opacity": 55, **default}
