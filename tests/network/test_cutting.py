"""The cut and norms: a norm over the channels of each cell divides the map out, so the cut lies after it."""

import pytest
import torch
from timm.data import resolve_model_data_config
from timm.layers import LayerNorm2d, RmsNorm2d, SimpleNorm2d
from torch import nn

from abn.errors import BackboneError
from abn.network import backbone, cutting, tracing
from abn.network.backbone import NO_EFFECT, assemble, create_model, load_backbone
from abn.network.contexts import shapes_only
from abn.network.cutting import cut
from abn.vocabulary import InputSpec

# networks that are cut where they were before the cut looked for norms
UNCHANGED = {
    "resnet18": "layer3_1_act2",
    "tf_efficientnet_lite0": "add_5",
    "tf_efficientnet_lite2": "add_9",
    "efficientnet_b0": "add_5",
    "mobilenetv3_small_100": "add_3",
    "regnety_002": "s3_b4_act3",
    "densenet121": "cat_44",
    "mambaout_femto": "add_14",
    "convmixer_768_32": "blocks_23_2",
    "swin_tiny_patch4_window7_224": "reshape_41",
    "volo_d1_224": "add_28",  # wide branches beside a skip that keeps the gains
}
MOVED = {
    "caformer_s18": "permute_40",
    "convformer_s18": "permute_67",
    "convnext_zepto_rms": "permute_23",  # its RMS norm is traced into variance, rsqrt and two products
    "convnextv2_atto": "permute_27",
    "davit_tiny": "pad_8",  # it reads the shape before the norm, so the first cut point lies one layer later
    "edgenext_xx_small": "permute_32",
    "gcvit_xxtiny": "permute_57",
    "hieradet_small": "layer_norm_28",
    "nest_tiny": "layer_norm_26",
    "poolformerv2_s12": "permute_7",
    "rdnet_tiny": "permute_49",
    "sequencer2d_s": "norm",
}
SLOW = set(
    """
densenet121 volo_d1_224 sequencer2d_s swin_tiny_patch4_window7_224 davit_tiny rdnet_tiny convformer_s18
""".split()
)


@pytest.mark.parametrize(
    ("name", "cut_at"),
    [pytest.param(*item, marks=[pytest.mark.slow] * (item[0] in SLOW)) for item in {**UNCHANGED, **MOVED}.items()],
)
def test_only_networks_with_a_norm_after_the_stage_are_cut_later(name, cut_at):
    with shapes_only(), torch.inference_mode():
        whole = load_backbone(name, num_classes=4)
        graph = tracing.trace(whole, resolve_model_data_config(whole)["input_size"][-1])
        stage_end = cutting._choose(graph, tracing.cut_points(graph), whole).node.name
        assert cut(whole).extractor.meta["cut_at"] == cut_at
    assert (stage_end == cut_at) == (name in UNCHANGED)


class Net(nn.Module):
    """A stem, something after it, a stride and a head: 64 × 64 px, 8 × 8 cells, 4 classes."""

    pretrained_cfg = {"input_size": (3, 64, 64)}  # noqa: RUF012
    feature_info = ({"module": "stem", "num_chs": 6, "reduction": 8},)

    def __init__(self, after: nn.Module):
        super().__init__()
        torch.manual_seed(0)
        self.stem, self.after = nn.Conv2d(3, 6, 8, 8), after
        self.last, self.head = nn.Conv2d(6, 12, 3, 2, padding=1), nn.Linear(12, 4)

    def forward(self, x):
        return self.head(self.last(self.after(self.stem(x))).relu().mean((2, 3)))


class ChannelsLastNorm(nn.LayerNorm):
    """A layer norm that is traced into permutes and a function."""

    def forward(self, x):
        return nn.functional.layer_norm(
            x.permute(0, 2, 3, 1), self.normalized_shape, self.weight, self.bias, self.eps
        ).permute(0, 3, 1, 2)


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.branch = LayerNorm2d(6), nn.Conv2d(6, 6, 3, padding=1)

    def forward(self, x):
        return x + self.branch(self.norm(x))


