"""A person's own variants: what a card claims is counted and not believed, and random weights are those of a seed."""

import dataclasses
from collections.abc import Callable

import pytest
import safetensors.torch
import tiny
import torch
from tampering import NAME, NETWORK, header_of, read, refused, with_card

from abn.errors import BackboneError, VariantError
from abn.network import cutting
from abn.network.backbone import build, create_model, list_backbones
from abn.network.contexts import shapes_only
from abn.variants import own
from abn.variants.checkpoint import NamedFile, read_files
from abn.variants.store import list_variants, load_variant, save_variant

# ---- weights ----


def test_one_file_brings_its_card_and_loads_exactly(saved):
    data, card = saved
    result = own.load_checkpoint(read(data))
    for name, value in NETWORK.state_dict().items():
        assert torch.equal(result.network.state_dict()[name], value), name
    assert not result.network.training
    kept = ("backbone", "mechanism", "num_classes", "classes", "map_size", "parameters", "flops", "trunk", "sha256")
    assert {key: result.card.to_json()[key] for key in kept} == {
        **{key: card[key] for key in kept},
        "map_size": (16, 16),
    }
    assert result.card.title == "resnet20, converted (yours)" and own.is_own(result.card.id)
    assert result.shapes == {
        "x": (3, 32, 32), "g": (32, 16, 16), "A": (10, 16, 16), "M": (1, 16, 16),
        "auxiliary": (10,), "perception": (10,),
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("card", list_variants()[:1] + list_variants()[-1:], ids=lambda card: card.id)
def test_shipped_files_load_with_their_cards_and_every_count_is_the_cards(card):
    files = {
        path.name: NamedFile(path.name, path.read_bytes()) for path in (card.weights, card.weights.with_suffix(".json"))
    }
    result = own.load_checkpoint(read_files(files)[card.weights.name])
    assert (result.card.parameters, result.card.flops, result.card.map_size) == (
        card.parameters,
        card.flops,
        card.map_size,
    )
    shipped = load_variant(card).state_dict()
    assert all(torch.equal(value, shipped[name]) for name, value in result.network.state_dict().items())


def test_half_precision_is_taken_too(tmp_path):
    card = save_variant(NETWORK, tiny.variant(tmp_path, "v", NETWORK), tmp_path, half=True)
    loaded = own.load_checkpoint(read(card.weights.read_bytes())).network.state_dict()
    torch.testing.assert_close(loaded, NETWORK.state_dict(), rtol=1e-3, atol=1e-6)
    assert loaded["extractor.conv1.weight"].dtype == torch.float32


def changed(saved, change: Callable[[dict], dict]) -> bytes:
    """The file with other tensors and the same card."""
    tensors = change(safetensors.torch.load(saved[0]))
    return safetensors.torch.save(tensors, header_of(saved[0])["__metadata__"])


@pytest.mark.slow
def test_tensors_that_do_not_fit_are_named_before_anything_is_built(saved, monkeypatch):
    monkeypatch.setattr(own, "load_weights", lambda *_: pytest.fail("it was loaded"))
    without = changed(saved, lambda t: {name: value for name, value in t.items() if name != NAME})
    refused(without, f"don't fit cifar-resnet20 with 10 classes: {NAME} is missing")
    refused(changed(saved, lambda t: {**t, "more": torch.ones(1)}), "'more' is unknown")
    refused(
        changed(saved, lambda t: {**t, NAME: torch.ones(16, 3, 1, 1)}), r"16 × 3 × 1 × 1 where it should .* 16 × 3 × 3"
    )
    refused(changed(saved, lambda t: {**t, NAME: t[NAME].long()}), "is of the type I64")
    count = "extractor.bn1.num_batches_tracked"
    refused(changed(saved, lambda t: {**t, count: torch.tensor(1.5)}), f"{count} is of the type F32")
    refused(with_card(saved[0], backbone="cifar-resnet32"), "missing")
    refused(with_card(saved[0], classes=["a", "b"], num_classes=2), "has the shape")


@pytest.mark.parametrize("backbone", ["test_convnext", pytest.param("convnext_zepto_rms", marks=pytest.mark.slow)])
def test_weights_of_a_network_that_was_cut_before_its_norm_are_refused(monkeypatch, tmp_path, backbone):
    with monkeypatch.context() as patch:  # as networks were cut when the map had no effect
        patch.setattr(cutting, "_move_past_norm", lambda graph, points, point, whole: point)
        patch.setattr("abn.network.backbone.MIN_EFFECT", 0)
        sketched = own.with_seed(own.sketch_random(backbone, num_classes=3), mechanism="additive", seed=0)
        drawn = own.draw_weights(sketched)
        card = save_variant(drawn.network, dataclasses.replace(drawn.card, id="before"), tmp_path)
        own.load_checkpoint(read(card.weights.read_bytes()))
    refused(card.weights.read_bytes(), rf"don't fit {backbone} with 3 classes: .*stages\.3\.downsample\.0\.weight")
    with pytest.raises(VariantError, match="do not fit its backbone"):
        load_variant(card)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite(saved, value):
    def harm(tensors: dict) -> dict:
        tensors["perception_branch.fc.bias"][3] = value
        return tensors

    refused(changed(saved, harm), r"weights of this file hold NaN or infinite values \(in perception_branch.fc.bias\)")


@pytest.mark.parametrize(("end", "value"), [("running_var", -1), ("conv1.weight", 1e38)])
def test_values_whose_answers_are_not_finite(saved, end, value):
    def harm(tensors: dict) -> dict:
        return {name: torch.full_like(v, value) if name.endswith(end) else v for name, v in tensors.items()}

    refused(changed(saved, harm), "NaN or infinite")


@pytest.mark.parametrize(
    ("card", "expected"),
    [
        ({"backbone": "vgg16"}, "million parameters; the limit is 50 million"),
        pytest.param({"backbone": "convnext_xxlarge"}, "million parameters", marks=pytest.mark.slow),
        ({"backbone": "nobody"}, "timm has no backbone"),
        ({"backbone": "cifar-resnet9"}, "no network"),
        ({"backbone": "vit_base_patch16_224"}, "can't be cut|can't be made"),
        ({"backbone": "hf_hub:somebody/model"}, "timm has no backbone"),
        ({"backbone": "x" * 100_000}, "timm has no backbone"),
        ({"mechanism": "magic" * 1000}, "mechanism must be one of"),
    ],
)
def test_a_card_of_a_network_that_is_not_taken_in_takes_no_memory(saved, monkeypatch, card, expected):
    monkeypatch.setattr(own, "load_weights", lambda *_: pytest.fail("it was loaded"))
    if "input" in card:
        card = {**card, "input": {**saved[1]["input"], **card["input"]}}
    refused(with_card(saved[0], **card), expected)


def test_what_can_be_counted_is_not_believed(saved):
    lies = {
        "id": "imagenet-lite0-additive", "family": "imagenet-lite0", "map_size": [1, 1], "parameters": {"extractor": 1},
        "flops": {}, "trunk": "magic", "sha256": "0" * 64, "extractor_sha256": list_variants()[0].extractor_sha256,
        "folder": "/etc",
    }  # fmt: skip
    card = own.load_checkpoint(read(with_card(saved[0], **lies))).card
    honest = own.load_checkpoint(read(saved[0])).card
    for name in ("map_size", "parameters", "flops", "trunk"):
        assert getattr(card, name) == getattr(honest, name)
    shipped = list_variants()
    assert own.is_own(card.id) and card.family not in {other.family for other in shipped}
    assert not {card.extractor_sha256, card.sha256} & {other.extractor_sha256 for other in shipped}


# ---- random weights ----


def test_shapes_cost_no_memory_and_are_those_of_the_network():
    for backbone in ("cifar-resnet20", "regnetx_002"):
        with shapes_only():
            drawn = build(backbone, num_classes=7, mechanism="none")
        assert all(parameter.is_meta for parameter in drawn.parameters())
        real = build(backbone, num_classes=7, mechanism="none")
        shapes = {name: tuple(value.shape) for name, value in real.state_dict().items()}
        assert {name: tuple(value.shape) for name, value in drawn.state_dict().items()} == shapes


def test_random_weights_are_those_of_the_seed():
    sketched = own.with_seed(own.sketch_random("test_resnet", num_classes=5), mechanism="multiplicative", seed=7)
    made = own.draw_weights(sketched)
    expected = create_model("test_resnet", num_classes=5, mechanism="multiplicative", seed=7)
    assert all(torch.equal(v, expected.state_dict()[k]) for k, v in made.network.state_dict().items())
    assert made.card.kind == "nothing" and made.card.mechanism == made.network.mechanism == "multiplicative"
    assert made.card.parameters["perception_branch"] == sum(p.numel() for p in expected.perception_branch.parameters())
    output = expected(torch.zeros(1, *sketched.shapes["x"]))
    assert sketched.shapes["M"] == output.attention.shape[1:] and sketched.shapes["g"] == output.features.shape[1:]


def test_a_seed_gives_the_same_weights_beside_other_threads():
    from concurrent.futures import ThreadPoolExecutor

    sketched = own.with_seed(own.sketch_random("cifar-resnet20", num_classes=5), mechanism="none", seed=3)
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: own.draw_weights(sketched).card.sha256, range(8)))
    assert len(set(made)) == 1


