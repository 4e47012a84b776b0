"""A folder on a Ray engine of this machine: the same lines in the same order, though a worker is killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from abn.__main__ import main

ROOT, VARIANT = Path(__file__).parents[2], "cluttered-resnet20-additive"


def explain(folder: Path, target: Path, *options: str) -> list[dict]:
    main(["explain", str(folder), "--variant", VARIANT, "--batch", "2", "--to", str(target), *options])
    return [json.loads(line) for line in target.read_text().splitlines()]


def without_seconds(lines: list[dict]) -> list[dict]:
    for result in (result for line in lines for result in line.get("results", ())):
        del result["seconds"]
    return lines


def workers() -> list[int]:
    listed = subprocess.run(["ps", "-eo", "pid,cmd"], capture_output=True, text=True, check=True).stdout.splitlines()
    return [int(line.split()[0]) for line in listed if "ray::" in line and "_Worker" in line]


@pytest.mark.slow
def test_a_folder_on_ray_gives_the_same_lines_though_a_worker_is_killed(mixed_folder, tmp_path):
    pytest.importorskip("ray")
    many = tmp_path / "many"
    many.mkdir()
    for number in range(40):
        for path in sorted(mixed_folder.iterdir()):
            (many / f"{number:03}-{path.name}").symlink_to(path)
    expected = without_seconds(explain(many, tmp_path / "here.jsonl", "--workers", "0"))
    command = ["explain", str(many), "--variant", VARIANT, "--batch", "2", "--to", str(tmp_path / "ray.jsonl"), "--ray"]
    process = subprocess.Popen([sys.executable, "-m", "abn", *command], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    killed: list[int] = []
    while process.poll() is None and not killed:
        time.sleep(0.2)
        for worker in workers()[:1]:
            os.kill(worker, signal.SIGKILL)
            killed.append(worker)
    _, errors = process.communicate(timeout=240)
    assert killed and process.returncode == 1, errors  # three of the images are bad
    lines = [json.loads(line) for line in (tmp_path / "ray.jsonl").read_text().splitlines()]
    assert len(lines) == 400 and without_seconds(lines) == expected


@pytest.mark.slow
def test_no_engine_at_an_address_is_one_sentence(mixed_folder, capsys):
    pytest.importorskip("ray")
    assert main(["explain", str(mixed_folder), "--variant", VARIANT, "--ray", "127.0.0.1:1"]) == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith("No Ray engine can be reached")
