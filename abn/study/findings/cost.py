"""What the networks cost: parameters, FLOPs, seconds and memory of each part, as measured in one run."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from abn import vocabulary
from abn.errors import ABNError
from abn.study.findings import files
from abn.study.findings.words import listed

PARTS = {
    **vocabulary.PARTS,
    "plain_cnn": "plain CNN",
    "whole": "whole network",
}
PEAK_PASSES = 3  # forward passes of each batch that a measurement takes besides its rounds


@dataclass(frozen=True)
class Part:
    """What a part of a network costs; by images at once where it depends on them."""

    parameters: int
    flops: int  # one image
    seconds: dict[int, float]
    peak_bytes: dict[int, int]


@dataclass(frozen=True)
class Cost:
    """What a network costs, part by part."""

    family: str
    input_size: int  # pixels
    parts: dict[str, Part]
    variant: str = ""

    @property
    def batches(self) -> list[int]:
        return sorted(self.parts["whole"].seconds)

    def ratio(self, quantity: str, batch: int | None = None, part: str = "whole") -> float:
        """A part's "parameters", "flops", "seconds" or "peak_bytes" over the plain CNN's."""
        value, plain = (getattr(self.parts[name], quantity) for name in (part, "plain_cnn"))
        return value / plain if batch is None else value[batch] / plain[batch]


@dataclass(frozen=True)
class Costs:
    """All networks measured in one run."""

    networks: tuple[Cost, ...]
    threads: int
    rounds: int
    command: str

    def seconds_to_measure(self, family: str, batches: Iterable[int]) -> float | None:
        """How long a measurement of a network takes where these were taken; None for a network that isn't there."""
        whole = next((cost.parts["whole"] for cost in self.networks if cost.family == family), None)
        if whole is None:
            return None
        return (self.rounds + PEAK_PASSES) * sum(whole.seconds.get(batch, 0.0) for batch in batches)


def read_costs(results: Path | None = None) -> Costs:
    """What the study measured of cost, checked; `ABNError` where it is missing or broken."""
    stored = files.read("cost.json", files.COST, results)
    try:
        networks = tuple(
            cost_of(family["family"], family["input_size"], family["parts"], variant=family.get("variant", ""))
            for family in stored["families"]
        )
        costs = Costs(networks, int(stored["threads"]), int(stored["rounds"]), str(stored["command"]))
    except (KeyError, TypeError, ValueError, AttributeError, ZeroDivisionError) as error:
        raise files.broken("cost.json", files.COST) from error
    if not networks:
        raise ABNError(f"No cost has been measured yet: {files.COST} does.")
    return costs


def cost_of(family: str, input_size: int, parts: Iterable[dict], *, variant: str = "") -> Cost:
    """A cost from plain data; raises what Python raises where something is missing or nothing."""
    by_name = {
        part["part"]: Part(
            int(part["parameters"]),
            int(part["flops"]),
            {int(batch): float(value) for batch, value in part["seconds"].items()},
            {int(batch): int(value) for batch, value in part["peak_bytes"].items()},
        )
        for part in parts
    }
    cost = Cost(str(family), int(input_size), {name: by_name[name] for name in PARTS}, str(variant))
    for batch in cost.batches:
        cost.ratio("seconds", batch), cost.ratio("peak_bytes", batch)
    cost.ratio("parameters"), cost.ratio("flops")
    return cost


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
    return (
        f"The whole network takes {listed(clauses)} of the plain CNN that it is built on, {scope}, one image at a time."
    )


def _span(values: Sequence[float]) -> str:
    return " to ".join(dict.fromkeys(f"{value:.2f}" for value in (min(values), max(values))))
