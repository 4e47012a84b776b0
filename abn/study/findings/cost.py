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
SINGLE = ("extractor", "perception_branch", "attention_branch")  # as bars stand on one another
PEAKS = 3  # forward passes of each batch that a measurement takes beside its rounds


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

    def ratio(self, what: str, batch: int | None = None) -> float:
        """The whole network over the plain CNN: "parameters", "flops", "seconds" or "peak_bytes"."""
        whole, plain = (getattr(self.parts[name], what) for name in ("whole", "plain_cnn"))
        return whole / plain if batch is None else whole[batch] / plain[batch]


@dataclass(frozen=True)
class Costs:
    """All networks measured in one run."""

    networks: tuple[Cost, ...]
    threads: int
    rounds: int
    command: str

    def seconds_to_measure(self, family: str, batches: Iterable[int]) -> float | None:
        """How long a measurement of a network takes where these were taken; None for a network that isn't there."""
        whole = next((one.parts["whole"] for one in self.networks if one.family == family), None)
        if whole is None:
            return None
        return (self.rounds + PEAKS) * sum(whole.seconds.get(batch, 0.0) for batch in batches)


def read_costs(results: Path | None = None) -> Costs:
    """What the study measured of cost, checked; `ABNError` where it is missing or broken."""
    found = files.read("cost.json", files.COST, results)
    try:
        networks = tuple(
            cost_of(one["family"], one["input_size"], one["parts"], variant=one.get("variant", ""))
            for one in found["families"]
        )
        costs = Costs(networks, int(found["threads"]), int(found["rounds"]), str(found["command"]))
    except (KeyError, TypeError, ValueError, AttributeError, ZeroDivisionError) as error:
        raise files.broken("cost.json", files.COST) from error
    if not networks:
        raise ABNError(f"No cost has been measured yet: {files.COST} does.")
    return costs


def cost_of(family: str, input_size: int, parts: Iterable[dict], *, variant: str = "") -> Cost:
    """A cost from plain data; raises what Python raises where something is missing or nothing."""
    known = {
        one["part"]: Part(
            int(one["parameters"]),
            int(one["flops"]),
            {int(batch): float(value) for batch, value in one["seconds"].items()},
            {int(batch): int(value) for batch, value in one["peak_bytes"].items()},
        )
        for one in parts
    }
    cost = Cost(str(family), int(input_size), {name: known[name] for name in PARTS}, str(variant))
    for batch in cost.batches:
        cost.ratio("seconds", batch), cost.ratio("peak_bytes", batch)
    cost.ratio("parameters"), cost.ratio("flops")
    return cost


def cost_sentence(networks: Sequence[Cost]) -> str:
    """What attention costs, as ratios, in one sentence."""
    spans = {
        "the parameters": [one.ratio("parameters") for one in networks],
        "the FLOPs": [one.ratio("flops") for one in networks],
        "the time": [one.ratio("seconds", 1) for one in networks],
        "the peak memory": [one.ratio("peak_bytes", 1) for one in networks],
    }
    said = [f"{_between(values)} times {what}" for what, values in spans.items()]
    which = f"over {len(networks)} networks" if len(networks) > 1 else f"for {networks[0].family}"
    return f"The whole network takes {listed(said)} of the plain CNN that it is built on, {which}, one image at a time."


def _between(values: Sequence[float]) -> str:
    return " to ".join(dict.fromkeys(f"{value:.2f}" for value in (min(values), max(values))))
