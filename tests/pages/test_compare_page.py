"""Compare through AppTest: the first view, what is compared, and what a choice leaves out."""

import html
import re

import numpy as np
import pytest
from reading import (
    alts,
    as_shown,
    bars,
    captions,
    components,
    map_values,
    mentions,
    model_card,
    open_tab,
    predictions,
    tables,
    texts,
    ticks,
)
from streamlit.testing.v1 import AppTest

from abn.explanations.explainer import explain
from abn.images import samples
from abn.images.decode import Picture, open_picture
from abn.images.variations import vary
from abn.plots import class_bars, color_limits, color_maps, numbers
from abn.ui.compare import words
from abn.ui.components import map_view
from abn.ui.controls.selection import default_variants
from abn.ui.controls.words import NOT_HERE, TRAINED_ON
from abn.ui.layout import escape_markdown
from abn.variants.store import list_variants
from abn.vocabulary import MECHANISMS

CARDS = {card.id: card for card in list_variants()}
ADDITIVE, MULTIPLICATIVE, NONE = IDS = default_variants(list_variants())
INVERTED = "imagenet-lite0-additive-unfolded"
PHOTOS = list(samples.gallery().values())


def opened(photo: samples.Photo) -> Picture:
    return open_picture(photo.path.read_bytes(), name=photo.file)


def choose(at: AppTest, mechanism: str) -> AppTest:
    return at.button_group(key="mechanism").set_value(mechanism).run()


def test_the_first_view_is_of_the_first_photograph_in_the_default_variants(ready, runner):
    at = ready.run()
    assert not at.exception
    assert predictions(at) == as_shown(explain(opened(PHOTOS[0]), IDS, load=runner))
    assert components(at, "abn_strip")["strip"]["chosen"] == PHOTOS[0].id
    assert escape_markdown(PHOTOS[0].author) in captions(at)


def test_a_link_whose_image_is_not_here_is_told_until_another_is_chosen(ready):
    ready.query_params["photo"] = "nowhere"
    at = ready.run().run()  # the address has been mended by then
    assert not at.exception and NOT_HERE in texts(at.info)
    at.session_state["photo"] = PHOTOS[1].id
    assert NOT_HERE not in texts(at.run().info)
    at.session_state["photo"] = PHOTOS[0].id
    assert NOT_HERE not in texts(at.run().info)


def test_a_network_that_saw_the_picture_at_another_size_is_named(ready):
    ready.query_params["variants"] = f"{ADDITIVE},imagenet-lite2-additive"
    at = ready.run()
    (named,) = [caption for caption in texts(at.caption) if "260 × 260" in caption and "17 × 17" in caption]
    assert CARDS["imagenet-lite2-additive"].title in named


def test_the_difference_is_that_of_any_two_maps_shown(ready, runner):
    at = open_tab(ready, words.DIFFERENCE)
    maps = {key: explain(opened(PHOTOS[0]), [key], load=runner)[0].attention for key in IDS}
    for first, second in ((ADDITIVE, MULTIPLICATIVE), (NONE, MULTIPLICATIVE)):
        at = at.selectbox(key="difference_of").set_value(first).run()
        signed = maps[first] - maps[second]
        result = words.DIFFERENCE_RESULT.format(mean=np.abs(signed).mean(), most=np.abs(signed).max())
        assert f"**{result}**" in texts(at.markdown)
        limit = color_limits.symmetric_limit(signed)
        assert ticks(at)[-1] == color_maps.bar_numbers(-limit, limit)


def test_no_difference_is_shown_of_one_map_nor_of_maps_with_other_cells(ready):
    open_tab(ready, words.DIFFERENCE)
    for chosen in ([ADDITIVE], [ADDITIVE, "imagenet-lite2-additive"]):
        at = ready.multiselect(key="variant_ids").set_value(chosen).run()
        assert not at.exception and "difference" not in components(at, "abn_map_view")
        assert words.NO_DIFFERENCE in captions(at)
    at = at.multiselect(key="variant_ids").set_value([ADDITIVE, "imagenet-lite2-additive", NONE]).run()
    assert at.selectbox(key="difference_of").options == [CARDS[ADDITIVE].title, CARDS[NONE].title]


def test_one_variant_on_two_images(ready, runner):
    open_tab(ready, words.SECOND_IMAGE)
    at = ready.button_group(key="second_image").set_value("flip").run()
    before, after = (
        explain(picture, [ADDITIVE], load=runner)[0] for picture in (opened(PHOTOS[0]), vary(opened(PHOTOS[0]), "flip"))
    )
    assert predictions(at)[-2:] == as_shown([before, after])
    assert components(at, "abn_map_view")[f"map-second-{ADDITIVE}"]["values"] == map_values(after.attention)
    at = at.button_group(key="second_image").set_value("other").run()
    at = at.selectbox(key="second_photo").set_value(PHOTOS[3].id).run()
    assert predictions(at)[-1:] == as_shown(explain(opened(PHOTOS[3]), [ADDITIVE], load=runner))


