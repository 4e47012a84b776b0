"""Pickles that would run code, hang torch, fill the memory or end the process are one sentence, and soon."""

import pickle
import time
import zipfile
from pathlib import Path

import pytest
import torch
from authors_files import save, seeded

from abn.errors import CheckpointError
from abn.variants import untrusted_torch
from abn.variants.authors import convert_official
from abn.variants.weight_files import UNREADABLE

PROTO, STOP = b"\x80\x02", b"."
DOUBLED = b")" + b"q\x00h\x00\x86" * 40  # () and then forty times a tuple of it twice: 2⁴⁰ things to be hashed
NESTED = b")" + b"\x85" * 1_000_000
TWO_GIGABYTES = b"c__builtin__\nbytearray\nJ\xff\xff\xff\x7f\x85R"


def archive(path: Path, pickled: bytes) -> Path:
    """A file in torch's format around a pickle."""
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("archive/data.pkl", pickled)
        file.writestr("archive/version", "3\n")
    return path


@pytest.mark.parametrize("old", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_checkpoint_with_its_optimizer_is_read_in_both_formats(tmp_path, old):
    weights = seeded(20, 10)
    network = convert_official(save(tmp_path / "n\udcff\n.pth.tar", weights, old=old))
    assert torch.equal(network.perception_branch.fc.weight, weights["fc.weight"])


@pytest.mark.parametrize(
    "body",
    [
        b"}" + DOUBLED + b"K\x01s",
        *(
            pytest.param(body, marks=pytest.mark.slow)
            for body in (
                b"}" + NESTED + b"K\x01s",
                b"](" + TWO_GIGABYTES * 4 + b"e",
                b"cos\nsystem\nX\x02\x00\x00\x00ls\x85R",
                b"X\xff\xff\xff\xff",
            )
        ),
    ],
    ids=["hashed for ever", "deep", "memory", "code", "cut short"],
)
def test_a_hostile_pickle_is_one_sentence_and_soon(tmp_path, monkeypatch, body):
    monkeypatch.setattr(untrusted_torch, "MAX_SECONDS", 2)
    path, start = archive(tmp_path / "x.pth.tar", PROTO + body + STOP), time.monotonic()
    with pytest.raises(CheckpointError) as error:
        convert_official(path)
    assert len(str(error.value).splitlines()) == 1 and len(str(error.value)) < 300
    assert time.monotonic() - start < untrusted_torch.MAX_START


def test_a_child_that_does_not_end_is_the_same_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(untrusted_torch, "MAX_SECONDS", 0)
    monkeypatch.setattr(untrusted_torch, "MAX_START", 0.01)
    (tmp_path / "x.pth.tar").write_bytes(pickle.dumps(1))
    with pytest.raises(CheckpointError) as error:
        convert_official(tmp_path / "x.pth.tar")
    assert str(error.value) == UNREADABLE.format(name="x.pth.tar")
