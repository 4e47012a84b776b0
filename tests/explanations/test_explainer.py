"""Explanations: sharing an extractor changes nothing, every mechanism is what it says, and errors are sentences."""

from dataclasses import replace

import numpy as np
import pytest
import tiny
import torch

from abn.engine import loading
from abn.engine.loading import load_runner
from abn.errors import ABNError, VariantError
from abn.explanations.explainer import explain, explain_inputs
from abn.explanations.explanation import Explanation, js_divergence
from abn.images.decode import open_picture
from abn.images.fit import fit_picture
from abn.variants.store import load_variant


@pytest.fixture(scope="module")
def cards(tmp_path_factory):
    """Three variants of which the first two share their extractor."""
    folder = tmp_path_factory.mktemp("variants")
    first, second = tiny.network("additive", seed=1), tiny.network("multiplicative", seed=2)
    second.extractor.load_state_dict(first.extractor.state_dict())
    built = {"first": first, "second": second, "alone": tiny.network("none", seed=3)}
    return [tiny.variant(folder, name, network) for name, network in built.items()]


def same(a: Explanation, b: Explanation) -> bool:
    names = ("auxiliary", "perception", "attention")
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in names)


def test_sharing_the_extractor_is_exactly_as_running_it_for_each(cards):
    picture = tiny.picture()
    together = explain(picture, cards)
    apart = [explain(picture, [card])[0] for card in cards]
    assert [e.variant for e in together] == ["first", "second", "alone"]
    assert all(same(a, b) for a, b in zip(together, apart, strict=True))
    assert [e.shared_extractor for e in together] == [False, True, False]
    assert not same(together[0], together[1])


def test_a_batch_says_what_each_picture_alone_says(cards):
    pictures = [tiny.picture(48, 40, seed) for seed in range(5)]
    inputs = {cards[0].input: [fit_picture(picture, cards[0].input, "pad") for picture in pictures]}
    for picture, row in zip(pictures, explain_inputs(inputs, cards, mechanism="none"), strict=True):
        for ours, alone in zip(row, explain(picture, cards, fit="pad", mechanism="none"), strict=True):
            assert (ours.variant, ours.applied) == (alone.variant, "none")
            for name in ("auxiliary", "perception", "attention"):
                assert getattr(ours, name) == pytest.approx(getattr(alone, name), abs=1e-5)


def test_an_image_in_any_form_and_a_single_variant(cards, tmp_path):
    path, image = tmp_path / "noise.png", tiny.picture().image
    image.save(path)
    forms = [str(path), path, path.read_bytes(), image, np.asarray(image), open_picture(path.read_bytes())]
    results = [explain(form, cards[0]) for form in forms]
    assert all(len(result) == 1 and same(result[0], results[0][0]) for result in results)
    assert [e.variant for e in explain(image, "imagenet-lite0-additive")] == ["imagenet-lite0-additive"]


def test_weights_are_loaded_once(cards, monkeypatch):
    loads = []
    monkeypatch.setattr(loading, "load_runner", lambda card: loads.append(card.id) or load_runner(card))
    loading.load_once.cache_clear()
    first, second = explain(tiny.picture(), cards[:1]), explain(tiny.picture(), cards[:1])
    assert loads == ["first"] and same(first[0], second[0])
    other = replace(cards[0], mechanism="none")  # another card is another variant
    assert explain(tiny.picture(), [other])[0].applied == "none" and loads == ["first", "first"]
    loading.load_once.cache_clear()


def test_the_extractor_runs_once_where_it_is_shared(cards):
    runs: list[str] = []
    explain(tiny.picture(), cards, load=lambda card: tiny.CountedRunner(card, runs))
    assert runs.count("extract") == 2 and runs.count("attend") == 3
    explain(tiny.picture(), [cards[1], cards[0]], load=lambda card: tiny.CountedRunner(card, runs))
    assert runs.count("extract") == 3


def test_an_explanation_holds_what_the_network_says(cards):
    card, picture = cards[0], tiny.picture()
    (result,) = explain(picture, [card], fit="squash")
    fitted = fit_picture(picture, card.input, "squash")
    with torch.inference_mode():
        out = load_variant(card)(torch.from_numpy(fitted.normalized(card.input))[None])
    assert result.perception == pytest.approx(out.logits[0].softmax(0).numpy(), abs=1e-6)
    assert result.auxiliary == pytest.approx(out.aux_logits[0].softmax(0).numpy(), abs=1e-6)
    assert result.attention == pytest.approx(out.attention[0, 0].numpy(), abs=1e-5)
    assert result.attention.shape == (16, 16) and result.attention.dtype == np.float32
    assert result.perception.sum() == pytest.approx(1, abs=1e-5) and result.seconds > 0
    assert (result.trained_with, result.applied) == ("additive", "additive")
    assert result.fitted.image.tobytes() == fitted.image.tobytes()


@pytest.mark.parametrize("mechanism", ["additive", "multiplicative", "none"])
def test_a_swapped_mechanism_keeps_the_weights_and_the_map(cards, mechanism):
    picture = tiny.picture()
    for trained, swapped in zip(explain(picture, cards), explain(picture, cards, mechanism=mechanism), strict=True):
        assert (swapped.trained_with, swapped.applied) == (trained.trained_with, mechanism)
        assert np.array_equal(swapped.attention, trained.attention)
        assert np.array_equal(swapped.auxiliary, trained.auxiliary)
        assert np.array_equal(swapped.perception, trained.perception) == (trained.trained_with == mechanism)


@pytest.mark.parametrize("fit", ["crop", "squash", "pad"])
def test_the_fit_decides_what_is_seen(cards, fit):
    (result,) = explain(tiny.picture(90, 30), cards[:1], fit=fit)
    assert result.fitted.fit == fit


def test_unknown_things_are_named(cards):
    with pytest.raises(VariantError, match="no variant 'nobody'"):
        explain(tiny.picture(), ["nobody"])
    choices = "trained, additive, multiplicative, none"
    with pytest.raises(ABNError, match=f"no mechanism .magic.. Choose one of: {choices}"):
        explain(tiny.picture(), cards, mechanism="magic")
    with pytest.raises(ABNError, match="crop, squash, pad"):
        explain(tiny.picture(), cards, fit="stretch")
    assert explain(tiny.picture(), []) == []


def test_the_likeliest_classes_come_first(cards):
    (result,) = explain(tiny.picture(), cards[:1])
    top = result.top("perception", 3)
    assert [p.probability for p in top] == sorted(result.perception.tolist(), reverse=True)[:3]
    assert top[0].index == result.perception.argmax() and top[0].label == result.labels[top[0].index]
    assert len(result.top("auxiliary", 99)) == 10
    assert result.heads_agree == (result.auxiliary.argmax() == result.perception.argmax())


@pytest.mark.parametrize(
    ("p", "q", "bits"),
    [
        ([1, 0], [1, 0], 0.0),
        ([1, 0], [0, 1], 1.0),
        # the middle is (3/4, 1/4): ½·log₂(4/3) + ½·(½·log₂(2/3) + ½·log₂ 2) = ½·(2 − log₂3) + ¼·(1 − log₂3) + ¼
        ([1, 0], [0.5, 0.5], 1.5 - 0.75 * 1.584962500721156),
        ([0.25] * 4, [0.25] * 4, 0.0),
    ],
)
def test_jensen_shannon_against_hand_solved_cases(p, q, bits):
    assert js_divergence(np.array(p), np.array(q)) == pytest.approx(bits, abs=1e-12)
    assert js_divergence(np.array(q), np.array(p)) == pytest.approx(bits, abs=1e-12)
