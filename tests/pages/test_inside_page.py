"""The Inside page through AppTest: what a person reads of every stage is what the network computes."""

import html
import re
from pathlib import Path

import pytest
from reading import captions, components, keys, map_values, mentions
from streamlit.testing.v1 import AppTest

from abn import open_picture
from abn.errors import ABNError
from abn.evaluation.metrics import rank_correlation
from abn.explanations import cam, trace
from abn.explanations.cam import class_map
from abn.explanations.stages import STAGES, format_shape, order_by_magnitude, summarize, top_classes
from abn.images import samples
from abn.images.fit import fit_picture
from abn.plots import numbers
from abn.plots.cell_product import product
from abn.plots.history_chart import history_in_words
from abn.ui.controls.view_settings import SCALES
from abn.ui.layout import escape_markdown
from abn.ui.runtime import models
from abn.variants import store
from abn.variants.card import class_names
from abn.variants.history import load_history
from abn.variants.store import list_variants

ROOT = Path(__file__).parents[2]
CARDS = {card.id: card for card in list_variants()}
ADDITIVE, MULTIPLICATIVE, NONE = (f"imagenet-lite0-{name}" for name in ("additive", "multiplicative", "none"))
STRETCHED = next(label for label, scale in SCALES.items() if scale == "each")
CLOTHING = "cluttered-resnet20-additive"
PHOTOS = list(samples.gallery().values())


@pytest.fixture
def page(ready, monkeypatch, network) -> AppTest:
    monkeypatch.setattr(store, "load_variant", network)  # for CAM and Grad-CAM
    return ready.switch_page("pages/Inside.py")


@pytest.fixture
def looked(runner):
    """The library's trace of a photograph through a variant."""

    def look(photo: samples.Photo = PHOTOS[0], variant: str = ADDITIVE, fit: str = "crop"):
        picture = open_picture(photo.path.read_bytes())
        return trace.trace_picture(picture, CARDS[variant], fit=fit, load=runner)

    return look


def body(at: AppTest, kind: str) -> str:
    return next((element.value for element in at.html if f'class="{kind}' in element.value), "")


def figures(at: AppTest) -> list[str]:
    return re.findall(r"<dd>(.*?)</dd>", body(at, "abn-figures"))


def names(at: AppTest) -> list[str]:
    return [html.unescape(name) for name in re.findall(r"<figcaption>(.*?)</figcaption>", body(at, "abn-tiles"))]


def sums(at: AppTest) -> list[str]:
    """Each mechanism's line, as a person reads it."""
    lines = re.findall(r"<li.*?</li>", body(at, "abn-sums"))
    return [re.sub(r"\s+", " ", re.sub(r"<.*?>", " ", line)).strip() for line in lines]


def show(at: AppTest, **state) -> AppTest:
    for key, value in state.items():
        at.session_state[key] = value
    return at.run()


# ---- the drawing and the chosen stage ----


def test_the_drawing_holds_what_the_network_computes(page, looked):
    at, traced = page.run(), looked()
    assert not at.exception and not at.error
    drawn = components(at, "abn_network_path")["path"]
    assert drawn["chosen"] == "M"
    for kind in ("wide", "narrow"):
        buttons = re.findall(r'data-stage="(.*?)" aria-label="(.*?)"', drawn[kind])
        assert [name for name, _ in buttons] == list(STAGES)
        for name, words in buttons:
            assert format_shape(traced.stage(name)) in words
        (label, _, chance), *_ = top_classes(traced.logits, class_names(CARDS[ADDITIVE]))
        assert f"{numbers.short_label(label)}, {numbers.percent(chance)}" in html.unescape(dict(buttons)["logits"])
        assert "(1 + M) · g" in drawn[kind]


def test_the_mechanism_drawn_is_the_trained_one(page):
    page.run()
    at = page.button_group(key="one_variant").set_value(NONE).run()
    drawn = components(at, "abn_network_path")["path"]
    assert "line unused" in drawn["wide"] and "line unused" in drawn["narrow"]
    assert at.query_params["variant"] == NONE


