"""The cut through real timm CNNs: exact halves, the right place, a trunk that keeps its filters' meaning."""

import copy
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
import tiny
import torch
from torch import nn
from torch.nn import functional
from torch.nn.functional import cross_entropy

from abn.errors import BackboneError
from abn.network import tracing
from abn.network.backbone import NOT_RGB, ONE_OUTPUT, assemble, create_model, input_spec, load_backbone
from abn.network.batchnorm import recalibrate_batchnorm
from abn.network.cutting import cut
from abn.network.trunk import COPY, RESIDUAL

# name → channels of g, the trunk's channels; vgg has no stage after reduction 16, so its trunk is a residual block
FAMILIES = {
    "resnet18": (256, 512),
    "resnet50d": (1024, 2048),  # average pools in its shortcuts
    "tf_efficientnet_lite0": (112, 1280),  # convolutions padded as TensorFlow does
    "efficientnet_b0": (112, 1280),
    "mobilenetv3_small_100": (48, 576),
    "convnext_atto": (160, 320),  # strides with even kernels, norms over the last axis
    "convnextv2_atto": (160, 320),
    "densenet121": (1024, 1024),  # a stage made of concatenations, average pool between stages
    "regnety_002": (152, 368),
    "vgg11_bn": (512, 512),
}
UNCOPIED = {"vgg11_bn"}
# where the strided stage's cells lie in the trunk; squeeze-and-excitation (averages over all cells) has no such place
EVERY_SECOND = {
    "resnet18": 0,
    "resnet50d": 0,
    "tf_efficientnet_lite0": 1,
    "convnext_atto": 0,
    "convnextv2_atto": 0,
    "densenet121": 0,
}


DEFAULT = ("resnet18", "tf_efficientnet_lite0", "convnext_atto", "regnety_002")  # the others are slow


@pytest.fixture(
    scope="module",
    params=[name if name in DEFAULT else pytest.param(name, marks=pytest.mark.slow) for name in FAMILIES],
)
def case(request):
    """A backbone of that family with random weights, its halves, and an input."""
    torch.manual_seed(0)
    backbone = tiny.stir(load_backbone(request.param, num_classes=5))
    for name, parameter in backbone.named_parameters():
        if name.endswith("gamma"):
            nn.init.constant_(parameter, 0.5)  # ConvNeXt starts with next to nothing here
    images = torch.randn(2, 3, 224, 224)
    return SimpleNamespace(name=request.param, backbone=backbone, halves=cut(backbone), images=images)


@torch.no_grad()
def test_the_halves_are_the_whole(case):
    g = case.halves.extractor(case.images)
    assert g.shape == (2, FAMILIES[case.name][0], 14, 14)
    assert torch.equal(case.halves.perception_branch(g), case.backbone(case.images))


@torch.no_grad()
def test_the_cut_lies_at_the_features_of_reduction_16_or_after_the_norm_that_follows(case):
    stage = [entry["module"] for entry in case.backbone.feature_info if entry["reduction"] == 16][-1]
    seen = []
    handle = case.backbone.get_submodule(stage).register_forward_hook(lambda _module, _given, out: seen.append(out))
    case.backbone(case.images)
    handle.remove()
    norm = case.backbone.stages[3].downsample[0] if case.name.startswith("convnext") else nn.Identity()
    assert torch.equal(case.halves.extractor(case.images), norm(seen[0]))


@torch.no_grad()
def test_the_trunk_is_the_last_stage_at_stride_one(case):
    g = case.halves.extractor(case.images)
    response = case.halves.trunk(g)
    assert response.shape == (2, FAMILIES[case.name][1], 14, 14)
    assert case.halves.trunk_channels == response.shape[1]
    assert case.halves.trunk_kind == (RESIDUAL if case.name in UNCOPIED else COPY)
    if case.name in EVERY_SECOND:
        first = EVERY_SECOND[case.name]
        strided = strided_stage(case)(g)
        difference = (response[:, :, first::2, first::2] - strided).abs().max()
        assert difference <= 1e-4 * strided.abs().max()


def strided_stage(case) -> nn.Module:
    """What the trunk was built from, before its strides were set to 1."""
    graph = tracing.trace(case.backbone, 224)
    points = tracing.cut_points(graph)
    start = next(point for point in points if point.node.name == case.halves.extractor.meta["cut_at"])
    return tracing.piece(case.backbone, graph, start=start, end=points[-1])


