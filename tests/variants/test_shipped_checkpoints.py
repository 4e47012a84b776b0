"""What the shipped variants promise: the bars that their cards' figures must clear, and files as they should be."""

import numpy as np
import pytest
import torch

from abn.explanations.explainer import explain
from abn.images.decode import open_picture
from abn.images.samples import gallery
from abn.training.sources import fashion_mnist
from abn.variants.history import load_history
from abn.variants.store import find_problems, find_variant, list_variants, load_variant
from abn.vocabulary import MECHANISMS

FAMILIES = ("imagenet-lite0", "imagenet-lite2")
LESSON = "imagenet-lite0-additive-unfolded"
DISTILLED = [f"{family}-{mechanism}" for family in FAMILIES for mechanism in MECHANISMS]
ADDITIVE = DISTILLED[0]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_variant_is_whole_and_small_enough_and_shares_the_extractor(family):
    cards = [card for card in list_variants() if card.family == family]
    assert not find_problems()
    assert {card.mechanism for card in cards} == set(MECHANISMS)
    assert all(card.weights.stat().st_size <= 25_000_000 for card in cards)
    assert len({card.extractor_sha256 for card in cards}) == 1
    assert all(load_variant(card).mechanism == card.mechanism for card in cards)


@pytest.mark.parametrize("variant", [*DISTILLED, LESSON])
def test_predictions_on_photographs_stay_near_those_of_the_baseline(variant):
    measured = find_variant(variant).measured
    labeled, baseline = measured["labeled"], measured["controls"]["baseline"]["labeled"]
    assert labeled["count"] == baseline["count"] >= 90
    assert labeled["perception_top1"] >= baseline["perception_top1"] - 0.035  # of 90, three
    assert measured["held out"]["count"] >= 1000
    assert measured["held out"]["perception_agreement"] >= 0.9


@pytest.mark.parametrize("variant", DISTILLED)
@pytest.mark.parametrize("control", ["CAM", "Grad-CAM", "center prior"])
def test_maps_point_at_objects_more_often_than_every_control(variant, control):
    measured = find_variant(variant).measured
    own, other = measured["masked"], measured["controls"][control]["masked"]
    assert own["count"] == other["count"] == 500
    assert own["pointing"] > other["pointing"] and own["roc_auc"] > other["roc_auc"]
    assert own["span"] >= 0.25  # neither black nor white all over


@pytest.mark.parametrize("variant", DISTILLED)
def test_the_card_tells_the_aims_that_were_missed(variant):
    measured = find_variant(variant).measured
    missed, applies = measured["aims missed"], not variant.endswith("none")  # no aim for a map that is not applied
    assert ("pointing" in missed) == (applies and measured["masked"]["pointing"] < 0.9)
    assert ("roc auc" in missed) == (applies and measured["masked"]["roc_auc"] < 0.93)
    assert ("agreement" in missed) == (measured["held out"]["perception_agreement"] < 0.92)


def test_the_lesson_is_true():
    """The inverted map is dark on objects, as strong as the others, and its predictions are near the baseline's."""
    masked = find_variant(LESSON).measured["masked"]
    assert masked["roc_auc"] < 0.2 and masked["pointing"] < 0.1 and masked["span"] >= 0.25


@pytest.mark.slow
def test_the_inverted_map_on_real_photographs_too(runner):
    """Cell by cell, the inverted map falls where the additive one rises."""
    correlations = []
    for photo in list(gallery().values())[:6]:
        picture = open_picture(photo.path.read_bytes())
        upright, turned = explain(picture, [ADDITIVE, LESSON], load=runner)
        ranks = [np.argsort(np.argsort(item.attention.ravel())) for item in (upright, turned)]
        correlations.append(np.corrcoef(*ranks)[0, 1])
    assert np.median(correlations) < -0.3


def test_perceive_reproduces_forward_on_the_shipped_weights():
    network = load_variant(ADDITIVE)
    with torch.inference_mode():
        output = network(torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(0)))
        assert torch.equal(network.perceive(output.features, output.attention), output.logits)
        assert torch.equal(output.class_maps.mean((2, 3)), output.aux_logits)


CLOTHING = [f"cluttered-resnet20-{mechanism}" for mechanism in MECHANISMS]


def test_the_larger_networks_have_a_larger_input_and_map():
    small, large = (find_variant(f"{family}-additive") for family in FAMILIES)
    assert (small.input.size, small.map_size, large.input.size, large.map_size) == (224, (14, 14), 260, (17, 17))
    assert sum(large.parameters.values()) > sum(small.parameters.values())


@pytest.mark.parametrize("variant", CLOTHING)
def test_the_papers_network_knows_clothing_with_both_heads(variant):
    card = find_variant(variant)
    figures, control = card.measured["cluttered"], card.measured["controls"]["before training"]["cluttered"]
    assert figures["count"] == 10_000
    assert sum(card.parameters.values()) == 479_150  # the authors' layers, exactly
    for head in ("accuracy", "accuracy_auxiliary"):
        assert figures[head] >= 0.7
        assert control[head] < 0.3
    assert (load_variant(card).mechanism, card.kind) == (card.mechanism, "clothing")


def test_a_clothing_network_knows_the_shipped_clothes(runner):
    """The gallery's own pictures, through the whole path from bytes to answer."""
    answers = {"boot": "ankle boot", "sneaker": "sneaker"}
    for photo, label in answers.items():
        picture = open_picture(gallery()[f"clothing-{photo}-among-pieces"].path.read_bytes())
        for explanation in explain(picture, CLOTHING[:2], load=runner):
            assert explanation.top("perception", 1)[0].label == label


@pytest.mark.parametrize("variant", CLOTHING)
def test_the_life_of_a_map_ends_with_the_shipped_weights(variant):
    card = find_variant(variant)
    life = load_history(card)
    assert life is not None and len(life.steps) >= 8
    assert life.steps[0] == 0 and life.steps[-1] == life.total
    assert life.metrics["accuracy"][0] < 0.3 < life.metrics["accuracy"][-1]
    given = [(image / 255 - fashion_mnist.MEAN) / fashion_mnist.STD for image in life.pictures.astype(np.float32)]
    images = torch.from_numpy(np.repeat(np.stack(given)[:, None], 3, axis=1))
    with torch.inference_mode():
        now = load_variant(card)(images).attention[:, 0].numpy()
    assert images.shape[2] == fashion_mnist.CANVAS
    assert np.abs(now - life.maps[-1]).max() < 0.02  # half precision of weights and maps
