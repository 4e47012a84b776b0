"""What a network costs, on networks small enough to count by hand."""

import json

import pytest
import tiny
import torch
from torch import nn

from abn.errors import ABNError
from abn.evaluation import cost
from abn.network import complexity
from abn.network.model import AttentionBranch, AttentionBranchNetwork
from abn.study.findings import read_costs
from abn.study.measure_cost import measure_all, run_cost
from abn.vocabulary import PARTS

SIZE = 8  # pixels; each of the 64 cells of a channel is a float32


def counted_by_hand(mechanism: str = "additive") -> AttentionBranchNetwork:
    """One 3×3 convolution, an attention branch without trunk, pool and linear layer; two classes."""
    return AttentionBranchNetwork(
        extractor=nn.Conv2d(3, 4, 3, padding=1, bias=False),
        attention_branch=AttentionBranch(nn.Identity(), trunk_channels=4, num_classes=2),
        perception_branch=nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)),
        mechanism=mechanism,
    ).eval()


@pytest.fixture(scope="module")
def measured():
    """Costs by part."""
    return {part.part: part for part in cost.measure(counted_by_hand(), SIZE, batches=(1, 4), rounds=2)}


def test_every_part_is_there_then_the_plain_cnn_and_the_whole(measured):
    assert tuple(measured) == (*PARTS, "plain_cnn", "whole")
    for part in measured.values():
        assert tuple(part.seconds) == tuple(part.peak_bytes) == (1, 4)


def test_parameters_by_hand(measured):
    weights = {
        "extractor": 3 * 4 * 9,
        "attention_branch": (4 + 4) + 4 * 2 + (2 + 2) + 2 * 2 + 2 * 9 + (1 + 1),
        "perception_branch": 4 * 2 + 2,
    }
    assert complexity.count_parameters(counted_by_hand()) == weights
    assert {part: item.parameters for part, item in measured.items()} == weights | {"plain_cnn": 118, "whole": 162}


def test_flops_by_hand(measured):
    operations = {
        "extractor": 2 * 64 * 3 * 4 * 9,
        "attention_branch": 2 * 64 * (4 * 2 + 2 * 2 + 2 * 9),
        "perception_branch": 2 * 4 * 2,
    }
    assert complexity.count_flops(counted_by_hand(), SIZE) == operations
    assert {part: item.flops for part, item in measured.items()} == operations | {"plain_cnn": 13_840, "whole": 17_680}


@pytest.mark.parametrize("batch", [1, 4])
def test_peak_memory_by_hand(measured, batch):
    cells, buffers = 4 * 64 * batch, 4 * (8 + 4 + 2) + 3 * 8  # of three batch norms: statistics, and an int64 each
    parts = {
        "extractor": 4 * 108 + cells * (3 + 4),  # weights, picture, g
        "attention_branch": 4 * 44 + buffers + cells * (4 + 4 + 2),  # g, its norm, the classes
        "perception_branch": 4 * 10 + cells * 4 + batch * 4 * (4 + 2),  # g, pooled, logits
    }
    joined = {  # the picture stays, and g; the whole needs most at its end, with class maps, M, g′, pooled and logits
        "plain_cnn": 4 * 118 + cells * (3 + 4) + batch * 4 * (4 + 2),
        "whole": 4 * 162 + buffers + cells * (3 + 4 + 2 + 1 + 4) + batch * 4 * (4 + 2),
    }
    assert {part: item.peak_bytes[batch] for part, item in measured.items()} == parts | joined


def test_what_nothing_refers_to_any_more_is_not_counted():
    image = torch.zeros(1, 1, 10, 10)
    # of five steps: the picture, what the last step gave, and what the next one makes
    assert cost.peak_bytes(nn.Sequential(*[nn.ReLU()] * 5), image, []) == 3 * 400
    assert cost.peak_bytes(nn.Sequential(*[nn.ReLU(inplace=True)] * 5), image, []) == 400
    assert cost.peak_bytes(lambda given: given.flatten().view(4, 25)[:2], image, []) == 400  # views are no new memory
    assert cost.peak_bytes(lambda given: [given + 1, given + 2, given + 3], image, []) == 4 * 400


