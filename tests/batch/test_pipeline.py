"""The pipeline: a batch gives what single images give, errors stay with their image, and memory stays bounded."""

import os
import weakref
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch

from abn.batch import pipeline
from abn.batch.image_stream import ImageFile, ImageStream, batches
from abn.batch.pipeline import explain_files
from abn.errors import ABNError
from abn.explanations.explainer import explain
from abn.images.decode import open_picture
from abn.variants.store import load_variant


@pytest.fixture(scope="module")
def cards(tmp_path_factory):
    """Three variants: the first two share their extractor, and the last one takes another input."""
    folder = tmp_path_factory.mktemp("variants")
    first, second = tiny.network("additive", seed=1), tiny.network("multiplicative", seed=2)
    second.extractor.load_state_dict(first.extractor.state_dict())
    networks = {"first": first, "second": second, "larger": tiny.network("none", seed=3)}
    saved = [tiny.variant(folder, name, network) for name, network in networks.items()]
    larger = replace(saved[2].input, size=48, crop_pct=0.875, mean=(0.5, 0.5, 0.5))
    return [*saved[:2], replace(saved[2], input=larger)]


@pytest.fixture(scope="module")
def load(cards):
    networks = {card.id: load_variant(card) for card in cards}
    return lambda card: networks[card.id]


@pytest.mark.parametrize(("workers", "batch_size"), [(0, 4), (2, 4), (1, 99)])
def test_batches_give_the_explanations_of_single_images_in_order(cards, load, mixed_folder, workers, batch_size):
    files = batches(ImageStream([str(mixed_folder)]), batch_size)
    results = [r for batch in explain_files(files, cards, fit="pad", load=load, workers=workers) for r in batch]
    assert [Path(result.file.path).name for result in results] == [f"{i}.png" for i in range(10)]
    assert [i for i, result in enumerate(results) if result.error] == [2, 6, 7]
    for result in results:
        if result.error:
            assert not result.sha256 and not result.explanations and len(result.error.splitlines()) == 1
            continue
        picture = open_picture(Path(result.file.path).read_bytes())
        assert result.sha256 == picture.sha256 and result.picture is None
        for batched, single in zip(result.explanations, explain(picture, cards, fit="pad", load=load), strict=True):
            assert (batched.variant, batched.applied) == (single.variant, single.applied)
            for name in ("auxiliary", "perception", "attention"):
                assert getattr(batched, name) == pytest.approx(getattr(single, name), rel=1e-4, abs=1e-5)
            assert np.array_equal(batched.fitted.image, single.fitted.image)


def test_a_batch_of_bad_images_alone(cards, load):
    (batch,) = explain_files([[ImageFile("missing.png"), ImageFile("x", error="Because.")]], cards, load=load)
    assert [bool(result.error) for result in batch] == [True, True] and batch[1].error == "Because."


def test_a_shared_extractor_runs_once_a_batch(cards, mixed_folder):
    networks, sizes = {card.id: load_variant(card) for card in cards[:2]}, []
    for network in networks.values():
        network.extractor.register_forward_hook(lambda _, inputs, output: sizes.append(len(inputs[0])))
    files = batches(ImageStream([str(mixed_folder)]), 5)
    assert len(list(explain_files(files, cards[:2], load=lambda card: networks[card.id]))) == 2
    assert sizes == [4, 3]


def test_pictures_are_kept_at_the_size_of_a_figure(cards, load, tmp_path):
    tiny.picture(1800, 900).image.save(tmp_path / "large.png")
    files = [[ImageFile(str(tmp_path / "large.png"))]]
    ((result,),) = explain_files(files, cards[:1], load=load, keep_pictures=True)
    assert result.picture.image.size == (896, 448) and result.explanations[0].fitted.original_size == (1800, 900)


@pytest.mark.parametrize(("workers", "ahead"), [(0, 8), (1, 8 * (1 + pipeline.PREFETCH))])
def test_only_a_few_batches_are_read_ahead(cards, load, mixed_folder, workers, ahead):
    read = []
    files = (read.append(i) or ImageFile(str(mixed_folder / "0.png")) for i in count())
    results = explain_files(batches(files, 8), cards[:1], load=load, workers=workers)
    for number in range(1, 4):
        assert len(next(results)) == 8 and len(read) <= 8 * number + ahead
    results.close()


def test_only_two_batches_are_held_in_memory(cards, load, mixed_folder):
    files = (ImageFile(str(mixed_folder / "0.png")) for _ in range(40))
    alive, most = weakref.WeakSet(), 0
    for batch in explain_files(batches(files, 4), cards[:1], load=load):
        alive.update(batch)
        alive.update(result.explanations[0] for result in batch)
        most = max(most, len(alive))
    assert most <= 2 * 2 * 4


def test_a_worker_that_dies_is_one_sentence(cards, load, mixed_folder, monkeypatch):
    monkeypatch.setattr(pipeline, "read_picture", lambda path: os._exit(9))
    with pytest.raises(ABNError, match="--workers"):
        list(explain_files([[ImageFile(str(mixed_folder / "0.png"))]], cards[:1], load=load, workers=1))


def test_a_device_without_memory_is_one_sentence(cards, load, mixed_folder, monkeypatch):
    def out_of_memory(*_, **__):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(pipeline, "explain_inputs", out_of_memory)
    with pytest.raises(ABNError, match="--batch"):
        list(explain_files([[ImageFile(str(mixed_folder / "0.png"))]], cards[:1], load=load))
