"""The authors' checkpoints, against a second, independent writing of their forward pass from the layer table."""

import os
import pickle
import re
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from authors import FORWARD, Layers, densenet, large_resnet, resnext, wrn
from authors_files import save, seeded

from abn.errors import CheckpointError
from abn.network.architectures import registry
from abn.network.architectures.densenet import DenseNet
from abn.network.architectures.resnet import BasicBlock, Bottleneck, ResNet
from abn.network.architectures.wide_resnet import WideResNet
from abn.variants import authors
from abn.variants.authors import backbone_of, convert_official, fit_weights, make_converted_card
from abn.variants.authors_names import ARCHS, CIFAR100
from abn.variants.card import class_names
from abn.variants.store import load_variant, save_variant


@pytest.fixture(autouse=True)
def in_process(monkeypatch):
    """The files here are our own, and child processes take seconds; test_untrusted_torch.py starts real ones."""
    monkeypatch.setattr(authors, "read_in_child", lambda read, path, *, failure, **options: read(path, **options))


def compare(path: Path, forward, *, arch: str, classes: int, **options) -> None:
    """Convert what the authors' forward pass reads, and hold all three outputs against it, also as a variant."""
    layers, size = Layers(seed=1), registry.input_spec(backbone_of(arch)).size
    images = torch.randn(2, 3, size, size, generator=torch.Generator().manual_seed(5))
    with torch.inference_mode():
        theirs = forward(layers, images, classes=classes)
    save(path, {name: value.clone() for name, value in layers.weights.items()}, **options)
    network = convert_official(path, arch=arch, num_classes=np.int64(classes))
    card = make_converted_card(network, "converted", arch=arch, num_classes=classes, source=path)
    again = load_variant(save_variant(network, card, path.parent, half=False))
    with torch.inference_mode():
        out, later = network(images), again(images)
    assert not network.training and network.mechanism == "additive"
    assert theirs[2].std() > 0.01 and theirs[1].std() > 0.01  # there is something to compare
    assert card.map_size == out.attention.shape[2:] and card.trunk == network.attention_branch.trunk_kind
    for ours, expected in zip((out.aux_logits, out.logits, out.attention), theirs, strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-5)
    assert torch.equal(out.logits, later.logits) and torch.equal(out.attention, later.attention)


@pytest.mark.parametrize(
    ("arch", "classes", "options"),
    [
        ("resnet20", 10, {}),
        ("resnet20", 100, {"counters": True}),
        ("resnet32", 10, {"old": True}),
        ("resnet44", 10, {"counters": True}),
        *(
            pytest.param(arch, 20, {}, marks=pytest.mark.slow)
            for arch in ("resnet110", "densenet", "imagenet-resnet18")
        ),
    ],
)
def test_a_converted_checkpoint_computes_what_the_authors_compute(tmp_path, arch, classes, options):
    compare(tmp_path / "model_best.pth.tar", FORWARD[arch], arch=arch, classes=classes, **options)


def narrow(grow: int) -> dict:
    """A large ResNet with an eighth of the channels."""
    widths = tuple(width * grow for width in (8, 16, 32, 64))
    return {"blocks": (1, 2, 3, 2), "widths": widths, "stem": 8, "large": True}


