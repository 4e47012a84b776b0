"""The study of taught maps on a tiny network: what a run measures, and that a stopped study continues."""

import json
from pathlib import Path

import numpy as np
import pytest
import tiny
from PIL import Image

from abn.__main__ import main
from abn.images.samples import Photo, photographs
from abn.study import map_teaching
from abn.study.map_teaching import NO_MASKS, OTHER_RUNS, TOO_FEW, Subject
from abn.variants.card import Card

SETTINGS = ("--steps", "2", "--batch", "2")


@pytest.fixture(scope="module")
def masks(tmp_path_factory) -> Path:
    """Six images of noise whose object is the left half."""
    folder = tmp_path_factory.mktemp("masks")
    half = np.zeros((40, 48), np.uint8)
    half[:, :24] = 255
    for name in ("images", "masks"):
        (folder / name).mkdir()
    for seed in range(6):
        tiny.picture(seed=seed).image.save(folder / f"images/{seed}.png")
        Image.fromarray(half).save(folder / f"masks/{seed}.png")
    return folder


@pytest.fixture
def card(tmp_path, monkeypatch) -> Card:
    """A tiny variant, and two photographs that count as labeled with its classes."""
    made = tiny.variant(tmp_path / "variants", "mine", tiny.network())
    chosen: list[Photo] = list(photographs()[:2])
    monkeypatch.setattr(map_teaching, "find_variant", lambda name: made)
    monkeypatch.setattr(map_teaching, "labeled_photos", lambda card: chosen)
    monkeypatch.setattr(map_teaching, "replay_photos", lambda card: chosen)
    return made


def study(masks: Path, results: Path, *more: str) -> int:
    return main(
        ["teach-study", "--masks", str(masks), "--variant", "mine", "--results", str(results), *SETTINGS, *more]
    )


def test_a_study_that_was_stopped_continues_and_compares_the_seeds(masks, tmp_path, card, monkeypatch, capsys):
    results, seeds, real = tmp_path / "results.json", [], Subject.run

    def count(self, settings):
        seeds.append(settings.seed)
        return real(self, settings)

    monkeypatch.setattr(Subject, "run", count)
    assert study(masks, results, "--seeds", "1") == 0
    assert json.loads(results.read_text())["comparisons"] == []
    assert study(masks, results, "--seeds", "2") == 0 and seeds == [1, 2]
    data = json.loads(results.read_text())
    for run in data["runs"]:
        assert run["taught"] == run["measured"] == 3 and set(run["networks"]) == {"before", "taught", "control"}
        taught, control = (run["networks"][name]["squared_distance"] for name in ("taught", "control"))
        assert taught < control  # every target is the same half, so that it carries over
    row = next(row for row in data["comparisons"] if (row["against"], row["metric"]) == ("control", "squared_distance"))
    values = [[run["networks"][name]["squared_distance"] for run in data["runs"]] for name in ("taught", "control")]
    assert row["mean_difference"] == pytest.approx(np.mean(values[0]) - np.mean(values[1]), abs=1e-3)
    assert "mine, 2 seeds" in capsys.readouterr().out
    assert study(masks, results, "--seeds", "2", "--map-rate", "0.1") == 1
    assert capsys.readouterr().err.strip() == OTHER_RUNS.format(name="results.json")


def test_few_photographs_are_one_sentence(masks, tmp_path, card, capsys):
    assert study(masks, tmp_path / "results.json", "--count", "3") == 1
    assert capsys.readouterr().err.strip() == TOO_FEW.format(count=3)
    assert not (tmp_path / "results.json").exists()


def test_the_document_shows_the_stored_results(capsys):
    text = (Path(map_teaching.__file__).parents[2] / "docs/teach-the-map.md").read_text(encoding="utf-8")
    assert main(["teach-study", "--table"]) == 0
    table = capsys.readouterr().out.strip()
    assert f"<!-- map teaching: python -m abn teach-study --table -->\n{table}\n<!-- /map teaching -->" in text
    assert table.count("\n") == 9 and "0.496" in table


def test_without_masks_nothing_is_trained(capsys):
    assert main(["teach-study"]) == 1
    assert capsys.readouterr().err.strip() == NO_MASKS
