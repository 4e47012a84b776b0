"""Result files of a study, made up for the tests."""

import json
import zlib
from collections.abc import Callable
from pathlib import Path

from abn.study import findings

USUAL = {
    "accuracy": 0.6,
    "accuracy_auxiliary": 0.55,
    "calibration_error": 0.1,
    "calibration_error_auxiliary": 0.12,
    "pointing": 0.7,
    "energy_over_area": 1.6,
    "roc_auc": 0.8,
    "polarity": 0.6,
    "deletion": 0.1,
    "insertion": 0.4,
    "deletion_dark_first": 0.3,
    "insertion_dark_first": 0.2,
    "deletion_random": 0.2,
    "insertion_random": 0.3,
    "pointing_untrained": 0.3,
    "energy_over_area_untrained": 1.1,
    "roc_auc_untrained": 0.55,
    "polarity_untrained": 0.1,
}
PARAMETERS = {"baseline": 1000, "matched": 1990, "none": 2000, "additive": 2000, "multiplicative": 2000}
SETTINGS = {
    "pictures": 12000, "epochs": 2.0, "batch": 64, "cuts": [0.5], "test": 2000, "deleted": 100, "located": 1500,
}  # fmt: skip
Change = Callable[[dict], None]


def wiggle(*names: object) -> float:
    """A small number that depends on the names alone."""
    return (zlib.crc32(repr(names).encode()) % 2001 / 1000 - 1) * 0.004


def make_results(
    folder: Path,
    *,
    effects: dict[tuple[str, str, str], float] | None = None,
    seeds: int = 5,
    datasets: tuple[str, ...] = ("cifar100", "cluttered-fashion"),
) -> Path:
    """A folder of results as `python -m abn study report` makes it; `effects`: (dataset, arm, metric) → shift."""
    from abn.study.report import write

    (folder / "runs").mkdir(parents=True, exist_ok=True)
    for dataset in datasets:
        for arm, parameters in PARAMETERS.items():
            for seed in range(1, seeds + 1):
                metrics = {}
                for key, value in USUAL.items():
                    shift = (effects or {}).get((dataset, arm, key), 0)
                    who = "all" if key.endswith("_untrained") else arm
                    metrics[key] = round(value + shift + wiggle(dataset, who, key, seed), 5)
                if arm in ("baseline", "matched"):
                    metrics |= {"accuracy_auxiliary": None, "calibration_error_auxiliary": None}
                run = {
                    "dataset": dataset, "arm": arm, "seed": seed, "metrics": metrics, "parameters": parameters,
                    "seconds": 60.0, "seconds_training": 50.0,
                    "settings": SETTINGS,
                    "command": f"python -m abn study run --dataset {dataset} --arm {arm} --seed {seed}",
                }  # fmt: skip
                (folder / "runs" / f"{dataset}-{arm}-{seed}.json").write_text(json.dumps(run))
    write(folder)
    (folder / "cost.json").write_text(json.dumps(COSTS))
    (folder / "published.json").write_bytes((findings.RESULTS / "published.json").read_bytes())
    return folder


def _part(part: str, parameters: int, flops: int, seconds: float, peak: int) -> dict:
    return {
        "part": part,
        "parameters": parameters,
        "flops": flops,
        "seconds": {"1": seconds, "32": 16 * seconds},
        "peak_bytes": {"1": peak, "32": 32 * peak},
    }


COSTS = {
    "families": [
        {
            "family": "tiny",
            "variant": "tiny-additive",
            "input_size": 32,
            "parts": [
                _part("extractor", 1000, 4_000_000, 0.02, 3_000_000),
                _part("attention_branch", 3000, 6_000_000, 0.03, 4_000_000),
                _part("perception_branch", 3000, 4_000_000, 0.02, 2_000_000),
                _part("plain_cnn", 4000, 8_000_000, 0.04, 4_000_000),
                _part("whole", 7000, 14_000_000, 0.07, 6_000_000),
            ],
        }
    ],
    "command": "python -m abn study cost",
    "rounds": 7,
    "threads": 1,
}


def change(folder: Path, how: Change, name: str = "summary.json") -> Path:
    """Alter a result file."""
    found = json.loads((folder / name).read_text())
    how(found)
    (folder / name).write_text(json.dumps(found))
    return folder


def set_comparison(arm: str, against: str, metric: str, dataset: str | None = None, **values: float) -> Change:
    def how(summary: dict) -> None:
        for row in summary["comparisons"]:
            key = row["arm"], row["against"], row["metric"]
            if key == (arm, against, metric) and dataset in (None, row["dataset"]):
                row |= values

    return how