def test_the_network_explains_any_size_and_every_parameter_learns(case):
    network = assemble(copy.deepcopy(case.halves), num_classes=5, mechanism="additive")  # the other tests' stay
    recalibrate_batchnorm(network, case.images)
    with torch.no_grad():
        for size in (160, 256):
            out = network(case.images[:1, :, :160, :160] if size == 160 else torch.randn(1, 3, size, size))
            assert out.attention.shape == (1, 1, size // 16, size // 16)
            assert 0 <= out.attention.min() < out.attention.max() <= 1
            assert torch.equal(out.class_maps.mean((2, 3)), out.aux_logits)
            assert torch.equal(network.perceive(out.features, out.attention), out.logits)
    network.train()
    out = network(torch.randn(2, 3, 96, 96))
    target = torch.tensor([0, 1])
    (cross_entropy(out.logits, target) + cross_entropy(out.aux_logits, target)).backward()
    assert [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().max() > 0] == []
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    assert all(int(norm.num_batches_tracked) == 1 for norm in norms)  # tracing froze none of them


@torch.no_grad()
def test_the_trunk_has_weights_of_its_own():
    torch.manual_seed(0)
    halves = cut(load_backbone("resnet18", num_classes=5))
    theirs = {p.data_ptr() for p in halves.perception_branch.parameters()}
    assert not theirs & {p.data_ptr() for p in halves.trunk.parameters()}
    copied = dict(halves.trunk.named_parameters())
    assert torch.equal(copied["layer4.0.conv1.weight"], halves.perception_branch.get_submodule("layer4.0.conv1").weight)


def test_create_model_is_reproducible_and_leaves_the_global_generator_alone():
    torch.manual_seed(7)
    state = torch.get_rng_state()
    item = create_model("mobilenetv3_small_100", num_classes=4, seed=3)
    two = create_model("mobilenetv3_small_100", num_classes=4, seed=3)
    other = create_model("mobilenetv3_small_100", num_classes=4, seed=4)
    assert torch.equal(torch.get_rng_state(), state)
    assert not item.training and item.mechanism == "additive"
    assert all(torch.equal(a, b) for a, b in zip(item.state_dict().values(), two.state_dict().values(), strict=True))
    assert not torch.equal(item.extractor.conv_stem.weight, other.extractor.conv_stem.weight)


@pytest.mark.parametrize("name", ["resnet19", "", "../resnet18", "hf-hub:someone/something", "cifar-resnet21"])
def test_an_unknown_backbone_is_one_sentence(name):
    with pytest.raises(BackboneError) as error:
        create_model(name, num_classes=4)
    assert len(str(error.value).splitlines()) == 1


def test_a_near_name_is_offered():
    with pytest.raises(BackboneError, match=r"Similar names: .*resnet18"):
        create_model("resnet18x", num_classes=4)


def test_what_has_no_square_map_is_refused():
    with pytest.raises(BackboneError, match="can't be"):
        create_model("vit_tiny_patch16_224", num_classes=4)


@pytest.mark.parametrize("classes", [0, -3, 2.5, "10", None, False, 10**6, 10**9999, -(10**9999)], ids=range(9))
def test_a_bad_number_of_classes_is_refused(classes):
    with pytest.raises(BackboneError, match="at least 2"):
        create_model("resnet18", num_classes=classes)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [({"num_classes": 1}, ONE_OUTPUT), ({"num_classes": np.int64(1)}, ONE_OUTPUT), ({"in_chans": 1}, NOT_RGB)],
)
def test_one_output_and_one_channel_are_refused(options, sentence):
    with pytest.raises(BackboneError) as error:
        create_model("cifar-resnet20", **options)
    assert str(error.value) == sentence


@pytest.mark.parametrize("name", ["cifar-resnet20", "resnet18"])
@torch.no_grad()
def test_images_need_not_be_square(name):
    network = create_model(name, num_classes=4, seed=0)
    for mechanism in ("additive", "multiplicative", "none"):
        out = network.explain_features(network.extractor(torch.randn(2, 3, 64, 160)), mechanism)
        h, w = out.features.shape[2:]
        assert w == 2.5 * h and out.attention.shape == (2, 1, h, w) and out.class_maps.shape == (2, 4, h, w)
        assert torch.equal(network.perceive(out.features, out.attention, mechanism), out.logits)
        assert torch.equal(out.class_maps.mean((2, 3)), out.aux_logits)


def test_numpy_integers_count():
    network = create_model("cifar-resnet20", num_classes=np.int64(4), seed=np.int64(3))
    same = create_model("cifar-resnet20", num_classes=4, seed=3)
    assert all(
        torch.equal(a, b) for a, b in zip(network.state_dict().values(), same.state_dict().values(), strict=True)
    )


