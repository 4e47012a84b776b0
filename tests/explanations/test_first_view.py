"""Shipped results: there at once, without torch, and the same as what the live model says."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from abn.explanations import first_view
from abn.images import samples
from abn.images.decode import open_picture
from abn.variants.store import list_variants

ROOT = Path(__file__).parents[2]
CARDS = list_variants()


def picture(photo_id: str):
    photo = samples.gallery()[photo_id]
    return open_picture(photo.path.read_bytes(), name=photo.file)


def test_the_gallery_is_complete_and_credited():
    gallery = samples.gallery()
    assert len(gallery) >= 12
    for photo in gallery.values():
        assert photo.path.is_file() and photo.title and photo.alt and photo.author and photo.license and photo.source


@pytest.mark.parametrize("photo_id", [*list(samples.gallery())[:2], list(samples.gallery())[-1]])
def test_shipped_and_live_agree(photo_id, network):
    from abn.explanations.explainer import explain

    stored, live = first_view.shipped(picture(photo_id), CARDS), explain(picture(photo_id), CARDS, load=network)
    assert stored is not None, "first_view.npz is out of date: run `python -m abn gallery`"
    for item, other in zip(stored, live, strict=True):
        assert (item.variant, item.trained_with, item.applied) == (other.variant, other.trained_with, other.applied)
        assert item.labels == other.labels and item.spec == other.spec
        assert np.allclose(item.auxiliary, other.auxiliary, atol=2e-3)
        assert np.allclose(item.perception, other.perception, atol=2e-3)
        assert np.allclose(item.attention, other.attention, atol=2e-3)
        assert item.js_divergence == pytest.approx(other.js_divergence, abs=2e-3)
        assert np.array_equal(np.asarray(item.fitted.image), np.asarray(other.fitted.image))


def test_every_gallery_photograph_and_variant_is_shipped():
    for photo_id in samples.gallery():
        assert first_view.shipped(picture(photo_id), CARDS) is not None, photo_id


def test_stale_entries_are_ignored():
    photo = picture(next(iter(samples.gallery())))
    assert first_view.shipped(photo, [replace(CARDS[0], sha256="0" * 64)]) is None
    assert first_view.shipped(replace(photo, sha256="0" * 64), CARDS[:1]) is None


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 not an archive"])
def test_a_missing_or_broken_file_is_no_result(tmp_path, content):
    file = tmp_path / "first_view.npz"
    if content is not None:
        file.write_bytes(content)
    assert first_view.shipped(picture(next(iter(samples.gallery()))), CARDS[:1], file) is None


def test_built_anew_it_reads_back(tmp_path, monkeypatch):
    two = dict(list(samples.gallery().items())[:2])
    monkeypatch.setattr(samples, "gallery", lambda: two)
    lines = []
    file = first_view.build(CARDS[:1], tmp_path / "new.npz", progress=lines.append)
    assert lines == [photo.title for photo in two.values()]
    stored, kept = (first_view.shipped(picture(next(iter(two))), CARDS[:1], f)[0] for f in (file, first_view.FILE))
    assert np.allclose(stored.perception, kept.perception, atol=2e-3)
