"""Pickles that would hang torch, fill the memory or end the process are known before they are unpickled."""

import os
import pickle
import tarfile
import zipfile
from pathlib import Path

import pytest
import tiny
import torch

from abn.variants.pickles import MOST_STEPS, check_pickle

PROTO, MARK, STOP = b"\x80\x02", b"(", b"."
DOUBLED = b")" + b"q\x00h\x00\x86" * 40  # () and then forty times a tuple of it twice: 2⁴⁰ things to be hashed
NESTED = b")" + b"\x85" * 1_000_000


def zipped(path: Path, pickled: bytes, packing: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", packing) as archive:
        archive.writestr("archive/data.pkl", pickled)
        archive.writestr("archive/version", "3\n")
    return path


@pytest.mark.parametrize("legacy", [False, True])
def test_weights_with_their_optimizer_pass_in_both_formats(tmp_path, legacy):
    network = tiny.network("additive")
    optimizer = torch.optim.Adam(network.parameters())
    sum(value.sum() for value in network.parameters()).backward()
    optimizer.step()
    whole = {
        "epoch": 3,
        "state_dict": network.state_dict(),
        "parameters": list(network.parameters()),
        "acc": torch.tensor(0.5),
        "optimizer": optimizer.state_dict(),
        "at": {("a", (1, 2)): None},
    }
    path = tmp_path / "x.pth.tar"
    torch.save(whole, path, _use_new_zipfile_serialization=not legacy)
    check_pickle(path)


@pytest.mark.parametrize(
    "body",
    [
        b"}" + DOUBLED + b"K\x01s",
        b"c__builtin__\nset\n]" + DOUBLED + b"a\x85R",
        b"}" + NESTED + b"K\x01s",
        b"}(" + b"K\x01" * 200 + b"t" + b"K\x01s",
        b"]" * 400_000,
        b"c__builtin__\nbytearray\nJ\xff\xff\xff\x7f\x85R",
        b"c_codecs\nencode\nX\x01\x00\x00\x00aX\x08\x00\x00\x00punycode\x86R",
        b"cos\nsystem\nX\x02\x00\x00\x00ls\x85R",
        b"h\x07",
        b"s",
        b"\xff",
        b"X\xff\xff\xff\xff",
    ],
    ids=["key doubled", "set of doubled", "key nested", "key of many", "steps", "bytearray", "codec", "system",
         "no memo", "no stack", "no operation", "cut short"],
)  # fmt: skip
def test_what_would_be_hashed_for_ever_or_is_no_weights_is_refused_in_both_formats(tmp_path, body):
    hostile = PROTO + body + STOP
    with pytest.raises((pickle.UnpicklingError, ValueError, LookupError)):
        check_pickle(zipped(tmp_path / "x.zip", hostile, zipfile.ZIP_STORED))
    (tmp_path / "legacy").write_bytes(pickle.dumps(1, 2) * 3 + hostile)
    with pytest.raises((pickle.UnpicklingError, ValueError, LookupError)):
        check_pickle(tmp_path / "legacy")


def test_shared_tuples_that_are_small_pass(tmp_path):
    shared = (0.9, 0.999)
    pickled = pickle.dumps([{"betas": shared, "lr": 0.1} for _ in range(1000)], 2)
    check_pickle(zipped(tmp_path / "x.zip", pickled))


def test_the_number_of_operations_is_bounded(tmp_path):
    check_pickle(zipped(tmp_path / "few.zip", PROTO + b"]0" * (MOST_STEPS // 2 - 5) + b"N."))
    with pytest.raises(ValueError, match="too many operations"):
        check_pickle(zipped(tmp_path / "many.zip", PROTO + b"]0" * (MOST_STEPS // 2) + b"N."))


def test_what_is_no_file_or_packed_or_a_tar(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    bomb = zipped(tmp_path / "bomb", PROTO + b"N" * 10_000 + STOP, zipfile.ZIP_DEFLATED)
    with tarfile.open(tmp_path / "tar", "w") as archive:
        archive.add(bomb, "storages")
    for name, why in (("pipe", "pipe"), (".", "folder"), ("bomb", "packed"), ("tar", "format")):
        with pytest.raises(OSError, match=why):
            check_pickle(tmp_path / name)
    with pytest.raises(FileNotFoundError):
        check_pickle(tmp_path / "nothing")
