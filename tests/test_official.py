"""The authors' checkpoints, against a second, independent writing of their forward pass from the layer table."""

import math
import os
import pickle
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from abn.errors import CheckpointError
from abn.official import convert_official

Weights = dict[str, Tensor]


def table(depth: int, classes: int) -> dict[str, tuple[int, ...]]:
    """Name → shape of every weight and statistic of the authors' network, from the layer table."""
    blocks, basic = (depth - 2) // 6, depth < 44
    grow = 1 if basic else 4
    shapes: dict[str, tuple[int, ...]] = {}

    def norm(name: str, channels: int) -> None:
        for part in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{name}.{part}"] = (channels,)

    def stage(name: str, channels: int, width: int, stride: int) -> None:
        for i in range(blocks):
            given, out = (channels if i == 0 else width * grow), width * grow
            kernels = [(given, width, 3), (width, width, 3)]
            if not basic:
                kernels = [(given, width, 1), (width, width, 3), (width, out, 1)]
            for j, (before, after, k) in enumerate(kernels, 1):
                shapes[f"{name}.{i}.conv{j}.weight"] = (after, before, k, k)
                norm(f"{name}.{i}.bn{j}", after)
            if i == 0 and (stride != 1 or channels != out):
                shapes[f"{name}.{i}.downsample.0.weight"] = (out, channels, 1, 1)
                norm(f"{name}.{i}.downsample.1", out)

    shapes["conv1.weight"] = (16, 3, 3, 3)
    norm("bn1", 16)
    stage("layer1", 16, 16, 1)
    stage("layer2", 16 * grow, 32, 2)
    stage("att_layer3", 32 * grow, 64, 1)
    norm("bn_att", 64 * grow)
    shapes["att_conv.weight"] = (classes, 64 * grow, 1, 1)
    norm("bn_att2", classes)
    shapes["att_conv2.weight"] = (classes, classes, 1, 1)
    shapes["att_conv3.weight"] = (1, classes, 3, 3)
    norm("bn_att3", 1)
    stage("layer3", 32 * grow, 64, 2)
    shapes["fc.weight"], shapes["fc.bias"] = (classes, 64 * grow), (classes,)
    return shapes


def seeded(depth: int, classes: int) -> Weights:
    """Weights that keep activations of order one, with statistics as after training."""
    generator = torch.Generator().manual_seed(depth)
    weights = {}
    for name, shape in table(depth, classes).items():
        if name.endswith("running_var") or (len(shape) == 1 and name.endswith("weight")):
            weights[name] = torch.rand(shape, generator=generator) * 0.5 + 0.75
            if name.endswith(("bn2.weight", "bn3.weight")):  # the last of a block, so that many blocks add up to little
                weights[name] *= 0.2
        elif len(shape) == 1:
            weights[name] = torch.randn(shape, generator=generator) * 0.1
        else:
            weights[name] = torch.randn(shape, generator=generator) * math.sqrt(1 / math.prod(shape[1:]))
    return weights


