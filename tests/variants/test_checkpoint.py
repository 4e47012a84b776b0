"""Files of weights from anybody: a hostile one is one sentence, whatever it says."""

import contextlib
import hashlib
import json
import pickle
import re
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import safetensors.torch
import torch
from fuzzing import fuzz
from hypothesis import given
from hypothesis import strategies as st
from tampering import NAME, header_of, read, refused, with_card, with_header

from abn.errors import CheckpointError, PickleError
from abn.variants import checkpoint, own
from abn.variants.checkpoint import Checkpoint, NamedFile, PartnerMissing, read_card, read_files, read_header
from abn.variants.store import CARD_KEY, HASH_FIELDS

# ---- one file, or two ----


def test_the_header_holds_the_card_without_what_it_cannot_know(saved):
    data, card = saved
    within = json.loads(header_of(data)["__metadata__"][CARD_KEY])
    assert within == {key: value for key, value in card.items() if key not in HASH_FIELDS}


def test_weights_without_a_card_wait_for_it_and_a_card_for_its_weights(saved):
    data, card = saved
    bare = safetensors.torch.save(safetensors.torch.load(data))
    words = json.dumps({**card, "sha256": hashlib.sha256(bare).hexdigest(), "title": "By its hash"}).encode()
    alone = read_files({"w": NamedFile("w.safetensors", bare)})["w"]
    assert isinstance(alone, PartnerMissing) and "choose the .json file" in str(alone)
    lonely = read_files({"c": NamedFile("c.json", words)})["c"]
    assert isinstance(lonely, PartnerMissing) and "choose the .safetensors file" in str(lonely)
    both = read_files({"w": NamedFile("w.safetensors", bare), "c": NamedFile("of another name.json", words)})
    assert both["c"] is None and own.load_checkpoint(both["w"]).card.title == "By its hash (yours)"


def test_a_card_beside_is_newer_than_the_one_within(saved):
    data, card = saved
    words = json.dumps({**card, "title": "Measured since"}).encode()
    both = read_files({"c": NamedFile("c.json", words), "w": NamedFile("w.safetensors", data)})
    assert list(both) == ["c", "w"] and both["w"].card.title == "Measured since"


def test_a_card_of_the_same_name_and_other_weights_is_told_of(saved):
    data, card = saved
    words = json.dumps({**card, "sha256": "0" * 64}).encode()
    result = read_files({"c": NamedFile("mine.json", words), "w": NamedFile("mine.safetensors", data)})
    assert "do not belong to mine.json" in str(result["w"]) and result["c"] is None


def test_a_bad_file_leaves_the_others(saved):
    data, _ = saved
    files = {
        "bad": NamedFile("x.safetensors", data[:-1]),
        "good": NamedFile("mine.safetensors", data),
        "empty": NamedFile("e", b""),
    }
    result = read_files(files)
    assert isinstance(result["good"], Checkpoint) and str(result["bad"]) == checkpoint.NO_SAFETENSORS
    assert str(result["empty"]).startswith("This file is empty")


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
        result = read_files({"a": NamedFile(name, data)})["a"]
        assert isinstance(result, PickleError), result
    assert not (tmp_path / "bomb").exists()


def test_a_header_whose_length_begins_like_a_pickle_is_none(saved):
    data, _ = saved
    header = json.dumps(header_of(data)).encode()
    expected = next(n for n in range(len(header), len(header) + 2**17) if n % 2**16 == 0x0280)
    padded = with_header(data, header + b" " * (expected - len(header)))
    assert padded[:2] == b"\x80\x02" and isinstance(read(padded), Checkpoint)


# ---- headers ----


@pytest.mark.parametrize(
    "data", [b"garbage", b"\xff" * 64, (1 << 60).to_bytes(8, "little") + b"{}", b"\0" * 8, b"GIF89a"]
)
def test_no_safetensors_file(data):
    refused(data, "not a safetensors file")