class Small(nn.Module):
    """What the made-up backbones below share: 64 × 64 px, 4 classes, a head after the global pool."""

    pretrained_cfg = {"input_size": (3, 64, 64)}  # noqa: RUF012

    def __init__(self, channels: int):
        super().__init__()
        torch.manual_seed(0)
        self.head = nn.Linear(channels, 4)

    def maps(self, x):
        raise NotImplementedError

    def forward(self, x):
        return self.head(self.maps(x).mean((2, 3)))


class Crossing(Small):
    """Two branches cross the end of the stage that feature_info names, so the cut must move to where they meet."""

    feature_info = ({"module": "narrow", "num_chs": 8, "reduction": 8},)

    def __init__(self):
        super().__init__(12)
        self.stem = nn.Conv2d(3, 8, 8, 8)
        self.wide, self.narrow = nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(8, 8, 1)
        self.scale = nn.Parameter(torch.full((1, 8, 1, 1), 2.0))
        self.last = nn.Conv2d(8, 12, 3, 2, padding=1)

    def maps(self, x):
        x, scale = self.stem(x), self.scale
        wide = self.wide(x)
        x = self.narrow(x) * scale + wide
        return self.last(x * scale)


class ChannelsLast(Small):
    """Maps in the order (B, h, w, C), as Swin and MambaOut keep them."""

    def __init__(self):
        super().__init__(12)
        self.stem, self.mix = nn.Conv2d(3, 6, 8, 8), nn.Linear(6, 12)

    def maps(self, x):
        return self.mix(self.stem(x).permute(0, 2, 3, 1)).tanh().permute(0, 3, 1, 2)


class InPlace(Small):
    """The first operation after the cut works in place on g(x)."""

    feature_info = ({"module": "stem", "num_chs": 8, "reduction": 8},)

    def __init__(self):
        super().__init__(12)
        self.stem, self.act = nn.Conv2d(3, 8, 8, 8), nn.ReLU(inplace=True)
        self.last = nn.Conv2d(8, 12, 3, 2, padding=1)

    def maps(self, x):
        return self.last(self.act(self.stem(x)))


class OneResolution(Small):
    """Eight equal blocks on 8 × 8 cells, as a ConvMixer: no stage to tell from the next."""

    def __init__(self):
        super().__init__(8)
        self.stem = nn.Conv2d(3, 8, 8, 8)
        self.blocks = nn.Sequential(*(nn.Conv2d(8, 8, 3, padding=1) for _ in range(8)))

    def maps(self, x):
        return self.blocks(self.stem(x))


class Coarse(Small):
    """Reduction 16 has 4 × 4 cells of 64 px: too few for a map."""

    feature_info = ({"module": "fine", "reduction": 8}, {"module": "coarse", "reduction": 16})

    def __init__(self):
        super().__init__(8)
        self.fine, self.coarse = nn.Conv2d(3, 8, 8, 8), nn.Conv2d(8, 8, 3, 2, padding=1)

    def maps(self, x):
        return self.coarse(self.fine(x))


class Closed(Small):
    """A stage that decides by its input's values, which torch.fx can't follow; it strides by a layer and a function."""

    feature_info = ({"module": "stem", "num_chs": 8, "reduction": 8},)

    class Stage(nn.Module):
        def __init__(self):
            super().__init__()
            self.down, self.after = nn.Conv2d(8, 12, 3, 2, padding=1), nn.Conv2d(12, 12, 3, padding=1)

        def forward(self, x):
            return self.after(self.down(x if x.shape[1] == 8 and x.sum() == x.sum() else -x))

    def __init__(self):
        super().__init__(12)
        self.stem, self.stage = nn.Conv2d(3, 8, 8, 8), self.Stage()

    def maps(self, x):
        return self.stage(self.stem(x))


class FunctionalPool(Small):
    """A stage that strides by a function, as Inception does."""

    feature_info = ({"module": "stem", "num_chs": 8, "reduction": 8},)

    def __init__(self):
        super().__init__(12)
        self.stem, self.last = nn.Conv2d(3, 8, 8, 8), nn.Conv2d(8, 12, 3, padding=1)

    def maps(self, x):
        return self.last(functional.max_pool2d(self.stem(x), 3, stride=2, padding=1))


MADE_UP = {  # class → where it is cut, cells of the map, channels of g(x)
    Crossing: ("add", 8, 8),
    ChannelsLast: ("tanh", 8, 12),
    InPlace: ("stem", 8, 8),
    OneResolution: ("blocks_5", 8, 8),
    Coarse: ("fine", 8, 8),
    Closed: ("stem", 8, 8),
    FunctionalPool: ("stem", 8, 8),
}


