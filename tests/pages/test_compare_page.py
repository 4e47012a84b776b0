"""Compare through AppTest: the first view, the live networks, what is compared, and what a choice leaves out."""

import html
import re
from itertools import chain

import numpy as np
import pytest
from reading import alts, as_shown, bars, captions, model_card, predictions, texts, ticks
from streamlit.testing.v1 import AppTest

from abn.explanations import first_view
from abn.explanations.explainer import explain
from abn.images import samples
from abn.images.decode import Picture, open_picture
from abn.plots import class_bars, color_limits, color_maps, numbers
from abn.ui import maps
from abn.ui.compare import panels
from abn.ui.controls.selection import default_variants
from abn.ui.controls.variant_picker import TRAINED_ON
from abn.ui.layout import escape_markdown
from abn.ui.runtime import loading
from abn.ui.runtime.engine import get_engine
from abn.variants.store import list_variants
from abn.vocabulary import MECHANISMS

CARDS = {card.id: card for card in list_variants()}
ADDITIVE, MULTIPLICATIVE, NONE = IDS = default_variants(list_variants())
UNFOLDED = "imagenet-lite0-additive-unfolded"
PHOTOS = list(samples.gallery().values())


def opened(photo: samples.Photo) -> Picture:
    return open_picture(photo.path.read_bytes(), name=photo.file)


def choose(at: AppTest, mechanism: str) -> AppTest:
    return at.button_group(key="mechanism").set_value(mechanism).run()


def test_the_first_view_is_the_shipped_one(app):
    at = app.run()
    assert not at.exception
    stored = first_view.shipped(opened(PHOTOS[0]), [CARDS[ADDITIVE], CARDS[MULTIPLICATIVE], CARDS[NONE]])
    assert predictions(at) == as_shown(stored)
    assert captions(at).count(maps.STORED) == 3
    assert PHOTOS[0].title in captions(at) and escape_markdown(PHOTOS[0].author) in captions(at)


def test_a_network_that_saw_the_picture_at_another_size_is_named(app):
    app.query_params["variants"] = f"{ADDITIVE},imagenet-lite2-additive"
    at = app.run()
    (named,) = [caption for caption in texts(at.caption) if "260 × 260" in caption and "17 × 17" in caption]
    assert CARDS["imagenet-lite2-additive"].title in named


def test_the_live_models_take_over_and_agree(app, network):
    before = predictions(app.run())
    get_engine().ready = True
    get_engine().load_ended.set()
    at = app.run()
    assert maps.STORED not in captions(at)
    live_answers = as_shown(explain(opened(PHOTOS[0]), IDS, load=network))
    assert predictions(at) == live_answers
    for old, new in zip(chain(*before), chain(*live_answers), strict=True):
        assert old[0] == new[0]
        assert float(old[1].strip("< %")) == pytest.approx(float(new[1].strip("< %")), abs=0.15)


def test_while_loading_a_question_without_stored_answer_shows_no_old_result(app):
    app.run()
    at = app.button_group(key="fit").set_value("squash").run()
    assert predictions(at) == [] and texts(at.info) == [loading.LOADING]


def test_if_the_models_cannot_be_loaded_one_sentence_says_so(app):
    get_engine().load_ended.set()
    at = app.run()
    assert len(predictions(at)) == 3  # the stored answers still stand
    at = app.button_group(key="fit").set_value("pad").run()
    assert texts(at.error) == [loading.UNLOADABLE] and not at.exception


def test_the_difference_is_that_of_the_trained_maps(live_app, network):
    at = live_app.run()
    additive, multiplicative = explain(opened(PHOTOS[0]), [ADDITIVE, MULTIPLICATIVE], load=network)
    signed = additive.attention - multiplicative.attention
    mean, most = (f"{value:.2f}" for value in (np.abs(signed).mean(), np.abs(signed).max()))
    assert any(mean in caption and most in caption for caption in texts(at.caption))
    limit = color_limits.symmetric_limit(signed)
    assert ticks(at)[-1] == color_maps.bar_numbers(-limit, limit)


def test_bars_agreement_and_divergence_are_those_of_the_library(live_app, network):
    at = live_app.run()
    explanations = explain(opened(PHOTOS[0]), IDS, load=network)
    verdicts = [m.value for m in at.markdown if ":small[" in m.value and "-badge[" in m.value]
    for verdict, drawn, explanation in zip(verdicts, bars(at), explanations, strict=True):
        assert f"{explanation.js_divergence:.2f}" in verdict
        assert (":green-badge[" in verdict) == explanation.heads_agree
        names = [html.unescape(name) for name in re.findall(r"<b>(.*?)</b>", drawn)]
        assert names == [numbers.short_label(explanation.labels[k]) for k in class_bars.shared_classes(explanation)]


@pytest.mark.slow
def test_every_picture_has_words(live_app):
    at = live_app.run()
    assert len(alts(at)) == 9 and all(len(alt) > 20 for alt in alts(at))
    assert all(re.search(r'aria-label="[^"]{40,}"', drawn) for drawn in bars(at)) and len(bars(at)) == 3


def test_what_is_known_is_not_computed_again(live_app, monkeypatch):
    live_app.run()
    monkeypatch.setattr("abn.explanations.explainer.explain", lambda *_, **__: pytest.fail("computed again"))
    at = live_app.multiselect(key="variant_ids").set_value([NONE, ADDITIVE]).run()  # two of the three, another order
    assert not at.exception and len(predictions(at)) == 2


def test_a_lesson_says_what_it_teaches(live_app):
    live_app.query_params["variants"] = UNFOLDED
    (note,) = texts(live_app.run().info)
    assert CARDS[UNFOLDED].lesson in note and panels.TO_SEE_THAT not in note


@pytest.mark.slow
def test_a_lesson_says_how_to_come_back_where_its_mechanism_is_swapped(live_app):
    live_app.query_params["variants"] = UNFOLDED
    live_app.query_params["mechanism"] = "none"
    live_app.query_params["same_weights"] = "true"
    assert texts(live_app.run().info)[0].endswith(panels.TO_SEE_THAT)


def test_the_card_is_all_there(live_app):
    at = live_app.run()
    for which, key in enumerate((ADDITIVE, MULTIPLICATIVE, NONE)):
        shown = model_card(at, which)
        assert shown["sha256 of the weights"] == CARDS[key].sha256
        assert shown["Parameters, extractor"] == f"{CARDS[key].parameters['extractor']:,}"


def test_a_picture_of_clothing_is_shown_to_those_that_know_it(live_app):
    """Networks of photographs say that it means little, and one click brings those that learned clothing."""
    live_app.query_params["photo"] = "clothing-boot-among-pieces"
    live_app.run()
    assert not live_app.exception
    assert any(TRAINED_ON["photograph"] in info for info in texts(live_app.info))
    live_app.button(key="choose-fitting").click().run()
    assert not live_app.exception
    assert not any(words in info for info in texts(live_app.info) for words in TRAINED_ON.values())
    assert live_app.session_state["variant_ids"] == [f"cluttered-resnet20-{name}" for name in MECHANISMS]
    assert len(predictions(live_app)) == 3
