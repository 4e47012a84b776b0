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
from abn.ui.inside import traces, words
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


def drawn(at: AppTest) -> dict:
    """The data of the diagram."""
    return components(at, "abn_network_path")["path"]


def details(at: AppTest, stage: str) -> str:
    """A stage as it opens in the diagram, as HTML."""
    return drawn(at)["details"][stage]


def body(at: AppTest, kind: str) -> str:
    return next((element.value for element in at.html if f'class="{kind}' in element.value), "")


def figures(at: AppTest, stage: str) -> list[str]:
    """Minimum, mean, maximum and the share of zeros of a stage, as a person reads them."""
    return re.findall(r"<dd>(.*?)</dd>", details(at, stage))


def names(at: AppTest, stage: str) -> list[str]:
    return [html.unescape(name) for name in re.findall(r'<figcaption title="(.*?)">', details(at, stage))]


def moment_shown(at: AppTest) -> dict:
    """The recorded moment that is chosen on the time axis."""
    data = components(at, "abn_timeline")["course"]
    return data["moments"][data["chosen"]]


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
    data = drawn(at)
    assert data["chosen"] == "M" and not data["alert"]
    for kind in ("wide", "narrow"):
        buttons = re.findall(r'data-stage="(.*?)" aria-label="(.*?)"', data[kind])
        assert [name for name, _ in buttons] == list(STAGES)
        for name, label in buttons:
            assert format_shape(traced.stage(name)) in label
        (label, _, chance), *_ = top_classes(traced.logits, class_names(CARDS[ADDITIVE]))
        in_lines = html.unescape(dict(buttons)["logits"]).replace(",", "")  # the label may take two lines
        assert f"{numbers.short_label(label)} {numbers.percent(chance)}" in in_lines
        assert re.findall(r'aria-checked="true" data-mechanism="(.*?)"', data[kind]) == ["additive"]


def test_the_mechanism_drawn_is_the_trained_one(page):
    page.run()
    at = page.button_group(key="one_variant").set_value(NONE).run()
    data = drawn(at)
    assert "line unused" in data["wide"] and "line unused" in data["narrow"]
    assert at.query_params["variant"] == NONE and "applied" not in at.query_params


def test_another_mechanism_is_applied_to_the_same_weights(page, looked, runner):
    at, traced = page.run(), looked()
    at = show(at, applied=(ADDITIVE, "multiplicative"))
    data, labels = drawn(at), class_names(CARDS[ADDITIVE])
    logits = runner(CARDS[ADDITIVE]).classify(traced.attention * traced.features[None])[0]
    (after, _, p), *_ = top_classes(logits, labels)
    (before, _, q), *_ = top_classes(traced.logits, labels)
    for label, probability in ((before, q), (after, p)):
        assert f"{numbers.short_label(label)} {numbers.percent(probability)}" in data["alert"]
    assert "additive" in data["alert"] and "multiplicative" in data["alert"]
    low, mean, high, _ = figures(at, "g′")
    changed = summarize(traced.attention * traced.features)
    for given, value in zip((low, mean, high), (changed.low, changed.mean, changed.high), strict=True):
        assert float(given.replace("−", "-")) == pytest.approx(value, rel=0.006)
    assert re.findall(r'<li class="(.*?)"', body(at, "abn-sums")) == ["", "abn-own", ""]
    assert at.query_params["applied"] == "multiplicative"
    at = page.button_group(key="one_variant").set_value(NONE).run()  # of another variant the training's is applied
    assert not drawn(at)["alert"] and "applied" not in at.query_params


def test_the_address_holds_the_applied_mechanism(page):
    page.query_params["applied"] = "none"
    at = page.run()
    assert "line unused" in drawn(at)["wide"] and drawn(at)["alert"]


def test_the_class_maps_of_the_page_are_those_of_the_training(page, looked):
    page.query_params["applied"] = "multiplicative"
    at = page.run()
    label = numbers.short_label(class_names(CARDS[ADDITIVE])[looked().logits.argmax()])
    assert label in components(at, "abn_map_view")["class-CAM"]["alt"]


def test_every_stage_opens_with_what_the_network_computes(page, looked):
    at, traced, labels = page.run(), looked(), class_names(CARDS[ADDITIVE])
    assert list(drawn(at)["details"]) == list(STAGES)
    for stage in STAGES:
        values = traced.stage(stage)
        summary, shown = summarize(values), figures(at, stage)
        assert format_shape(values) in details(at, stage)
        for given, value in zip(shown[:3], (summary.low, summary.mean, summary.high), strict=True):
            assert float(given.replace("−", "-")) == pytest.approx(value, rel=0.006, abs=1e-12)
        assert (shown[3] == numbers.percent(summary.zeros)) == bool(summary.zeros)
        assert "Histogram of" in details(at, stage)
        if values.ndim == 1:
            for label, logit, probability in top_classes(values, labels, 5):
                row = f"{numbers.fixed(logit)} · {numbers.percent(probability)}"
                assert numbers.short_label(label) in html.unescape(details(at, stage)) and row in details(at, stage)
    assert len(names(at, "x")) == 4 and names(at, "M") == ["M"]
    order = order_by_magnitude(traced.response)[:4]
    assert names(at, "A") == [numbers.short_label(labels[k]) for k in order]  # channel k of A belongs to class k here
    for stage, values in (("g", traced.features), ("g′", traced.reweighted)):
        assert names(at, stage) == [f"{stage} {k + 1}" for k in order_by_magnitude(values)[:4]]


