"""An edited map: the own one is exactly the forward pass, each preset by hand, and only the perception branch runs."""

import numpy as np
import pytest
import tiny
import torch

from abn.engine.torch_runner import TorchRunner
from abn.errors import ABNError
from abn.explanations.explainer import explain
from abn.explanations.interventions import (
    PRESETS,
    Effect,
    attend_image,
    attend_variants,
    changed_pixel_share,
    cover_cells,
    gain,
    resize_map,
    scale_map,
    shuffle_cells,
)
from abn.images.fit import fit_picture
from abn.variants.store import load_variant


@pytest.fixture(scope="module")
def card(tmp_path_factory):
    return tiny.variant(tmp_path_factory.mktemp("variants"), "tiny", tiny.network("additive", seed=8))


@pytest.fixture(scope="module")
def asked(card):
    return attend_image(tiny.picture(), card)


@pytest.mark.parametrize("mechanism", ["additive", "multiplicative", "none"])
def test_the_own_map_is_exactly_the_forward_pass(asked, card, mechanism):
    whole = explain(tiny.picture(), [card], mechanism=mechanism)[0]
    assert np.array_equal(asked.attention, whole.attention)
    assert np.array_equal(asked.predict(asked.attention, mechanism), whole.perception)


def test_only_the_perception_branch_runs_and_many_maps_run_at_once(card):
    runs: list[str] = []
    subject = attend_image(tiny.picture(), card, load=lambda card: tiny.CountedRunner(card, runs))
    runs.clear()
    maps = np.stack([preset(subject.attention) for preset in PRESETS.values()])
    together = subject.predict(maps)
    assert runs == ["classify"]
    for entry, row in zip(maps, together, strict=True):
        np.testing.assert_allclose(subject.predict(entry), row, rtol=1e-5, atol=1e-6)
    assert together.sum(1) == pytest.approx(1)
    assert len({row.tobytes() for row in together}) == len(PRESETS)  # each really ran, zeros included


def test_the_presets_by_hand():
    m = np.array([[0.1, 0.2], [0.4, 0.9]], np.float32)
    results = {name: preset(m) for name, preset in PRESETS.items()}
    assert np.array_equal(results["own map"], m) and results["own map"] is not m
    assert not results["zeros"].any() and (results["ones"] == 1).all()
    assert results["constant mean"] == pytest.approx(np.full((2, 2), 0.4))
    assert sorted(results["shuffled"].ravel()) == sorted(m.ravel())
    assert results["inverted"] == pytest.approx(np.array([[0.9, 0.8], [0.6, 0.1]]))
    assert results["flipped"].tolist() == m[:, ::-1].tolist()
    assert all(result.shape == m.shape and result.dtype == np.float32 for result in results.values())
    assert not np.array_equal(shuffle_cells(np.arange(64.0).reshape(8, 8)), np.arange(64.0).reshape(8, 8))


def test_strength_and_power():
    m = np.array([[0.25, 1.0]], np.float32)
    assert scale_map(m, strength=2).tolist() == [[0.5, 2]]
    assert scale_map(m, power=0.5).tolist() == [[0.5, 1]]
    assert scale_map(m, strength=3, power=0).tolist() == [[3, 3]]


def test_no_strength_in_the_additive_mechanism_is_no_attention(asked):
    none = asked.predict(scale_map(asked.attention, strength=0), "additive")
    assert np.array_equal(none, asked.predict(asked.attention, "none"))


def test_energy_kept_of_each_channel(asked):
    half = np.full_like(asked.attention, 0.5)
    additive, multiplicative, none = (asked.norm_ratio(half, m) for m in ("additive", "multiplicative", "none"))
    alive = ~np.isnan(none)
    assert alive.any() and additive.shape == (asked.features.shape[1],)
    assert additive[alive] == pytest.approx(1.5) and multiplicative[alive] == pytest.approx(0.5)
    assert none[alive] == pytest.approx(1)
    dead = type(asked)(asked.runner, asked.fitted, np.zeros_like(asked.features), asked.attention)
    assert np.isnan(dead.norm_ratio(half)).all()


def test_a_borrowed_map_comes_to_the_cells_of_this_one():
    coarse = np.array([[0.0, 1.0], [0.0, 1.0]], np.float32)
    assert resize_map(coarse, (2, 2)).tolist() == coarse.tolist()
    assert resize_map(coarse, (2, 4))[0] == pytest.approx([0, 0.25, 0.75, 1])