def test_shared_weights_are_held_once():
    layer = nn.Linear(10, 10, bias=False)
    assert cost.peak_bytes(nn.Sequential(layer, layer), torch.zeros(1, 10), [layer, layer]) == 400 + 3 * 40


def test_progress_is_the_share_of_images_and_may_end_the_measurement():
    shares = []
    cost.measure(counted_by_hand(), SIZE, batches=(1, 4), rounds=2, progress=shares.append)
    assert shares == pytest.approx([n / 25 for n in (3, 15, 16, 20, 21, 25)])

    def stop(share: float) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        cost.measure(counted_by_hand(), SIZE, batches=(1,), rounds=1, progress=stop)


def test_seconds_are_above_zero(measured):
    assert all(seconds > 0 for part in measured.values() for seconds in part.seconds.values())


def test_one_pass_is_timed_at_its_seams():
    times = cost.time_parts(counted_by_hand(), torch.zeros(1, 3, SIZE, SIZE))
    assert times["plain_cnn"] == pytest.approx(times["extractor"] + times["perception_branch"])
    assert times["whole"] > times["plain_cnn"] + times["attention_branch"]  # applying the map is in neither


def test_ratios_are_the_whole_over_the_plain_cnn():
    plain = cost.PartCost("plain_cnn", 200, 1000, {1: 0.5, 32: 4.0}, {1: 800, 32: 8000})
    whole = cost.PartCost("whole", 300, 4000, {1: 1.0, 32: 6.0}, {1: 1000, 32: 20_000})
    assert cost.ratios([whole, plain]) == {
        "latency": {1: 2.0, 32: 1.5},
        "parameters": 1.5,
        "flops": 4.0,
        "peak_memory": {1: 1.25, 32: 2.5},
    }


def test_the_network_is_left_as_it_was():
    network = counted_by_hand()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    cost.measure(network, SIZE, batches=(2,), rounds=1)
    assert all(torch.equal(before[name], tensor) for name, tensor in network.state_dict().items())


def test_a_file_holds_what_was_measured_of_each_family(tmp_path, monkeypatch):
    card = tiny.variant(tmp_path, "tiny", tiny.network())
    (tmp_path / "broken.json").write_text(card.weights.with_suffix(".json").read_text().replace('"tiny"', '"broken"'))
    result = measure_all(tmp_path, batches=(1, 2), rounds=1)
    (family,) = result["families"]  # the other has no weights and is left out
    assert (family["family"], family["variant"], family["input_size"]) == ("tiny", "tiny", 32)
    assert {item["part"]: item["parameters"] for item in family["parts"]} == card.parameters | {
        "plain_cnn": 272_474,
        "whole": 479_150,
    }
    assert family["ratios"]["parameters"] == pytest.approx(479_150 / 272_474, rel=1e-5)
    assert family["ratios"]["flops"] == pytest.approx(sum(card.flops.values()) / 81_626_368, rel=1e-5)
    assert family["ratios"]["latency"][1] > 1 and family["ratios"]["peak_memory"][2] > 1

    monkeypatch.setattr("abn.study.measure_cost.measure_all", lambda folder: result)
    path = run_cost(tmp_path / "results", folder=tmp_path)
    written = json.loads(path.read_text(encoding="utf-8"))
    assert written["command"] == "python -m abn study cost" and written["threads"] == 1
    assert list(written["families"][0]["parts"][0]["seconds"]) == ["1", "2"]
    assert [item.name for item in path.parent.iterdir()] == ["cost.json"]
    (read,) = read_costs(path.parent).families  # as the page does
    assert read.ratio("peak_bytes", 2) == pytest.approx(family["ratios"]["peak_memory"][2], rel=1e-5)


def test_a_folder_without_variants_is_said_plainly(tmp_path):
    with pytest.raises(ABNError, match="no variant"):
        measure_all(tmp_path)