def authors_forward(w: Weights, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Auxiliary logits, perception logits and M, as the layer table says."""

    def norm(name: str, x: Tensor) -> Tensor:
        return F.batch_norm(x, *(w[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")))

    def stage(name: str, x: Tensor, stride: int) -> Tensor:
        for i in range(len({key.split(".")[1] for key in w if key.startswith(f"{name}.")})):
            s, block = (stride if i == 0 else 1), f"{name}.{i}"
            bottleneck = f"{block}.conv3.weight" in w
            y = F.conv2d(x, w[f"{block}.conv1.weight"], stride=1 if bottleneck else s, padding=0 if bottleneck else 1)
            y = F.relu(norm(f"{block}.bn1", y))
            y = norm(f"{block}.bn2", F.conv2d(y, w[f"{block}.conv2.weight"], stride=s if bottleneck else 1, padding=1))
            if bottleneck:
                y = norm(f"{block}.bn3", F.conv2d(F.relu(y), w[f"{block}.conv3.weight"]))
            if f"{block}.downsample.0.weight" in w:
                x = norm(f"{block}.downsample.1", F.conv2d(x, w[f"{block}.downsample.0.weight"], stride=s))
            x = F.relu(x + y)
        return x

    x = F.relu(norm("bn1", F.conv2d(x, w["conv1.weight"], padding=1)))
    x = stage("layer2", stage("layer1", x, 1), 2)
    a = norm("bn_att", stage("att_layer3", x, 1))
    a = F.relu(norm("bn_att2", F.conv2d(a, w["att_conv.weight"])))
    m = torch.sigmoid(norm("bn_att3", F.conv2d(a, w["att_conv3.weight"], padding=1)))
    auxiliary = F.avg_pool2d(F.conv2d(a, w["att_conv2.weight"]), 16).flatten(1)
    x = stage("layer3", x * m + x, 2)
    return auxiliary, F.linear(F.avg_pool2d(x, 8).flatten(1), w["fc.weight"], w["fc.bias"]), m


def save(path: Path, weights: Weights, *, counters: bool = False, old: bool = False, **more) -> Path:
    """A file as the authors' script writes it."""
    state = {f"module.{name}": value for name, value in weights.items()}
    if counters:
        means = [name for name in state if name.endswith("running_mean")]
        state |= {name.replace("running_mean", "num_batches_tracked"): torch.tensor(7) for name in means}
    parameter = torch.nn.Parameter(torch.ones(2))
    optimiser = torch.optim.SGD([parameter], lr=0.1, momentum=0.9)
    parameter.sum().backward()
    optimiser.step()
    checkpoint = {
        "epoch": 300,
        "state_dict": state,
        "acc": torch.tensor(93.1),
        "best_acc": torch.tensor(93.4),
        "optimizer": optimiser.state_dict(),
        **more,
    }
    torch.save(checkpoint, path, _use_new_zipfile_serialization=not old)
    return path


@pytest.mark.parametrize(
    ("depth", "classes", "options"),
    [
        (20, 10, {}),
        (20, 100, {"counters": True}),
        (32, 10, {"old": True}),
        (44, 10, {"counters": True}),
        (110, 100, {}),
    ],
)
def test_a_converted_checkpoint_computes_what_the_authors_compute(tmp_path, depth, classes, options):
    weights = seeded(depth, classes)
    path = save(tmp_path / "model_best.pth.tar", weights, **options)
    network = convert_official(path, arch=f"resnet{depth}", num_classes=classes)
    images = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(5))
    with torch.inference_mode():
        out = network(images)
        auxiliary, perception, attention = authors_forward(weights, images)
    assert not network.training and network.mechanism == "additive"
    assert attention.std() > 0.01 and perception.std() > 0.01  # there is something to compare
    for ours, theirs in ((out.aux_logits, auxiliary), (out.logits, perception), (out.attention, attention)):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


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

    case("missing", "There is no file missing.pth.tar", lambda path: None)
    case("empty", "damaged, cut short", lambda path: path.write_bytes(b""))
    case("half", "damaged, cut short", lambda path: path.write_bytes(whole[: len(whole) // 2]))
    case("head", "damaged, cut short", lambda path: path.write_bytes(whole[:100]))
    case("text", "damaged, cut short", lambda path: path.write_text("hello, I am no checkpoint"))
    case("folder", "damaged, cut short", lambda path: path.mkdir())
    case("code", "can run code", lambda path: save(path, weights, more=Code(tmp_path / "ran")))
    case("pickle", "code|damaged", lambda path: path.write_bytes(pickle.dumps(Code(tmp_path / "ran"))))
    case("list", "no checkpoint of the authors", lambda path: torch.save([1, 2], path))
    case("no state", "no checkpoint of the authors", lambda path: torch.save({"epoch": 3}, path))
    case("empty state", "no checkpoint of the authors", lambda path: save(path, {}))
    case("not tensors", "no checkpoint of the authors", lambda path: torch.save({"state_dict": {"fc.weight": 3}}, path))
    case("other depth", "looks like resnet32", lambda path: save(path, seeded(32, 10)))
    case("other classes", "trained with 100 classes, not with 10", lambda path: save(path, seeded(20, 100)))
    fewer = {name: weights[name] for name in list(weights)[1:]}
    case("one missing", "does not hold the weights", lambda path: save(path, fewer))
    case("one more", "does not hold the weights", lambda path: save(path, {**weights, "extra": torch.ones(1)}))
    case("not finite", "not finite", lambda path: save(path, {**weights, "fc.bias": torch.full((10,), torch.nan)}))
    case("shape", r"is \(3,\) and should be \(16,\)", lambda path: save(path, {**weights, "bn1.weight": torch.ones(3)}))
    return cases


def test_whatever_is_wrong_is_one_plain_sentence(tmp_path):
    for name, (path, expected) in failing(tmp_path).items():
        with pytest.raises(CheckpointError, match=expected) as error:
            convert_official(path)
        assert len(str(error.value).splitlines()) == 1, name
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("arch", ["densenet100bc", "wrn28_10", "resnext29", "resnet21", "", None])
def test_other_architectures_say_which_are_supported(arch, tmp_path):
    with pytest.raises(CheckpointError, match="resnet20, resnet32, resnet44, resnet56, resnet110"):
        convert_official(tmp_path / "x.pth.tar", arch=arch)


@pytest.mark.parametrize("classes", [1, 0, "10", 2.5])
def test_a_bad_number_of_classes_is_refused(classes, tmp_path):
    with pytest.raises(CheckpointError, match="at least 2"):
        convert_official(tmp_path / "x.pth.tar", num_classes=classes)
