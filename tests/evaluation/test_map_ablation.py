"""Reliance on the map: means by hand, a variant that never applies its map, and the same numbers as edit by edit."""

import numpy as np
import pytest
import tiny

from abn.evaluation.map_ablation import EDITS, SHUFFLES, fair, mean, on_one, on_picture, relied, replaced
from abn.explanations.interventions import Effect, shuffled, subject

PICTURES = [tiny.picture(seed=seed) for seed in range(3)]


@pytest.fixture(scope="module")
def cards(tmp_path_factory):
    folder = tmp_path_factory.mktemp("variants")
    return [tiny.variant(folder, name, tiny.network(name, seed=8)) for name in ("additive", "multiplicative", "none")]


def test_the_mean_by_hand():
    before = np.array([0.8, 0.2], np.float32)
    stays = Effect("ones", np.ones((2, 2)), before, np.array([0.6, 0.4], np.float32))
    flips = Effect("ones", np.ones((2, 2)), before, np.array([0.2, 0.8], np.float32))
    found = relied([stays, flips])
    assert found.change == pytest.approx(-0.4) and found.changes_prediction == 0.5
    assert (
        found.js_divergence == pytest.approx((stays.js_divergence + flips.js_divergence) / 2)
        and 0 < stays.js_divergence < flips.js_divergence
    )


def test_every_edit_is_asked_and_shuffled_often():
    m = np.arange(16, dtype=np.float32).reshape(4, 4) / 16
    maps = replaced(m)
    assert tuple(maps) == EDITS and [len(some) for some in maps.values()] == [1, SHUFFLES, 1, 1, 1, 1]
    assert np.array_equal(maps["shuffled"][3], shuffled(m, 3)) and not maps["zeros"][0].any()


def test_the_mean_over_pictures_is_what_edit_by_edit_gives(cards):
    found = mean([on_picture(picture, cards[0]) for picture in PICTURES])
    asked = [subject(picture, cards[0]) for picture in PICTURES]
    inverted = [one.answers(one.attention.max() + one.attention.min() - one.attention) for one in asked]
    own = [one.answers(one.attention) for one in asked]
    changes = [float(b[a.argmax()] - a.max()) for a, b in zip(own, inverted, strict=True)]
    assert found["inverted"].change == pytest.approx(np.mean(changes), abs=1e-6)
    flips = [a.argmax() != b.argmax() for a, b in zip(own, inverted, strict=True)]
    assert found["inverted"].changes_prediction == pytest.approx(np.mean(flips))


def test_a_variant_that_never_applies_its_map_never_moves(cards):
    additive, multiplicative, none = (on_picture(PICTURES[0], card) for card in cards)
    assert all(one.change == one.js_divergence == one.changes_prediction == 0 for one in none.values())
    assert fair(none) == 0 and fair(multiplicative) > 0
    assert fair(additive) == pytest.approx(
        (additive["constant mean"].js_divergence + additive["shuffled"].js_divergence) / 2
    )


def test_one_picture_asks_all_maps_at_once(cards):
    asked, sizes = subject(PICTURES[0], cards[0]), []

    def answers(maps):
        sizes.append(len(maps))
        return asked.answers(np.stack(maps))

    effects = on_one(asked, answers)
    assert sizes == [1 + SHUFFLES + 5] and effects["ones"][0].after == pytest.approx(
        asked.answers(np.ones_like(asked.attention)), abs=1e-6
    )