def test_bars_have_one_legend_and_one_scale_and_reading_a_cell_is_told_once(ready):
    at = ready.run()
    bodies = [element.value for element in at.html]
    assert sum("abn-bars abn-legend" in body for body in bodies) == 1 and words.TOP_SCALE in captions(at)
    assert len(set(re.findall(r"--whole: \d+%", "".join(bars(at))))) == 1
    assert sum(map_view.POINT in body for body in bodies) == 1
    assert not any(data["hint"] for data in components(at, "abn_map_view").values())
    at = ready.switch_page("pages/Ablation.py").run()
    assert sum(map_view.POINT in element.value for element in at.html) == 1
    assert not any(data["hint"] for data in components(at, "abn_map_view").values())


def test_an_image_that_the_input_shows_whole_is_not_shown_again(ready):
    at = open_tab(ready, words.WHOLE)
    assert components(at, "abn_map_view").keys() >= {f"whole-{key}" for key in IDS}
    at = ready.button_group(key="fit").set_value("squash").run()
    assert not any(key.startswith("whole-") for key in components(at, "abn_map_view"))
    assert words.WHOLE_IS_INPUT in captions(at)


def test_bars_agreement_and_divergence_are_those_of_the_library(ready, runner):
    at = ready.run()
    explanations = explain(opened(PHOTOS[0]), IDS, load=runner)
    verdicts = [m for m in at.markdown if "JS divergence" in m.proto.help]
    assert len(verdicts) == len(explanations) and not mentions(at, "JS divergence")
    for verdict, drawn, explanation in zip(verdicts, bars(at), explanations, strict=True):
        assert f"{explanation.js_divergence:.2f}" in verdict.proto.help
        assert (":orange-badge[" in verdict.value) == (not explanation.heads_agree)
        names = [html.unescape(name) for name in re.findall(r"<b>(.*?)</b>", drawn)]
        assert names == [numbers.short_label(explanation.labels[k]) for k in class_bars.shared_classes(explanation)]


@pytest.mark.slow
def test_every_picture_has_words(ready):
    at = ready.run()
    assert all(re.search(r'aria-label="[^"]{40,}"', drawn) for drawn in bars(at)) and len(bars(at)) == 3
    for tab, count in ((words.WHOLE, 8), (words.DIFFERENCE, 5)):
        at = open_tab(at, tab)
        assert len(alts(at)) == count and all(len(alt) > 20 for alt in alts(at))


def test_only_the_open_tab_is_sent(ready):
    for tab, sent in {words.TOP: (3, 1, 0), words.EXPORT: (0, 10, 0), words.CARDS: (0, 1, 6)}.items():
        at = open_tab(ready, tab)
        assert (len(bars(at)), len(at.get("download_button")), len(at.table)) == sent  # one of them the notebook
        assert len(components(at, "abn_map_view")) == 3


def test_what_is_known_is_not_computed_again(ready, monkeypatch):
    ready.run()
    monkeypatch.setattr("abn.explanations.explainer.explain", lambda *_, **__: pytest.fail("computed again"))
    at = ready.multiselect(key="variant_ids").set_value([NONE, ADDITIVE]).run()  # two of the three, another order
    assert not at.exception and len(predictions(at)) == 2


def test_a_lesson_says_what_it_teaches(ready):
    ready.query_params["variants"] = INVERTED
    (note,) = texts(ready.run().info)
    assert CARDS[INVERTED].lesson in note and words.SEE_AS_TRAINED not in note


@pytest.mark.slow
def test_a_lesson_says_how_to_come_back_where_its_mechanism_is_swapped(ready):
    ready.query_params["variants"] = INVERTED
    ready.query_params["mechanism"] = "none"
    ready.query_params["same_weights"] = "true"
    assert texts(ready.run().info)[0].endswith(words.SEE_AS_TRAINED)


def test_the_card_is_all_there(ready):
    assert not tables(ready.run())  # until it is opened
    at = open_tab(ready, words.CARDS)
    for which, key in enumerate(IDS):
        shown = model_card(at, which)
        assert shown["sha256 of the weights"] == CARDS[key].sha256
        assert shown["Parameters, feature extractor"] == f"{CARDS[key].parameters['extractor']:,}"


def test_a_picture_of_clothing_is_shown_to_those_that_know_it(ready):
    """Networks of photographs say that it means little, and one click brings those that learned clothing."""
    ready.query_params["photo"] = "clothing-boot-among-pieces"
    ready.run()
    assert not ready.exception
    assert any(TRAINED_ON["photograph"] in info for info in texts(ready.info))
    ready.button(key="choose-fitting").click().run()
    assert not ready.exception
    assert not any(sentence in info for info in texts(ready.info) for sentence in TRAINED_ON.values())
    assert ready.session_state["variant_ids"] == [f"cluttered-resnet20-{name}" for name in MECHANISMS]
    assert len(predictions(ready)) == 3
