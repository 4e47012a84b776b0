"""Class folders for the tests, and trainings on them in processes of their own, which can be killed."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

torch.set_num_threads(1)  # as in the processes that are killed

ROOT = Path(__file__).parents[1]
COLORS = ("blue", "green", "red")  # channels 2, 1, 0
SHORT = ["--backbone", "cifar-resnet20", "--batch", "16", "--rate", "0.05", "--workers", "1"]


def squares(folder: Path, each: int, seed: int = 0, classes=COLORS) -> Path:
    """Class folders: a bright square of the class's color somewhere on noise."""
    rng = np.random.default_rng(seed)
    for name in classes:
        (folder / name).mkdir(parents=True)
        for i in range(each):
            values = rng.integers(0, 90, (36, 40, 3)).astype(np.uint8)
            y, x = rng.integers(0, 20, 2)
            values[y : y + 16, x : x + 16] = 20
            values[y : y + 16, x : x + 16, 2 - COLORS.index(name)] = 230
            Image.fromarray(values).save(folder / name / f"{i:03}.png")
    return folder


def train(data: Path, folder: Path, *more: str) -> list[str]:
    places = ["--work", str(folder / "work"), "--folder", str(folder / "variants")]
    return ["train", "--data", str(data), *SHORT, *places, *more]


def process(arguments: list[str], *, torchrun: int = 0, **more) -> subprocess.Popen:
    """The command in a process of its own, or in so many that torchrun starts."""
    start = [sys.executable, "-m", "abn"]
    if torchrun:
        start = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={torchrun}"]
        start += ["-m", "abn"]
    return subprocess.Popen(
        [*start, *arguments],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )


def killed_at(step: int, running: subprocess.Popen, work: Path) -> None:
    """Kill a training and all that it started, once it has saved so many steps; it must not have ended."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        for path in work.glob("*/*.pt"):
            if torch.load(path, weights_only=True)["step"] >= step:
                for pid in descendants(running.pid):  # all at once: torchrun's are in sessions of their own
                    os.kill(pid, signal.SIGKILL)
                running.communicate()
                return
        assert running.poll() is None, running.stderr.read()
        time.sleep(0.02)
    pytest.fail("nothing was saved")


def descendants(pid: int) -> list[int]:
    """A process and all that it started, as Linux lists them."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found
