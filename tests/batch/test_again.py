"""`explain --from`: an export made again on the command line, and one sentence where that can't be."""

import json
from dataclasses import replace

import exporting
import numpy as np
import pytest
import tiny
from PIL import Image

from abn.__main__ import main
from abn.export import archive, figures
from abn.export.manifest import manifest_of
from abn.images import samples
from abn.images.decode import open_picture
from abn.variants import card

SAME = "The numbers are the same as in the export: probabilities and maps within 0.00001.\n"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Checkpoints that hold two tiny variants."""
    found = tmp_path / "checkpoints"
    monkeypatch.setattr(card, "CHECKPOINTS", found)
    return found


@pytest.fixture
def cards(folder):
    return exporting.cards(folder)


@pytest.fixture
def gallery(cards, tmp_path):
    """An export of a photograph of the gallery: its record, and the zip's path."""
    photo = samples.gallery()["toucan"]
    picture = open_picture(photo.path.read_bytes(), name=photo.file)
    record = exporting.record(cards, picture, photo="toucan", mechanism="multiplicative")
    path = tmp_path / "abn.zip"
    path.write_bytes(archive.bundle(record))
    return record, path


@pytest.fixture
def own(cards, tmp_path):
    """An export of somebody's own picture: its record, the manifest's path, and the picture's."""
    record = exporting.record(cards, mechanism="none", fit="squash")
    manifest, picture = tmp_path / "manifest.json", tmp_path / "mine.png"
    manifest.write_text(manifest_of(record).to_json(), encoding="utf-8")
    picture.write_bytes(exporting.file())
    return record, manifest, picture


def call(capsys, *arguments: object) -> tuple[int, str, str]:
    status = main(["explain", *map(str, arguments)])
    return status, *capsys.readouterr()


def test_a_photograph_of_the_gallery_needs_nothing_else(capsys, gallery):
    record, path = gallery
    status, out, error = call(capsys, "--from", path, "--json")
    assert (status, error) == (0, SAME)
    said = json.loads(out)
    assert said["image"] == "toucan.jpg" and said["sha256"] == record.picture.sha256
    for result, one in zip(said["results"], record.explanations, strict=True):
        assert (result["variant"], result["applied"]) == (one.variant, "multiplicative")
        assert result["map"]["mean"] == pytest.approx(float(one.attention.mean()), abs=1e-6)
        assert [p["class"] for p in result["perception"]] == [p.index for p in one.top("perception")]
    status, text, _ = call(capsys, "--from", path, "--top", 2)
    assert text.startswith("toucan.jpg\n  tiny-additive   trained with additive, applied multiplicative")
    assert text.count(" %") == 2 * 2 * 2


def test_an_own_picture_is_asked_for_and_must_be_that_one(capsys, own, tmp_path):
    _, manifest, picture = own
    status, out, error = call(capsys, "--from", manifest)
    assert (status, out) == (1, "") and "isn't in the gallery: give the file noise.png too." in error
    status, out, error = call(capsys, "--from", manifest, picture, "--json")
    assert (status, error) == (0, SAME) and json.loads(out)["image"] == str(picture)
    picture.write_bytes(exporting.file(seed=1))
    status, out, error = call(capsys, "--from", manifest, picture)
    assert (status, out) == (1, "") and error == (
        "This is not the picture of the export (noise.png): its bytes are others.\n"
    )
    assert call(capsys, "--from", manifest, tmp_path / "gone.png")[0] == 1


def test_maps_are_written_as_they_were_drawn(capsys, gallery, tmp_path):
    record, path = gallery
    assert call(capsys, "--from", path, "--out", tmp_path / "maps")[0] == 0
    one, span = record.explanations[1], record.spans[1]
    stem = tmp_path / "maps" / "toucan--tiny-none"
    assert np.allclose(np.load(stem.with_suffix(".npy")), one.attention, atol=1e-6)
    with Image.open(stem.with_suffix(".png")) as image:
        drawn = figures.draw(one, record.picture, record.drawing, span)
        assert np.abs(np.asarray(image, int) - np.asarray(drawn, int)).mean() < 0.1


def test_other_weights_are_told(capsys, gallery, folder):
    _, path = gallery
    tiny.variant(folder, "tiny-none", tiny.network("none", seed=9))
    status, out, error = call(capsys, "--from", path)
    assert (status, out) == (1, "") and error == (
        "The weights of tiny-none are not those of the export: its numbers can't be made again.\n"
    )
    for file in folder.glob("tiny-none.*"):
        file.unlink()
    assert call(capsys, "--from", path)[2] == "There is no variant tiny-none here.\n"


def test_weights_that_were_altered_are_told(capsys, gallery, folder):
    (folder / "tiny-none.safetensors").write_bytes(b"something else")
    status, _, error = call(capsys, "--from", gallery[1])
    assert status == 1 and "altered or cut short" in error


def test_other_numbers_are_status_1(capsys, own):
    record, manifest, picture = own
    one = record.explanations[0]
    other = replace(record, explanations=[replace(one, attention=one.attention * 0.5), *record.explanations[1:]])
    manifest.write_text(manifest_of(other).to_json(), encoding="utf-8")
    status, out, error = call(capsys, "--from", manifest, picture)
    assert status == 1 and out.startswith(str(picture))
    apart = float((one.attention * 0.5).max())
    assert f"of tiny-additive, probabilities differ by up to 0 and the map by up to {apart:.2g}." in error


def test_what_is_no_export_is_told(capsys, tmp_path):
    path = tmp_path / "x.json"
    assert "can't be read (No such file" in call(capsys, "--from", path)[2]
    path.write_text("{}")
    assert call(capsys, "--from", path) == (1, "", "This is no export of ABN Explorer: choose its zip, or the "
                                            "manifest.json in it.\n")  # fmt: skip


@pytest.mark.parametrize(
    "options",
    [
        ["--variant", "tiny-none"],
        ["--fit", "crop"],
        ["--mechanism", "trained"],
        ["--list", "x"],
        ["--to", "x"],
        ["--resume"],
        ["--workers", "0"],
        ["two.png"],
    ],
)
def test_what_may_not_stand_beside_it_is_misuse(capsys, own, options):
    with pytest.raises(SystemExit) as ended:
        call(capsys, "--from", own[1], own[2], *options)
    assert ended.value.code == 2 and "--from takes everything else from the export" in capsys.readouterr().err


def test_without_it_a_variant_is_needed(capsys):
    with pytest.raises(SystemExit) as ended:
        call(capsys, "x.png")
    assert ended.value.code == 2 and "name a --variant" in capsys.readouterr().err


def test_one_process_does_it(capsys, gallery, monkeypatch):
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert "leave torchrun out" in call(capsys, "--from", gallery[1])[2]