def test_a_file_cut_short_or_lengthened(saved):
    data, _ = saved
    for other in (data[:-1], data[: len(data) // 2], data[:100], data[:8], data + b"\0"):
        refused(other, "not a safetensors file")


def test_a_giant_header_is_not_read(saved, monkeypatch):
    data, _ = saved
    monkeypatch.setattr(json, "loads", lambda *_, **__: pytest.fail("it was read"))
    refused(len(data).to_bytes(8, "little") + b"{" + b" " * 2_000_000, "not a safetensors file|more than 1 MB")
    refused((1_500_000).to_bytes(8, "little") + b"{" + b" " * 1_600_000, "header of this file has more than 1 MB")


def test_tensors_are_not_copied_to_read_the_header():
    data = safetensors.torch.save({"a": torch.zeros(5_000_000)})
    tracemalloc.start()
    header = read_header(data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert header.tensors == {"a": ("F32", (5_000_000,))} and peak < len(data) / 10


def test_a_giant_file_is_not_read(saved, monkeypatch):
    monkeypatch.setattr(checkpoint, "MAX_BYTES", len(saved[0]) - 1)
    refused(saved[0], "more than")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"dtype": "F128"}, "no valid type"),
        ({"dtype": ["F32"]}, "no valid type"),
        ({"shape": [16, 3, 3, -3]}, "no valid type"),
        ({"shape": [16, 3, 3, True]}, "no valid type"),
        ({"shape": [16, 3, 3, 3.0]}, "no valid type"),
        ({"shape": "1633"}, "no valid type"),
        ({"shape": ""}, "no valid type"),
        ({"shape": None}, "no valid type"),
        ({"shape": [10**30]}, "no valid type"),
        ({"shape": [2**62, 4]}, "no valid type"),
        ({"shape": [16, 3, 3, 3, 1, 1, 1, 1, 1]}, "no valid type"),
        ({"shape": [1] * 100_000}, "no valid type"),
        ({"data_offsets": [0]}, "no valid type"),
        ({"data_offsets": [0, 10**18]}, "no valid type"),
        ({"more": 1}, "no valid type"),
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
    refused(
        with_header(saved[0], {k: v for k, v in header.items() if k != NAME}), "doesn't begin where|not a safetensors"
    )


@pytest.mark.parametrize(
    "header",
    [b"{" * 100_000, b'{"a":' * 50_000, b"{}" + b"x", b'{"a": NaN}', b"{\xff}", b'{"a": 1, "a": 1}', b'{"a": 1e}'],
)
def test_a_header_that_is_no_json(saved, header):
    refused(with_header(saved[0], header), "can't be read")


@pytest.mark.parametrize("header", [b"{}", b'{"__metadata__": {}}'])
def test_a_header_without_tensors(header):
    refused(len(header).to_bytes(8, "little") + header, "holds no tensors")


def test_metadata_is_text(saved):
    refused(with_header(saved[0], {**header_of(saved[0]), "__metadata__": {CARD_KEY: 3}}), "besides text")
    refused(with_header(saved[0], {**header_of(saved[0]), "__metadata__": []}), "besides text")


def test_doubled_names(saved):
    text = json.dumps(header_of(saved[0]))
    entry = json.dumps(header_of(saved[0])[NAME])
    refused(with_header(saved[0], f'{{"{NAME}": {entry}, {text[1:]}'.encode()), "the same entry twice")


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


# ---- cards ----


@fuzz(150)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    ),
    st.sampled_from(
        ("title", "backbone", "mechanism", "classes", "num_classes", "input", "trained", "measured", "license", "kind")
    ),
)
def test_whatever_a_card_says_reading_it_ends_in_one_sentence_or_in_a_card(saved, value, word):
    try:
        card = read_card({**saved[1], word: value})
    except CheckpointError as error:
        assert len(str(error).splitlines()) == 1
    else:
        assert len(card.title) <= 60 and len(card.backbone) <= 80 and 2 <= card.num_classes <= checkpoint.MAX_CLASSES


def test_absurd_numbers_of_classes(saved):
    refused(with_card(saved[0], num_classes=10**9), "missing, unknown or of the wrong kind")
    refused(with_card(saved[0], num_classes=1, classes=["one"]), re.escape(checkpoint.ONE_CLASS))
    refused(with_card(saved[0], num_classes=26_000, classes=["x"] * 26_000), "lists 26,000 classes")
    refused(with_card(saved[0], num_classes=20_000, classes=["x"] * 20_000), "million parameters")


@pytest.mark.parametrize(
    "change",
    [{"size": 10**6}, {"size": 32.0}, {"size": 0}, {"crop_pct": 1e-9}, {"crop_pct": "1"}, {"std": [0, 0, 0]},
     {"mean": [1, 2]}, {"mean": [1e400, 0, 0]}, {"interpolation": "magic"}, {"interpolation": 3}, {"crop_pct": 10**400},
     {"std": [10**400, 1, 1]}, {"mean": [0.5], "std": [0.5]}, {"size": [32, 64]}],
)  # fmt: skip
def test_an_input_that_is_none(saved, change):
    refused(
        with_card(saved[0], input={**saved[1]["input"], **change}),
        "not an RGB square|can't be read",
    )


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
        refused(with_card(saved[0], measured=tale), "more entries than can be shown")
    refused(with_card(saved[0], measured=[1]), "more entries than can be shown")