@pytest.mark.parametrize("stage", ["x", "A", "M", "logits"])
def test_each_stage_can_be_chosen(page, looked, stage):
    at, traced = show(page, stage=stage), looked()
    assert not at.exception and components(at, "abn_network_path")["path"]["chosen"] == stage
    assert at.query_params.get("stage", "M") == stage
    values = traced.stage(stage)
    summary = summarize(values)
    shown = figures(at)
    assert shown[0] == format_shape(values)
    for given, value in zip(shown[1:4], (summary.low, summary.mean, summary.high), strict=True):
        assert float(given.replace("−", "-")) == pytest.approx(value, rel=0.006, abs=1e-12)
    assert shown[4] == (numbers.percent(summary.zeros) if summary.zeros else "none")
    charts = [chart.proto.alt for chart in at.get("plotly_chart")]
    assert any(alt.startswith(tuple("TA")) and "Histogram" in alt for alt in charts) and all(charts)
    labels = class_names(CARDS[ADDITIVE])
    if values.ndim == 1:
        best = top_classes(values, labels)
        assert any(f"{numbers.short_label(best[0][0])} {best[0][1]:.2f}" in alt for alt in charts)
    elif stage == "x":
        assert names(at) == ["what the model saw", "red", "green", "blue"]
    elif stage == "M":
        assert names(at) == ["M"]
    else:
        order = order_by_magnitude(values)[:24]
        named = stage in ("A", "class maps")  # of this network channel k of A speaks for class k
        expected = [numbers.short_label(labels[k]) if named else f"{stage} {k + 1}" for k in order]
        assert [name.rpartition(" · ")[0] for name in names(at)] == expected


@pytest.mark.slow
def test_more_channels_on_request_up_to_all(page, looked):
    at = show(page, stage="g")
    for count in (24, 48, 96, 112):
        assert len(names(at)) == count and mentions(at, str(count), "112")
        at = at.button(key="more-channels").click().run() if count < 112 else at
    assert "more-channels" not in keys(at) and len({name.partition(" · ")[0] for name in names(at)}) == 112
    assert len(names(show(page, stage="A"))) == 24  # another stage starts with the first channels again


@pytest.mark.slow
def test_channels_are_no_classes_where_the_class_head_mixes_them(page):
    page.query_params.update({"photo": "clothing-boot-among-pieces", "variants": CLOTHING, "stage": "A"})
    at = page.run()
    assert not at.exception
    assert all(re.fullmatch(r"A \d+ · .*", name) for name in names(at))
    at = show(page, stage="class maps")
    assert {name.partition(" · ")[0] for name in names(at)} == set(class_names(CARDS[CLOTHING]))


@pytest.mark.slow
def test_with_a_scale_of_its_own_each_channel_reaches_the_end_of_the_colors(page):
    at = show(page, stage="g")
    before = body(at, "abn-tiles")
    at = page.button_group(key="scale").set_value(STRETCHED).run()
    assert body(at, "abn-tiles") != before


# ---- one cell ----


def test_the_formula_has_the_numbers_of_the_brightest_cell_and_its_strongest_channel(page, looked):
    at, traced = page.run(), looked()
    row, column = traced.brightest_cell
    channel = traced.strongest_channel(row, column)
    assert mentions(at, f"channel {channel + 1}**")
    lines = sums(at)
    assert [line.split(" · ")[0] for line in lines] == ["additive", "multiplicative", "none"]
    assert re.findall(r'<li class="(.*?)"', body(at, "abn-sums")) == ["abn-own", "", ""]
    for line, numbers_of_cell in zip(lines, trace.cell_products(traced, row, column, channel), strict=True):
        assert line.endswith(f"= {product(*numbers_of_cell).after}")
    assert float(lines[0].rpartition("= ")[2].replace("−", "-")) == pytest.approx(
        traced.reweighted[channel, row, column], abs=0.0051
    )
    assert components(at, "abn_map_view")["cell-map"]["picked"] == [row, column]


def test_another_cell_and_another_channel(page, looked):
    page.query_params.update({"cell": "3,4", "channel": "5"})
    at, traced = page.run(), looked()
    assert components(at, "abn_map_view")["cell-map"]["picked"] == [2, 3]
    assert sums(at)[0].endswith(f"= {product(*trace.cell_products(traced, 2, 3, 4)[0]).after}")
    at = page.selectbox(key="channel").set_value(7).run()
    assert (
        sums(at)[0].endswith(f"= {product(*trace.cell_products(traced, 2, 3, 7)[0]).after}")
        and at.query_params["channel"] == "8"
    )
    at = page.selectbox(key="channel").set_value(-1).run()
    assert sums(at)[0].endswith(
        f"= {product(*trace.cell_products(traced, 2, 3, traced.strongest_channel(2, 3))[0]).after}"
    )
    assert "channel" not in at.query_params


@pytest.mark.slow
def test_another_picture_begins_at_its_own_brightest_cell(page, looked):
    page.query_params["cell"] = "3,4"
    page.run()
    at = show(page, photo=PHOTOS[3].id)
    assert components(at, "abn_map_view")["cell-map"]["picked"] == list(looked(PHOTOS[3]).brightest_cell)
    assert "cell" not in at.query_params


