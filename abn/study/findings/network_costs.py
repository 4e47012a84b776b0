"""What the networks cost: parameters, FLOPs, seconds and memory of each part, as measured in one run."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from abn import vocabulary
from abn.errors import ABNError
from abn.study.findings import result_files
from abn.study.findings.words import listed

PARTS = {
    **vocabulary.PARTS,
    "plain_cnn": "baseline",
    "whole": "whole network",
}
PEAK_PASSES = 3  # forward passes of each batch that a measurement takes besides its rounds


@dataclass(frozen=True)
class Part:
    """What a part of a network costs; by images at once where it depends on them."""

    part: str  # one of `PARTS`
    parameters: int
    flops: int  # one image
    seconds: dict[int, float]
    peak_bytes: dict[int, int]


@dataclass(frozen=True)
class Cost:
    """What a network costs, part by part."""

    family: str
    input_size: int  # pixels
    parts: tuple[Part, ...]

    @property
    def batches(self) -> list[int]:
        return sorted(self["whole"].seconds)

    def __getitem__(self, name: str) -> Part:
        return {part.part: part for part in self.parts}[name]

    def ratio(self, quantity: str, batch: int | None = None, part: str = "whole") -> float:
        """A part's "parameters", "flops", "seconds" or "peak_bytes" over the baseline's."""
        value, plain = (getattr(self[name], quantity) for name in (part, "plain_cnn"))
        return value / plain if batch is None else value[batch] / plain[batch]


@dataclass(frozen=True)
class Costs:
    """All networks measured in one run."""

    families: tuple[Cost, ...]
    threads: int
    rounds: int
    command: str

    def seconds_to_measure(self, family: str, batches: Iterable[int]) -> float | None:
        """How long a measurement of a network takes where these were taken; None for a network that isn't there."""
        whole = next((cost["whole"] for cost in self.families if cost.family == family), None)
        if whole is None:
            return None
        return (self.rounds + PEAK_PASSES) * sum(whole.seconds.get(batch, 0.0) for batch in batches)


def read_costs(results: Path | None = None) -> Costs:
    """What the study measured of cost, checked; `ABNError` where it is missing or broken."""
    costs = result_files.load("cost.json", result_files.COST, results, _parse)
    if not costs.families:
        raise ABNError(f"No cost has been measured yet: {result_files.COST} does.")
    return costs


def _parse(stored: Any) -> Costs:
    costs = result_files.from_json(Costs, stored)
    for cost in costs.families:
        for part in PARTS:
            for batch in cost.batches:
                cost.ratio("seconds", batch, part), cost.ratio("peak_bytes", batch, part)
            cost.ratio("parameters", part=part), cost.ratio("flops", part=part)
    return costs


def cost_sentence(networks: Sequence[Cost]) -> str:
    """What attention costs, as ratios, in one sentence."""
    ratios = {
        "the parameters": [cost.ratio("parameters") for cost in networks],
        "the FLOPs": [cost.ratio("flops") for cost in networks],
        "the time": [cost.ratio("seconds", 1) for cost in networks],
        "the peak memory": [cost.ratio("peak_bytes", 1) for cost in networks],
    }
    clauses = [f"{_span(values)} times {quantity}" for quantity, values in ratios.items()]
    scope = f"over {len(networks)} networks" if len(networks) > 1 else f"for {networks[0].family}"
    return f"The Attention Branch Network takes {listed(clauses)} of its baseline, {scope}, one image at a time."


def _span(values: Sequence[float]) -> str:
    return " to ".join(dict.fromkeys(f"{value:.2f}" for value in (min(values), max(values))))