@pytest.mark.parametrize(
    ("arch", "design", "forward"),
    [
        ("densenet", DenseNet(depth=22, growth=6), partial(densenet, depth=22, growth=6)),
        ("wrn", WideResNet(depth=16, widen=2), partial(wrn, depth=16, widen=2)),
        ("wrn", WideResNet(depth=10, widen=1), partial(wrn, depth=10, widen=1)),  # where block1 needs no shortcut
        (
            "resnext",
            ResNet(
                block=partial(Bottleneck, inner=1, groups=4),
                blocks=(3, 3, 3),
                widths=(32, 64, 128),
                stem=64,
                norm_trunk=False,
            ),
            partial(resnext, groups=4, width=8),
        ),
        (
            "imagenet-resnet34",
            ResNet(block=BasicBlock, **narrow(1)),
            partial(large_resnet, blocks=(1, 2, 3, 2), bottleneck=False, width=8),
        ),
        (
            "imagenet-resnet50",
            ResNet(block=Bottleneck, **narrow(4)),
            partial(large_resnet, blocks=(1, 2, 3, 2), bottleneck=True, width=8),
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_architecture_made_small_computes_what_the_authors_compute(monkeypatch, tmp_path, arch, design, forward):
    monkeypatch.setitem(registry.DESIGNS, backbone_of(arch), design)
    compare(tmp_path / "model_best.pth.tar", forward, arch=arch, classes=7)


@pytest.mark.parametrize(
    ("arch", "design", "forward"),
    [
        ("resnet20", registry.DESIGNS["cifar-resnet20"], FORWARD["resnet20"]),
        ("densenet", DenseNet(depth=10, growth=4), partial(densenet, depth=10, growth=4)),
    ],
)
def test_one_sigmoid_output_becomes_two_classes_with_the_same_predictions_and_map(
    monkeypatch, tmp_path, arch, design, forward
):
    monkeypatch.setitem(registry.DESIGNS, backbone_of(arch), design)
    layers, images = Layers(seed=1), torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(5))
    images *= torch.tensor([0.1, 1, 4, 16]).view(4, 1, 1, 1)  # so that predictions differ
    with torch.inference_mode():
        auxiliary, perception, attention = forward(layers, images, classes=1)
    path = save(tmp_path / "one.pth.tar", {name: value.clone() for name, value in layers.weights.items()})
    network = convert_official(path, arch=arch, num_classes=1)
    with torch.inference_mode():
        out = network(images)
    for logits, z in ((out.logits, perception), (out.aux_logits, auxiliary)):
        assert torch.equal(logits[:, 0], torch.zeros(4)) and z.std() > 0.001
        torch.testing.assert_close(logits[:, 1:], z, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(logits.softmax(1)[:, 1:], z.sigmoid(), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(out.attention, attention, rtol=1e-5, atol=1e-5)
    card = make_converted_card(network, "one", arch=arch, num_classes=1, source=path)
    assert class_names(card) == ("class 0", "class 1") and " --num-classes 1 " in card.trained["command"]
    assert card.trained["notes"] == [authors.ONE_OUTPUT]
    with pytest.raises(CheckpointError, match=r"trained with 1 outputs, not with 2"):
        convert_official(path, arch=arch, num_classes=2)


@pytest.mark.parametrize("arch", ARCHS)
def test_every_name_and_shape_of_the_full_size_fits(arch):
    """And nothing is left out but what the authors never use; other networks and classes are told of."""
    layers, size = Layers(device="meta"), registry.input_spec(backbone_of(arch)).size
    FORWARD[arch](layers, torch.empty(1, 3, size, size, device="meta"), classes=12)
    given = {name: ARCHS[arch].translate(name) for name in layers.weights}
    dropped = {name.split(".")[0] for name, ours in given.items() if ours is None}
    assert dropped == ({"bn_att"} if arch == "resnext" else set())
    theirs = {ours: layers.weights[name].shape for name, ours in given.items() if ours is not None}
    with torch.device("meta"):
        network = registry.layers(backbone_of(arch), num_classes=12)
    ours = {name: value.shape for name, value in network.state_dict().items()}
    assert theirs == {name: shape for name, shape in ours.items() if not name.endswith("num_batches_tracked")}
    other = list(ARCHS)[list(ARCHS).index(arch) - 1]
    with pytest.raises(CheckpointError, match=rf"weights of {other}; it looks like {arch}\.$"):
        fit_weights(layers.weights, name="x", arch=other, num_classes=12)
    with pytest.raises(CheckpointError, match=r"^x was trained with 12 outputs, not with 10: "):
        fit_weights(layers.weights, name="x", arch=arch, num_classes=10)


@pytest.mark.parametrize("old", [False, True])
def test_tensors_of_a_gpu_are_read_without_one(tmp_path, monkeypatch, old):
    weights = seeded(20, 10)
    monkeypatch.setattr(torch.serialization, "location_tag", lambda storage: "cuda:0")
    path = save(tmp_path / "gpu.pth.tar", weights, old=old)
    if not torch.cuda.is_available():
        with pytest.raises(RuntimeError, match="CUDA device"):
            torch.load(path, weights_only=True)
    network = convert_official(path)
    assert all(value.device.type == "cpu" for value in network.state_dict().values())
    assert torch.equal(network.perception_branch.fc.bias, weights["fc.bias"])


def test_other_precisions_become_ours_and_nothing_is_shared(tmp_path):
    weights = seeded(20, 10)
    shared = torch.ones(64, dtype=torch.double)
    changed = {"bn_att.weight": shared, "bn_att.bias": shared, "fc.weight": weights["fc.weight"].half()}
    network = convert_official(save(tmp_path / "a.pth.tar", {**weights, **changed}))
    assert {value.dtype for value in network.state_dict().values()} == {torch.float, torch.long}
    card = make_converted_card(network, "a", arch="resnet20", num_classes=10, source=tmp_path / "a.pth.tar")
    saved = load_variant(save_variant(network, card, tmp_path, half=False))  # which shared memory would hinder
    assert torch.equal(saved.perception_branch.fc.weight, weights["fc.weight"].half().float())
    assert torch.equal(saved.attention_branch.trunk_norm.bias, torch.ones(64))


@pytest.mark.parametrize(
    ("arch", "classes", "first", "last", "size"),
    [
        ("resnet20", 10, "airplane", "truck", 32),
        ("densenet", 100, "apple", "worm", 32),
        ("wrn", 5, "class 0", "class 4", 32),
        ("imagenet-resnet18", 1000, "tench", "toilet tissue", 224),
        ("imagenet-resnet18", 100, "class 0", "class 99", 224),
    ],
)
def test_the_card_knows_the_classes_and_the_input(monkeypatch, arch, classes, first, last, size):
    if arch == "wrn":
        monkeypatch.setitem(registry.DESIGNS, "cifar-wrn", WideResNet(depth=10, widen=1))
    network = registry.layers(backbone_of(arch), num_classes=classes)
    card = make_converted_card(network.eval(), "x", arch=arch, num_classes=classes, source=Path("x.pth.tar"))
    names = class_names(card)
    assert names[0].startswith(first) and names[-1].startswith(last) and len(set(names)) >= classes - 2
    assert card.input == registry.input_spec(card.backbone) and card.input.size == size


def test_the_names_of_cifar100():
    assert len(CIFAR100) == 100 and sorted(CIFAR100) == CIFAR100
    assert [CIFAR100[i] for i in (1, 22, 39, 41, 53, 98)] == [
        "aquarium fish",
        "clock",
        "keyboard",
        "lawn mower",
        "orange",
        "woman",
    ]


def test_the_global_generator_is_left_alone(tmp_path):
    path = save(tmp_path / "a.pth.tar", seeded(20, 10))
    torch.manual_seed(3)
    state = torch.get_rng_state()
    convert_official(path)
    assert torch.equal(torch.get_rng_state(), state)


class Code:
    """Something whose unpickling runs a command."""

    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self):
        return os.system, (f"touch {self.marker}",)


def failing(tmp_path: Path) -> dict[str, tuple[Path, str]]:
    """What is wrong → the file, and a piece of the sentence that says so."""
    weights = seeded(20, 10)
    whole = save(tmp_path / "whole.pth.tar", weights).read_bytes()
    cases = {}

    def case(name: str, expected: str, write) -> None:
        path = tmp_path / f"{name}.pth.tar"
        write(path)
        cases[name] = path, expected

    case("missing", "The file missing.pth.tar does not exist", lambda path: None)
    case("empty", "empty.pth.tar is empty", lambda path: path.write_bytes(b""))
    case("half", "damaged, cut short", lambda path: path.write_bytes(whole[: len(whole) // 2]))
    case("head", "damaged, cut short", lambda path: path.write_bytes(whole[:100]))
    case("pipe", "damaged, cut short", os.mkfifo)
    case("a\nline \x1b[2J", "The file a line \\[2J.pth.tar does not exist", lambda path: None)
    case("text", "damaged, cut short", lambda path: path.write_text("hello, I am no checkpoint"))
    case("folder", "damaged, cut short", lambda path: path.mkdir())
    case("code", "could run code", lambda path: save(path, weights, more=Code(tmp_path / "ran")))
    case("pickle", "code|damaged", lambda path: path.write_bytes(pickle.dumps(Code(tmp_path / "ran"))))
    case("list", "holds no weights", lambda path: torch.save([1, 2], path))
    case("no state", "holds no weights", lambda path: torch.save({"epoch": 3}, path))
    case("empty state", "weights of resnet20", lambda path: save(path, {}))
    case(
        "not tensors",
        "holds no weights",
        lambda path: torch.save({"state_dict": {"fc.weight": 3}}, path),
    )
    nested = torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])
    case("nested", "damaged, cut short", lambda path: save(path, {**weights, "fc.bias": nested}))
    case("other depth", "looks like resnet32", lambda path: save(path, seeded(32, 10)))
    case("other classes", "trained with 100 outputs, not with 10", lambda path: save(path, seeded(20, 100)))
    fewer = {name: weights[name] for name in list(weights)[1:]}
    case("one missing", r"resnet20: extractor.conv1.weight is missing\.$", lambda path: save(path, fewer))
    item = torch.ones(1)
    case("one more", "resnet20: 'extra' is unknown", lambda path: save(path, {**weights, "extra": item}))
    ours = {"perception_branch.fc.weight": weights["fc.weight"]}
    case("our name", "'perception_branch.fc.weight' is unknown", lambda path: save(path, {**weights, **ours}))
    case("long name", "'x+…' is unknown", lambda path: save(path, {**weights, "x" * 900: item}))
    case("invisible", "'' is unknown", lambda path: save(path, {**weights, "\U000e0001" * 90: item}))
    case("half a character", "'' is unknown", lambda path: save(path, {**weights, "\ud800" * 90: item}))
    deep = torch.ones(1).as_strided((0, *[10**18] * 40), (1,) * 41)
    case("deep", "…", lambda path: save(path, {**weights, "fc.bias": deep}))
    case("a newline", "is unknown", lambda path: save(path, {**weights, "a\nb": item}))
    case("no name", "'' is unknown", lambda path: save(path, {**weights, "": item}))
    case("no likeness", r"weights of resnet20\.$", lambda path: save(path, {"a": item, "fc.weight": item}))
    case("not finite", "NaN or infinite", lambda path: save(path, {**weights, "fc.bias": torch.full((10,), torch.nan)}))
    large = torch.full((10,), 1e300, dtype=torch.double)
    case("not finite here", "NaN or infinite", lambda path: save(path, {**weights, "fc.bias": large}))
    case(
        "shape",
        r"bn1.weight has the shape 3 where it should have 16\.$",
        lambda path: save(path, {**weights, "bn1.weight": torch.ones(3)}),
    )
    last = "does not fit resnet20: perception_branch.fc.weight has the shape"
    case("no matrix", last, lambda path: save(path, {**weights, "fc.weight": item}))
    vast = torch.ones(1).expand(10**7, 10**7)
    case("vast", last, lambda path: save(path, {**weights, "fc.weight": vast}))
    for kind, odd in {
        "complex": torch.ones(10, dtype=torch.cfloat),
        "sparse": torch.ones(10).to_sparse(),
        "nowhere": torch.ones(10, device="meta"),
        "eighths": torch.ones(10).to(torch.float8_e4m3fn),
    }.items():
        case(kind, "something other than plain numbers", lambda path, odd=odd: save(path, {**weights, "fc.bias": odd}))
    return cases


@pytest.mark.slow
def test_whatever_is_wrong_is_one_plain_sentence(tmp_path):
    for name, (path, expected) in failing(tmp_path).items():
        with pytest.raises(CheckpointError, match=expected) as error:
            convert_official(path)
        assert len(str(error.value).splitlines()) == 1 and len(str(error.value)) < 400, name
    assert not (tmp_path / "ran").exists()


def test_a_file_whose_name_is_no_text_converts(tmp_path):
    source = save(tmp_path / "n\udcff\n.pth.tar", seeded(20, 10))
    card = make_converted_card(convert_official(source), "x", arch="resnet20", num_classes=10, source=source)
    saved = save_variant(convert_official(source), card, tmp_path)
    assert saved.license["source"] == "n .pth.tar" and load_variant("x", tmp_path)


@pytest.mark.parametrize("arch", ["densenet100bc", "wrn28_10", "resnet18", "resnet21", "", None, ["resnet20"]])
def test_other_architectures_say_which_are_supported(arch, tmp_path):
    with pytest.raises(CheckpointError, match=re.escape(", ".join(ARCHS))):
        convert_official(tmp_path / "x.pth.tar", arch=arch)


@pytest.mark.parametrize("classes", [0, "10", 2.5, 10**9999, -(10**9999), "x" * 9999], ids=range(6))
def test_a_bad_number_of_classes_is_refused(classes, tmp_path):
    with pytest.raises(CheckpointError, match="at least 1") as error:
        convert_official(tmp_path / "x.pth.tar", num_classes=classes)
    assert len(str(error.value)) < 200