def test_illegal_addresses_fall_back_to_the_default(page, looked):
    page.query_params.update(
        {"cell": "0,99", "channel": "-4", "class": "5000", "moment": "3", "stage": "<b>", "variant": "nobody"}
    )
    at = page.run()
    assert not at.exception
    assert components(at, "abn_map_view")["cell-map"]["picked"] == list(looked().brightest_cell)
    assert (at.selectbox(key="channel").value, at.selectbox(key="one_class imagenet-1k").value) == (-1, -1)
    assert at.select_slider(key="moment").value == 575
    assert components(at, "abn_network_path")["path"]["chosen"] == "M"


# ---- maps of one class ----


def test_a_class_chosen_by_name_has_its_maps_and_mean_and_logit_agree(page, looked, network):
    page.run()
    labels = class_names(CARDS[ADDITIVE])
    k = next(k for k, label in enumerate(labels) if label.startswith("tiger cat"))
    at, traced = page.selectbox(key="one_class imagenet-1k").select(labels[k]).run(), looked()
    assert not at.exception and at.query_params["class"] == str(k + 1)
    shown = components(at, "abn_map_view")
    photo = open_picture(PHOTOS[0].path.read_bytes())
    images = fit_picture(photo, CARDS[ADDITIVE].input).normalized(CARDS[ADDITIVE].input)
    import torch

    expected = {"class map": traced.class_maps[k]} | {
        method: class_map(network(CARDS[ADDITIVE]), torch.from_numpy(images)[None], method, index=k).values
        for method in ("CAM", "Grad-CAM")
    }
    for method, values in expected.items():
        data = shown[f"class-{method}"]
        assert (data["height"], data["width"], data["symbol"]) == (*values.shape, method)
        assert data["values"] == pytest.approx(values.ravel().tolist(), abs=0.51 * 10 ** -data["digits"])
        assert "tiger cat" in data["alt"]
    assert shown["class-M"]["values"] == map_values(traced.attention)
    mean, logit = traced.class_maps[k].mean(dtype=float), traced.aux_logits[k]
    assert mentions(at, f"**{mean:.2f}**", f"**{logit:.2f}**") and mentions(at, "7 × 7", "bn2")
    assert captions(at).count(" ms") == 3


def test_by_default_the_class_is_the_networks_answer_and_it_follows_the_picture(page, looked):
    at, labels = page.run(), class_names(CARDS[ADDITIVE])
    first = numbers.short_label(labels[looked().logits.argmax()])
    assert first in components(at, "abn_map_view")["class-CAM"]["alt"]
    at = show(page, photo=PHOTOS[4].id)
    other = numbers.short_label(labels[looked(PHOTOS[4]).logits.argmax()])
    assert first != other and other in components(at, "abn_map_view")["class-CAM"]["alt"]
    chosen = at.selectbox(key="one_class imagenet-1k")  # its words must be true of any picture: a browser keeps them
    assert chosen.value == -1 and chosen.options[chosen.index] not in labels


def test_a_method_that_does_not_apply_says_so_in_its_place(page, monkeypatch):
    def refuse(network, looked, method, index):
        raise ABNError(f"{method} needs *something* else.")

    monkeypatch.setattr(cam, "trace_class_map", refuse)
    at = page.run()
    assert not at.exception
    assert [info.value for info in at.info] == [
        escape_markdown(f"{m} needs *something* else.") for m in ("CAM", "Grad-CAM")
    ]
    assert [key for key in components(at, "abn_map_view") if key.startswith("class-")] == ["class-M", "class-class map"]


def test_another_stage_cell_or_class_computes_nothing_again(page, monkeypatch):
    page.run()
    calls = []
    monkeypatch.setattr(trace, "trace_runner", lambda *_, **__: pytest.fail("looked again"))
    kept = cam.trace_class_map
    monkeypatch.setattr(cam, "trace_class_map", lambda *given: calls.append(given[2]) or kept(*given))
    assert not show(page, stage="A").exception
    assert not page.selectbox(key="channel").set_value(3).run().exception
    assert not show(page, opacity=20).exception
    assert components(page, "abn_map_view")["class-M"]["look"]["opacity"] == 0.2
    assert calls == []
    page.selectbox(key="one_class imagenet-1k").set_value(281).run()
    page.selectbox(key="one_class imagenet-1k").set_value(-1).run()
    assert not page.exception and calls == ["CAM", "Grad-CAM"]


