"""Run the study, one JSON file a run: killed at any moment, it goes on where it was."""

import functools
import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from abn import files
from abn.study.arm_measures import measure
from abn.study.arms import PLAIN, parameters
from abn.study.experiments import EXPERIMENTS, Experiment, Scenes
from abn.study.findings import RESULTS
from abn.training.loop import has_bfloat16
from abn.vocabulary import ATTENTION_MECHANISMS

log = logging.getLogger(__name__)

UNTRAINED = ("pointing", "energy_over_area", "roc_auc", "polarity")


@dataclass(frozen=True)
class Job:
    """A network to train and to measure: an arm for one seed, or with `folded` and `map_head` a trial on polarity."""

    dataset: str
    arm: str
    seed: int
    folded: bool | None = None  # whether the warm start's gain is compensated; None: no trial
    map_head: str = ""  # "usual", or "fast": a hundred times the learning rate, trunk and batch norm fixed

    @property
    def name(self) -> str:
        if self.folded is not None:
            return f"polarity-{self.arm}-{'folded' if self.folded else 'unfolded'}-{self.map_head}-{self.seed}"
        return f"{self.dataset}-{self.arm}-{self.seed}"

    def perform(self, experiment: Experiment, work: Path) -> dict:
        """Train and measure; returns what the result file holds. Trials are on `Scenes` only."""
        path, started = work / f"{self.name}.pt", time.monotonic()
        result: dict[str, Any] = {"dataset": self.dataset}
        if self.folded is not None:
            fast = self.map_head == "fast"
            scenes = cast(Scenes, experiment)
            network = scenes.trained(self.arm, self.seed, path, folded=self.folded, fast_map_head=fast)
            result |= {"mechanism": self.arm, "folded": self.folded, "map_head": self.map_head}
            result |= {"seed": self.seed, "metrics": measure(network, experiment.test, curves=False)}
            command = f"python -m abn study run --polarity --seed {self.seed}"  # with the seed's other trials
        else:
            network = experiment.trained(self.arm, self.seed, path)
            trained = time.monotonic()
            metrics = measure(network, experiment.test)
            before = measure(experiment.untrained(self.seed), experiment.test, curves=False)
            result |= {"arm": self.arm, "seed": self.seed}
            result |= {"metrics": metrics | {f"{name}_untrained": before[name] for name in UNTRAINED}}
            result |= {"parameters": parameters(network), "seconds_training": round(trained - started, 1)}
            result |= {"bfloat16": has_bfloat16(), "map": "CAM of the first class" if self.arm in PLAIN else "M"}
            command = f"python -m abn study run --dataset {self.dataset} --arm {self.arm} --seed {self.seed}"
        seconds = round(time.monotonic() - started, 1)
        return {**result, "seconds": seconds, "settings": experiment.settings, "command": command}


def plan(datasets: Sequence[str], arms: Sequence[str], seeds: Sequence[int]) -> list[Job]:
    """The arms, seed by seed, so that every arm has the same seeds wherever it is stopped."""
    return [Job(dataset, arm, seed) for seed in seeds for dataset in datasets for arm in arms]


def polarity_plan(seeds: Sequence[int]) -> list[Job]:
    """The trials on polarity, those with the usual map head first; folded it needs none, being the study's own run."""
    return [
        Job("scenes", mechanism, seed, folded, map_head)
        for map_head, foldings in (("usual", (False,)), ("fast", (False, True)))
        for seed in seeds
        for mechanism in ATTENTION_MECHANISMS
        for folded in foldings
    ]


def perform(jobs: Sequence[Job], data: Path, work: Path, *, again: bool, results: Path = RESULTS) -> None:
    """Perform the jobs whose files are missing, or all of them `again`; two at a time must not share a job."""
    folder, stages = results / "runs", work / "study"
    for place in (folder, stages):
        place.mkdir(parents=True, exist_ok=True)
    experiments = functools.cache(lambda dataset: EXPERIMENTS[dataset](data, work))
    for number, job in enumerate(jobs, start=1):
        path, stage = folder / f"{job.name}.json", stages / f"{job.name}.pt"
        if again:
            stage.unlink(missing_ok=True)  # the result stays until there is a new one
        elif path.is_file():
            continue
        result = job.perform(experiments(job.dataset), stages)
        files.write_file(path, json.dumps(result, indent=1, allow_nan=False) + "\n")
        stage.unlink(missing_ok=True)
        log.info("%s: %d of %d, %.0f s", job.name, number, len(jobs), result["seconds"])
