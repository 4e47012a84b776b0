"""Reliance on the map: means by hand, a variant that never applies its map, and the same numbers as edit by edit."""

import numpy as np
import pytest
import tiny

from abn.evaluation.map_ablation import (
    EDITS,
    SHUFFLES,
    ablate_in_picture,
    ablate_map,
    ablated_maps,
    fair_control_divergence,
    mean_effect,
    mean_over_pictures,
)
from abn.explanations.interventions import Effect, attend_image, shuffle_cells

PICTURES = [tiny.picture(seed=seed) for seed in range(3)]


@pytest.fixture(scope="module")
def cards(tmp_path_factory):
    folder = tmp_path_factory.mktemp("variants")
    return [tiny.variant(folder, name, tiny.network(name, seed=8)) for name in ("additive", "multiplicative", "none")]


def test_the_mean_by_hand():
    before = np.array([0.8, 0.2], np.float32)
    stays = Effect("ones", np.ones((2, 2)), before, np.array([0.6, 0.4], np.float32))
    flips = Effect("ones", np.ones((2, 2)), before, np.array([0.2, 0.8], np.float32))
    result = mean_effect([stays, flips])
    assert result.change == pytest.approx(-0.4) and result.change_rate == 0.5
    assert (
        result.js_divergence == pytest.approx((stays.js_divergence + flips.js_divergence) / 2)
        and 0 < stays.js_divergence < flips.js_divergence
    )


def test_every_edit_is_asked_and_shuffled_often():
    m = np.arange(16, dtype=np.float32).reshape(4, 4) / 16
    maps = ablated_maps(m)
    assert tuple(maps) == EDITS and [len(part) for part in maps.values()] == [1, SHUFFLES, 1, 1, 1, 1]
    assert np.array_equal(maps["shuffled"][3], shuffle_cells(m, 3)) and not maps["zeros"][0].any()


def test_the_mean_over_pictures_is_what_edit_by_edit_gives(cards):
    result = mean_over_pictures([ablate_in_picture(picture, cards[0]) for picture in PICTURES])
    request = [attend_image(picture, cards[0]) for picture in PICTURES]
    inverted = [item.predict(item.attention.max() + item.attention.min() - item.attention) for item in request]
    own = [item.predict(item.attention) for item in request]
    changes = [float(b[a.argmax()] - a.max()) for a, b in zip(own, inverted, strict=True)]
    assert result["inverted"].change == pytest.approx(np.mean(changes), abs=1e-6)
    flips = [a.argmax() != b.argmax() for a, b in zip(own, inverted, strict=True)]
    assert result["inverted"].change_rate == pytest.approx(np.mean(flips))


def test_a_variant_that_never_applies_its_map_never_moves(cards):
    additive, multiplicative, none = (ablate_in_picture(PICTURES[0], card) for card in cards)
    assert all(item.change == item.js_divergence == item.change_rate == 0 for item in none.values())
    assert fair_control_divergence(none) == 0 and fair_control_divergence(multiplicative) > 0
    assert fair_control_divergence(additive) == pytest.approx(
        (additive["constant mean"].js_divergence + additive["shuffled"].js_divergence) / 2
    )


def test_one_picture_asks_all_maps_at_once(cards):
    request, sizes = attend_image(PICTURES[0], cards[0]), []

    def answers(maps):
        sizes.append(len(maps))
        return request.predict(np.stack(maps))

    effects = ablate_map(request, answers)
    controls = ablate_map(request, answers, ("shuffled", "zeros"))
    assert list(controls) == ["shuffled", "zeros"] and sizes.pop() == 1 + SHUFFLES + 1
    assert sizes == [1 + SHUFFLES + 5] and effects["ones"][0].after == pytest.approx(
        request.predict(np.ones_like(request.attention)), abs=1e-6
    )
