"""The bench: tasks run in turn, ratios are medians over rounds, and one real round measures every ratio."""

import json
from pathlib import Path

import pytest

from abn.__main__ import main
from abn.batch import bench
from abn.batch.image_stream import ImageStream


def test_measure_runs_all_tasks_in_turn_after_a_warm_up():
    order = []
    seconds = bench.measure({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, rounds=2)
    assert order == ["a", "b"] * 3
    assert [len(times) for times in seconds.values()] == [2, 2]


def test_a_ratio_is_the_median_over_the_rounds_beside_its_target():
    ratios = bench.ratios({"perceive": [1.0, 2.0, 30.0], "forward": [10.0, 10.0, 20.0], "PyTorch": [5.0, 5.0, 10.0]})
    own, other = "perception branch / forward pass", "forward pass / the same in PyTorch"
    assert list(ratios) == [other, own]
    assert ratios[own] == {"value": 0.2, "quartiles": [0.1, 1.5], "target": 0.15, "met": False}
    assert ratios[other]["value"] == 2 and ratios[other]["met"] is None


@pytest.mark.parametrize("option", ["--rounds", "--images"])
def test_counts_below_one_are_refused(option, capsys):
    assert main(["bench", option, "0"]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.slow
def test_one_round_measures_every_ratio_that_this_machine_can(capsys):
    assert main(["bench", "--rounds", "1", "--images", "6", "--json"]) == 0
    ratios = json.loads(capsys.readouterr().out)["ratios"]
    assert set(bench.RATIOS) - set(ratios) <= {"forward pass / Grad-CAM in PyTorch"}
    assert all(ratio["value"] > 0 for ratio in ratios.values())
    assert ratios["perception branch / forward pass"]["value"] < 1


def test_the_folder_holds_links_in_the_order_of_the_stream(tmp_path):
    tmp_path /= "new"
    bench.fill_folder(tmp_path, 40)  # more than the gallery has
    assert [file.path for file in ImageStream([str(tmp_path)])] == [str(path) for path in sorted(tmp_path.iterdir())]
    assert len(list(tmp_path.iterdir())) == 40


def test_the_table_of_the_docs_is_that_of_the_stored_run():
    docs = Path(__file__).parents[2] / "docs"
    stored = json.loads((docs / "bench.json").read_text(encoding="utf-8"))
    text = (docs / "speed.md").read_text(encoding="utf-8")
    _, _, rest = text.partition("<!-- bench: python -m abn bench --table docs/bench.json -->\n")
    assert rest.partition("\n<!-- /bench -->")[0] == bench.format_table(stored)
    assert stored["ratios"].keys() == bench.RATIOS.keys()
