"""The Ablation page through AppTest: three mechanisms on the same weights, the fair controls, and variants compared."""

from pathlib import Path

import numpy as np
import pytest
from reading import captions, components, map_values, mentions, tables
from streamlit.testing.v1 import AppTest

from abn.evaluation.metrics import overlap, rank_correlation
from abn.explanations import interventions
from abn.explanations.explainer import explain
from abn.images import samples
from abn.images.decode import open_picture
from abn.plots import numbers
from abn.ui.predictions import describe_mechanisms, mechanism_label
from abn.variants.store import find_variant
from abn.vocabulary import MECHANISMS

ROOT = Path(__file__).parents[2]
ADDITIVE, MULTIPLICATIVE, NONE = (f"imagenet-lite0-{name}" for name in ("additive", "multiplicative", "none"))
PHOTO = next(iter(samples.gallery().values()))
PICTURE = open_picture(PHOTO.path.read_bytes())


@pytest.fixture
def page(ready) -> AppTest:
    return ready.switch_page("pages/Ablation.py")


def points(at: AppTest) -> list[str]:
    """The changes of the probability that the page shows, in points."""
    return [metric.value.split(" ")[0] for metric in at.metric]


def test_the_triptych_is_that_of_the_library(page, runner):
    at = page.run()
    assert not at.exception
    own = explain(PICTURE, [ADDITIVE], load=runner)[0]
    named = int(own.perception.argmax())
    after = [explain(PICTURE, [ADDITIVE], mechanism=m, load=runner)[0] for m in ("none", "multiplicative", "additive")]
    changes = [float(explanation.perception[named] - own.perception[named]) for explanation in after]
    assert points(at) == [numbers.points(change) for change in changes] and points(at)[2] == numbers.points(0)
    maps = components(at, "abn_map_view")
    for mechanism, lift in (("additive", 1), ("multiplicative", 0)):
        assert maps[f"gain-{mechanism}"]["values"] == map_values(lift + own.attention)
    assert set(maps["gain-none"]["values"]) == {1}
    for mechanism in MECHANISMS:
        assert describe_mechanisms(find_variant(ADDITIVE), mechanism, " · ") in captions(at)


def test_strength_and_contrast_make_another_map(page, runner):
    page.run()
    page.slider(key="alpha").set_value(2.0)
    at = page.slider(key="gamma").set_value(2.0).run()
    subject = interventions.attend_image(PICTURE, find_variant(ADDITIVE), load=runner)
    stronger = interventions.scale_map(subject.attention, strength=2, power=2)
    before = subject.predict(subject.attention)
    change = subject.predict(stronger)[before.argmax()] - before.max()
    assert points(at)[2] == numbers.points(float(change))
    assert mentions(at, "g′ = (1 + 2 · M^2) · g")
    at = at.button(key="as_paper").click().run()
    assert points(at)[2] == numbers.points(0) and at.button(key="as_paper").disabled


def test_no_strength_makes_additive_none(page):
    page.run()
    at = page.slider(key="alpha").set_value(0.0).run()
    assert not at.exception and points(at)[0] == points(at)[2]


def test_the_fair_controls_are_those_of_the_library(page, runner):
    rows = tables(page.run())[0]
    subject = interventions.attend_image(PICTURE, find_variant(ADDITIVE), load=runner)
    own, named = subject.predict(subject.attention), int(subject.predict(subject.attention).argmax())
    constant = subject.predict(np.full_like(subject.attention, subject.attention.mean()))
    shuffled = np.mean(
        [subject.predict(interventions.shuffle_cells(subject.attention, s))[named] - own[named] for s in range(8)]
    )
    labels = [f"{m} ({mechanism_label(find_variant(ADDITIVE), m)})" for m in ("multiplicative", "additive")]
    assert rows[0][1:] == labels
    assert rows[1][2].endswith(numbers.percent(own[named]))
    assert f"{numbers.percent(constant[named])}, Δp {numbers.points(constant[named] - own[named])}" in rows[2][2]
    assert f"Δp {numbers.points(shuffled)} " in rows[3][2]


def test_the_matrix_of_agreement_is_that_of_the_library(page, runner):
    rows = tables(page.run())[1]
    maps = [explanation.attention for explanation in explain(PICTURE, [ADDITIVE, MULTIPLICATIVE, NONE], load=runner)]
    assert rows[1][2:] == [f"{rank_correlation(maps[0], maps[k]):.3f}" for k in (1, 2)]
    assert rows[3][1:3] == [f"{overlap(maps[2], maps[k], 0.2):.3f}" for k in (0, 1)]


def test_one_variant_has_nothing_to_agree_with(page):
    page.run()
    at = page.multiselect(key="variant_ids").set_value([MULTIPLICATIVE]).run()
    assert not at.exception and len(at.info) == 1 and len(tables(at)) == 1
    assert describe_mechanisms(find_variant(MULTIPLICATIVE), "multiplicative", " · ") in captions(at)


def test_another_variant_is_looked_into(page):
    page.run()
    at = page.button_group(key="one_variant").set_value(NONE).run()
    assert points(at)[0] == numbers.points(0) and all(
        describe_mechanisms(find_variant(NONE), mechanism, " · ") in captions(at) for mechanism in MECHANISMS
    )


def test_nothing_is_computed_twice(page, monkeypatch):
    page.run()
    monkeypatch.setattr(interventions, "attend_variants", lambda *_, **__: pytest.fail("run again"))
    monkeypatch.setattr(interventions.AttendedImage, "predict", lambda *_, **__: pytest.fail("run again"))
    assert not page.run().exception
