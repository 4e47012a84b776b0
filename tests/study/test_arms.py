"""Arms that pair."""

import pytest
import torch
from torch import nn

from abn.network.backbone import load_backbone
from abn.network.cutting import cut
from abn.study.arms import from_scratch, parameters, warm
from abn.training.measures import predict
from abn.vocabulary import ARMS


def build_arms(seed: int, num_classes: int = 10) -> dict[str, nn.Module]:
    return {arm: from_scratch(arm, backbone="cifar-resnet20", num_classes=num_classes, seed=seed) for arm in ARMS}


def test_arms_of_a_seed_start_equal_where_they_are_alike():
    arms, other = build_arms(1), from_scratch("additive", backbone="cifar-resnet20", num_classes=10, seed=2)
    start = arms["additive"].state_dict()
    for arm in ("none", "multiplicative"):
        assert all(torch.equal(value, start[name]) for name, value in arms[arm].state_dict().items())
    baseline = arms["baseline"]
    assert torch.equal(baseline.extractor.conv1.weight, start["extractor.conv1.weight"])
    assert torch.equal(baseline.branches[0].fc.weight, start["perception_branch.fc.weight"])
    assert not torch.equal(other.extractor.conv1.weight, start["extractor.conv1.weight"])


def test_matched_has_the_parameters_of_the_network_and_baseline_those_of_the_paper():
    counts = {arm: parameters(built) for arm, built in build_arms(0).items()}
    assert counts["additive"] == counts["multiplicative"] == counts["none"] == 479_150
    assert counts["baseline"] == 272_474
    assert counts["matched"] == pytest.approx(479_150, rel=0.01)
    counts = {arm: parameters(built) for arm, built in build_arms(0, num_classes=100).items()}
    assert counts["baseline"] == 278_324 and counts["matched"] == pytest.approx(counts["additive"], rel=0.01)


def test_making_an_arm_leaves_the_global_generator_alone():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    build_arms(3)
    assert torch.equal(torch.rand(1), expected)


def test_the_cam_of_a_plain_network_averages_to_its_logit():
    """The mean of CAM plus the bias is the logit of the first class (Zhou et al. 2016), as nothing is cut off."""
    plain = from_scratch("baseline", backbone="cifar-resnet20", num_classes=10, seed=0).eval()
    images = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        features = plain.extractor(images)
        logits, cam = plain.perceive_with_cam(features)
        last = plain.branches[0].layer3(features)
        classifier = plain.branches[0].fc
        first = logits.argmax(1)
        full = torch.einsum("bchw,bc->bhw", last, classifier.weight[first])
        assert torch.allclose(full.mean((1, 2)) + classifier.bias[first], logits.amax(1), atol=1e-5)
        assert torch.allclose(cam, full)
        assert torch.equal(plain(images), logits)


def test_warm_arms_predict_as_the_backbone_with_a_new_classifier():
    torch.manual_seed(0)
    backbone = load_backbone("test_efficientnet").eval()
    before = {name: value.clone() for name, value in backbone.state_dict().items()}
    images = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        features = cut(backbone).extractor(images)
        built = {arm: warm(arm, backbone, features, num_classes=3, seed=1).eval() for arm in ARMS}
        logits = {arm: predict(network, network.extractor(images)).logits for arm, network in built.items()}
        other = warm("none", backbone, features, num_classes=3, seed=2).eval()
        assert not torch.allclose(predict(other, features).logits, logits["none"], atol=1e-3)
    assert {tuple(values.shape) for values in logits.values()} == {(2, 3)}
    assert torch.allclose(logits["baseline"], logits["none"], atol=1e-4)
    classifier = built["none"].attention_branch.to_classes.weight[:, :, 0, 0]
    assert torch.equal(built["baseline"].branches[0].classifier.weight, classifier)
    first, second = (next(iter(branch.parameters())) for branch in built["matched"].branches)
    assert not torch.equal(first, second)  # equal branches would stay equal for ever
    assert all(torch.equal(value, before[name]) for name, value in backbone.state_dict().items())
    assert backbone.get_classifier().out_features == 1000