@pytest.mark.parametrize("wrong", [np.zeros((3, 3)), np.zeros((1, 1, 16, 16)), np.full((16, 16), np.nan)])
def test_a_map_that_does_not_fit_is_one_sentence(asked, wrong):
    with pytest.raises(ABNError, match="16 × 16 cells with a finite number in each"):
        asked.predict(wrong)


def test_an_effect_by_hand():
    before = np.array([0.7, 0.2, 0.1], np.float32)
    same = Effect("own map", np.zeros((2, 2)), before, before)
    assert (same.predicted_class, same.change, same.changes_prediction, same.js_divergence) == (0, 0, False, 0)
    turned = Effect("ones", np.ones((2, 2)), before, np.array([0.3, 0.6, 0.1], np.float32))
    assert turned.predicted_class == 0 and turned.change == pytest.approx(-0.4) and turned.changes_prediction
    apart = Effect("ones", np.ones((2, 2)), np.array([1.0, 0]), np.array([0.0, 1]))
    assert apart.js_divergence == pytest.approx(1)


def test_the_gain_of_each_mechanism():
    m = np.array([[0.25, 1.0]], np.float32)
    assert gain(m, "additive").tolist() == [[1.25, 2]]
    assert gain(m, "multiplicative").tolist() == [[0.25, 1]]
    assert gain(m, "none").tolist() == [[1, 1]]


@pytest.mark.parametrize("fit", ["crop", "squash", "pad"])
def test_covered_cells_are_of_one_color_and_no_other_pixel_changes(card, fit):
    picture = tiny.picture(96, 64)
    fitted = fit_picture(picture, card.input, fit)
    cells = np.zeros((4, 4), bool)
    cells[1, 1:3] = True
    hidden = cover_cells(picture, fitted, cells)
    before, after = np.asarray(picture.image), np.asarray(hidden.image)
    place = np.nan_to_num(fitted.to_original(cells.astype(np.float32), smooth=False)) > 0.5
    assert place.any() and (after[place] == np.rint(before.mean((0, 1)))).all()
    near = np.zeros_like(place)  # a pixel that lies in a covered cell in part is covered
    near[1:-1, 1:-1] = np.lib.stride_tricks.sliding_window_view(place, (3, 3)).any((-1, -2))
    assert (after[~near] == before[~near]).all()
    assert place.mean() <= changed_pixel_share(picture, hidden) <= near.mean()
    assert hidden.sha256 != picture.sha256 and hidden.sha256 == cover_cells(picture, fitted, cells.copy()).sha256
    assert hidden.sha256 != cover_cells(picture, fitted, ~cells).sha256


def test_nothing_covered_is_the_same_picture(card):
    picture = tiny.picture()
    hidden = cover_cells(picture, fit_picture(picture, card.input, "crop"), np.zeros((4, 4), bool))
    assert np.array_equal(np.asarray(hidden.image), np.asarray(picture.image))


def test_what_is_kept_stays_whatever_layers_do_in_place(card):
    network = load_variant(card)
    network.perception_branch = torch.nn.Sequential(torch.nn.ReLU(inplace=True), network.perception_branch)
    subject = attend_image(tiny.picture(), card, load=lambda _: TorchRunner(network))
    subject.features[:] -= 1  # so that there is something below zero
    kept = subject.features.copy()
    for mechanism in ("none", "additive", "multiplicative"):
        first = subject.predict(np.stack([subject.attention] * 2), mechanism)
        assert np.array_equal(subject.features, kept)
        assert np.allclose(subject.predict(subject.attention, mechanism), first[0], atol=1e-6)


def test_an_extractor_that_variants_share_runs_once(card, tmp_path):
    runs: list[str] = []
    result = attend_variants(tiny.picture(), [card, card], load=lambda card: tiny.CountedRunner(card, runs))
    assert runs.count("extract") == 1 and result[0].features is result[1].features
    assert np.array_equal(
        result[0].predict(result[0].attention), attend_image(tiny.picture(), card).predict(result[1].attention)
    )


@pytest.mark.parametrize("size", [(8, 8), (1, 40), (40, 1)])
def test_in_a_tiny_picture_every_cell_covers_something_and_all_cover_all_that_was_seen(card, size):
    picture = tiny.picture(*size)
    fitted = fit_picture(picture, card.input, "squash")
    for place in ((0, 0), (7, 9), (15, 15)):
        cells = np.zeros((16, 16), bool)
        cells[place] = True
        assert changed_pixel_share(picture, cover_cells(picture, fitted, cells)) > 0
    assert changed_pixel_share(picture, cover_cells(picture, fitted, np.ones((16, 16), bool))) > 0.95
