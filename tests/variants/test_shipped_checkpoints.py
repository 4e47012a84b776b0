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

ATTENTIVE = ("imagenet-lite0-additive", "imagenet-lite0-multiplicative")


def test_every_variant_is_whole_and_small_enough_and_shares_the_extractor():
    cards = [card for card in list_variants() if card.family == "imagenet-lite0"]
    assert not find_problems()
    assert {card.id for card in cards} >= {*ATTENTIVE, "imagenet-lite0-none", "imagenet-lite0-additive-unfolded"}
    assert all(card.weights.stat().st_size <= 20_000_000 for card in cards)
    assert len({card.extractor_sha256 for card in cards}) == 1
    assert all(load_variant(card).mechanism == card.mechanism for card in cards)


def baseline(measured: dict) -> dict:
    """The figures of the backbone alone; cards of the first edition name it otherwise."""
    controls = measured["controls"]
    return controls.get("baseline") or controls["plain backbone"]


@pytest.mark.parametrize("variant", ATTENTIVE)
def test_attention_helps_on_scenes_and_costs_nothing_on_photographs(variant):
    measured = find_variant(variant).measured
    backbone = baseline(measured)
    control = find_variant("imagenet-lite0-none").measured
    right = measured["scenes"]["perception_right"]
    assert right >= 0.36
    assert right > backbone["scenes"]["perception_right"]
    assert right > control["scenes"]["perception_right"]
    assert measured["scenes"]["pointing"] >= 0.70
    assert measured["labeled"]["count"] >= 40
    assert measured["labeled"]["perception_top1"] >= backbone["labeled"]["perception_top1"] - 1 / 40


def test_the_lesson_is_true():
    """The inverted map is dark on objects, and the predictions agree more often than those of the baseline."""
    measured = find_variant("imagenet-lite0-additive-unfolded").measured
    assert measured["scenes"]["roc_auc"] < 0.2
    assert measured["scenes"]["pointing"] < 0.1
    backbone = baseline(measured)
    assert measured["scenes"]["perception_right"] > backbone["scenes"]["perception_right"]


@pytest.mark.slow
def test_the_inverted_map_on_real_photographs_too(runner):
    """Cell by cell, the inverted map falls where the additive one rises."""
    correlations = []
    for photo in list(gallery().values())[:6]:
        picture = open_picture(photo.path.read_bytes())
        upright, turned = explain(picture, [ATTENTIVE[0], "imagenet-lite0-additive-unfolded"], load=runner)
        ranks = [np.argsort(np.argsort(item.attention.ravel())) for item in (upright, turned)]
        correlations.append(np.corrcoef(*ranks)[0, 1])
    assert np.median(correlations) < -0.3


def test_perceive_reproduces_forward_on_the_shipped_weights():
    network = load_variant(ATTENTIVE[0])
    with torch.inference_mode():
        output = network(torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(0)))
        assert torch.equal(network.perceive(output.features, output.attention), output.logits)
        assert torch.equal(output.class_maps.mean((2, 3)), output.aux_logits)


LARGER = ("imagenet-lite2-additive", "imagenet-lite2-multiplicative")
CLOTHING = [f"cluttered-resnet20-{mechanism}" for mechanism in MECHANISMS]


@pytest.mark.parametrize("variant", LARGER)
def test_the_larger_networks_find_objects_and_beat_their_backbone(variant):
    card = find_variant(variant)
    measured, backbone = card.measured, baseline(card.measured)
    assert card.map_size == (17, 17) and card.input.size == 260
    assert card.weights.stat().st_size <= 30_000_000
    assert measured["scenes"]["perception_right"] > backbone["scenes"]["perception_right"] + 0.1
    assert measured["scenes"]["pointing"] > backbone["scenes"]["pointing"]
    assert measured["scenes"]["roc_auc"] > measured["controls"]["before training"]["scenes"]["roc_auc"]
    assert measured["labeled"]["perception_top1"] >= backbone["labeled"]["perception_top1"] - 3 / 40
    assert "pointing" in measured["aims missed"]  # what falls short is said on the card


def test_the_larger_networks_are_one_family_with_one_extractor():
    assert len({find_variant(variant).extractor_sha256 for variant in LARGER}) == 1
    sizes = [sum(find_variant(variant).parameters.values()) for variant in (ATTENTIVE[0], LARGER[0])]
    assert sizes[1] > sizes[0]


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