@pytest.mark.parametrize("kind", MADE_UP)
@torch.no_grad()
def test_odd_networks_are_cut_exactly_and_g_is_unharmed(kind):
    cut_at, cells, channels = MADE_UP[kind]
    backbone, images = kind(), torch.randn(2, 3, 64, 64)
    expected = backbone(images)
    halves = cut(backbone)
    features = halves.extractor(images)
    assert (halves.extractor.meta["cut_at"], features.shape) == (cut_at, (2, channels, cells, cells))
    assert torch.equal(halves.perception_branch(features), expected)
    network = assemble(halves, num_classes=4, mechanism="none").eval()
    out = network(images)
    assert torch.equal(out.logits, expected) and torch.equal(out.features, halves.extractor(images))
    for mechanism in ("none", "additive", "multiplicative"):
        out = network.explain_features(features, mechanism)
        assert torch.equal(network.perceive(out.features, out.attention, mechanism), out.logits)


@pytest.mark.parametrize("kind", [Crossing, InPlace, OneResolution, Coarse, Closed, FunctionalPool])
@torch.no_grad()
def test_odd_stages_are_copied_at_stride_one_and_keep_their_meaning(kind):
    backbone = kind()
    halves = cut(backbone)
    assert halves.trunk_kind == COPY
    seen = []
    backbone.head.register_forward_pre_hook(lambda _head, given: seen.append(given[0]))
    features = halves.extractor(torch.randn(1, 3, 64, 64))
    halves.perception_branch(features)
    response = halves.trunk(features)
    step = 1 if kind is OneResolution else 2
    assert response.shape[2:] == features.shape[2:]
    assert torch.allclose(
        response[:, :, ::step, ::step].mean((2, 3)), seen[0], rtol=1e-4, atol=1e-4 * seen[0].abs().max()
    )


def test_channels_last_is_recorded():
    assert [cut(kind()).extractor.meta["channels_last"] for kind in (ChannelsLast, Crossing)] == [True, False]


class Undecided(Small):
    """torch.fx can't follow it at all."""

    def maps(self, x):
        return x if x.sum() > 0 else -x


class Headless(Small):
    def forward(self, x):
        return x[:, :, ::8, ::8]


class Tokens(Small):
    def forward(self, x):
        return self.head(x.flatten(2).mean(2))


@pytest.mark.parametrize(
    ("backbone", "why"),
    [(Undecided, "can't be traced"), (Headless, "no class scores"), (Tokens, "no single node")],
)
def test_what_cannot_be_cut_says_why_and_what_would_work(backbone, why):
    with pytest.raises(BackboneError, match=why) as error:
        cut(backbone(3))
    message = str(error.value)
    assert len(message.splitlines()) == 1 and ("resnet" in message or "with a classifier" in message)


def test_every_parameter_learns_from_the_first_step():
    network = create_model("resnet18", num_classes=4, seed=0).train()  # timm lets its residual branches start at 0
    out, truth = network(torch.randn(2, 3, 64, 64)), torch.tensor([0, 1])
    (cross_entropy(out.logits, truth) + cross_entropy(out.aux_logits, truth)).backward()
    assert [name for name, p in network.named_parameters() if p.grad is None or not p.grad.any()] == []


def test_metadata_gives_the_input():
    spec = input_spec("tf_efficientnet_lite0")
    assert (spec.size, spec.interpolation, spec.mean, spec.std) == (224, "bicubic", (0.5,) * 3, (0.5,) * 3)
    assert input_spec("cifar-resnet20").size == 32


class Slow(nn.Module):
    """A network whose tracing can be held up half-way."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.inside, self.go_on = threading.Event(), threading.Event()

    def forward(self, images):
        result = self.first(images)
        self.inside.set()
        assert self.go_on.wait(30)
        return self.last(result)


def test_tracing_in_one_thread_leaves_other_threads_networks_and_tracings_alone():
    call, other, images = nn.Module.__call__, tiny.network(), torch.rand(1, 3, 32, 32)
    with torch.inference_mode():
        before = other(images).logits
    slow, second = Slow(), Slow()
    second.go_on.set()
    with ThreadPoolExecutor(2) as threads:
        item = threads.submit(tracing.trace, slow, 32)
        assert slow.inside.wait(30)
        two = threads.submit(tracing.trace, second, 32)  # waits for the first to end
        try:
            with torch.inference_mode():
                assert torch.equal(other(images).logits, before)
        finally:
            slow.go_on.set()
        nodes = [[node.op for node in result.result(30).nodes] for result in (item, two)]
    assert nodes[0] == nodes[1] == ["placeholder", "call_module", "call_module", "output"]
    assert nn.Module.__call__ is call
