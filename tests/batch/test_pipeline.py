"""A batch gives what single images give, and errors stay with their image."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny

from abn.batch import pipeline
from abn.batch.image_stream import ImageFile, ImageStream, batches
from abn.batch.pipeline import Explainer
from abn.explanations.explainer import explain
from abn.images.decode import open_picture


@pytest.fixture(scope="module")
def cards(tmp_path_factory):
    """Three variants: the first two share their extractor, and the last one takes another input."""
    folder = tmp_path_factory.mktemp("variants")
    first, second = tiny.network("additive", seed=1), tiny.network("multiplicative", seed=2)
    second.extractor.load_state_dict(first.extractor.state_dict())
    networks = {"first": first, "second": second, "larger": tiny.network("none", seed=3)}
    saved = [tiny.variant(folder, name, network) for name, network in networks.items()]
    larger = replace(saved[2].input, size=48, crop_pct=0.875, mean=(0.5, 0.5, 0.5))
    return (*saved[:2], replace(saved[2], input=larger))


@pytest.mark.parametrize("batch_size", [4, 99])
def test_batches_give_the_explanations_of_single_images_in_order(cards, mixed_folder, batch_size):
    explainer = Explainer(cards, fit="pad")
    results = [r for batch in batches(ImageStream([str(mixed_folder)]), batch_size) for r in explainer.explain(batch)]
    assert [Path(result.file.path).name for result in results] == [f"{i}.png" for i in range(10)]
    assert [i for i, result in enumerate(results) if result.error] == [2, 6, 7]
    for result in results:
        if result.error:
            assert not result.sha256 and not result.explanations and len(result.error.splitlines()) == 1
            continue
        picture = open_picture(Path(result.file.path).read_bytes())
        assert result.sha256 == picture.sha256 and result.picture is None
        for batched, single in zip(result.explanations, explain(picture, cards, fit="pad"), strict=True):
            assert (batched.variant, batched.applied) == (single.variant, single.applied)
            for name in ("auxiliary", "perception", "attention"):
                assert getattr(batched, name) == pytest.approx(getattr(single, name), rel=1e-4, abs=1e-5)
            assert np.array_equal(batched.fitted.image, single.fitted.image)


def test_a_batch_of_bad_images_alone(cards):
    batch = Explainer(cards).explain([ImageFile("missing.png"), ImageFile("x", error="Because.")])
    assert [bool(result.error) for result in batch] == [True, True] and batch[1].error == "Because."


def test_a_shared_extractor_runs_once_a_batch_and_weights_are_read_once(cards, mixed_folder, monkeypatch):
    runs, loaded = [], []
    monkeypatch.setattr(pipeline, "_runners", {})
    monkeypatch.setattr(
        pipeline, "load_runner", lambda card, **_: loaded.append(card.id) or tiny.CountedRunner(card, runs)
    )
    for batch in batches(ImageStream([str(mixed_folder)]), 5):
        Explainer(cards[:2]).explain(batch)
    assert runs.count("extract") == 2 and loaded == ["first", "second"]


def test_pictures_are_kept_at_the_size_of_a_figure(cards, tmp_path):
    tiny.picture(1800, 900).image.save(tmp_path / "large.png")
    (result,) = Explainer(cards[:1], keep_pictures=True).explain([ImageFile(str(tmp_path / "large.png"))])
    assert result.picture.image.size == (896, 448) and result.explanations[0].fitted.original_size == (1800, 900)