def test_a_network_too_large_is_a_sentence_and_is_not_made(monkeypatch):
    sketched = own.with_seed(own.sketch_random("vgg16", num_classes=10), mechanism="none", seed=0)
    assert "144 million parameters" in own.too_large(sketched)
    with pytest.raises(BackboneError, match="the limit is 50 million"):
        own.draw_weights(sketched)
    slow = own.sketch_random("resnet18", num_classes=10)
    monkeypatch.setattr(own, "MAX_FLOPS", 10**9)
    assert "needs 7 GFLOPs" in own.too_large(slow)


@pytest.mark.parametrize("name", ["nobody", "", "../x", "vit_base_patch16_224"])
def test_what_is_no_cnn_is_one_sentence(name):
    with pytest.raises(BackboneError):
        own.sketch_random(name, num_classes=10)


def test_the_list_of_networks_is_from_metadata():
    names = list_backbones()
    assert names[0] == "cifar-resnet20" and {"resnet18", "regnety_004", "convnext_tiny", "vgg16"} < set(names)
    assert not {"vit_base_patch16_224", "deit_tiny_patch16_224", "mixer_b16_224"} & set(names)


def test_titles_are_told_apart():
    assert own.unique_title("a (yours)", ["b"]) == "a (yours)"
    assert own.unique_title("a (yours)", ["a (yours)", "a (yours, 2)"]) == "a (yours, 3)"


def test_a_sketch_can_be_of_another_mechanism_and_seed_alone():
    sketched = own.sketch_random("cifar-resnet20", num_classes=5)
    other = own.with_seed(sketched, mechanism="none", seed=2)
    assert other.card.id != own.with_seed(sketched, mechanism="none", seed=1).card.id
    assert dataclasses.replace(other, card=sketched.card) == sketched
