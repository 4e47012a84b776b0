"""A person's own variants: hostile files are one sentence each, and what a card claims is counted and not believed."""

import contextlib
import dataclasses
import hashlib
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import tiny
import torch
from fuzzing import fuzz
from hypothesis import given
from hypothesis import strategies as st

from abn import own
from abn.backbone import build, convolutional, create_model, shapes_only
from abn.errors import ABNError, BackboneError, CheckpointError, PickleError
from abn.own import Checkpoint, File, PartnerMissing, read_card, read_files, read_header
from abn.variants import CARD, HASHES, list_variants, load_variant, save_variant

NETWORK = tiny.network("additive", seed=1)


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> tuple[bytes, dict]:
    """A tiny variant as `save_variant` writes it: the weights, and the card beside them."""
    folder = tmp_path_factory.mktemp("saved")
    card = tiny.variant(folder, "mine", NETWORK)
    return card.weights.read_bytes(), json.loads((folder / "mine.json").read_text())


def header_of(data: bytes) -> dict:
    return json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])


def with_header(data: bytes, header: dict | bytes) -> bytes:
    """The file with another header before the same values."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data[8 + int.from_bytes(data[:8], "little") :]


def with_card(data: bytes, **changes) -> bytes:
    """The file, its card changed."""
    header = header_of(data)
    card = {**json.loads(header["__metadata__"][CARD]), **changes}
    return with_header(data, {**header, "__metadata__": {CARD: json.dumps(card)}})


def read(data: bytes) -> Checkpoint:
    found = read_files({"a": File("mine.safetensors", data)})["a"]
    if isinstance(found, ABNError):
        raise found
    return found


def refused(data: bytes, expected: str) -> None:
    """Reading or loading ends in one plain sentence."""
    with pytest.raises(ABNError, match=expected) as error:
        own.load(read(data))
    assert len(str(error.value).splitlines()) == 1 and len(str(error.value)) < 300


# ---- one file, or two ----


def test_one_file_brings_its_card_and_loads_exactly(saved):
    data, card = saved
    found = own.load(read(data))
    for name, value in NETWORK.state_dict().items():
        assert torch.equal(found.network.state_dict()[name], value), name
    assert not found.network.training
    kept = ("backbone", "mechanism", "num_classes", "classes", "map_size", "parameters", "flops", "trunk", "sha256")
    assert {key: found.card.to_json()[key] for key in kept} == {
        **{key: card[key] for key in kept},
        "map_size": (16, 16),
    }
    assert found.card.title == "resnet20, converted (yours)" and own.is_own(found.card.id)
    assert found.shapes == {
        "x": (3, 32, 32), "g": (32, 16, 16), "A": (10, 16, 16), "M": (1, 16, 16),
        "auxiliary": (10,), "perception": (10,),
    }  # fmt: skip


def test_the_header_holds_the_card_without_what_it_cannot_know(saved):
    data, card = saved
    within = json.loads(header_of(data)["__metadata__"][CARD])
    assert within == {key: value for key, value in card.items() if key not in HASHES}


def test_weights_without_a_card_wait_for_it_and_a_card_for_its_weights(saved):
    data, card = saved
    bare = safetensors.torch.save(safetensors.torch.load(data))
    said = json.dumps({**card, "sha256": hashlib.sha256(bare).hexdigest(), "title": "By its hash"}).encode()
    alone = read_files({"w": File("w.safetensors", bare)})["w"]
    assert isinstance(alone, PartnerMissing) and "choose the .json file" in str(alone)
    lonely = read_files({"c": File("c.json", said)})["c"]
    assert isinstance(lonely, PartnerMissing) and "choose the .safetensors file" in str(lonely)
    both = read_files({"w": File("w.safetensors", bare), "c": File("of another name.json", said)})
    assert both["c"] is None and own.load(both["w"]).card.title == "By its hash (yours)"


def test_a_card_beside_is_newer_than_the_one_within(saved):
    data, card = saved
    said = json.dumps({**card, "title": "Measured since"}).encode()
    both = read_files({"c": File("c.json", said), "w": File("w.safetensors", data)})
    assert list(both) == ["c", "w"] and both["w"].card.title == "Measured since"


def test_a_card_of_the_same_name_and_other_weights_is_told_of(saved):
    data, card = saved
    said = json.dumps({**card, "sha256": "0" * 64}).encode()
    found = read_files({"c": File("mine.json", said), "w": File("mine.safetensors", data)})
    assert "not the weights of mine.json" in str(found["w"]) and found["c"] is None


def test_a_bad_file_leaves_the_others(saved):
    data, _ = saved
    files = {"bad": File("x.safetensors", data[:-1]), "good": File("mine.safetensors", data), "empty": File("e", b"")}
    found = read_files(files)
    assert isinstance(found["good"], Checkpoint) and str(found["bad"]) == own.NO_SAFETENSORS
    assert str(found["empty"]) == "This file is empty."


@pytest.mark.parametrize("card", list_variants()[:1] + list_variants()[-1:], ids=lambda card: card.id)
def test_shipped_files_load_with_their_cards_and_every_count_is_the_cards(card):
    files = {
        path.name: File(path.name, path.read_bytes()) for path in (card.weights, card.weights.with_suffix(".json"))
    }
    found = own.load(read_files(files)[card.weights.name])
    assert (found.card.parameters, found.card.flops, found.card.map_size) == (
        card.parameters,
        card.flops,
        card.map_size,
    )
    shipped = load_variant(card).state_dict()
    assert all(torch.equal(value, shipped[name]) for name, value in found.network.state_dict().items())


def test_half_precision_is_taken_too(tmp_path):
    card = save_variant(NETWORK, tiny.variant(tmp_path, "v", NETWORK), tmp_path, half=True)
    loaded = own.load(read(card.weights.read_bytes())).network.state_dict()
    torch.testing.assert_close(loaded, NETWORK.state_dict(), rtol=1e-3, atol=1e-6)
    assert loaded["extractor.conv1.weight"].dtype == torch.float32


# ---- pickles ----


class Bomb:
    """Unpickled anywhere, it would leave a trace."""

    def __reduce__(self):
        return Path.touch, (Path("bomb"),)


def zipped(folder: Path) -> bytes:
    torch.save({"state_dict": {"a": torch.zeros(2)}}, folder / "z")
    assert zipfile.is_zipfile(folder / "z")
    return (folder / "z").read_bytes()


def legacy(folder: Path) -> bytes:
    torch.save({"a": torch.zeros(2)}, folder / "l", _use_new_zipfile_serialization=False)
    return (folder / "l").read_bytes()


@pytest.mark.parametrize(
    "make",
    [zipped, legacy, *(lambda folder, p=p: pickle.dumps(Bomb(), p) for p in range(6)), lambda _: pickle.dumps({}, 0)],
    ids=["zip", "legacy", *(f"protocol {p}" for p in range(6)), "dict in text"],
)
def test_pickles_are_told_by_their_content_and_never_opened(tmp_path, monkeypatch, make: Callable[[Path], bytes]):
    monkeypatch.chdir(tmp_path)
    data = make(tmp_path)
    for name in ("mine.safetensors", "mine.pth.tar", "mine.json"):
        found = read_files({"a": File(name, data)})["a"]
        assert isinstance(found, PickleError), found
    assert not (tmp_path / "bomb").exists()


def test_a_header_whose_length_begins_like_a_pickle_is_none(saved):
    data, _ = saved
    header = json.dumps(header_of(data)).encode()
    wanted = next(n for n in range(len(header), len(header) + 2**17) if n % 2**16 == 0x0280)
    padded = with_header(data, header + b" " * (wanted - len(header)))
    assert padded[:2] == b"\x80\x02" and isinstance(read(padded), Checkpoint)


# ---- headers ----


@pytest.mark.parametrize(
    "data", [b"garbage", b"\xff" * 64, (1 << 60).to_bytes(8, "little") + b"{}", b"\0" * 8, b"GIF89a"]
)
def test_no_safetensors_file(data):
    refused(data, "no safetensors file")


def test_a_file_cut_short_or_lengthened(saved):
    data, _ = saved
    for other in (data[:-1], data[: len(data) // 2], data[:100], data[:8], data + b"\0"):
        refused(other, "no safetensors file")


def test_a_giant_header_is_not_read(saved, monkeypatch):
    data, _ = saved
    monkeypatch.setattr(json, "loads", lambda *_, **__: pytest.fail("it was read"))
    refused(len(data).to_bytes(8, "little") + b"{" + b" " * 2_000_000, "no safetensors file|more than 1 MB")
    refused((1_500_000).to_bytes(8, "little") + b"{" + b" " * 1_600_000, "header of this file has more than 1 MB")


def test_a_giant_file_is_not_read(saved, monkeypatch):
    monkeypatch.setattr(own, "MAX_BYTES", len(saved[0]) - 1)
    refused(saved[0], "more than")


NAME = "extractor.conv1.weight"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"dtype": "F128"}, "no tensor's type"),
        ({"dtype": ["F32"]}, "no tensor's type"),
        ({"shape": [16, 3, 3, -3]}, "no tensor's type"),
        ({"shape": [16, 3, 3, True]}, "no tensor's type"),
        ({"shape": [16, 3, 3, 3.0]}, "no tensor's type"),
        ({"shape": "1633"}, "no tensor's type"),
        ({"shape": None}, "no tensor's type"),
        ({"shape": [10**30]}, "no tensor's type"),
        ({"shape": [1] * 9}, "no tensor's type"),
        ({"data_offsets": [0]}, "no tensor's type"),
        ({"data_offsets": [0, 10**18]}, "no tensor's type"),
        ({"more": 1}, "no tensor's type"),
        ({"shape": [16, 3, 3, 4]}, "not what its shape and type make"),
        ({"dtype": "F16"}, "not what its shape and type make"),
        ({"data_offsets": [4, 1732]}, "doesn't begin where"),
    ],
)
def test_a_header_that_says_what_cannot_be(saved, change, expected):
    header = header_of(saved[0])
    refused(with_header(saved[0], {**header, NAME: {**header[NAME], **change}}), expected)


def test_overlapping_tensors_and_gaps(saved):
    header = header_of(saved[0])
    refused(with_header(saved[0], {**header, "twice": header[NAME]}), "doesn't begin where")
    refused(with_header(saved[0], {k: v for k, v in header.items() if k != NAME}), "doesn't begin where|no safetensors")


@pytest.mark.parametrize(
    "header",
    [b"{" * 100_000, b'{"a":' * 50_000, b"{}" + b"x", b'{"a": NaN}', b"{\xff}", b'{"a": 1, "a": 1}', b'{"a": 1e}'],
)
def test_a_header_that_is_no_json(saved, header):
    refused(with_header(saved[0], header), "can't be read")


@pytest.mark.parametrize("header", [b"{}", b'{"__metadata__": {}}'])
def test_a_header_without_tensors(header):
    refused(len(header).to_bytes(8, "little") + header, "holds 0 tensors")


def test_metadata_is_text(saved):
    refused(with_header(saved[0], {**header_of(saved[0]), "__metadata__": {CARD: 3}}), "besides text")
    refused(with_header(saved[0], {**header_of(saved[0]), "__metadata__": []}), "besides text")


def test_doubled_names(saved):
    text = json.dumps(header_of(saved[0]))
    entry = json.dumps(header_of(saved[0])[NAME])
    refused(with_header(saved[0], f'{{"{NAME}": {entry}, {text[1:]}'.encode()), "says something twice")


@fuzz(150)
@given(st.data())
def test_whatever_the_bytes_reading_ends_in_one_sentence_or_in_a_sound_header(saved, data):
    whole = saved[0]
    end = 8 + int.from_bytes(whole[:8], "little")
    at = data.draw(st.integers(0, end - 1))
    junk = data.draw(st.binary(min_size=1, max_size=12))
    cut = data.draw(st.sampled_from((0, 1, len(junk))))
    changed = whole[:at] + junk + whole[at + cut :]
    try:
        header = read_header(changed)
    except CheckpointError as error:
        assert len(str(error).splitlines()) == 1 and len(str(error)) < 300
    else:  # then safetensors' own reader agrees, or has a reason of its own that is no crash
        with contextlib.suppress(safetensors.SafetensorError, KeyError, ValueError):
            assert set(safetensors.torch.load(changed)) == set(header.tensors)


@fuzz(150)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    ),
    st.sampled_from(
        ("title", "backbone", "mechanism", "classes", "num_classes", "input", "trained", "measured", "licence", "kind")
    ),
)
def test_whatever_a_card_says_reading_it_ends_in_one_sentence_or_in_a_card(saved, value, word):
    try:
        card = read_card({**saved[1], word: value})
    except CheckpointError as error:
        assert len(str(error).splitlines()) == 1
    else:
        assert len(card.title) <= 60 and len(card.backbone) <= 80 and 2 <= card.num_classes <= own.MAX_CLASSES


# ---- weights ----


def changed(saved, change: Callable[[dict], dict]) -> bytes:
    """The file with other tensors and the same card."""
    tensors = change(safetensors.torch.load(saved[0]))
    return safetensors.torch.save(tensors, header_of(saved[0])["__metadata__"])


def test_tensors_that_do_not_fit_are_named_before_anything_is_built(saved, monkeypatch):
    monkeypatch.setattr(own, "load_weights", lambda *_: pytest.fail("it was loaded"))
    without = changed(saved, lambda t: {name: value for name, value in t.items() if name != NAME})
    refused(without, f"don't fit cifar-resnet20 with 10 classes: {NAME} is missing")
    refused(changed(saved, lambda t: {**t, "more": torch.ones(1)}), "the network has no 'more'")
    refused(
        changed(saved, lambda t: {**t, NAME: torch.ones(16, 3, 1, 1)}), r"16 × 3 × 1 × 1 where it should .* 16 × 3 × 3"
    )
    refused(changed(saved, lambda t: {**t, NAME: t[NAME].long()}), "is of the type I64")
    count = "extractor.bn1.num_batches_tracked"
    refused(changed(saved, lambda t: {**t, count: torch.tensor(1.5)}), f"{count} is of the type F32")
    refused(with_card(saved[0], backbone="cifar-resnet32"), "is missing")
    refused(with_card(saved[0], classes=["a", "b"], num_classes=2), "has the shape")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite(saved, value):
    def harm(tensors: dict) -> dict:
        tensors["perception_branch.fc.bias"][3] = value
        return tensors

    refused(
        changed(saved, harm), r"weights of this file hold values that are not finite \(in perception_branch.fc.bias\)"
    )


@pytest.mark.parametrize(("end", "value"), [("running_var", -1), ("conv1.weight", 1e38)])
def test_values_whose_answers_are_not_finite(saved, end, value):
    def harm(tensors: dict) -> dict:
        return {name: torch.full_like(v, value) if name.endswith(end) else v for name, v in tensors.items()}

    refused(changed(saved, harm), "answers with something that is no number")


@pytest.mark.parametrize(
    ("card", "expected"),
    [
        ({"backbone": "convnext_xxlarge"}, "million parameters; up to 50 million"),
        ({"backbone": "resnet152", "input": {"size": 512}}, "GFLOPs|million parameters"),
        ({"backbone": "nobody"}, "timm knows no backbone"),
        ({"backbone": "cifar-resnet9"}, "no network"),
        ({"backbone": "vit_base_patch16_224"}, "can't be cut|can't be made"),
        ({"backbone": "hf_hub:somebody/model"}, "timm knows no backbone"),
        ({"backbone": "x" * 100_000}, "timm knows no backbone"),
        ({"mechanism": "magic" * 1000}, "mechanism must be one of"),
    ],
)
def test_a_card_of_a_network_that_is_not_taken_in_takes_no_memory(saved, monkeypatch, card, expected):
    monkeypatch.setattr(own, "load_weights", lambda *_: pytest.fail("it was loaded"))
    if "input" in card:
        card = {**card, "input": {**saved[1]["input"], **card["input"]}}
    refused(with_card(saved[0], **card), expected)


def test_absurd_numbers_of_classes(saved):
    refused(with_card(saved[0], num_classes=10**9), "isn't one of ours")
    refused(with_card(saved[0], num_classes=1, classes=["one"]), "names 1 classes")
    refused(with_card(saved[0], num_classes=26_000, classes=["x"] * 26_000), "names 26,000 classes")
    refused(with_card(saved[0], num_classes=20_000, classes=["x"] * 20_000), "million parameters")


@pytest.mark.parametrize(
    "change",
    [{"size": 10**6}, {"size": 32.0}, {"size": 0}, {"crop_pct": 1e-9}, {"crop_pct": "1"}, {"std": [0, 0, 0]},
     {"mean": [1, 2]}, {"mean": [1e400, 0, 0]}, {"interpolation": "magic"}, {"interpolation": 3}, {"crop_pct": 10**400},
     {"std": [10**400, 1, 1]}],
)  # fmt: skip
def test_an_input_that_is_none(saved, change):
    refused(
        with_card(saved[0], input={**saved[1]["input"], **change}),
        "input isn't a square|isn't one of ours|can't be read",
    )


def test_what_can_be_counted_is_not_believed(saved):
    lies = {
        "id": "imagenet-lite0-additive", "family": "imagenet-lite0", "map_size": [1, 1], "parameters": {"extractor": 1},
        "flops": {}, "trunk": "magic", "sha256": "0" * 64, "extractor_sha256": list_variants()[0].extractor_sha256,
        "folder": "/etc",
    }  # fmt: skip
    card = own.load(read(with_card(saved[0], **lies))).card
    honest = own.load(read(saved[0])).card
    for name in ("map_size", "parameters", "flops", "trunk"):
        assert getattr(card, name) == getattr(honest, name)
    shipped = list_variants()
    assert own.is_own(card.id) and card.family not in {other.family for other in shipped}
    assert not {card.extractor_sha256, card.sha256} & {other.extractor_sha256 for other in shipped}


def test_words_are_short_and_on_one_line(saved):
    hostile = "<script>alert(1)</script>\n# *big*\u202e\x00" + "x" * 10_000
    card = read_card({**saved[1], "title": hostile, "summary": hostile, "lesson": hostile, "classes": [hostile] * 10,
                      "trained": {hostile: hostile}, "kind": hostile, "family": hostile})  # fmt: skip
    words = [card.title, card.summary, card.lesson, card.kind, card.family, *card.classes, *card.trained.values()]
    assert all(len(word) <= 300 and word.isprintable() for word in words) and len(card.title) == 60


def test_a_card_may_only_say_so_much(saved):
    deep = {}
    for _ in range(50):
        deep = {"a": deep}
    for tale in (deep, {str(k): k for k in range(1000)}, {"a": [[]] * 1000}):
        refused(with_card(saved[0], measured=tale), "says more than a card can show")
    refused(with_card(saved[0], measured=[1]), "says more than a card can show")


# ---- random weights ----


def test_shapes_cost_no_memory_and_are_those_of_the_network():
    for backbone in ("cifar-resnet20", "resnet18", "regnetx_002"):
        with shapes_only():
            drawn = build(backbone, num_classes=7, mechanism="none")
        assert all(parameter.is_meta for parameter in drawn.parameters())
        real = build(backbone, num_classes=7, mechanism="none")
        shapes = {name: tuple(value.shape) for name, value in real.state_dict().items()}
        assert {name: tuple(value.shape) for name, value in drawn.state_dict().items()} == shapes


def test_random_weights_are_those_of_the_seed():
    sketched = own.seeded(own.random_sketch("test_resnet", num_classes=5), mechanism="multiplicative", seed=7)
    made = own.make(sketched)
    wanted = create_model("test_resnet", num_classes=5, mechanism="multiplicative", seed=7)
    assert all(torch.equal(v, wanted.state_dict()[k]) for k, v in made.network.state_dict().items())
    assert made.card.kind == "nothing" and made.card.mechanism == made.network.mechanism == "multiplicative"
    assert made.card.parameters["perception_branch"] == sum(p.numel() for p in wanted.perception_branch.parameters())
    output = wanted(torch.zeros(1, *sketched.shapes["x"]))
    assert sketched.shapes["M"] == output.attention.shape[1:] and sketched.shapes["g"] == output.features.shape[1:]


def test_a_seed_gives_the_same_weights_beside_other_threads():
    from concurrent.futures import ThreadPoolExecutor

    sketched = own.seeded(own.random_sketch("cifar-resnet20", num_classes=5), mechanism="none", seed=3)
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: own.make(sketched).card.sha256, range(8)))
    assert len(set(made)) == 1


def test_a_network_too_large_is_a_sentence_and_is_not_made(monkeypatch):
    sketched = own.seeded(own.random_sketch("vgg16", num_classes=10), mechanism="none", seed=0)
    assert "144 million parameters" in own.too_large(sketched)
    with pytest.raises(BackboneError, match="up to 50 million"):
        own.make(sketched)
    slow = own.random_sketch("resnet18", num_classes=10)
    monkeypatch.setattr(own, "MAX_FLOPS", 10**9)
    assert "takes 7 GFLOPs" in own.too_large(slow)


@pytest.mark.parametrize("name", ["nobody", "", "../x", "vit_base_patch16_224"])
def test_what_is_no_cnn_is_one_sentence(name):
    with pytest.raises(BackboneError):
        own.random_sketch(name, num_classes=10)


def test_the_list_of_networks_is_from_metadata():
    names = convolutional()
    assert names[0] == "cifar-resnet20" and {"resnet18", "regnety_004", "convnext_tiny", "vgg16"} < set(names)
    assert not {"vit_base_patch16_224", "deit_tiny_patch16_224", "mixer_b16_224"} & set(names)


def test_titles_are_told_apart():
    assert own.distinct("a (yours)", ["b"]) == "a (yours)"
    assert own.distinct("a (yours)", ["a (yours)", "a (yours, 2)"]) == "a (yours, 3)"


def test_a_sketch_can_be_of_another_mechanism_and_seed_alone():
    sketched = own.random_sketch("cifar-resnet20", num_classes=5)
    other = own.seeded(sketched, mechanism="none", seed=2)
    assert other.card.id != own.seeded(sketched, mechanism="none", seed=1).card.id
    assert dataclasses.replace(other, card=sketched.card) == sketched
