"""Cards and weights: what is right loads exactly, what is wrong is one sentence and never stops the others."""

import dataclasses
import hashlib
import json

import pytest
import safetensors.torch
import tiny
import torch

from abn.errors import ABNError, VariantError
from abn.variants.card import CHECKPOINTS, Card, class_names
from abn.variants.store import (
    find_problems,
    find_sibling,
    find_variant,
    list_variants,
    load_variant,
    save_variant,
    write_card,
)


@pytest.fixture
def folder(tmp_path):
    """Two sound variants, "good" and "plain", with one extractor."""
    good, plain = tiny.network("additive", seed=1), tiny.network("none", seed=2)
    plain.extractor.load_state_dict(good.extractor.state_dict())
    tiny.variant(tmp_path, "good", good)
    tiny.variant(tmp_path, "plain", plain)
    return tmp_path


def ids(folder) -> list[str]:
    return [card.id for card in list_variants(folder)]


def edit(folder, name: str, **changes) -> None:
    """Change entries of a card's JSON."""
    path = folder / f"{name}.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def rewrite(folder, name: str, tensors: dict[str, torch.Tensor]) -> None:
    """Other weights, with a card whose hash is theirs."""
    data = safetensors.torch.save(tensors)
    (folder / f"{name}.safetensors").write_bytes(data)
    edit(folder, name, sha256=hashlib.sha256(data).hexdigest())


def fails(folder, expected: str) -> None:
    """Loading "good" is an error of one sentence, and "plain" still loads."""
    with pytest.raises(ABNError, match=expected) as error:
        load_variant("good", folder)
    assert len(str(error.value).splitlines()) == 1 and len(str(error.value)) < 300
    assert load_variant("plain", folder).mechanism == "none"
    assert "plain" in ids(folder)


def test_what_was_saved_is_what_loads(folder):
    loaded, saved = load_variant("good", folder), tiny.network("additive", seed=1)
    assert not loaded.training and loaded.mechanism == "additive"
    for name, value in saved.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value), name


def test_half_precision_is_within_its_rounding(tmp_path):
    network = tiny.network()
    card = save_variant(network, tiny.variant(tmp_path, "v", network), tmp_path)
    assert card.weights.stat().st_size < 1_050_000  # 479,150 parameters and the statistics, two bytes each
    loaded = load_variant(card).state_dict()
    torch.testing.assert_close(loaded, network.state_dict(), rtol=1e-3, atol=1e-6)
    assert loaded["extractor.conv1.weight"].dtype == torch.float32


def test_a_card_survives_its_file(folder):
    card = find_variant("good", folder)
    write_card(card)
    assert find_variant("good", folder) == card
    assert isinstance(card.input.mean, tuple) and card.map_size == (16, 16)
    assert card.parameters == {"extractor": 66_128, "attention_branch": 206_676, "perception_branch": 206_346}


def test_the_hash_of_the_extractor_says_who_shares(folder):
    good, plain = find_variant("good", folder), find_variant("plain", folder)
    assert good.extractor_sha256 == plain.extractor_sha256 and good.sha256 != plain.sha256
    other = tiny.variant(folder, "other", tiny.network(seed=3))
    assert other.extractor_sha256 != good.extractor_sha256


def test_missing_weights(folder):
    (folder / "good.safetensors").unlink()
    fails(folder, r"The weights of good \(good.safetensors\) are missing")
    assert list(find_problems(folder)) == ["good"]


def test_weights_without_a_card_beside_them_use_the_one_in_their_header(folder):
    (folder / "good.json").unlink()
    (folder / "good.safetensors").rename(folder / "renamed.safetensors")
    assert sorted(ids(folder)) == ["plain", "renamed"] and not find_problems(folder)
    assert find_variant("renamed", folder).trained["command"].endswith("--out good")
    weights, saved = load_variant("renamed", folder).state_dict(), tiny.network("additive", seed=1).state_dict()
    assert all(torch.equal(weights[name], tensor) for name, tensor in saved.items())


def test_a_missing_card(folder):
    rewrite(folder, "good", safetensors.torch.load((folder / "good.safetensors").read_bytes()))
    (folder / "good.json").unlink()
    fails(folder, r"The card of good \(good.json\) is missing")
    assert list(find_problems(folder)) == ["good"] and "good" not in ids(folder)


@pytest.mark.parametrize(
    "change",
    [lambda d: d[:-1], lambda d: d[: len(d) // 2], lambda d: b"", lambda d: d[:-5] + bytes([d[-5] ^ 1]) + d[-4:]],
)
def test_altered_weights(folder, change):
    path = folder / "good.safetensors"
    path.write_bytes(change(path.read_bytes()))
    fails(folder, "do not match its card")


@pytest.mark.parametrize("data", [b"", b"garbage", b"\xff" * 64, (1 << 60).to_bytes(8, "little") + b"{}"])
def test_no_safetensors_file_though_the_hash_is_right(folder, data):
    (folder / "good.safetensors").write_bytes(data)
    edit(folder, "good", sha256=hashlib.sha256(data).hexdigest())
    fails(folder, "not a safetensors file")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), 1e300])
