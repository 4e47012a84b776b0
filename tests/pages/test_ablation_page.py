"""The Ablation page through AppTest: three mechanisms on the same weights, the control maps, and variants compared."""

from pathlib import Path

import numpy as np
import pytest
from reading import captions, components, effects, map_values, mentions, tables
from streamlit.testing.v1 import AppTest

from abn.evaluation.metrics import overlap, rank_correlation
from abn.explanations import interventions
from abn.explanations.explainer import explain
from abn.images import samples
from abn.images.decode import open_picture
from abn.plots import numbers
from abn.ui.ablation import mechanism_panels, words
from abn.ui.predictions import describe_mechanisms
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
    """Δp of the class predicted as trained, for each mechanism, in points."""
    return [changes[0] for changes in effects(at)]


def open_tab(at: AppTest, tab: str) -> AppTest:
    at.session_state["ablation_tab"] = tab
    return at.run()


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
        assert describe_mechanisms(find_variant(ADDITIVE), mechanism) in captions(at)


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


def test_the_control_maps_are_those_of_the_library(page, runner):
    rows = tables(open_tab(page, words.CONTROLS))[0]
    subject = interventions.attend_image(PICTURE, find_variant(ADDITIVE), load=runner)
    own, named = subject.predict(subject.attention), int(subject.predict(subject.attention).argmax())
    constant = subject.predict(np.full_like(subject.attention, subject.attention.mean()))
    shuffled = np.mean(
        [subject.predict(interventions.shuffle_cells(subject.attention, s))[named] - own[named] for s in range(8)]
    )
    labels = [words.MECHANISM_COLUMN.format(trained="additive", applied=m) for m in ("multiplicative", "additive")]
    assert rows[0][1:] == labels
    assert rows[1][2].endswith(numbers.percent(own[named]))
    assert f"{numbers.percent(constant[named])}, {numbers.points(constant[named] - own[named])}" in rows[2][2]
    assert f", {numbers.points(shuffled)} points" in rows[3][2]


def test_the_matrices_of_agreement_are_those_of_the_library(page, runner):
    correlations, overlaps = tables(open_tab(page, words.AGREEMENT))
    maps = [explanation.attention for explanation in explain(PICTURE, [ADDITIVE, MULTIPLICATIVE, NONE], load=runner)]
    for i, first in enumerate(maps):
        for j, second in enumerate(maps):
            agreement = rank_correlation(first, second), overlap(first, second, 0.2)
            shown = correlations[i + 1][j + 1], overlaps[i + 1][j + 1]
            assert shown == (tuple(f"{value:.3f}" for value in agreement) if i != j else (words.SAME,) * 2)


def test_negative_correlations_have_another_color_than_positive_ones():
    shades = [mechanism_panels.shade(value) for value in (-1.0, -0.5, 0.5, 1.0)]
    colors = [shade.split(" / ")[0] for shade in shades]
    assert colors[0] == colors[1] != colors[2] == colors[3] and len(set(shades)) == 4
    assert mechanism_panels.shade(0.0).endswith("/ 0.00)") and mechanism_panels.ZERO in mechanism_panels.shade(np.nan)


def test_one_variant_has_nothing_to_agree_with(page):
    page.run()
    at = page.multiselect(key="variant_ids").set_value([MULTIPLICATIVE]).run()
    assert not at.exception and describe_mechanisms(find_variant(MULTIPLICATIVE), "multiplicative") in captions(at)
    at = open_tab(at, words.AGREEMENT)
    assert not at.exception and len(at.info) == 1 and not tables(at)


def test_only_the_open_tab_is_computed(page, monkeypatch):
    at = page.run()
    assert not tables(at) and not at.get("plotly_chart") and not at.get("file_uploader")[1:]
    at.session_state["mechanism-details"] = True
    assert len(at.run().get("plotly_chart")) == 3


def test_another_variant_is_looked_into(page):
    page.run()
    at = page.button_group(key="one_variant").set_value(NONE).run()
    assert points(at)[0] == numbers.points(0) and all(
        describe_mechanisms(find_variant(NONE), mechanism) in captions(at) for mechanism in MECHANISMS
    )


def test_nothing_is_computed_twice(page, monkeypatch):
    page.run()
    monkeypatch.setattr(interventions, "attend_variants", lambda *_, **__: pytest.fail("run again"))
    monkeypatch.setattr(interventions.AttendedImage, "predict", lambda *_, **__: pytest.fail("run again"))
    assert not page.run().exception
