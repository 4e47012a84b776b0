"""`python -m abn explain`: its output, its exit status, and a run that is stopped and resumed."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from abn.__main__ import main
from abn.batch.formats import json_line, text_lines
from abn.batch.image_stream import ImageFile
from abn.batch.output import IN_USE, open_output, write_lines
from abn.batch.pipeline import ImageResult
from abn.images import rare_formats

ROOT = Path(__file__).parents[2]
VARIANT = "cluttered-resnet20-additive"  # the fastest shipped variant


def explain(capsys, *arguments: object) -> tuple[int, str, str]:
    status = main(["explain", "--variant", VARIANT, *map(str, arguments)])
    out, error = capsys.readouterr()
    return status, out, error


def test_a_folder_of_which_some_images_are_bad(capsys, mixed_folder, tmp_path):
    status, out, _ = explain(capsys, mixed_folder, "--json", "--batch", 4, "--workers", 0, "--out", tmp_path / "maps")
    records = list(map(json.loads, out.splitlines()))
    assert status == 1 and [Path(record["image"]).name for record in records] == [f"{i}.png" for i in range(10)]
    assert [i for i, record in enumerate(records) if record.keys() == {"image", "error"}] == [2, 6, 7]
    written = {path.name for path in (tmp_path / "maps").iterdir()}
    assert written == {f"{i}--{VARIANT}.{suffix}" for i in (0, 1, 3, 4, 5, 8, 9) for suffix in ("npy", "png")}
    saved = np.load(tmp_path / "maps" / f"9--{VARIANT}.npy")
    assert records[9]["results"][0]["map"]["max"] == float(saved.max())


def test_masks_and_boxes_beside_the_maps(capsys, mixed_folder, tmp_path):
    out = tmp_path / "maps"
    given = (mixed_folder / "0.png", "--out", out, "--mask", 20, "--boxes", "--fit", "squash")
    assert explain(capsys, *given)[0] == 0
    name = f"0--{VARIANT}"
    assert {path.name for path in out.iterdir()} == {
        f"{name}{end}" for end in (".npy", ".png", "--mask.png", "--boxes.json")
    }
    with Image.open(out / f"{name}--mask.png") as mask, Image.open(mixed_folder / "0.png") as image:
        assert mask.size == image.size and 0.2 <= (np.asarray(mask) > 0).mean() < 0.3
    content = json.loads((out / f"{name}--boxes.json").read_text())
    assert content["images"][0]["file_name"] == "0.png" and content["annotations"]


def test_dark_gray_data_is_stretched_on_request_and_the_notes_are_printed(capsys, tmp_path):
    path = tmp_path / "twelve.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 4096, (40, 40), np.uint16)).save(path)
    (dark, bright) = (json.loads(explain(capsys, path, "--json", *more)[1]) for more in ([], ["--stretch"]))
    assert dark["notes"] == [rare_formats.DARK.format(count=4096, bits=12)]
    assert bright["notes"] == [rare_formats.BY_BITS.format(bits=12)]
    assert dark["results"][0]["map"] != bright["results"][0]["map"]
    assert bright["notes"][0] in explain(capsys, path, "--stretch")[1].splitlines()


def test_text_for_people(capsys, mixed_folder):
    status, out, _ = explain(capsys, mixed_folder, "--workers", 0)
    assert status == 1 and out.count("trained with additive, applied additive") == 7
    assert f"{mixed_folder}/2.png: " in out
    assert explain(capsys, mixed_folder / "0.png")[0] == 0


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("a\x1b[31m\nb.png", r"a\x1b[31m\nb.png"),
        ("\u202egnp.exe", r"\u202egnp.exe"),
        ("\udcff.png", r"\udcff.png"),
        ("猫 ö.png", "猫 ö.png"),
    ],
)
def test_a_name_never_steers_the_terminal(name, shown):
    result = ImageResult(ImageFile(name), "It is bad.")
    assert text_lines(result, 5) == f"{shown}: It is bad."
    assert json.loads(json_line(result, 5))["image"] == name


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--resume", "x.png"],
        ["--mask", "20", "x.png"],
        ["--boxes", "--out", "maps", "x.png"],
        ["--mask", "0", "--out", "maps", "x.png"],
        ["--mask", "nan", "--out", "maps", "x.png"],
        ["--resume", "--to", "x", "--list", "-"],
        ["x", "--batch", "0"],
        ["x", "--workers", "-1"],
        ["x", "--workers", "some"],
    ],
)
def test_misuse_ends_with_2(capsys, arguments):
    with pytest.raises(SystemExit) as ended:
        explain(capsys, *arguments)
    assert ended.value.code == 2


@pytest.mark.parametrize("device", ["nothing", "meta", "cuda:99"])
def test_a_missing_device_is_one_sentence(capsys, mixed_folder, device):
    status, out, error = explain(capsys, mixed_folder, "--device", device)
    assert (status, out) == (1, "") and repr(device) in error and len(error.splitlines()) == 1


# ---- a run that is stopped ----


@pytest.mark.parametrize("complete", [0, 3, 10])
def test_a_stopped_run_is_resumed_without_computing_again(capsys, mixed_folder, tmp_path, complete):
    full, cut = tmp_path / "full.jsonl", tmp_path / "cut.jsonl"
    assert explain(capsys, mixed_folder, "--to", full, "--batch", 4, "--workers", 0)[:2] == (1, "")
    lines = full.read_text().splitlines(keepends=True)
    half_line = lines[complete][:50] if complete < 10 else ""
    cut.write_text("".join(lines[:complete]) + half_line)
    assert explain(capsys, mixed_folder, "--to", cut, "--batch", 4, "--workers", 0, "--resume")[:2] == (1, "")
    resumed = cut.read_text().splitlines(keepends=True)
    assert resumed[:complete] == lines[:complete] and len(resumed) == 10
    for old, new in zip(map(json.loads, lines), map(json.loads, resumed), strict=True):
        assert (old["image"], old.get("sha256"), old.get("error")) == (
            new["image"],
            new.get("sha256"),
            new.get("error"),
        )


def test_the_results_of_another_run_are_left_alone(capsys, mixed_folder, tmp_path):
    results = tmp_path / "results.jsonl"
    assert explain(capsys, mixed_folder / "0.png", "--to", results, "--resume")[0] == 0  # a new file
    before = results.read_bytes()
    assert explain(capsys, mixed_folder / "0.png", "--to", results)[0] == 1  # without --resume
    for others in ([mixed_folder / "1.png"], [mixed_folder / "0.png", "--top", 2], ["--mechanism", "none"]):
        arguments = others if len(others) == 1 or others[0] != "--mechanism" else [mixed_folder / "0.png", *others]
        status, _, error = explain(capsys, *arguments, "--to", results, "--resume")
        assert status == 1 and len(error.splitlines()) == 1 and results.read_bytes() == before
    results.write_bytes(before + b"a line of something else\n")
    assert explain(capsys, mixed_folder / "0.png", mixed_folder / "1.png", "--to", results, "--resume")[0] == 1
    assert results.read_bytes().startswith(before)
    assert explain(capsys, mixed_folder / "0.png", "--to", tmp_path / "no" / "where.jsonl")[0] == 1


def test_a_second_run_into_one_file_is_refused(capsys, mixed_folder, tmp_path):
    results = tmp_path / "results.jsonl"
    with open_output(results, append=False) as first:
        write_lines(first, ["{}"])
        status, out, error = explain(capsys, mixed_folder / "0.png", "--to", results, "--resume")
        assert (status, out, error.splitlines()[-1]) == (1, "", IN_USE.format(path=results))
        write_lines(first, ["{}"])
    assert results.read_text() == "{}\n{}\n"
    results.unlink()
    assert explain(capsys, mixed_folder / "0.png", "--to", results, "--resume")[0] == 0


@pytest.mark.slow
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_run_without_a_traceback(mixed_folder, tmp_path, sent):
    list_file = tmp_path / "list.txt"
    list_file.write_text(f"{mixed_folder / '0.png'}\n" * 100_000)
    command = ["explain", "--variant", VARIANT, "--list", str(list_file), "--json", "--workers", "1"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-m", "abn", *command], cwd=ROOT, **pipes) as process:
        assert "results" in json.loads(process.stdout.readline())
        process.send_signal(sent)
        _, error = process.communicate(timeout=60)
    assert process.returncode == 130 and error == "Stopped.\n"
