"""A sound file of weights, and what becomes of it in wrong hands."""

import json

import pytest
import tiny

from abn.errors import ABNError
from abn.variants import own
from abn.variants.checkpoint import Checkpoint, NamedFile, read_files
from abn.variants.store import CARD_KEY

NETWORK = tiny.network("additive", seed=1)
NAME = "extractor.conv1.weight"  # of one of its tensors


def header_of(data: bytes) -> dict:
    return json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])


def with_header(data: bytes, header: dict | bytes) -> bytes:
    """The file with another header before the same values."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + data[8 + int.from_bytes(data[:8], "little") :]


def with_card(data: bytes, **changes) -> bytes:
    """The file, its card changed."""
    header = header_of(data)
    card = {**json.loads(header["__metadata__"][CARD_KEY]), **changes}
    return with_header(data, {**header, "__metadata__": {CARD_KEY: json.dumps(card)}})


def read(data: bytes) -> Checkpoint:
    result = read_files({"a": NamedFile("mine.safetensors", data)})["a"]
    if isinstance(result, ABNError):
        raise result
    return result


def refused(data: bytes, expected: str) -> None:
    """Reading or loading ends in one plain sentence."""
    with pytest.raises(ABNError, match=expected) as error:
        own.load_checkpoint(read(data))
    assert len(str(error.value).splitlines()) == 1 and len(str(error.value)) < 300
