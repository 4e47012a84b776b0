"""`python -m abn train`: train a variant of your own, on a folder of class folders or on a built-in data set.

Alone or under `torchrun`, everything resumes from the work folder. The epoch that is best on validation images is kept;
the variant is saved, read back as the app will read it, and only then measured, on test images once. A built-in data
set is by default trained as the shipped variants were: with all of its images, and nothing to choose from.
"""

import argparse
import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from abn.errors import ABNError
from abn.network.model import AttentionBranchNetwork
from abn.training.devices import choose_device
from abn.training.distributed import Processes, SharedError, join_processes
from abn.training.sources.array_images import ArrayImages
from abn.training.sources.class_folders import ClassFolders, open_folder, read_class_names
from abn.training.supervised.built_in_data import BUILT_IN, CALIBRATION_IMAGES, untrained_network
from abn.training.supervised.datasets import Dataset, built_in_dataset, folder_dataset
from abn.training.supervised.initial_network import initial_network
from abn.training.supervised.options import TrainingPlan, add_arguments, make_plan
from abn.training.supervised.training_run import TrainingRun

try:
    import fcntl
except ImportError:  # Windows: two trainings in one work folder are not refused
    fcntl = None  # type: ignore[assignment]

__all__ = ["add_arguments", "run"]

MAX_WORKERS = 8
IN_USE = "Another process is training in this work folder: wait for it, or give another --work."

log = logging.getLogger(__name__)


def run(args: argparse.Namespace) -> int:
    """Train, save and measure one variant."""
    device = choose_device(args.device)
    with ExitStack() as lock:
        with join_processes(device) as processes:
            if not processes.is_first:
                logging.getLogger("abn").setLevel(logging.WARNING)
            training = _prepare(args, device, processes)
            processes.run_on_first(lambda: lock.enter_context(_locked(training.plan.path)))
            training.train()
        if processes.is_first:
            training.finish()
    return 0


def _prepare(args: argparse.Namespace, device: str, processes: Processes) -> TrainingRun:
    """All that a training needs; what can be wrong is reported here, before its first step."""
    plan = processes.run_on_first(lambda: make_plan(args, device))
    processes.share(plan.recipe.batch)  # raises where it can't be divided
    data = _load_data(plan, processes, workers=_count_workers(args.workers), pin=device == "cuda")
    for note in data.notes if processes.is_first else ():
        log.warning("%s", note)
    count = len(data.training.labels)
    if len(plan.recipe.order(count, plan.seed)) < 1:
        raise SharedError(
            f"{plan.recipe.epochs:g} epochs of {count} images are less than one step: give more --epochs or a "
            "smaller --batch."
        )
    network, origin = processes.run_on_all(lambda: _initial_network(plan, data))
    return TrainingRun(plan, data, network, origin, device, processes)


def _initial_network(plan: TrainingPlan, data: Dataset) -> tuple[AttentionBranchNetwork, dict[str, str]]:
    if isinstance(data.training, ArrayImages):
        images = data.training.part(slice(CALIBRATION_IMAGES))
        return untrained_network(plan.backbone, plan.mechanism, images, seed=plan.seed), {}
    return initial_network(plan, data)


def _load_data(plan: TrainingPlan, processes: Processes, *, workers: int, pin: bool) -> Dataset:
    if isinstance(plan.data, str):
        name = plan.data  # the first process alone downloads it
        processes.run_on_first(lambda: len(BUILT_IN[name].load(plan.packages, train=False, seed=plan.seed, count=1)))
        return built_in_dataset(plan)
    root: Path = plan.data
    options: dict[str, Any] = {"held_out": plan.held_out, "seed": plan.seed, "skip_bad": plan.skip_bad}

    def check() -> ClassFolders:
        classes = read_class_names(plan.classes) if plan.classes else None
        return open_folder(root, classes=classes, **options, workers=os.cpu_count() or 1)

    folders = processes.run_on_first(check)
    return folder_dataset(plan, folders, workers=workers, pin=pin)


def _count_workers(given: int | None) -> int:
    """Processes that open images for this one."""
    if given is not None:
        return max(0, given)
    return min(MAX_WORKERS, max(1, (os.cpu_count() or 1) // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Make the work folder and keep others out: processes may outlive the `torchrun` that was killed."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.with_suffix(".lock").open("w")
    except OSError as error:
        raise ABNError(
            f"The work folder {path.parent.name} can't be created ({error.strerror}): give another --work."
        ) from error
    with lock:
        try:
            if fcntl:
                fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # not inherited by the processes that open images
        except OSError as error:
            raise ABNError(IN_USE) from error
        yield
