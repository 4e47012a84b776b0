"""What the shipped variants promise: the bars that their cards' figures must clear, and files as they should be."""

import numpy as np
import pytest
import torch

from abn.explainer import explain
from abn.first_view import gallery
from abn.picture import open_picture
from abn.variants import find_variant, list_variants, load_variant, problems

ATTENTIVE = ("imagenet-lite0-additive", "imagenet-lite0-multiplicative")


def test_every_variant_is_whole_and_small_enough_and_shares_the_extractor():
    cards = [card for card in list_variants() if card.family == "imagenet-lite0"]
    assert not problems()
    assert {card.id for card in cards} >= {*ATTENTIVE, "imagenet-lite0-none", "imagenet-lite0-additive-unfolded"}
    assert all(card.weights.stat().st_size <= 20_000_000 for card in cards)
    assert len({card.extractor_sha256 for card in cards}) == 1
    assert all(load_variant(card).mechanism == card.mechanism for card in cards)


@pytest.mark.parametrize("variant", ATTENTIVE)
def test_attention_helps_on_scenes_and_costs_nothing_on_photographs(variant):
    measured = find_variant(variant).measured
    backbone = measured["controls"]["plain backbone"]
    control = find_variant("imagenet-lite0-none").measured
    right = measured["scenes"]["perception_right"]
    assert right >= 0.36
    assert right > backbone["scenes"]["perception_right"]
    assert right > control["scenes"]["perception_right"]
    assert measured["scenes"]["pointing"] >= 0.70
    assert measured["photographs"]["count"] >= 40
    assert measured["photographs"]["perception_top1"] >= backbone["photographs"]["perception_top1"] - 1 / 40


def test_the_lesson_is_true():
    """The upside-down map is dark on objects, and its answers are better than the plain backbone's."""
    measured = find_variant("imagenet-lite0-additive-unfolded").measured
    assert measured["scenes"]["roc_auc"] < 0.2
    assert measured["scenes"]["pointing"] < 0.1
    backbone = measured["controls"]["plain backbone"]
    assert measured["scenes"]["perception_right"] > backbone["scenes"]["perception_right"]


def test_upside_down_on_real_photographs_too(network):
    """Cell by cell, the unfolded map falls where the additive one rises."""
    correlations = []
    for photo in list(gallery().values())[:6]:
        picture = open_picture(photo.path.read_bytes())
        upright, turned = explain(picture, [ATTENTIVE[0], "imagenet-lite0-additive-unfolded"], load=network)
        ranks = [np.argsort(np.argsort(one.attention.ravel())) for one in (upright, turned)]
        correlations.append(np.corrcoef(*ranks)[0, 1])
    assert np.median(correlations) < -0.3


def test_perceive_reproduces_forward_on_the_shipped_weights():
    network = load_variant(ATTENTIVE[0])
    with torch.inference_mode():
        output = network(torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(0)))
        assert torch.equal(network.perceive(output.features, output.attention), output.logits)
        assert torch.equal(output.class_maps.mean((2, 3)), output.aux_logits)
