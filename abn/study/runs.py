"""Run the study, one JSON file a run: killed at any moment, it goes on where it was."""

import json
import logging
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from abn import files
from abn.study.arms import PLAIN, parameters
from abn.study.experiments import EXPERIMENTS, Experiment, Scenes
from abn.study.findings import RESULTS
from abn.study.measures import measure
from abn.training.loop import has_bfloat16
from abn.vocabulary import ATTENTION_MECHANISMS

log = logging.getLogger(__name__)

UNTRAINED = ("pointing", "energy_over_area", "roc_auc", "polarity")


@dataclass(frozen=True)
class Run:
    """One arm trained for one seed."""

    dataset: str
    arm: str
    seed: int

    @property
    def name(self) -> str:
        return f"{self.dataset}-{self.arm}-{self.seed}"

    @property
    def command(self) -> str:
        return f"python -m abn study run --dataset {self.dataset} --arm {self.arm} --seed {self.seed}"

    def perform(self, experiment: Experiment, work: Path) -> dict:
        """Train and measure; returns what the run's file holds."""
        started = time.monotonic()
        network = experiment.trained(self.arm, self.seed, work / f"{self.name}.pt")
        trained = time.monotonic()
        metrics = measure(network, experiment.test)
        before = measure(experiment.untrained(self.seed), experiment.test, curves=False)
        metrics |= {f"{name}_untrained": before[name] for name in UNTRAINED}
        return {
            **asdict(self),
            "metrics": metrics,
            "parameters": parameters(network),
            "seconds": round(time.monotonic() - started, 1),
            "seconds_training": round(trained - started, 1),
            "settings": experiment.settings,
            "bfloat16": has_bfloat16(),
            "map": "CAM of the first class" if self.arm in PLAIN else "M",
            "command": self.command,
        }


@dataclass(frozen=True)
class Trial:
    """A trial on polarity: does the map come out upright, the gain folded or not, its map head usual or fast?"""

    mechanism: str
    folded: bool
    map_head: str  # "usual", or "fast": a hundred times the rate, trunk and batch norm fixed
    seed: int

    @property
    def name(self) -> str:
        return f"polarity-{self.mechanism}-{'folded' if self.folded else 'unfolded'}-{self.map_head}-{self.seed}"

    def perform(self, experiment: Scenes, work: Path) -> dict:
        """Train and measure; returns what the trial's file holds."""
        started = time.monotonic()
        network = experiment.trained(
            self.mechanism,
            self.seed,
            work / f"{self.name}.pt",
            folded=self.folded,
            fast_map_head=self.map_head == "fast",
        )
        return {
            "dataset": "scenes",
            **asdict(self),
            "metrics": measure(network, experiment.test, curves=False),
            "seconds": round(time.monotonic() - started, 1),
            "settings": experiment.settings,
            "command": f"python -m abn study run --polarity --seed {self.seed}",  # with the seed's other trials
        }


def plan(datasets: Sequence[str], arms: Sequence[str], seeds: Sequence[int]) -> Iterator[Run]:
    """The runs, seed by seed, so that every arm has the same seeds wherever it is stopped."""
    for seed in seeds:
        for dataset in datasets:
            for arm in arms:
                yield Run(dataset, arm, seed)


def polarity_plan(seeds: Sequence[int]) -> Iterator[Trial]:
    """The trials on polarity, those with the usual map head first; folded it needs none, being the study's own run."""
    for map_head, foldings in (("usual", (False,)), ("fast", (False, True))):
        for seed in seeds:
            for mechanism in ATTENTION_MECHANISMS:
                for folded in foldings:
                    yield Trial(mechanism, folded, map_head, seed)


def perform(jobs: Iterable[Run | Trial], data: Path, work: Path, *, again: bool, results: Path = RESULTS) -> None:
    """Perform the jobs whose files are missing, or all of them `again`; two at a time must not share a job."""
    folder, stages = results / "runs", work / "study"
    for place in (folder, stages):
        place.mkdir(parents=True, exist_ok=True)
    experiments: dict[str, Any] = {}  # each an Experiment; that of a Trial is Scenes
    jobs = list(jobs)
    for number, job in enumerate(jobs, start=1):
        path, stage = folder / f"{job.name}.json", stages / f"{job.name}.pt"
        if again:
            stage.unlink(missing_ok=True)  # the result stays until there is a new one
        elif path.is_file():
            continue
        dataset = getattr(job, "dataset", "scenes")
        if dataset not in experiments:
            experiments[dataset] = EXPERIMENTS[dataset](data, work)
        done = job.perform(experiments[dataset], stages)
        files.write_file(path, json.dumps(done, indent=1, allow_nan=False) + "\n")
        stage.unlink(missing_ok=True)
        log.info("%s: %d of %d, %.0f s", job.name, number, len(jobs), done["seconds"])
