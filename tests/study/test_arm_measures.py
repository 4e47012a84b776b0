"""Measures with known answers."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny import network
from torch import nn

from abn.study import arm_measures
from abn.study.arm_measures import SHARES, measure
from abn.training.measures import MaskedImages, PlainNetwork


class Oracle(PlainNetwork):
    """Says class 1 the surer, the more of the top left quarter is white; its map is given."""

    def __init__(self, maps: torch.Tensor):
        super().__init__(nn.Identity(), nn.Identity())
        self._maps = maps

    def perceive_with_cam(self, features):
        white = features[:, 0, :4, :4].mean((1, 2))
        return torch.stack([torch.zeros_like(white), 6 * white - 3], 1), self._maps.expand(len(features), -1, -1)


def white_corner() -> arm_measures.EvaluationImages:
    images = torch.zeros(2, 3, 8, 8)
    images[:, :, :4, :4] = 1
    masks = np.zeros((2, 8, 8), bool)
    masks[:, :4, :4] = True
    return arm_measures.EvaluationImages(images, np.array([1, 0]), images, MaskedImages(images, [*masks]))


def test_a_map_that_equals_the_mask_is_perfect_and_its_deletion_falls_at_once():
    perfect = torch.zeros(1, 8, 8)
    perfect[:, :4, :4] = torch.linspace(0.6, 0.9, 16).reshape(4, 4)
    measured = measure(Oracle(perfect), white_corner())
    assert measured["accuracy"] == 0.5
    assert (
        measured["pointing"] == 1 and measured["roc_auc"] > 0.95 and measured["polarity"] == 2 * measured["roc_auc"] - 1
    )
    assert measured["deletion"] < measured["deletion_random"] < measured["deletion_dark_first"]
    assert measured["insertion"] > measured["insertion_random"] > measured["insertion_dark_first"]
    assert measured["accuracy_auxiliary"] is None
    turned = measure(Oracle(1 - perfect), white_corner())
    assert turned["pointing"] == 0 and turned["polarity"] < -0.9
    assert turned["deletion"] == pytest.approx(measured["deletion_dark_first"], abs=0.02)


def test_a_deletion_area_worked_out_by_hand():
    """All of the object goes in the first sixth of the cells but one: the score at each share is known."""
    perfect = torch.zeros(1, 8, 8)
    perfect[:, :4, :4] = torch.linspace(0.6, 0.9, 16).reshape(4, 4)
    measured = measure(Oracle(perfect), white_corner())
    gray = 0.25  # the mean color, which the removed cells take
    removed = np.minimum(np.round(SHARES * 64), 16)
    white = (16 - removed * (1 - gray)) / 16
    scores = 1 / (1 + np.exp(-(6 * white - 3)))
    assert measured["deletion"] == pytest.approx(((scores[1:] + scores[:-1]) / 2).mean(), abs=1e-4)


def test_features_kept_give_the_same_figures_as_images():
    built = network("additive")
    images = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    masks = np.zeros((4, 32, 32), bool)
    masks[:, 8:20, 8:20] = True
    plain = arm_measures.EvaluationImages(images, np.arange(4), images[:1], MaskedImages(images, [*masks]))
    with torch.inference_mode():
        features = built.extractor(images)
    maps = MaskedImages(features, [*masks], features=True)
    expected = measure(built, plain)
    assert measure(built, replace(plain, inputs=features, maps=maps, features=True)) == pytest.approx(
        expected, abs=1e-5
    )
    assert expected["accuracy_auxiliary"] is not None


def test_maps_are_measured_on_images_of_their_own_or_not_at_all():
    perfect, test = torch.zeros(1, 8, 8), white_corner()
    perfect[:, :4, :4] = 1
    elsewhere = np.zeros((3, 8, 8), bool)
    elsewhere[:, 4:, 4:] = True
    measured = measure(Oracle(perfect), replace(test, maps=MaskedImages(torch.zeros(3, 3, 8, 8), [*elsewhere])))
    assert measured["polarity"] < 0 < measure(Oracle(perfect), test)["polarity"]
    measured = measure(Oracle(perfect), replace(test, maps=None))
    assert {"accuracy", "deletion"} <= measured.keys() and not measured.keys() & {"pointing", "polarity"}
