"""Class folders for the tests, and trainings on them in processes of their own, which can be killed."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

torch.set_num_threads(1)  # as in the processes that are killed

ROOT = Path(__file__).parents[1]
COLORS = ("blue", "green", "red")  # channels 2, 1, 0
SHORT = ["--backbone", "cifar-resnet20", "--batch", "16", "--rate", "0.05", "--workers", "0", "--precision", "float32"]
NAME = "colors-cifar-resnet20-additive"  # of a variant trained on a folder "colors"
POLL = 0.02  # seconds between two looks at a training that is to be killed


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


def train(data: Path | str, folder: Path, *more: str) -> list[str]:
    """The command that trains on `data` and keeps everything in `folder`."""
    places = ["--work", str(folder / "work"), "--folder", str(folder / "variants")]
    return ["train", "--data", str(data), *SHORT, *places, *more]


def start_process(arguments: list[str], *, torchrun: int = 0) -> subprocess.Popen:
    """The command in a process of its own, or in so many that torchrun starts."""
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={torchrun}"] if torchrun else []
    return subprocess.Popen(
        [sys.executable, *launcher, "-m", "abn", *arguments],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )


def kill_at(step: int, running: subprocess.Popen, work: Path) -> None:
    """Kill a training and all that it started, once it has saved so many steps; it must not have ended."""
    for _ in range(round(120 / POLL)):
        for path in work.glob("*/*.pt"):
            if torch.load(path, weights_only=True)["step"] >= step:
                for pid in descendants(running.pid):  # all at once: torchrun's are in sessions of their own
                    os.kill(pid, signal.SIGKILL)
                running.communicate()
                return
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(POLL)
            pytest.fail(running.stderr.read())
    pytest.fail("nothing was saved")


def descendants(pid: int) -> list[int]:
    """A process and all that it started, as Linux lists them."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
    family = [pid]
    for member in family:
        family += [child for child, parent in parents.items() if parent == member]
    return family
