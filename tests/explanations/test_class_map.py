"""CAM and Grad-CAM without gradients are those that gradients give, on each shipped variant."""

import numpy as np
import pytest
import tiny
import torch

from abn.engine.loading import load_runner
from abn.engine.torch_runner import TorchRunner
from abn.errors import ABNError
from abn.explanations.cam import trace_class_map
from abn.explanations.class_map import METHODS, pooled_class_map
from abn.explanations.trace import trace_runner
from abn.variants.store import find_variant, list_variants, load_variant

SHIPPED = [card.id for card in list_variants()]


@pytest.mark.parametrize("variant", SHIPPED)
def test_both_ways_agree_on_each_shipped_variant(variant):
    card = find_variant(variant)
    runner, network = load_runner(card), load_variant(card)
    image = np.random.default_rng(3).normal(size=(3, card.input.size, card.input.size)).astype(np.float32)
    trace = trace_runner(runner, image)
    for method in METHODS:
        for index in (int(trace.logits.argmax()), 3):
            ours, theirs = (
                pooled_class_map(runner, trace, method, index),
                trace_class_map(network, trace, method, index),
            )
            assert (ours.method, ours.layer, ours.index) == (theirs.method, theirs.layer, theirs.index)
            assert ours.values.dtype == np.float32 and ours.seconds > trace.seconds
            np.testing.assert_allclose(ours.values, theirs.values, atol=1e-3 * np.abs(theirs.values).max())


def test_the_mean_of_cam_is_the_logit_without_its_bias():
    card = find_variant(SHIPPED[0])
    runner = load_runner(card)
    trace = trace_runner(runner, np.zeros((3, card.input.size, card.input.size), np.float32), "none")
    means = [pooled_class_map(runner, trace, "CAM", k).values.mean() for k in range(20)]
    bias = load_variant(card).perception_branch.classifier.bias[:20].detach().numpy()
    assert means + bias == pytest.approx(trace.logits[:20], abs=1e-3)


def test_a_runner_that_knows_no_such_end_has_none_and_an_unknown_method_is_one_sentence():
    runner = TorchRunner(tiny.network())
    trace = trace_runner(runner, torch.zeros(3, 32, 32).numpy())
    assert pooled_class_map(runner, trace, "CAM", 0) is None
    with pytest.raises(ABNError, match="Choose one of: CAM, Grad-CAM"):
        pooled_class_map(runner, trace, "LIME", 0)
