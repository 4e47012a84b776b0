"""The life of a map: recorded, stopped, gone on with, stored, read; and files that are no such thing."""

import io
import logging
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch

from abn.errors import ABNError
from abn.training.map_recorder import MapRecorder, recording_steps
from abn.variants.card import Card
from abn.variants.history import MapHistory, history_path, load_history, read_history, write_history


@pytest.fixture(scope="module")
def network():
    return tiny.network()


@pytest.fixture(scope="module")
def card(network, tmp_path_factory) -> Card:
    return tiny.variant(tmp_path_factory.mktemp("variants"), "tiny", network)


@pytest.fixture
def here(card, tmp_path) -> Card:
    """The card in a folder of its own, where lives can be spoilt."""
    return replace(card, folder=tmp_path)


INPUTS = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def _recorder(network, path: Path, *, total: int = 8, ids=("a", "b", "c"), said=None) -> MapRecorder:
    said = said if said is not None else {"accuracy": 0.5}
    grays = np.zeros((len(ids), 32, 32), np.uint8)
    return MapRecorder(network, INPUTS, lambda: said, ids=ids, total=total, path=path, pictures=grays)


def _life(**changes) -> MapHistory:
    whole = MapHistory(
        maps=np.full((2, 3, 4, 5), 0.5, np.float32),
        steps=np.array([0, 8]),
        total=8,
        ids=("a", "b", "c"),
        metrics={"accuracy": np.array([0.1, 0.9], np.float32)},
        pictures=np.zeros((3, 28, 28), np.uint8),
    )
    return replace(whole, **changes)


def test_moments_are_many_and_dense_at_the_start():
    result = recording_steps(1406)
    assert (result[0], result[-1]) == (0, 1406)
    assert len(result) >= 8
    assert sum(step <= 1406 * 0.12 for step in result) >= 4
    assert recording_steps(4) == (0, 1, 2, 3, 4)
    assert recording_steps(1) == (0, 1)


def test_what_is_recorded_is_what_the_network_says(network, here, tmp_path):
    with torch.inference_mode():
        start = network(INPUTS).attention[:, 0].numpy()
    words = {"accuracy": 0.1}
    recorder = _recorder(network, tmp_path / "part.npz", said=words)
    recorder.record(0)
    with torch.no_grad():
        network.attention_branch.map_norm.bias += 1
    try:
        words["accuracy"] = 0.9
        recorder.record(8)
        with torch.inference_mode():
            end = network(INPUTS).attention[:, 0].numpy()
    finally:
        with torch.no_grad():
            network.attention_branch.map_norm.bias -= 1
    assert recorder.finish(here) == history_path(here)
    life = load_history(here)
    assert life.maps.shape == (2, 3, 16, 16)
    assert life.maps[0] == pytest.approx(start, abs=1e-3)
    assert life.maps[1] == pytest.approx(end, abs=1e-3)
    assert (life.steps.tolist(), life.total, life.ids) == ([0, 8], 8, ("a", "b", "c"))
    assert life.metrics["accuracy"] == pytest.approx([0.1, 0.9])
    assert life.pictures.shape == (3, 32, 32)
    assert not network.training


def test_a_recording_goes_on_after_a_stop(network, here, tmp_path):
    path = tmp_path / "part.npz"
    first = _recorder(network, path)
    first.record(0)
    first.record(2)
    again = _recorder(network, path)
    again.record(4)
    again.finish(here)  # which looks at the end
    assert load_history(here).steps.tolist() == [0, 2, 4, 8]


def test_a_fresh_start_and_another_training_forget_what_was_kept(network, here, tmp_path):
    path = tmp_path / "part.npz"
    _recorder(network, path).record(2)
    fresh = _recorder(network, path)
    fresh.record(0)
    fresh.finish(here)
    assert load_history(here).steps.tolist() == [0, 8]
    _recorder(network, path, total=6).finish(here)
    assert load_history(here).steps.tolist() == [6]


def test_a_damaged_recording_is_begun_again(network, here, tmp_path, caplog):
    (tmp_path / "part.npz").write_bytes(b"no zip")
    _recorder(network, tmp_path / "part.npz").finish(here)
    assert load_history(here).steps.tolist() == [8]
    assert "part.npz" in caplog.text


def test_no_pictures_where_the_names_are_enough(here):
    write_history(_life(pictures=None, weights=here.sha256), history_path(here))
    assert load_history(here).pictures is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"weights": "of others"},
        {"maps": np.full((2, 2, 4, 5), 0.5)},
        {"maps": np.full((2, 3, 4), 0.5)},
        {"maps": np.full((2, 3, 0, 5), 0.5)},
        {"maps": np.full((2, 3, 4, 5), 1.5)},
        {"maps": np.full((2, 3, 4, 5), np.nan)},
        {"steps": np.array([8, 0])},
        {"steps": np.array([0, 9])},
        {"metrics": {"accuracy": np.array([0.1])}},
        {"pictures": np.zeros((2, 28, 28), np.uint8)},
        {"pictures": np.zeros((3, 28, 28))},
    ],
)
def test_a_life_that_can_not_be_is_none(here, wrong, caplog):
    write_history(_life(**{"weights": here.sha256, **wrong}), history_path(here))
    assert load_history(here) is None
    assert history_path(here).name in caplog.text


def _another_packing(data: bytes) -> bytes:
    """The method by which the first array says that it is packed, where the zip lists it."""
    at = data.index(b"PK\1\2") + 10
    return data[:at] + b"\x63\0" + data[at + 2 :]


@pytest.mark.parametrize(
    "spoil",
    [lambda data: b"", lambda data: data[:-40], lambda data: b"\x93NUMPY" + data[6:], _another_packing],
)
def test_a_damaged_file_is_none(here, spoil, caplog):
    write_history(_life(weights=here.sha256), history_path(here))
    assert load_history(here) is not None
    history_path(here).write_bytes(spoil(history_path(here).read_bytes()))
    assert load_history(here) is None
    assert history_path(here).name in caplog.text


def test_pickles_and_missing_arrays_are_none(here):
    for maps in (np.array([{}], object), np.zeros((1, 1, 2, 2))):
        with history_path(here).open("wb") as file:
            np.savez(file, maps=maps)
        assert load_history(here) is None


def test_an_array_of_more_memory_than_there_is_is_none(here):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f2", "fortran_order": False, "shape": (10**9,) * 2})
    with zipfile.ZipFile(history_path(here), "w") as archive:
        archive.writestr("maps.npy", stream.getvalue())
    assert load_history(here) is None


def test_a_variant_without_a_life_has_none(here, caplog):
    with caplog.at_level(logging.INFO, "abn"):
        assert load_history(here) is None
    assert here.id in caplog.text


def test_half_a_write_leaves_the_file(here, monkeypatch):
    write_history(_life(weights=here.sha256), history_path(here))
    monkeypatch.setattr(np, "savez_compressed", lambda *_, **__: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(ABNError, match="full"):
        write_history(_life(total=9), history_path(here))
    assert read_history(history_path(here)).total == 8