def test_values_that_are_not_finite(folder, value):
    tensors = tiny.network().double().state_dict()
    tensors["perception_branch.fc.bias"][3] = value
    rewrite(folder, "good", tensors)
    fails(folder, r"NaN or infinite values \(in perception_branch.fc.bias\)")


def test_wrong_names_and_shapes(folder):
    tensors = tiny.network().state_dict()
    rewrite(folder, "good", {name: value for name, value in tensors.items() if name != "extractor.conv1.weight"})
    fails(folder, "do not fit its backbone cifar-resnet20 with 10 classes")
    rewrite(folder, "good", {**tensors, "more": torch.ones(1)})
    fails(folder, "do not fit")
    rewrite(folder, "good", {**tensors, "extractor.conv1.weight": torch.ones(16, 3, 1, 1)})
    fails(folder, "do not fit")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "3",
        "null",
        '"text"',
        "{}",
        '{"id": "good"}',
        "\udcff",
        "[" * 99_999,
        '{"a":' * 99_999,
        "9" * 9_999,
    ],
    ids=lambda text: text[:9],
)
def test_a_broken_card_leaves_the_others(folder, text):
    (folder / "good.json").write_bytes(text.encode("utf-8", "surrogateescape"))
    fails(folder, r"The card good.json can't be read")
    assert ids(folder) == ["plain"] and list(find_problems(folder)) == ["good"]


@pytest.mark.parametrize(
    "changes",
    [
        {"input": None},
        {"input": {"size": 3}},
        {"map_size": 4},
        {"family": 3},
        {"num_classes": 11},
        {"classes": None},
        {"classes": "imagenet-1k"},
        {"surplus": 1},
        {"title": ["a"]},
    ],
)
def test_a_card_with_a_wrong_entry_leaves_the_others(folder, changes):
    edit(folder, "good", **changes)
    fails(folder, r"The card good.json can't be read")


def test_a_card_of_another_name(folder):
    for name in ("better", "a\nb" * 9999):
        edit(folder, "good", id=name)
        fails(folder, "belongs to another variant")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"backbone": "resnet21"}, "no backbone"),
        ({"backbone": "x" * 9999}, "no backbone"),
        ({"mechanism": "magic"}, "mechanism must be one of"),
        ({"mechanism": "x" * 9999}, "mechanism must be one of"),
    ],
)
def test_a_card_that_names_what_there_is_not(folder, changes, expected):
    edit(folder, "good", **changes)
    fails(folder, expected)


@pytest.mark.parametrize("name", ["nobody", "", "../good", "good.json", None])
def test_an_unknown_variant_names_those_that_there_are(folder, name):
    with pytest.raises(VariantError, match="choose one of good, plain"):
        find_variant(name, folder)


def test_an_empty_or_missing_folder_is_no_error(tmp_path):
    assert list_variants(tmp_path) == [] and list_variants(tmp_path / "nowhere") == []
    with pytest.raises(VariantError, match="choose one of none"):
        find_variant("good", tmp_path)


def test_siblings_are_of_one_family_and_plain(folder):
    cards = {}
    good = find_variant("good", folder)
    for name, mechanism, lesson in (("a", "additive", ""), ("m", "multiplicative", ""), ("l", "multiplicative", "x")):
        card = dataclasses.replace(good, id=name, family="f", mechanism=mechanism, lesson=lesson)
        write_card(card)
        cards[name] = card
    assert find_sibling(cards["a"], "multiplicative", folder) == cards["m"]
    assert find_sibling(cards["l"], "multiplicative", folder) is cards["l"]
    assert find_sibling(cards["l"], "additive", folder) == cards["a"]
    assert find_sibling(cards["a"], "none", folder) is None
    assert [c.id for c in list_variants(folder) if c.family == "f"] == ["a", "m", "l"]  # lessons last


@pytest.mark.parametrize("card", list_variants(), ids=lambda card: card.id)
def test_a_shipped_card_is_whole(card: Card):
    """Of the weights in checkpoints/: at most 30 MB, the hash on the card, and every name of a class."""
    assert card.folder == CHECKPOINTS and card.weights.stat().st_size <= 30_000_000
    assert hashlib.sha256(card.weights.read_bytes()).hexdigest() == card.sha256
    assert len(class_names(card)) == card.num_classes and find_problems() == {}


def test_imagenet_names():
    card = next(card for card in list_variants() if card.classes == "imagenet-1k")
    names = class_names(card)
    assert names[0].startswith("tench") and names[340].startswith("zebra") and len(names) == 1000