class TwoNorms(nn.Module):
    """Two layers read the stem, each after a norm of its own, and stride: no cut point lies after both norms."""

    def __init__(self):
        super().__init__()
        self.norms = nn.ModuleList([LayerNorm2d(6), LayerNorm2d(6)])
        self.convs = nn.ModuleList([nn.Conv2d(6, 6, 2, 2), nn.Conv2d(6, 6, 2, 2)])

    def forward(self, x):
        return self.convs[0](self.norms[0](x)) + self.convs[1](self.norms[1](x))


PASSED = {
    "layer norm": lambda: LayerNorm2d(6),
    "its parts": lambda: ChannelsLastNorm(6),
    "RMS norm": lambda: RmsNorm2d(6),
    "simple norm": lambda: SimpleNorm2d(6),
    "norm without weights": lambda: nn.Sequential(nn.Identity(), ChannelsLastNorm(6, elementwise_affine=False)),
    "after a convolution that keeps gains": lambda: nn.Sequential(nn.Conv2d(6, 6, 1, bias=False), LayerNorm2d(6)),
}
KEPT = {
    "batch norm": lambda: nn.BatchNorm2d(6),
    "group norm": lambda: nn.GroupNorm(1, 6),
    "residual": Residual,
    "convolution": lambda: nn.Sequential(nn.Conv2d(6, 6, 3, padding=1, bias=False), LayerNorm2d(6)),
    "bias": lambda: nn.Sequential(nn.Conv2d(6, 6, 1), LayerNorm2d(6)),
}


def effect(network: nn.Module, images: torch.Tensor) -> float:
    features = network.extractor(images)
    logits = [network.perceive(features, torch.rand(len(images), 1, *features.shape[2:]), "additive") for _ in "ab"]
    return float((logits[1] - logits[0]).norm() / (logits[0] - logits[0].mean(0)).norm())


@pytest.mark.parametrize("kind", [*PASSED, *KEPT])
@torch.no_grad()
def test_the_cut_passes_norms_over_the_channels_of_each_cell_and_no_others(kind):
    whole, images = Net({**PASSED, **KEPT}[kind]()).eval(), torch.randn(2, 3, 64, 64)
    halves = cut(whole)
    features = whole.after(whole.stem(images)) if kind in PASSED else whole.stem(images)
    assert torch.equal(halves.extractor(images), features)
    assert torch.equal(halves.perception_branch(features), whole(images))
    assert effect(assemble(halves, num_classes=4, mechanism="additive").eval(), images) > 0.05


@pytest.mark.parametrize("kind", sorted(PASSED.keys() - {"norm without weights"}))
@torch.no_grad()
def test_all_weights_of_the_norm_are_the_extractors(kind):
    """So weights of a network that was cut before the norm never fit: their names differ."""
    halves = cut(Net(PASSED[kind]()))
    assert not any(name.startswith("after") for name in halves.perception_branch.state_dict())
    assert halves.trunk_kind == "a copy of the perception branch at stride 1"


def test_the_search_leaves_weights_and_the_global_generator_alone():
    whole = Net(LayerNorm2d(6))
    before = {name: value.clone() for name, value in whole.state_dict().items()}
    graph = tracing.trace(whole, 64)
    points, state = tracing.cut_points(graph), torch.get_rng_state()
    assert cutting._move_past_norm(graph, points, points[0], whole) is not points[0]
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in whole.state_dict().items())


@pytest.mark.parametrize("mechanism", ["additive", "none"])
def test_a_network_that_divides_the_map_out_elsewhere_is_refused(monkeypatch, mechanism):
    spec = InputSpec(size=64, crop_pct=1.0, interpolation="bicubic", mean=(0.5,) * 3, std=(0.5,) * 3)
    monkeypatch.setattr(backbone, "input_spec", lambda _: spec)
    monkeypatch.setattr(backbone, "load_backbone", lambda *_, **__: Net(TwoNorms()))
    with pytest.raises(BackboneError) as error:
        create_model("two_norms", num_classes=4, mechanism=mechanism, seed=0)
    assert str(error.value) == NO_EFFECT.format(name="two_norms", alternatives=tracing.ALTERNATIVES)


@torch.no_grad()
def test_the_map_of_a_convnext_has_an_effect():
    network = create_model("test_convnext", num_classes=4, seed=0)
    assert effect(network, torch.randn(4, 3, 160, 160, generator=torch.Generator().manual_seed(0))) > 0.05
