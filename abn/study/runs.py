"""Run the study, one JSON file a run: killed at any moment, it resumes where it was."""

import functools
import json
import logging
import multiprocessing
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import torch

from abn import files
from abn.study.arm_measures import locate, measure
from abn.study.arms import PLAIN, parameters
from abn.study.experiments import EXPERIMENTS, Experiment, Place
from abn.study.findings import RESULTS
from abn.training.loop import has_bfloat16

log = logging.getLogger(__name__)

IN_USE = "Another process performs the run {name}: wait until it ends, or give another --work folder."
UNTRAINED = ("pointing", "energy_over_area", "roc_auc", "polarity")


@dataclass(frozen=True)
class Job:
    """A network to train and to measure: an arm for one seed."""

    dataset: str
    arm: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.dataset}-{self.arm}-{self.seed}"

    def perform(self, experiment: Experiment, place: Place) -> dict:
        """Train and measure; returns what the result file holds."""
        path, started = place.work / f"{self.name}.pt", time.monotonic()
        network = experiment.trained(self.arm, self.seed, path)
        trained = time.monotonic()
        metrics = measure(network, experiment.test, device=place.device) | _measure_untrained(experiment, self.seed)
        return {
            "dataset": self.dataset,
            "arm": self.arm,
            "seed": self.seed,
            "metrics": metrics,
            "parameters": parameters(network),
            "seconds_training": round(trained - started, 1),  # of the last start, where it was stopped
            "bfloat16": has_bfloat16(place.device),
            "map": "CAM of the first class" if self.arm in PLAIN else "M",
            "seconds": round(time.monotonic() - started, 1),
            "settings": experiment.settings,
            "command": f"python -m abn study run --dataset {self.dataset} --arm {self.arm} --seed {self.seed}"
            + experiment.options,
        }


@functools.lru_cache(maxsize=1)  # all arms of a seed share it
def _measure_untrained(experiment: Experiment, seed: int) -> dict[str, float]:
    """The map's figures before training, its control; nothing where maps aren't compared with objects."""
    if experiment.test.maps is None:
        return {}
    figures = locate(experiment.untrained(seed), experiment.test.maps)
    return {f"{name}_untrained": figures[name] for name in UNTRAINED}


def plan(datasets: Sequence[str], arms: Sequence[str], seeds: Sequence[int]) -> list[Job]:
    """The arms, seed by seed, so that every arm has the same seeds wherever it is stopped."""
    return [Job(dataset, arm, seed) for seed in seeds for dataset in datasets for arm in arms]


def perform(jobs: Sequence[Job], place: Place, *, again: bool, results: Path = RESULTS, parallel: int = 1) -> None:
    """Perform the jobs whose files are missing, or all of them `again`, `parallel` at a time in processes of their own.

    Raises `ABNError` where another process performs one of them.
    """
    for made in (results / "runs", place.work):
        made.mkdir(parents=True, exist_ok=True)
    missing = [job for job in jobs if again or not _result_path(job, results).is_file()]
    for dataset in {job.dataset for job in missing}:
        _experiment(dataset, place)  # what can't be had is said now and not after the hours that others take
    if parallel == 1:
        for number, job in enumerate(missing, start=1):
            _perform_one(job, place, again, results)
            log.info("%s: %d of %d", job.name, number, len(missing))
        return
    for dataset in {job.dataset for job in missing}:
        _experiment(dataset, place).prepare()  # before several processes would do it at once
    spawned = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(parallel, mp_context=spawned, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        ended = {pool.submit(_perform_one, job, place, again, results): job for job in missing}
        try:
            for number, future in enumerate(as_completed(ended), start=1):
                future.result()
                log.info("%s: %d of %d", ended[future].name, number, len(missing))
        finally:
            pool.shutdown(cancel_futures=True)  # after an error, or all others would run before anybody learns of it


@functools.cache
def _experiment(dataset: str, place: Place) -> Experiment:
    return EXPERIMENTS[dataset](place)


def _result_path(job: Job, results: Path) -> Path:
    return results / "runs" / f"{job.name}.json"


def _perform_one(job: Job, place: Place, again: bool, results: Path) -> None:
    state = place.work / f"{job.name}.pt"
    with state.with_suffix(".lock").open("w") as lock:
        files.lock_file(lock, IN_USE.format(name=job.name))
        if again:
            state.unlink(missing_ok=True)  # the result stays until there is a new one
        result = job.perform(_experiment(job.dataset, place), place)
        files.write_file(_result_path(job, results), json.dumps(result, indent=1, allow_nan=False) + "\n")
        state.unlink(missing_ok=True)
