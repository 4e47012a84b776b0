"""Forgetting a part: what it was made of stays, what it said is gone, and no other part is touched."""

import numpy as np
import pytest
import tiny
import torch

from abn.errors import ABNError
from abn.evaluation.metrics import rank_correlation
from abn.evaluation.randomization import compare_randomized, network_outputs, randomize_weights
from abn.vocabulary import PARTS

IMAGES = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(3)).numpy()


@pytest.fixture(scope="module")
def network():
    return tiny.network(seed=4)


def maps(network):
    with torch.inference_mode():
        return network(torch.from_numpy(IMAGES)).attention[:, 0].numpy()


@pytest.mark.parametrize("part", PARTS)
def test_only_the_part_forgets(network, part):
    before = {name: value.clone() for name, value in network.state_dict().items()}
    changed = randomize_weights(network, part, IMAGES, seed=0)
    now = changed.state_dict()
    assert all(
        torch.equal(value, before[name]) for name, value in network.state_dict().items()
    )  # the caller's is whole
    touched = {name.split(".")[0] for name in now if not torch.equal(now[name], before[name])}
    assert touched == {part}
    for name, parameter in getattr(changed, part).named_parameters():
        old = getattr(network, part).get_parameter(name)
        assert torch.equal(parameter.flatten().sort().values, old.flatten().sort().values)
    assert not changed.training


def test_the_map_forgets_with_extractor_and_attention_branch_and_never_with_the_perception_branch(network):
    own = maps(network)
    result = {}
    for part in PARTS:
        changed = maps(randomize_weights(network, part, IMAGES, seed=1))
        assert changed.std() > 0.01  # no map that is flat because it saturated
        result[part] = sum(rank_correlation(*pair) for pair in zip(own, changed, strict=True)) / len(own)
    assert result["perception_branch"] == pytest.approx(1)
    assert abs(result["attention_branch"]) < 0.8 and abs(result["extractor"]) < 0.8


def test_a_seed_decides(network):
    first, again, other = (randomize_weights(network, "attention_branch", IMAGES, seed=seed) for seed in (1, 1, 2))
    weights = [n.attention_branch.map_head.weight for n in (first, again, other)]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])


def test_an_unknown_part_is_one_sentence(network):
    with pytest.raises(ABNError, match="Choose one of: extractor, attention_branch, perception_branch"):
        randomize_weights(network, "head", IMAGES, seed=0)


# ---- what it does to map and answer ----


@pytest.mark.parametrize("part", PARTS)
def test_before_and_after_are_those_of_the_two_networks(network, part):
    from scipy.stats import spearmanr

    own = network_outputs(network, IMAGES)
    result = compare_randomized(network, own, IMAGES, part, seed=1)
    changed = randomize_weights(network, part, IMAGES, seed=1)
    with torch.inference_mode():
        first, second = network(torch.from_numpy(IMAGES)), changed(torch.from_numpy(IMAGES))
    assert np.array_equal(own.maps, first.attention[:, 0].numpy())
    assert np.array_equal(result.maps, second.attention[:, 0].numpy())
    for i in range(len(IMAGES)):
        pair = (output.attention[i].flatten().numpy() for output in (first, second))
        assert result.rank_correlations[i] == pytest.approx(spearmanr(*pair)[0], abs=1e-6)
        named = int(first.logits[i].argmax())
        assert result.before[i] == pytest.approx(float(first.logits[i].softmax(0)[named]))
        assert result.after[i] == pytest.approx(float(second.logits[i].softmax(0)[named]))
        assert result.changes_prediction[i] == (int(second.logits[i].argmax()) != named)
    assert (result.part, result.seed) == (part, 1) and result.seconds > 0


def test_the_lesson_of_the_perception_branch(network):
    """Its loss leaves every number of the map, and takes the answer."""
    own = network_outputs(network, IMAGES)
    result = compare_randomized(network, own, IMAGES, "perception_branch", seed=2)
    assert (
        result.maps_identical
        and result.rank_correlations == pytest.approx(1)
        and not np.allclose(result.before, result.after, atol=1e-3)
    )
    assert not compare_randomized(network, own, IMAGES, "extractor", seed=2).maps_identical
