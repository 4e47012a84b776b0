"""Every stage is what the network itself computes, and one cell's numbers are those of its mechanism."""

import numpy as np
import pytest
import torch
from tiny import network as tiny
from tiny import picture, variant

from abn import open_picture
from abn.engine.torch_runner import TorchRunner
from abn.errors import ABNError
from abn.explanations.cam import class_map, trace_class_map
from abn.explanations.stages import STAGES
from abn.explanations.trace import cell_products, trace_picture, trace_runner
from abn.images import samples
from abn.images.fit import fit_picture
from abn.network.model import attend
from abn.variants.store import find_variant
from abn.vocabulary import MECHANISMS

IMAGES = np.random.default_rng(1).normal(size=(3, 32, 32)).astype(np.float32)
SHIPPED = ["imagenet-lite0-additive", "imagenet-lite0-none", "cluttered-resnet20-multiplicative"]


def agrees(inside, built, images: np.ndarray, mechanism: str, tolerance: float = 1e-6) -> None:
    """Each stage is what a plain forward pass and its own layers give."""
    with torch.inference_mode():
        given = torch.from_numpy(images)[None]
        features = built.extractor(given)
        output = built.explain_features(features.clone(), mechanism)
        response = built.attention_branch.respond(features.clone())
        expected = {
            "x": given,
            "g": features,
            "A": response,
            "class maps": built.attention_branch.class_head(response),
            "auxiliary logits": output.aux_logits,
            "M": output.attention,
            "g′": attend(features, output.attention, mechanism),
            "logits": output.logits,
        }
    assert list(expected) == list(STAGES)
    for name, values in expected.items():
        assert inside.stage(name).dtype == np.float32
        np.testing.assert_allclose(inside.stage(name), values[0].numpy(), rtol=tolerance, atol=tolerance, err_msg=name)


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_every_stage_equals_the_networks_own_forward_pass(mechanism):
    built = tiny(mechanism)
    inside = trace_runner(TorchRunner(built), IMAGES)
    agrees(inside, built, IMAGES, mechanism)
    assert inside.mechanism == mechanism and 0 < inside.seconds < 60
    with torch.inference_mode():
        assert built(torch.from_numpy(IMAGES)[None]).logits[0].numpy() == pytest.approx(inside.logits, abs=1e-6)


def test_another_mechanism_changes_what_follows_it_alone():
    built = tiny("additive")
    own, other = trace_runner(TorchRunner(built), IMAGES), trace_runner(TorchRunner(built), IMAGES, "none")
    agrees(other, built, IMAGES, "none")
    changed = [name for name in STAGES if not np.array_equal(own.stage(name), other.stage(name))]
    assert changed == ["g′", "logits"]
    with pytest.raises(ABNError, match="mechanism"):
        trace_runner(TorchRunner(built), IMAGES, "squared")


@pytest.mark.parametrize("variant", SHIPPED)
def test_shipped_networks_too_and_their_class_maps_average_to_the_auxiliary_logits(variant, network):
    card = find_variant(variant)
    photo = open_picture(next(iter(samples.gallery().values())).path.read_bytes())
    inside = trace_picture(photo, card, fit="pad")
    agrees(inside, network(card), fit_picture(photo, card.input, "pad").normalized(card.input), card.mechanism, 1e-4)
    assert inside.class_maps.mean((1, 2), dtype=float) == pytest.approx(inside.aux_logits, abs=1e-4)
    weights = network(card).attention_branch.class_head.weight.detach()[:, :, 0, 0].numpy()
    assert (
        inside.channels_are_classes
        == (weights.argmax(1) == np.arange(len(weights))).all()
        == variant.startswith("imagenet")
    )


def test_a_trace_is_its_own_and_leaves_the_picture_as_it_was(tmp_path):
    card = variant(tmp_path, "tiny", tiny())
    first, given = trace_picture(picture(), card), IMAGES.copy()
    trace_runner(TorchRunner(tiny()), given)
    np.testing.assert_array_equal(given, IMAGES)
    again = trace_picture(picture(), card)
    for name in STAGES:
        np.testing.assert_array_equal(first.stage(name), again.stage(name))
    with pytest.raises(ABNError):
        trace_picture(picture(), card, fit="stretch")


def test_the_brightest_cell_and_its_strongest_channel():
    inside = trace_runner(TorchRunner(tiny()), IMAGES)
    row, column = inside.brightest_cell
    assert inside.attention[row, column] == inside.attention.max()
    k = inside.strongest_channel(row, column)
    assert abs(inside.features[k, row, column]) == np.abs(inside.features[:, row, column]).max()


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_the_products_are_what_attend_computes(mechanism):
    inside = trace_runner(TorchRunner(tiny(mechanism)), IMAGES)
    g, m = torch.from_numpy(inside.features)[None], torch.from_numpy(inside.attention)[None, None]
    for row, column in ((0, 0), inside.brightest_cell, (7, 3)):
        for channel in range(0, len(inside.features), 5):
            after = {name: value for *_, value, name in cell_products(inside, row, column, channel)}
            expected = {name: attend(g, m, name)[0, channel, row, column].item() for name in MECHANISMS}
            assert after == pytest.approx(expected)
            assert after[mechanism] == pytest.approx(inside.reweighted[channel, row, column], rel=1e-5)


@pytest.mark.parametrize("method", ["CAM", "Grad-CAM"])
def test_what_is_asked_afterwards_is_asked_of_the_same_picture_and_mechanism(method):
    built = tiny("multiplicative")
    inside = trace_runner(TorchRunner(built), IMAGES, "none")
    result = trace_class_map(built, inside, method, 3)
    expected = class_map(built, torch.from_numpy(IMAGES)[None], method, index=3, mechanism="none")
    np.testing.assert_array_equal(result.values, expected.values)
    assert (result.index, result.layer) == (3, expected.layer)
    with pytest.raises(ABNError, match="no method"):
        trace_class_map(built, inside, "Score-CAM", 3)
