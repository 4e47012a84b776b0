"""What the networks cost: one variant of each family, measured part by part into one file."""

import json
import logging
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import torch

from abn import files
from abn.errors import ABNError, VariantError
from abn.evaluation.cost import BATCHES, ROUNDS, measure, ratios
from abn.study.findings import COST, RESULTS
from abn.variants.store import list_variants, load_variant

log = logging.getLogger(__name__)


def run_cost(results: Path = RESULTS, *, folder: Path | None = None) -> Path:
    """Measure with one thread, as in the app, and write `cost.json` into the folder of results; returns its path."""
    torch.set_num_threads(1)
    path = results / "cost.json"
    measured = json.loads(json.dumps(measure_all(folder)), parse_float=lambda text: float(f"{float(text):.6g}"))
    files.write_file(path, json.dumps(measured, indent=1) + "\n")  # six digits are beyond the precision of the times
    return path


def measure_all(folder: Path | None = None, *, batches: Sequence[int] = BATCHES, rounds: int = ROUNDS) -> dict:
    """What `cost.json` holds: of each family its first variant that can be loaded, as the mechanism hardly matters."""
    families: dict[str, dict] = {}
    for card in list_variants(folder):  # a family's plain siblings come before its lessons
        if card.family in families:
            continue
        try:
            network = load_variant(card)
        except VariantError as error:
            log.warning("%s", error)
            continue
        costs = measure(network, card.input.size, batches=batches, rounds=rounds)
        families[card.family] = {
            "family": card.family,
            "variant": card.id,
            "input_size": card.input.size,
            "parts": [asdict(cost) for cost in costs],
            "ratios": ratios(costs),
        }
        log.info("%s: measured", card.family)
    if not families:
        raise ABNError("There is no variant whose cost could be measured.")
    return {
        "families": list(families.values()),
        "command": COST,
        "rounds": rounds,
        "threads": torch.get_num_threads(),
        "machine": {"cpu_capability": torch.backends.cpu.get_cpu_capability()},
    }