# ---- how M forms ----


def test_the_map_at_each_recorded_moment(page):
    at, life = page.run(), load_history(CARDS[ADDITIVE])
    place = life.ids.index(PHOTOS[0].id)
    last = components(at, "abn_map_view")["life-map"]["values"]
    assert last == map_values(life.maps[-1, place])
    for step in (0, 34):
        at = page.select_slider(key="moment").set_value(step).run()
        moment = life.steps.tolist().index(step)
        values = life.maps[moment, place]
        assert components(at, "abn_map_view")["life-map"]["values"] == map_values(values)
        likeness = rank_correlation(values, life.maps[-1, place])
        assert mentions(at, f"**{numbers.fixed(likeness)}**")
        assert history_in_words(life, moment) in [chart.proto.alt for chart in at.get("plotly_chart")]
    assert at.query_params["moment"] == "34"


def test_a_variant_without_a_life_names_those_that_have_one(page):
    page.run()
    at = page.button_group(key="one_variant").set_value(MULTIPLICATIVE).run()
    assert not at.exception and "life-map" not in components(at, "abn_map_view")
    additive, clothing, multiplicative = (f"“{CARDS[name].title}”" for name in (ADDITIVE, CLOTHING, MULTIPLICATIVE))
    assert mentions(at, additive, clothing) and not mentions(at, additive, clothing, multiplicative)


def test_an_uploaded_picture_is_looked_into_and_a_recorded_one_is_offered_beside_it(page, runner):
    page.run()
    data = (samples.SAMPLES / "goldfish.jpg").read_bytes()
    at = page.file_uploader(key="files").set_value([("fish.jpg", data, "image/jpeg")]).run()
    assert not at.exception
    result = trace.trace_picture(open_picture(data), CARDS[ADDITIVE], load=runner)
    assert components(at, "abn_map_view")["cell-map"]["values"] == map_values(result.attention)
    assert "photo" not in at.query_params and "fish" not in str(at.query_params)
    assert "choose-recorded" in keys(at)
    at = page.selectbox(key="recorded").set_value(PHOTOS[2].id).run()
    life = load_history(CARDS[ADDITIVE])
    shown = components(at, "abn_map_view")["life-map"]["values"]
    assert shown == map_values(life.maps[-1, life.ids.index(PHOTOS[2].id)])
    at = at.button(key="choose-recorded").click().run()
    assert at.session_state["photo"] == PHOTOS[2].id and "choose-recorded" not in keys(at)


@pytest.mark.slow
def test_lives_of_clothing_bring_their_own_pictures(page):
    page.query_params.update({"photo": "clothing-boot-among-pieces", "variants": CLOTHING})
    at, life = page.run(), load_history(CARDS[CLOTHING])
    assert not at.exception and at.selectbox(key="recorded").value == life.ids[0]
    at = page.selectbox(key="recorded").set_value(life.ids[5]).run()
    assert components(at, "abn_map_view")["life-map"]["values"] == map_values(life.maps[-1, 5])
    assert "choose-recorded" not in keys(at)


# ---- all of it ----


@pytest.mark.slow
def test_every_variant_can_be_looked_into(page):
    for card in CARDS.values():
        at = page
        at.session_state["variant_ids"] = [card.id]
        at.run()
        assert not at.exception, card.id
        assert {"cell-map", "class-M", "class-class map"} <= set(components(at, "abn_map_view")), card.id


def test_broken_weights_are_one_sentence(page, monkeypatch):
    def broken(card):
        raise ABNError("These weights are broken.")

    monkeypatch.setattr(models, "load_runner", broken)
    at = page.run()
    assert not at.exception and at.warning[0].value == escape_markdown("These weights are broken.")
    assert not components(at, "abn_network_path")


def test_a_squashed_picture_is_what_all_stages_are_of(page, looked):
    page.run()
    at, traced = page.button_group(key="fit").set_value("squash").run(), looked(fit="squash")
    assert components(at, "abn_map_view")["cell-map"]["values"] == map_values(traced.attention)
    assert "life-map" in components(at, "abn_map_view")  # which was recorded cropped


@pytest.mark.slow
def test_every_picture_has_words(page):
    for stage in ("x", "g"):
        at = show(page, stage=stage)
        assert all(len(data["alt"]) > 20 for data in components(at, "abn_map_view").values())
        assert all(chart.proto.alt for chart in at.get("plotly_chart"))
        assert all(len(alt) > 10 for alt in re.findall(r'<img [^>]*alt="(.*?)"', body(at, "abn-tiles")))
