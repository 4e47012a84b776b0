"""The bench: ratios of what was measured together, without running it on real networks."""

from pathlib import Path

import pytest

from abn import bench
from abn.batch.image_stream import Stream
from abn.images.samples import gallery


def test_measure_runs_everything_in_turn():
    order = []
    seconds = bench.measure({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, rounds=2)
    assert order == ["a", "b"] * 3  # one round that doesn't count
    assert [len(times) for times in seconds.values()] == [2, 2]


def test_a_ratio_is_the_median_over_the_rounds():
    found = bench.ratios({"perceive": [1.0, 2.0, 30.0], "forward": [10.0, 10.0, 20.0]})
    assert list(found) == ["perceive / forward"]
    assert found["perceive / forward"]["value"] == 0.2
    assert found["perceive / forward"]["met"] is True and found["perceive / forward"]["aim"] == 0.2


def test_a_ratio_without_aim_is_neither_met_nor_missed():
    assert bench.ratios({"forward": [2.0], "backbone": [1.0]})["forward / backbone"] == {
        "value": 2.0,
        "quartiles": [2.0, 2.0],
        "aim": None,
        "met": None,
    }


def test_the_bench_names_its_pair():
    first, second = bench._sharing()
    assert first.extractor_sha256 == second.extractor_sha256 and first.id != second.id


@pytest.mark.parametrize("option", ["--rounds", "--threads", "--pictures", "--batch"])
def test_nonsense_is_refused(option, capsys):
    from abn.__main__ import main

    assert main(["bench", option, "0"]) == 1
    assert "at least 1" in capsys.readouterr().err


def test_one_round_on_the_shipped_variants_measures_every_ratio(capsys):
    import json

    from abn.__main__ import main

    assert main(["bench", "--rounds", "1", "--pictures", "6", "--batch", "4", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["ratios"]
    assert set(found) == set(bench.RATIOS)
    assert all(ratio["value"] > 0 for ratio in found.values())
    assert found["perceive / forward"]["value"] < 1


def test_both_sides_of_the_folder_see_the_same_pictures(tmp_path):
    bench.fill(tmp_path, 40)  # more than the gallery has
    ours = [item.image for item in Stream([str(tmp_path)])]
    assert ours == list(map(str, bench._Photos(str(tmp_path), None).paths)) and len(ours) == 40
    photographs = {photo.path for photo in gallery().values() if photo.kind == "photograph"}
    assert {Path(path).resolve() for path in ours} == photographs