def test_the_class_maps_shown_are_those_of_the_largest_auxiliary_logits(page, looked):
    at, traced, labels = page.run(), looked(), class_names(CARDS[ADDITIVE])
    top = top_classes(traced.aux_logits, labels, 4)
    assert names(at, "class maps") == [numbers.short_label(label) for label, _, _ in top]
    means = re.findall(r"<span>([\d.]+)</span></figcaption>", details(at, "class maps"))
    assert [float(mean) for mean in means] == pytest.approx([logit for _, logit, _ in top], abs=0.0051)


@pytest.mark.parametrize("stage", ["x", "M", "logits"])
def test_the_address_holds_the_open_stage(page, stage):
    at = show(page, stage=stage)
    assert not at.exception and drawn(at)["chosen"] == stage
    assert at.query_params.get("stage", "M") == stage


@pytest.mark.slow
def test_more_channels_on_request_up_to_all(page, looked):
    at = page.run()
    assert len(names(at, "g")) == 4
    for count in (12, 24, 48, 96, 112):
        at = show(at, channels_shown=("g", count))
        assert len(names(at, "g")) == count and f"{count} of 112" in details(at, "g")
        assert ("data-more" in details(at, "g")) == (count < 112)
    assert len({name.partition(" · ")[0] for name in names(at, "g")}) == 112
    assert len(names(at, "A")) == 4  # another stage starts with the first channels


@pytest.mark.slow
def test_channels_are_no_classes_where_the_class_head_mixes_them(page):
    page.query_params.update({"photo": "clothing-boot-among-pieces", "variants": CLOTHING})
    at = page.run()
    assert not at.exception
    assert all(re.fullmatch(r"A \d+", name) for name in names(at, "A"))
    assert set(names(at, "class maps")) < set(class_names(CARDS[CLOTHING]))


@pytest.mark.slow
def test_with_a_scale_of_its_own_each_channel_reaches_the_end_of_the_colors(page):
    before = details(page.run(), "g")
    at = page.button_group(key="scale").set_value(STRETCHED).run()
    assert details(at, "g") != before


# ---- one cell ----


def test_the_formula_has_the_numbers_of_the_brightest_cell_and_its_strongest_channel(page, looked):
    at, traced = page.run(), looked()
    row, column = traced.brightest_cell
    channel = traced.strongest_channel(row, column)
    assert mentions(at, f"channel {channel + 1}**")
    lines = sums(at)
    assert [line.split(",")[0] for line in lines] == ["additive", "multiplicative", "none"]
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
        {
            "cell": "0,99",
            "channel": "-4",
            "class": "5000",
            "moment": "99999",
            "stage": "<b>",
            "variant": "nobody",
            "applied": "<b>",
        }
    )
    at = page.run()
    assert not at.exception
    assert components(at, "abn_map_view")["cell-map"]["picked"] == list(looked().brightest_cell)
    assert (at.selectbox(key="channel").value, at.selectbox(key="one_class imagenet-1k").value) == (-1, -1)
    assert moment_shown(at)["step"] == load_history(CARDS[ADDITIVE]).total
    assert drawn(at)["chosen"] == "M"


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

    monkeypatch.setattr(traces, "pooled_class_map", lambda *_: None)  # a network with another end
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
    kept = traces.pooled_class_map
    monkeypatch.setattr(traces, "pooled_class_map", lambda *given: calls.append(given[2]) or kept(*given))
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
    at, history = page.run(), load_history(CARDS[ADDITIVE])
    place = history.ids.index(PHOTOS[0].id)
    last = components(at, "abn_map_view")["life-map"]["values"]
    assert last == map_values(history.maps[-1, place])
    data = components(at, "abn_timeline")["course"]
    assert data["name"] == components(at, "abn_map_view")["life-map"]["follows"]
    assert [moment["step"] for moment in data["moments"]] == history.steps.tolist()
    for moment, values in zip(data["moments"], history.maps[:, place], strict=True):
        assert moment["position"] == moment["step"] / history.total  # to scale
        assert moment["values"] == map_values(values) and str(moment["step"]) in moment["alt"]
        if moment["step"] < history.total:
            assert numbers.fixed(rank_correlation(values, history.maps[-1, place])) in moment["text"]
    assert history_in_words(history) in data["alt"]
    step = int(history.steps[3])
    at = show(at, moment=step)
    assert components(at, "abn_map_view")["life-map"]["values"] == map_values(history.maps[3, place])
    assert moment_shown(at)["step"] == step and at.query_params["moment"] == str(step)


def test_step_zero_is_explained_by_how_the_training_began(page):
    warm = components(page.run(), "abn_timeline")["course"]["moments"]
    assert words.STEP_ZERO_WARM in warm[0]["text"]
    assert not any(words.STEP_ZERO_WARM in moment["text"] for moment in warm[1:])
    at = show(page, variant_ids=[CLOTHING])
    assert words.STEP_ZERO_RANDOM in components(at, "abn_timeline")["course"]["moments"][0]["text"]


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
    assert at.query_params["photo"] == "own-1" and "fish" not in str(at.query_params)
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


def test_every_picture_has_words(page):
    at = page.run()
    assert all(len(data["alt"]) > 20 for data in components(at, "abn_map_view").values())
    for stage in STAGES:
        alts = re.findall(r'<img [^>]*alt="(.*?)"', details(at, stage))
        assert all(len(alt) > 10 for alt in alts) and bool(alts) == ("logits" not in stage)
